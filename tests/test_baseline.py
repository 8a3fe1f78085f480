"""What streams have done: learned, joined, compared, written and read back."""

from __future__ import annotations

import copy
import json
import os
import pickle
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from headerguard import crowds as crowds_module
from headerguard import role_history as history_module
from headerguard.baseline import Baseline
from headerguard.errors import BaselineError
from headerguard.fields import CATALOGUE, Role
from headerguard.guard import Guard
from headerguard.message import Envelope, Message
from headerguard.profile import FLAGGED, LEARNED_ROLES, Profile
from headerguard.role_history import CLOSED_VALUES, ENOUGH, RoleHistory, Seen
from headerguard.stream import Level
from headerguard.upkeep import described

DAY = date(2026, 3, 1).toordinal()


def mail(*lines: str, account: str | None = None, envelope: Envelope | None = None) -> Message:
    return Message.from_bytes("".join(f"{line}\r\n" for line in lines).encode(), envelope, account=account)


def receipt(to: str = "jane@client.example", *more: str, **where: Any) -> Message:
    return mail("From: shop@shop.example", f"To: {to}", "X-PM-Tag: receipt", *more, **where)


def learned(messages: Iterable[Message], day: int = 0) -> Baseline:
    baseline = Baseline()
    for message in messages:
        baseline.learn(message, day=day)
    return baseline


def profile_of(baseline: Baseline, key: str = "-/tag:receipt") -> Profile:
    return baseline.streams[key]


def domains(history: RoleHistory) -> RoleHistory:
    """A role without its exact addresses, whose pseudonyms differ from key to key."""
    return RoleHistory(history.messages, history.values)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda what: pickle.loads(pickle.dumps(what))])
def test_a_baseline_is_copied_also_when_strangers_were_compared_with_it(
    copied: Callable[[Baseline], Baseline],
) -> None:
    baseline = learned([receipt() for _ in range(ENOUGH)], DAY)
    assert baseline.lookalikes().imitated("cl1ent.example")
    twin = copied(baseline)
    assert twin == baseline
    assert twin.lookalikes().imitated("cl1ent.example") == baseline.lookalikes().imitated("cl1ent.example")
    twin.learn(receipt("joe@other.example"), day=DAY)
    assert twin != baseline


# ---- learning ------------------------------------------------------------------------------------------------


def test_a_message_is_learned_at_every_level() -> None:
    baseline = learned([receipt(), receipt("joe@client.example"), receipt("a@other.example")], DAY)
    assert set(baseline.streams) == {"-/tag:receipt", "-/author:shop@shop.example", "-/account:"}
    names = baseline.streams["-/account:"].roles.pop("stream")
    assert names == RoleHistory(3, {"tag:receipt": Seen(3, DAY, DAY)})
    for profile in baseline.streams.values():
        assert profile.seen == Seen(3, DAY, DAY)
        assert profile.messages == 3
        assert {role: domains(history) for role, history in profile.roles.items()} == {
            "from": RoleHistory(3, {"shop.example": Seen(3, DAY, DAY)}),
            "to": RoleHistory(3, {"client.example": Seen(2, DAY, DAY), "other.example": Seen(1, DAY, DAY)}),
            "parties": RoleHistory(3, {"1": Seen(3, DAY, DAY)}),
            "shown": RoleHistory(3, {"1": Seen(3, DAY, DAY)}),
            "hidden": RoleHistory(3, {"0": Seen(3, DAY, DAY)}),
        }


def test_a_domain_counts_once_a_message_and_role() -> None:
    baseline = learned([receipt("a@client.example, b@client.example, c@mail.client.example")])
    assert domains(profile_of(baseline).roles["to"]) == RoleHistory(1, {"client.example": Seen(1, 0, 0)})


def test_the_levels_and_the_day_are_the_callers() -> None:
    baseline = Baseline()
    baseline.learn(receipt(), [Level("stream", "receipts", "acme")], DAY)
    baseline.learn(receipt(), [Level("stream", "receipts", "acme")], DAY + 5)
    assert set(baseline.streams) == {"acme/stream:receipts"}
    assert profile_of(baseline, "acme/stream:receipts").seen == Seen(2, DAY, DAY + 5)


def test_what_was_flagged_does_not_become_known() -> None:
    baseline = Baseline()
    baseline.learn(
        receipt("jane@client.example", "Bcc: copy@x.example, audit@shop.example", "Cc: copy@x.example"),
        without=frozenset({("bcc", "x.example")}),
    )
    roles = profile_of(baseline).roles
    assert set(roles["bcc"].values or ()) == {"shop.example"}
    assert set(roles["cc"].values or ()) == {"x.example"}  # only that role


def test_a_role_that_held_nothing_but_what_was_flagged_was_not_used() -> None:
    """Or an unused role would look open after twenty refused attempts."""
    baseline = Baseline()
    for _ in range(ENOUGH):
        baseline.learn(receipt("jane@client.example", "Bcc: c@x.example"), without=frozenset({("bcc", "x.example")}))
    profile = profile_of(baseline)
    assert "bcc" not in profile.roles
    assert profile.closed(Role.BCC)


def test_of_the_envelope_only_hidden_recipients_are_learned() -> None:
    envelope = Envelope("bounce@esp.example", ("jane@client.example", "archive@vault.example"))
    roles = profile_of(learned([receipt(envelope=envelope)])).roles
    assert set(roles["envelope"].values or ()) == {"vault.example"}
    assert set(roles["bounce"].values or ()) == {"esp.example"}


