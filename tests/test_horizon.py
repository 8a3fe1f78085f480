"""What lies behind the horizon: it is no longer known when it is read, nothing is deleted, and no wrong clock ages it."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headerguard import Baseline, ConfigError, Guard, Message, config
from headerguard.horizon import HORIZON, recent
from headerguard.live import opened
from headerguard.profile import PARTIES, Profile
from headerguard.review import Case, audited
from headerguard.role import Role
from headerguard.stream import Level
from headerguard.upkeep import described, prune

KEY = bytes(range(16))
FIRST = date(2022, 1, 1)
STREAM = Level("tag", "receipt", None)


def mail(day: int | None, more: str = "", to: str = "", tag: str = "receipt") -> Message:
    """A message so many days after the first one."""
    when = "" if day is None else f"Date: {FIRST + timedelta(days=day):%d %b %Y} 10:00:00 +0000\r\n"
    to = to or f"c@client-{day}.example"
    return Message.from_bytes(f"{when}From: shop@shop.example\r\nTo: {to}\r\nX-PM-Tag: {tag}\r\n{more}\r\n".encode())


def guard(*messages: Message, **keys: object) -> Guard:
    """A guard that has learned messages."""
    made = Guard(baseline=Baseline(KEY), config=config.parse(keys))
    made.learn(messages)
    return made


def days(start: int, stop: int, more: str = "", to: str = "", tag: str = "receipt") -> list[Message]:
    """A message a day."""
    return [mail(day, more, to, tag) for day in range(start, stop)]


OLD = "Bcc: archive@old.example\r\n"
NEW = "Bcc: archive@new.example\r\n"


def known(judging: Guard, domain: str = "old.example", role: Role = Role.BCC, level: Level = STREAM) -> bool:
    profile = judging.baseline.profile(level)
    assert profile is not None
    return profile.knows(role, domain)


def flagged(judging: Guard, message: Message) -> set[str]:
    return {finding.subject for finding in judging.check(message).findings}


def moved(after: int) -> Guard:
    """A stream whose hidden copy went to one archive for 100 days, and to another one for so many."""
    return guard(*days(0, 100, OLD), *days(100, 100 + after, NEW))


def test_what_was_not_shown_for_a_horizon_is_a_stranger_again() -> None:
    young, old = moved(380), moved(HORIZON + 60)
    for judging, stranger in ((young, False), (old, True)):
        day = 600
        assert known(judging) is not stranger
        assert ("old.example" in flagged(judging, mail(day, OLD))) is stranger
        assert flagged(judging, mail(day, NEW)) == set()
        assert judging.baseline.has_seen("old.example") is not stranger
        assert judging.baseline.has_seen("new.example")


def test_reading_deletes_nothing_and_what_is_shown_again_is_known_again() -> None:
    judging = moved(HORIZON + 60)
    before = judging.baseline.as_dict()
    flagged(judging, mail(600, OLD))
    assert judging.baseline.as_dict() == before
    assert "old.example" in before["streams"]["-/tag:receipt"]["roles"]["bcc"]["values"]
    judging.learn([mail(599, NEW)])
    assert not known(judging)
    judging.learn([mail(599, OLD)])
    assert known(judging)
    assert flagged(judging, mail(601, OLD)) == set()


def test_it_ages_while_a_pipeline_runs() -> None:
    judging = guard(*days(0, 100, OLD))
    assert judging.baseline.has_seen("old.example")
    told = [
        day
        for day in range(100, 100 + HORIZON + 80)
        if judging.observe(mail(day, "Bcc: a@new.example\r\n")).failures or not known(judging)
    ]
    assert told[0] > 99 + HORIZON
    assert told == list(range(told[0], 100 + HORIZON + 80))
    assert not judging.baseline.has_seen("old.example")


def test_exact_addresses_age_as_well() -> None:
    early = "Bcc: a@vault.example\r\n"
    judging = guard(*days(0, 100, early), *days(100, 600, "Bcc: b@vault.example\r\n"))
    assert "a@vault.example" in flagged(judging, mail(600, early))
    assert flagged(judging, mail(600, "Bcc: b@vault.example\r\n")) == set()


def test_a_role_that_was_open_long_ago_is_closed_again() -> None:
    variety = [mail(day, f"Reply-To: x@a{day % 5}.example\r\n") for day in range(100)]
    calm = days(100, 300, "Reply-To: x@shop.example\r\n")
    assert "evil.example" not in flagged(guard(*variety, *calm), mail(700, "Reply-To: x@evil.example\r\n"))
    calm = days(100, 700, "Reply-To: x@shop.example\r\n")
    assert "evil.example" in flagged(guard(*variety, *calm), mail(700, "Reply-To: x@evil.example\r\n"))


def test_how_many_recipients_a_stream_shows_does_not_age() -> None:
    pairs = days(0, 100, to="a@one.example, b@two.example")
    pair = mail(700, to="c@client.example, d@other.example")
    assert flagged(guard(*pairs, *days(100, 700)), pair) == set()
    assert "d@other.example" in flagged(guard(*days(0, 700)), pair)


def test_a_stream_that_comes_back_after_years_still_knows_whom_it_shows() -> None:
    judging = guard(*days(0, 100, OLD))
    found = [finding for day in range(1_500, 1_600) for finding in judging.observe(mail(day, OLD)).findings]
    assert found == []
    assert known(judging)


WRONG = {
    "a date of 2099": [mail(28_000)],
    "three dates of other centuries": [mail(28_000), mail(28_001), mail(20_000)],
    "a clock that jumps for a day": [mail(10_000)] * 200,
    "a clock that jumps for six days": [mail(10_000 + number % 6) for number in range(200)],
    "no date": [mail(None)] * 200,
    "1970": [mail(-18_993)] * 200,
    "1990": [mail(-11_600)],
}


@pytest.mark.parametrize("wrong", WRONG)
def test_no_wrong_clock_ages_anything(wrong: str) -> None:
    """Whatever comes in between; and whom that mail itself shows is known."""
    right = moved(100)
    judging = guard(*days(0, 100, OLD), *WRONG[wrong], *days(100, 200, NEW))
    for domain in ("old.example", "new.example"):
        assert known(judging, domain) is known(right, domain) is True
    assert flagged(judging, mail(201, OLD)) == set()


def test_a_host_with_a_wrong_clock_ages_nothing() -> None:
    """One message in thirty for a year, from ten years ahead, and without any archive."""
    judging = guard(
        *[mail(day, OLD if day < 100 else NEW) if day % 30 else mail(day + 3_650) for day in range(365)],
    )
    assert known(judging, "old.example")
    assert known(judging, "new.example")


def test_what_only_a_stray_old_date_has_shown_is_known() -> None:
    judging = guard(*days(0, 600), mail(-11_000, OLD))
    assert known(judging)


def test_the_horizon_is_a_key_of_the_configuration() -> None:
    messages = [*days(0, 100, OLD), *days(100, 400, NEW)]
    assert known(guard(*messages))
    for text, still in (("200 days", False), ("20 weeks", False), ("2 months", False), ("1 year", True)):
        assert known(guard(*messages, horizon=text)) is still, text
    assert config.default().horizon == HORIZON


@pytest.mark.parametrize(
    "value", ["29 days", "400", 400, "days", "0 days", "1 fortnight", "-4 years", "4  weeks", True]
)
def test_a_horizon_that_is_none_is_an_error_that_names_the_key(value: object) -> None:
    with pytest.raises(ConfigError, match="horizon: takes days, weeks, months or years"):
        config.parse({"horizon": value})


def test_a_database_vouches_for_nobody_who_has_aged(tmp_path: Path) -> None:
    for after, vouched in ((200, True), (HORIZON + 60, False)):
        path = tmp_path / f"{after}.sqlite"
        moved(after).baseline.save(path)
        with Guard(baseline=opened(path, KEY)) as judging:
            assert judging.baseline.has_seen("old.example") is vouched
            assert judging.baseline.has_seen("new.example")
            assert known(judging) is vouched
        with Guard(baseline=opened(path, KEY), config=config.parse({"horizon": "20 years"})) as judging:
            assert known(judging)


def test_a_live_baseline_vouches_as_the_configuration_says(tmp_path: Path) -> None:
    path = tmp_path / "live.sqlite"
    short = config.parse({"horizon": "60 days"})
    with Guard(baseline=opened(path, KEY), config=short) as learning:
        learning.learn([*days(0, 100, OLD), *days(100, 200, NEW)])
    with Guard(baseline=opened(path, KEY), config=short) as judging:
        assert not judging.baseline.has_seen("old.example")
        assert judging.baseline.has_seen("new.example")


def test_pruning_goes_by_the_same_days() -> None:
    """A stream without a date, or with one of 2099, stays, as does one that was seen on that very day."""
    judging = guard(
        *days(0, 30, tag="gone"), *days(0, 31, tag="seen"), mail(None, tag="undated"), mail(28_000, tag="ahead")
    )
    assert prune(judging.baseline, FIRST + timedelta(days=30)) == ["stream 'tag:gone'"]


def test_what_has_aged_is_counted_where_a_baseline_is_shown_and_audited() -> None:
    case = Case("none.json", config.default())
    for after, told, residents in ((200, "", ["new", "old"]), (HORIZON + 60, "; 1 not shown for 400 days", ["new"])):
        baseline = moved(after).baseline
        (line,) = [line for line in described(baseline, "tag:receipt") if line.startswith("   bcc")]
        assert line.endswith(f"new.example ({after})" + (told or ", old.example (100)"))
        named = [line.partition(".")[0] for line in audited(baseline, case) if "is bcc of" in line]
        assert named == residents


def test_a_baseline_that_is_shown_names_accounts_and_tells_numbers_of_recipients_from_messages() -> None:
    judging = Guard(baseline=Baseline(KEY))
    for account in ("a-b", None):
        for day in range(30):
            copy = mail(day, to="a@one.example, b@two.example" if day < 2 else "")
            judging.observe(Message(copy.header, account=account))
    lines = list(described(judging.baseline, None))
    titles = [line.partition("  ")[0] for line in lines if not line.startswith("   ")]
    named = ["all streams", "author shop@shop.example", "stream 'tag:receipt'"]
    assert sorted(titles) == sorted([*named, *(f"{name} of account a-b" for name in named)])
    parties = {line.split("  ")[-1] for line in lines if line.startswith("   parties")}
    assert parties == {"1 in 28 messages, 2 in 2 messages"}


def learned(entries: Iterable[tuple[int, str]]) -> Profile:
    profile = Profile()
    for day, domain in entries:
        profile.learn({"bcc": {domain}, PARTIES: {"1"}}, FIRST.toordinal() + day if day >= 0 else 0)
    return profile


ENTRIES = st.lists(st.tuples(st.integers(-1, 1_500), st.sampled_from(("a.example", "b.example", "c.example"))))


@settings(max_examples=200, deadline=None)
@given(ENTRIES, ENTRIES, st.integers(0, 99), st.integers(30, 600))
def test_parts_that_are_joined_read_as_the_whole(
    one: list[tuple[int, str]], other: list[tuple[int, str]], seed: int, horizon: int
) -> None:
    """In any order, and also where the parts were read before."""
    every = [*one, *other]
    random.Random(seed).shuffle(every)
    parts = learned(one), learned(other)
    for part in parts:
        recent(part, horizon)
    joined, turned = Profile(), Profile()
    for part in parts:
        joined.add(part)
        recent(joined, horizon)
    for part in reversed(parts):
        turned.add(part)
    assert joined == turned == learned(every)
    assert recent(joined, horizon) == recent(turned, horizon) == recent(learned(every), horizon)


def test_what_is_joined_ages_at_once() -> None:
    """The part that was read before had nothing that was old enough, and has seen every day."""
    one, other = learned((day, "c.example") for day in range(700)), learned((day, "b.example") for day in range(100))
    assert recent(one) is one
    one.add(other)
    assert not recent(one).knows(Role.BCC, "b.example")
    assert recent(one).knows(Role.BCC, "c.example")


@settings(max_examples=200, deadline=None)
@given(ENTRIES, st.integers(30, 600))
def test_only_what_is_older_than_the_horizon_is_left_out(entries: list[tuple[int, str]], horizon: int) -> None:
    profile = learned(entries)
    held = profile.roles["bcc"].values if entries else None
    read = recent(profile, horizon).roles["bcc"].values if entries else None
    assert (read is None) is (held is None)
    for domain, seen in (held or {}).items():
        if domain not in (read or {}):
            assert 0 < seen.last < profile.seen.last - horizon
        else:
            assert (read or {})[domain] == seen


@pytest.mark.parametrize("seed", range(8))
def test_who_is_vouched_for_does_not_depend_on_when_it_was_asked(seed: int) -> None:
    """A role closes when what made it varied has aged, and opens when that comes back, also where nobody judges."""
    chance, judging, domains = random.Random(seed), guard(), [f"d{number}.example" for number in range(4)]
    day, asked = 0, []
    for number in range(300):
        day += chance.choice((1, 1, 2, 30, 3, 250 if number % 40 == 0 else 1))
        usual = domains[number // 80 :][:2] if chance.random() < 0.97 else domains
        copies = chance.sample(usual, chance.choice((0, 1, 1)) if len(usual) > 1 else 1)
        judging.learn([mail(day, "".join(f"Bcc: a@{domain}\r\n" for domain in copies), tag=chance.choice("ab"))])
        if number > 100 and chance.random() < 0.3:
            afresh = Baseline(KEY).merge(judging.baseline)
            asked.append([judging.baseline.has_seen(domain) for domain in domains])
            assert asked[-1] == [afresh.has_seen(domain) for domain in domains], number
    assert len(set(map(tuple, asked))) > 1


def test_learning_remembers_no_message_until_somebody_asks() -> None:
    judging = guard(*days(0, 30, OLD))
    tracemalloc.start()
    try:
        judging.learn([mail(30, OLD, to="c@client.example")] * 500)
        before, _ = tracemalloc.get_traced_memory()
        judging.learn([mail(30, OLD, to="c@client.example")] * 20_000)
        assert tracemalloc.get_traced_memory()[0] - before < 100_000
    finally:
        tracemalloc.stop()