@pytest.mark.parametrize("line", ["Delivered-To: a@x.example", "Received: from a by b for <a@x.example>; x"])
def test_roles_that_say_nothing_about_intent_are_not_learned(line: str) -> None:
    roles = set(profile_of(learned([receipt("jane@client.example", line)])).roles)
    assert roles == {"from", "to", "parties", "shown", "hidden"}


def test_a_mention_is_not_learned() -> None:
    roles = profile_of(learned([receipt('"c@x.example" <jane@client.example>')])).roles
    assert set(roles["to"].values or ()) == {"client.example"}


# ---- open, closed, known -------------------------------------------------------------------------------------


def used(messages: int, values: int) -> RoleHistory:
    return RoleHistory(messages, {f"d{n}.example": Seen(1, 0, 0) for n in range(values)})


@pytest.mark.parametrize(
    ("history", "closed"),
    [
        (used(ENOUGH, 1), True),
        (used(ENOUGH, CLOSED_VALUES), True),
        (used(ENOUGH, CLOSED_VALUES + 1), False),
        (used(ENOUGH - 1, 1), False),
        (used(1000, 0), True),
        (RoleHistory(1000, None), False),
    ],
)
def test_a_role_is_closed_when_it_was_used_often_with_little_variety(history: RoleHistory, closed: bool) -> None:
    assert history.closed is closed
    profile = Profile(Seen(1000, 0, 0), {"bcc": history})
    assert profile.closed(Role.BCC) is closed
    assert profile.closed(Role.BCC, unused=False) is (closed and bool(history.values))


def test_a_role_that_was_never_used_is_closed_after_enough_messages() -> None:
    assert Profile(Seen(ENOUGH, 0, 0)).closed(Role.BCC)
    assert not Profile(Seen(ENOUGH - 1, 0, 0)).closed(Role.BCC)
    assert not Profile(Seen(ENOUGH, 0, 0)).closed(Role.BCC, unused=False)


def test_a_level_is_judged_from_twenty_messages_on() -> None:
    baseline = learned(receipt() for _ in range(ENOUGH - 1))
    level = Level("tag", "receipt", None)
    assert baseline.profile(level) is None
    baseline.learn(receipt())
    assert baseline.profile(level) is profile_of(baseline)
    assert baseline.profile(level._replace(account="acme")) is None


def test_what_any_stream_has_shown_counts_only_in_a_closed_role() -> None:
    """An open role lets anybody in who signs up, so it vouches for nobody."""
    baseline = learned(receipt(f"c{n}@client-{n}.example", "Bcc: audit@vault.example") for n in range(ENOUGH))
    assert baseline.has_seen("vault.example")
    assert not baseline.has_seen("client-3.example")
    assert not baseline.has_seen("x.example")
    baseline.learn(receipt("c@client.example", "Bcc: a@y.example"))
    assert baseline.has_seen("y.example")


def test_the_history_that_a_finding_tells() -> None:
    messages = [receipt("a@often.example")] * 3 + [receipt("b@z.example"), receipt("c@a.example")]
    history = profile_of(learned(messages, DAY)).history(Role.TO)
    assert history.messages == 5
    assert history.first_day == history.last_day == date.fromordinal(DAY)
    assert history.known == ("often.example", "a.example", "z.example")
    assert profile_of(learned(messages)).history(Role.BCC).known == ()
    assert profile_of(learned(messages)).history().first_day is None
    many = learned(receipt(f"a@d{n}.example") for n in range(9))
    assert len(profile_of(many).history(Role.TO).known) == 5


def test_days_take_the_extremes_and_no_day_is_none() -> None:
    assert Seen(1, 5, 5) + Seen(1, 3, 9) == Seen(2, 3, 9)
    assert Seen(1, 0, 0) + Seen(2, 4, 4) == Seen(3, 4, 4)
    assert Seen(2, 4, 4) + Seen(1, 0, 0) == Seen(3, 4, 4)
    assert Seen(1, 0, 0) + Seen(1, 0, 0) == Seen(2, 0, 0)


def report(cc: str = "", *, to: str = "team@shop.example") -> bytes:
    return f"From: shop@shop.example\nTo: {to}\n{cc and f'Cc: {cc}' + chr(10)}X-PM-Tag: report\n\n".encode()


def unfamiliar(guard: Guard, message: bytes) -> list[str]:
    """What is unfamiliar in a message, which is learned."""
    return [f.subject for f in guard.observe(message).findings if f.rule.startswith("unfamiliar-")]


@pytest.mark.parametrize("field", ["to", "cc"])
def test_a_third_stranger_in_a_visible_role_shows_that_it_is_open(field: str) -> None:
    guard = Guard()
    guard.learn([Message.from_bytes(report())] * 20)
    found = [unfamiliar(guard, report(**{field: f"a@client-{number}.example"})) for number in range(6)]
    assert found == [["client-0.example"], ["client-1.example"], ["client-2.example"], [], [], []]


def test_one_stranger_opens_nothing_however_often_he_comes() -> None:
    guard = Guard()
    guard.learn([Message.from_bytes(report())] * 20)
    for _ in range(50):
        assert unfamiliar(guard, report("copy@arxxwalls.com")) == ["arxxwalls.com"]
    assert unfamiliar(guard, report("joe@client.example")) == ["client.example"]


def test_no_number_of_strangers_opens_a_role_that_hides() -> None:
    guard = Guard()
    guard.learn([Message.from_bytes(report())] * 20)
    for number in range(9):
        assert unfamiliar(guard, b"Bcc: a@client-%d.example\n%b" % (number, report())) == [f"client-{number}.example"]


def test_a_stream_whose_recipients_were_flagged_where_it_had_no_history_is_open() -> None:
    """Judged by its author it writes to strangers only; that none of them became known makes it no closed one."""
    guard = Guard()
    guard.learn([Message.from_bytes(report())] * 20)
    news = [report(to=f"a@client-{number}.example").replace(b"Tag: report", b"Tag: news") for number in range(40)]
    flagged = [unfamiliar(guard, message) for message in news]
    assert flagged[:2] == [["client-0.example"], ["client-1.example"]]
    assert flagged[3:] == [[]] * 37


# ---- caps ----------------------------------------------------------------------------------------------------


@contextmanager
def caps(values: int, subjects: int, kinds: int = 999, accounts: int = 999) -> Iterator[None]:
    with (
        mock.patch.object(history_module, "VALUES_CAP", values),
        mock.patch.object(crowds_module, "SUBJECTS_CAP", subjects),
        mock.patch.object(crowds_module, "CAPS", dict.fromkeys(crowds_module.CAPS, kinds)),
        mock.patch.object(crowds_module, "ACCOUNTS_CAP", accounts),
    ):
        yield


def test_a_role_with_too_many_values_is_open_for_good() -> None:
    with caps(3, 9):
        three = learned(receipt(f"a@d{n}.example") for n in range(3))
        assert len(profile_of(three).roles["to"].values or ()) == 3
        four = learned(receipt(f"a@d{n % 4}.example") for n in range(40))
    assert profile_of(four).roles["to"] == RoleHistory(40, None)
    assert not profile_of(four).closed(Role.TO)
    assert not profile_of(four).knows(Role.TO, "d1.example")


@pytest.mark.parametrize(
    ("one", "other", "is_open"), [(2, 1, False), (2, 2, True), (3, 0, False), (4, 0, True), (0, 4, True)]
)
def test_the_cap_counts_what_the_parts_have_together(one: int, other: int, is_open: bool) -> None:
    with caps(3, 9):
        first = learned(receipt(f"a@d{n}.example") for n in range(one))
        joined = first.merge(learned(receipt(f"a@e{n}.example") for n in range(other)))
    assert (profile_of(joined).roles["to"].values is None) is is_open


@pytest.mark.parametrize(("one", "other", "crowded"), [(2, 1, False), (2, 2, True), (4, 0, True), (0, 4, True)])
def test_the_subjects_of_an_author_are_counted_over_the_parts(one: int, other: int, crowded: bool) -> None:
    with caps(9, 3):
        joined = learned(letter(n) for n in range(one)).merge(learned(letter(9 - n) for n in range(other)))
    assert bool(joined.crowded) is crowded
    assert any("/subject:" in key for key in joined.streams) is not crowded


def letter(number: int, author: str = "shop@shop.example", **where: Any) -> Message:
    return mail(f"From: {author}", "To: jane@client.example", f"Subject: {'abcdefghij'[number]}", **where)


def test_an_author_with_too_many_subjects_is_not_refined_by_them() -> None:
    with caps(9, 3):
        few = learned(letter(n) for n in range(3))
        assert len([key for key in few.streams if "/subject:" in key]) == 3
        assert few.crowded == ()
        many = learned([*map(letter, range(5)), letter(0, "other@shop.example"), letter(1)])
    assert many.crowded == ("-/author:shop@shop.example",)
    assert set(many.streams) == {
        "-/author:",
        "-/author:shop@shop.example",
        "-/author:other@shop.example",
        "-/subject:other@shop.example a",
    }
    assert profile_of(many, "-/author:shop@shop.example").messages == 6


def test_templates_of_many_tenants_and_locales_are_as_many_streams_as_templates() -> None:
    baseline = Baseline()
    for number in range(2000):
        tenant, template = f"hello@tenant-{number}.example", f"welcome-{number % 30}"
        lines = f"Subject: word{number % 12} {'ab'[number % 2]}", f"X-MC-Template: {template}"
        baseline.learn(mail(f"From: {tenant}", f"To: jane@client-{number}.example", *lines))
    assert len(baseline.streams) == 31  # the templates, and the account
    assert baseline.crowded == ("-/author:", "-/subject:")
    assert profile_of(baseline, "-/template:welcome-0").messages == 67


def test_mail_of_many_tenants_without_a_name_is_bounded_and_judged_together() -> None:
    guard = Guard()
    with caps(256, 8, 16):
        for number in range(400):
            lines = f"From: hello@tenant-{number % 80}.example", f"Subject: about {'x' * (number % 90)}"
            guard.learn([mail(*lines, f"To: jane@client-{number}.example", "Reply-To: help@desk.example")])
    assert guard.baseline.crowded == ("-/author:", "-/subject:")
    assert set(guard.baseline.streams) == {"-/author:"}
    other = ("From: hello@tenant-81.example", "To: jane@client.example", "Subject: about")
    report = guard.check(mail(*other, "Reply-To: help@arxxwalls.com"))
    assert "arxxwalls.com" in {finding.subject for finding in report.findings}
    assert any("one of too many subjects" in spot for spot in report.blind_spots)
    assert guard.check(mail(*other, "Reply-To: help@desk.example")).findings == ()


def test_random_template_ids_are_judged_by_their_author() -> None:
    guard = Guard()
    with caps(256, 8, 16):
        guard.learn(
            mail("From: shop@shop.example", "To: x@y.example", f"X-MC-Template: t{n * 7919 % 9973}") for n in range(60)
        )
        assert guard.baseline.crowded == ("-/template:",)
        assert not [key for key in (*guard.baseline.streams, *guard.baseline.riders) if "template:" in key]
        copied = mail("From: shop@shop.example", "To: x@y.example", "X-MC-Template: t61", "Bcc: a@arxxwalls.com")
        report = guard.check(copied)
    assert "unfamiliar-blind-recipient" in {finding.rule for finding in report.findings}
    assert any("one of too many templates" in spot for spot in report.blind_spots)


def test_an_author_with_too_many_subjects_counts_for_all_of_them_in_whatever_order_they_come() -> None:
    """Three of his, which are too many, and two of another make more than four."""
    talker, other = [letter(n) for n in range(3)], [letter(n, "other@shop.example") for n in range(2)]
    with caps(9, 2, 4):
        parts = learned(talker), learned(other)
        assert [part.crowded for part in parts] == [("-/author:shop@shop.example",), ()]
        assert parts[0].merge(parts[1]).crowded == ("-/subject:",)
        for mails in ([*talker, *other], [*other, *talker], [talker[0], *other, *talker[1:]]):
            assert learned(mails).crowded == ("-/subject:",)
        assert learned([*talker, *other[:1]]).merge(learned([])).crowded == ("-/author:shop@shop.example",)


def test_of_too_many_accounts_some_are_kept_whole_and_nothing_is_known_of_the_others() -> None:
    def bcc(number: int, domain: str = "archive.example") -> Message:
        lines = "From: a@shop.example", "To: j@client.example", f"Bcc: x@{domain}", "X-PM-Tag: receipt"
        return mail(*lines, account=f"a{number % 30}")

    guard = Guard()
    with caps(256, 8, 16, accounts=10):
        guard.learn(map(bcc, range(900)))
        kept = {key.partition("/")[0] for key in guard.baseline.streams}
        assert len(kept) == 10
        assert {key.partition("/")[0] for key in guard.baseline.riders} == kept
        assert guard.baseline.crowded == ("%/account:",)
        told: set[str] = set()
        silent: set[str] = set()
        for number in range(30):
            report = guard.check(bcc(number, "arxxwalls.com"))
            unknown = any("is one of too many to be told apart: nothing is known" in s for s in report.blind_spots)
            (silent if unknown else told).add(f"a{number}")
            if not unknown:
                assert "arxxwalls.com" in {finding.subject for finding in report.findings}
        assert told == kept
        assert len(silent) == 20
        (line,) = [line for line in described(guard.baseline, None) if line.startswith("Accounts")]
    assert "are kept, by lot, and of the others nothing is known" in line
    assert profile_of(guard.baseline, f"{min(kept)}/tag:receipt").messages == 30


def test_no_account_is_taken_from_a_message() -> None:
    """Who wrote the mail may write any field; whom it belongs to only the caller says."""
    fields = [f"{entry.name}: acme-1" for entry in CATALOGUE.values() if entry.name.lower() not in ("from", "to")]
    message = mail("From: shop@shop.example", "To: j@client.example", *fields)
    assert any(value.endswith(":acme-1") for value in message.accounts)
    assert {level.account for level in message.levels} == {None}
    assert {key.partition("/")[0] for key in learned([message]).streams} == {"-"}


def test_an_account_is_written_like_no_other_family() -> None:
    with caps(9, 9, 9, accounts=2):
        baseline = learned(letter(0, account=name) for name in ("%", "-", None))
        assert baseline.crowded == ()
        assert {key.partition("/")[0] for key in baseline.streams} == {"%25", "%2D", "-"}


def test_an_author_is_crowded_in_his_account_only() -> None:
    with caps(9, 1):
        baseline = learned([letter(0, account="a"), letter(1, account="a"), letter(0, account="b")])
    assert baseline.crowded == ("a/author:shop@shop.example",)
    assert "b/subject:shop@shop.example a" in baseline.streams


def test_subjects_of_an_author_with_too_many_count_as_if_they_were_known() -> None:
    def by(author: str, subjects: str) -> list[Message]:
        return [mail(f"From: {author}@shop.example", f"Subject: {subject}") for subject in subjects]

    with caps(99, 2, 4):
        whole = learned(by("a", "xyz") + by("b", "xy"))
        joined = learned(by("a", "xyz")).merge(learned(by("b", "xy")))
        continued = learned(by("a", "xyz")).merge()
        for message in by("b", "xy"):
            continued.learn(message)
    assert whole.crowded == joined.crowded == continued.crowded == ("-/subject:",)


def test_a_stream_that_is_called_like_a_subject_is_none() -> None:
    """The name comes from the caller or the header; joining and loading must not take it for a refined author."""
    with caps(9, 1):
        baseline = Baseline()
        for name in "abc":
            baseline.learn(receipt(), [Level("stream", f"orders/subject:x {name}", None)])
        assert len(baseline.streams) == 3
        assert baseline.merge(Baseline()) == baseline


# ---- joining -------------------------------------------------------------------------------------------------

_DOMAINS = st.sampled_from([f"d{n}.example" for n in range(5)])


@st.composite
def mails(draw: st.DrawFn) -> tuple[Message, int]:
    """A message of one of few streams, and its day."""
    lines = [f"From: {draw(st.sampled_from(('a', 'b')))}@shop.example"]
    for name in draw(st.lists(st.sampled_from(("To", "Cc", "Bcc", "Reply-To", "X-MC-BccAddress")), max_size=3)):
        lines.append(f"{name}: x@{draw(_DOMAINS)}")
    if draw(st.booleans()):
        lines.append(f"Subject: {draw(st.sampled_from('abcde'))}")
    if draw(st.booleans()):
        lines.append(f"X-PM-Tag: {draw(st.sampled_from(('t', 'u', 'a/subject:b')))}")
    envelope = Envelope("b@esp.example", (f"x@{draw(_DOMAINS)}",)) if draw(st.booleans()) else None
    account = draw(st.sampled_from((None, "acme", "zeta", "omega")))
    return mail(*lines, account=account, envelope=envelope), draw(st.sampled_from((0, DAY, DAY + 1, DAY - 3)))


KEY = bytes(range(32))


def state(dated: Iterable[tuple[Message, int]]) -> Baseline:
    baseline = Baseline(KEY)
    for message, day in dated:
        baseline.learn(message, day=day)
    return baseline


def written(baseline: Baseline) -> str:
    return json.dumps(baseline.as_dict(), sort_keys=True)


def streams(baseline: Baseline) -> str:
    """What is written, but for the odds: these count what each message brought at the time, so order matters to them.

    So it does to how many messages there were before a rider turned up, and who was a resident then.
    """
    riders = {
        place: (riders.messages, {key: (r.count, r.day, r.partners) for key, r in sorted(riders.companions.items())})
        for place, riders in sorted(baseline.riders.items())
    }
    return json.dumps(baseline.as_dict() | {"novelty": None, "riders": riders}, sort_keys=True, default=sorted)


_CAPS = st.sampled_from(
    ((256, 256), (2, 2), (1, 1), (2, 3), (9, 9, 1), (9, 2, 2), (9, 2, 4), (9, 1, 3, 1), (9, 2, 4, 2))
)
_SOME = settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow])


@_SOME
@given(st.lists(mails(), max_size=12), st.lists(mails(), max_size=12), _CAPS)
def test_learning_in_parts_and_joining_is_learning_at_once(
    one: list[tuple[Message, int]], other: list[tuple[Message, int]], cap: tuple[int, int]
) -> None:
    with caps(*cap):
        whole = state(one + other)
        joined = state(one).merge(state(other))
        assert streams(joined) == streams(whole)
        assert whole.crowded == joined.crowded
        more = state(one)
        assert streams(more.merge(state(other)).merge(state(one))) == streams(state(one + other + one))


@_SOME
@given(st.lists(st.lists(mails(), max_size=6), min_size=3, max_size=3), _CAPS)
def test_joining_is_commutative_and_associative(parts: list[list[tuple[Message, int]]], cap: tuple[int, int]) -> None:
    with caps(*cap):
        a, b, c = map(state, parts)
        expected = written(a.merge(b, c))
        assert written(c.merge(a, b)) == expected
        assert written(a.merge(b).merge(c)) == expected
        assert written(a.merge(b.merge(c))) == expected
        assert written(Baseline().merge(c, b, a)) == expected


@_SOME
@given(st.lists(mails(), max_size=12), _CAPS)
def test_the_empty_baseline_changes_nothing(part: list[tuple[Message, int]], cap: tuple[int, int]) -> None:
    with caps(*cap):
        baseline = state(part)
        before = written(baseline)
        assert written(baseline.merge(Baseline())) == before
        assert written(Baseline().merge(baseline)) == before
        assert written(baseline.merge()) == before
        assert written(baseline) == before


@_SOME
@given(st.lists(mails(), max_size=12), st.randoms(use_true_random=False), _CAPS)
def test_the_order_of_mail_makes_no_difference(
    part: list[tuple[Message, int]], random: Any, cap: tuple[int, int]
) -> None:
    with caps(*cap):
        shuffled = part[:]
        random.shuffle(shuffled)
        assert streams(state(shuffled)) == streams(state(part))


@_SOME
@given(st.lists(mails(), min_size=1, max_size=12), st.lists(mails(), max_size=6), _CAPS)
def test_what_is_learned_after_joining_or_loading_counts_the_same(
    one: list[tuple[Message, int]], other: list[tuple[Message, int]], cap: tuple[int, int]
) -> None:
    with caps(*cap):
        continued = state(one).merge(Baseline())
        loaded = Baseline._from_dict(json.loads(written(state(one))), KEY)
        for message, day in other:
            continued.learn(message, day=day)
            loaded.learn(message, day=day)
        assert written(continued) == written(loaded)
        assert streams(continued) == streams(state(one + other))


def test_the_parts_stay_as_they_were() -> None:
    one, other = learned([receipt()], DAY), learned([receipt("x@other.example")], DAY)
    before = written(one), written(other)
    joined = one.merge(other)
    joined.learn(receipt("y@third.example", "Bcc: a@b.example"))
    assert (written(one), written(other)) == before
    assert one != joined


def test_baselines_compare_by_content() -> None:
    assert learned([receipt()]) == learned([receipt()])
    assert learned([receipt()]) != learned([receipt(), receipt()])
    assert learned([receipt()]) != "a baseline"
    with pytest.raises(TypeError):
        hash(Baseline())


@pytest.mark.parametrize("value", ["4", "", "0.0", "x"])
def test_a_shape_is_one_of_the_numbers_that_are_learned(tmp_path: Path, value: str) -> None:
    baseline = learned([receipt()])
    data = baseline.as_dict()
    data["streams"]["-/tag:receipt"]["roles"]["hidden"]["values"] = {value: [1, None, None]}
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps(data))
    with pytest.raises(BaselineError, match=r"roles\['hidden'\]\.values has a number"):
        Baseline.load(path)


# ---- comparing -----------------------------------------------------------------------------------------------


def test_what_is_new() -> None:
    earlier = learned([receipt(), letter(0)], DAY)
    later = learned([receipt(), receipt("b@new.example", "Bcc: c@vault.example"), receipt()], DAY)
    later.learn(mail("From: z@shop.example", "X-PM-Tag: fresh"))
    assert list(later.diff(earlier)) == [
        "-/author:z@shop.example: new stream, 1 message",
        "-/tag:fresh: new stream, 1 message",
        "-/subject:shop@shop.example a: stream is gone",
        "-/author:shop@shop.example: bcc has vault.example, 1 message since 2026-03-01",
        "-/author:shop@shop.example: 1 recipient hidden, 1 message since 2026-03-01",
        "-/author:shop@shop.example: to has new.example, 1 message since 2026-03-01",
        "-/tag:receipt: bcc has vault.example, 1 message since 2026-03-01",
        "-/tag:receipt: 1 recipient hidden, 1 message since 2026-03-01",
        "-/tag:receipt: to has new.example, 1 message since 2026-03-01",
    ]
    assert list(earlier.diff(earlier)) == []


def test_a_role_that_opens_is_said_once() -> None:
    with caps(2, 9):
        earlier = learned(receipt(f"a@d{n}.example") for n in range(2))
        later = learned(receipt(f"a@d{n}.example") for n in range(3))
    assert "-/tag:receipt: to is open now" in list(later.diff(earlier))
    assert list(later.diff(later)) == []


# ---- the file ------------------------------------------------------------------------------------------------


def some() -> Baseline:
    baseline = learned([receipt("jörg@bücher.example", "Bcc: audit@shop.example"), letter(0)], DAY)
    baseline.learn(receipt())
    return baseline


def test_what_is_saved_loads(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    with caps(2, 1):
        baseline = learned([*(receipt(f"a@d{n}.example") for n in range(5)), letter(0), letter(1)], DAY)
        baseline.save(path)
        loaded = Baseline.load(path)
    assert loaded == baseline
    assert loaded.crowded == baseline.crowded == ("-/author:shop@shop.example",)
    assert profile_of(loaded).roles["to"] == RoleHistory(5, None)
    some().save(str(path))
    assert Baseline.load(str(path)) == some()


def test_the_same_mail_gives_the_same_bytes(tmp_path: Path) -> None:
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    messages = [receipt(f"c{n}@d{n % 4}.example", f"Bcc: a@v{n % 2}.example") for n in range(30)]
    learned(messages, DAY).save(one)
    learned(reversed(messages), DAY).save(other)
    assert one.read_bytes() == other.read_bytes()
    assert one.read_bytes().endswith(b"}\n")
    Baseline.load(one).save(other)
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    "stream", ["=?utf-7?q?+2AA-?=", "=?utf-8?q?=0A=00?=", "\xff", "=?utf-16?q?=00=D8=00=D8?=", '"', "\\u0000"]
)
def test_no_message_can_keep_a_baseline_from_being_saved(tmp_path: Path, stream: str) -> None:
    """The stream is named by the header, and some of what a header decodes to is no text that a file takes."""
    path = tmp_path / "baseline.json"
    octets = f"From: {stream}@x.example\r\nTo: {stream}@{stream}.example\r\nSubject: {stream}\r\n".encode("latin-1")
    baseline = learned(
        [Message.from_bytes(octets), Message.from_bytes(octets + f"X-PM-Tag: {stream}\r\n".encode("latin-1"))]
    )
    baseline.save(path)
    assert Baseline.load(path) == baseline


@pytest.mark.parametrize("fails", ["replace", "fsync", "chmod"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_save_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str, error: BaseException
) -> None:
    path = tmp_path / "baseline.json"
    learned([receipt()]).save(path)
    before = path.read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(os, fails, fail)
    expected: type[BaseException] = BaselineError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected) as caught:
        some().save(path)
    monkeypatch.undo()
    if expected is BaselineError:
        assert "baseline.json" in str(caught.value)
        assert "No space left" in str(caught.value)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["baseline.json"]


def test_a_new_file_never_appears_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the moment of the switch the other file is whole."""
    path = tmp_path / "baseline.json"
    seen: list[bytes] = []
    real = os.replace

    def look(source: str, target: str) -> None:
        assert not path.exists()
        seen.append(Path(source).read_bytes())
        real(source, target)

    monkeypatch.setattr(os, "replace", look)
    some().save(path)
    assert seen == [path.read_bytes()]


def test_a_file_keeps_its_mode_and_its_place(tmp_path: Path) -> None:
    path, link = tmp_path / "real" / "baseline.json", tmp_path / "link.json"
    path.parent.mkdir()
    some().save(path)
    assert path.stat().st_mode & 0o777 == 0o644
    path.chmod(0o600)
    link.symlink_to(path)
    learned([receipt()]).save(link)
    assert path.stat().st_mode & 0o777 == 0o600
    assert link.is_symlink()
    assert Baseline.load(path) == learned([receipt()])


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match="absent.*cannot be written"):
        some().save(tmp_path / "absent" / "baseline.json")
    assert not (tmp_path / "absent").exists()


def record(**changes: Any) -> dict[str, Any]:
    """A whole file, with something in its one stream changed."""
    profile: dict[str, Any] = {
        "seen": [3, "2026-03-01", "2026-03-02"],
        "roles": {"to": {"messages": 3, "values": {"client.example": [3, "2026-03-01", None]}}},
    }
    profile.update(changes)
    return {"schema": 1, "crowded": [], "streams": {"-/tag:receipt": profile}}


def to_role(**changes: Any) -> dict[str, Any]:
    return record(roles={"to": {"messages": 3, "values": {"client.example": [3, None, None]}, **changes}})


def test_the_record_that_the_next_test_spoils_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps(record()), encoding="utf-8")
    profile = profile_of(Baseline.load(path))
    assert profile.seen == Seen(3, DAY, DAY + 1)
    assert domains(profile.roles["to"]) == RoleHistory(3, {"client.example": Seen(3, DAY, 0)})


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ({**record(), "schema": 3}, "schema 3 is newer than this program reads (1 to 2)"),
        ({**record(), "schema": 0}, "schema 0 is unknown"),
        ({**record(), "schema": "1"}, "schema '1' is unknown"),
        ({**record(), "schema": True}, "schema True is unknown"),
        ({}, "schema None is unknown"),
        (record(seen="3 2026-03-01"), "seen is not a count, or count, first day"),
        (record(seen="3 2026-03-01 2026-02-30"), "seen is not a count, or count, first day"),
        (record(seen="-3"), "seen is not a count, or count, first day"),
        (record(seen=""), "seen is not a count, or count, first day"),
        (record(days={"2026-13": "1"}), "days has '2026-13', which is no month"),
        (record(days={"2026-02-30": 1}), "days has '2026-02-30', which is no month"),
        (record(days={"2026-02": "1 " * 28 + "1"}), "days['2026-02'] is not a whole number for each day"),
        (record(days={"2026-02": "1  1"}), "days['2026-02'] is not a whole number for each day"),
        (record(days={"2026-02": 1}), "days['2026-02'] is not a whole number for each day"),
        (record(days={"2026-02-01": "1"}), "days['2026-02-01'] is not a whole number"),
        ([], "the file is not an object"),
        ("text", "the file is not an object"),
        (None, "the file is not an object"),
        ({"schema": 1}, "streams is not an object"),
        ({"schema": 1, "streams": []}, "streams is not an object"),
        ({**record(), "crowded": "a"}, "crowded is not a list"),
        ({**record(), "crowded": [1]}, "crowded is not a list of strings"),
        ({"schema": 1, "streams": {"-/tag:a": 5}}, r"streams['-/tag:a'] is not an object"),
        (record(seen=None), "seen is not [count"),
        (record(seen=[3]), "seen is not [count"),
        (record(seen=[3, "2026-03-01", "2026-13-01"]), "seen is not [count"),
        (record(seen=[3, "yesterday", None]), "seen is not [count"),
        (record(seen=[3, 5, None]), "seen is not [count"),
        (record(seen=["3", None, None]), "seen has no whole number"),
        (record(seen=[-1, None, None]), "seen has no whole number"),
        (record(seen=[True, None, None]), "seen has no whole number"),
        (record(seen=[3.5, None, None]), "seen has no whole number"),
        (record(roles=[]), "roles is not an object"),
        (record(roles={"twin": {"messages": 1, "values": {}}}), "roles['twin'] is not a role"),
        (record(roles={"to": []}), "roles['to'] is not an object"),
        (to_role(messages=None), "roles['to'].messages is not a whole number"),
        (to_role(messages=-1), "roles['to'].messages is not a whole number"),
        (to_role(messages=1.0), "roles['to'].messages is not a whole number"),
        (to_role(messages=True), "roles['to'].messages is not a whole number"),
        (to_role(values=[]), "roles['to'].values is not an object"),
        (to_role(values={"x.example": 3}), "roles['to'].values['x.example'] is not [count"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_cannot_be_read_says_where(tmp_path: Path, content: Any, place: str) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(BaselineError) as caught:
        Baseline.load(path)
    assert str(path) in str(caught.value)
    assert place in str(caught.value)


@pytest.mark.parametrize(
    ("octets", "place"),
    [
        (b"", "line 1 column 1"),
        (b'{"schema": 1,\n "streams": {"a": ', "line 2"),
        (b'{"schema": 1,\n<<<<<<< ours\n "streams": {}}', "line 2: is a conflict that a merge left open"),
        (b'{"schema": 1, "streams": {}, "schema": 2}', "the file holds 'schema' twice"),
        (
            b'{"streams": {"-/tag:a": {"roles": {"bcc": {"values": {"a.example": "1", "a.example": "1"}}}}}}',
            "streams['-/tag:a']['roles']['bcc']['values'] holds 'a.example' twice",
        ),
        (b'{"crowded": [{}, {"\xc3\xa9": 1, "\xc3\xa9": 1}]}', "crowded[1] holds '\\xe9' twice"),
        (b'{"a": {"a": 1, "a": 1}, "b": {}}', "a holds 'a' twice"),
        (b'{"schema": 1, "streams": {"\xff": 1}}', "utf-8"),
        (b"\x00\x01\x02", "line 1 column 1"),
        (b"[" * 100_000, "nests too deep"),
    ],
)
def test_a_file_that_is_no_json_says_where(tmp_path: Path, octets: bytes, place: str) -> None:
    path = tmp_path / "baseline.json"
    path.write_bytes(octets)
    with pytest.raises(BaselineError, match="is not a baseline") as caught:
        Baseline.load(path)
    assert place in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match=r"absent\.json: cannot be read: No such file"):
        Baseline.load(tmp_path / "absent.json")
    with pytest.raises(BaselineError, match="cannot be read"):
        Baseline.load(tmp_path)


def test_a_file_that_the_first_schema_wrote_is_read(tmp_path: Path) -> None:
    """It was written by the program as it was then, from the mail that is learned here."""
    dated = []
    for n in range(30):
        day = DAY + n // 3 if n % 7 else 0
        to, copy = f"c{n}@client-{n % 4}.example", "audit@vault.example"
        dated.append((receipt(to, f"Bcc: {copy}", envelope=Envelope("b@esp.example", (to, copy))), day))
    dated += [
        (mail("From: jörg@shop.example", "To: jane@client.example", f"Subject: letter {x}", account="acme"), DAY)
        for x in "abc"
    ]
    expected = state(dated)
    for history in (history for profile in expected.streams.values() for history in profile.roles.values()):
        history.addresses = history.addresses and {}  # it knew domains alone
    for profile in expected.streams.values():
        del profile.roles["hidden"]  # and nothing of that shape
        profile.roles.pop("stream", None)  # nor which streams an account has
    del expected.streams["acme/author:"]  # nor what all of its authors do together
    path = Path(__file__).with_name("baselines") / "schema-1.json"
    assert '"schema": 1' in path.read_text(encoding="utf-8")
    loaded = Baseline.load(path)
    assert loaded.streams == expected.streams
    assert loaded.novelty.as_dict() == expected.novelty.as_dict()
    loaded.save(tmp_path / "b.json")
    written_again = json.loads((tmp_path / "b.json").read_text(encoding="utf-8"))
    assert written_again["schema"] == 2
    assert written_again["streams"]["-/tag:receipt"]["days"] == {"2026-03": "2 3 2 3 2 3 3 2 3 2"}
    assert written_again["streams"]["-/tag:receipt"]["seen"] == "30 2026-03-01 2026-03-10"
    assert Baseline.load(tmp_path / "b.json").streams == expected.streams


@given(st.dictionaries(st.integers(1, date.max.toordinal()), st.integers(1, 10**6), max_size=40))
def test_days_are_written_and_read(days: dict[int, int]) -> None:
    baseline = Baseline()
    baseline.streams["-/tag:t"] = Profile(Seen(1, 0, 0), days=days)
    assert Baseline._from_dict(json.loads(written(baseline))).streams["-/tag:t"].days == days


@example(
    data={"schema": 1, "streams": {"a": {"seen": [1, None, None], "roles": {"to": {"messages": 1, "values": {}}}}}}
)
@given(
    data=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.just("2026-03-01"),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(("schema", "streams", "seen", "roles", "to", "messages", "values", "crowded", "a")),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_a_file_holds_it_loads_or_is_refused(data: Any) -> None:
    if isinstance(data, dict):
        data = {**data, "schema": 1}
    try:
        baseline = Baseline._from_dict(data)
    except ValueError as error:
        assert str(error)
    else:
        assert Baseline._from_dict(json.loads(written(baseline))) == baseline


def test_a_file_that_people_merged_by_hand_is_held_to_the_caps(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    many = {f"d{n}.example": [1, None, None] for n in range(4)}
    streams = {f"-/subject:a@x.example {n}": {"seen": [1, None, None], "roles": {}} for n in "abc"}
    streams["-/tag:t"] = {"seen": [4, None, None], "roles": {"to": {"messages": 4, "values": many}}}  # type: ignore[dict-item]
    path.write_text(json.dumps({"schema": 1, "streams": streams}), encoding="utf-8")
    with caps(3, 2):
        loaded = Baseline.load(path)
    assert profile_of(loaded, "-/tag:t").roles["to"].values is None
    assert set(loaded.streams) == {"-/tag:t"}
    assert loaded.crowded == ("-/author:a@x.example",)


@given(
    st.lists(
        st.tuples(
            st.dictionaries(
                st.sampled_from([Role.TO, Role.BCC, Role.FROM, Role.ENVELOPE, FLAGGED[Role.TO]]),
                st.sets(st.sampled_from(["a.test", "b.test", "c.test", "d.test"]), max_size=3),
            ),
            st.sampled_from([1, 1, 1, 18, 19, 20]),
        ),
        max_size=12,
    )
)
@example([({Role.TO: {"a.test"}}, 20), ({Role.BCC: set()}, 1)])
def test_closed_roles_are_those_that_are_closed_after_every_message(messages: list[tuple[Any, int]]) -> None:
    profile = Profile()
    for roles, times in messages:
        for _ in range(times):
            profile.learn(roles, 738_000)
            for unused in (False, True):
                expected = {role for role in LEARNED_ROLES if profile.closed(role, unused)}
                assert profile.closed_roles(unused) == expected
            afresh = Profile(profile.seen, profile.roles)
            assert (profile.variety, profile.closeness) == (afresh.variety, afresh.closeness)
