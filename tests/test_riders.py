"""Who travels along: bounded, mergeable state, and the two rules that rest on it."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headerguard import Baseline, BaselineError, Envelope, Finding, Guard, Message, Severity, riders
from headerguard.address import BUNDLED
from headerguard.pseudonym import Pseudonyms
from headerguard.riders import MAILING, NOBODY, Riders, Traffic, company_of, riders_at, riders_record

_KEYS = st.sampled_from([f"u{number}@p{number // 2}.example" for number in range(8)])
_PARTIES = st.dictionaries(_KEYS, st.sampled_from([f"p{number}.example" for number in range(6)]), max_size=4)
_MAIL = st.lists(st.tuples(_PARTIES, st.integers(0, 3)), max_size=10)


def state(mail: list[tuple[dict[str, str], int]]) -> Riders:
    found = Riders()
    for parties, day in mail:
        found.learn(parties, day)
    return found


def known(*parts: Riders) -> tuple[object, ...]:
    whole = Riders()
    for part in parts:
        whole.add(part)
    return whole.days, whole.companions, whole.forgotten


@given(_MAIL, _MAIL, _MAIL)
def test_joining_is_commutative_and_associative_with_nothing_as_identity(
    one: list[tuple[dict[str, str], int]],
    other: list[tuple[dict[str, str], int]],
    third: list[tuple[dict[str, str], int]],
) -> None:
    a, b, c = state(one), state(other), state(third)
    ab, bc = Riders(), Riders()
    for part in (a, b):
        ab.add(part)
    for part in (b, c):
        bc.add(part)
    assert known(a, b, c) == known(c, b, a) == known(ab, c) == known(a, bc)
    assert known(a, Riders()) == (a.days, a.companions, a.forgotten)


@given(_MAIL, st.randoms(use_true_random=False))
def test_parts_joined_in_any_order_are_the_whole(mail: list[tuple[dict[str, str], int]], chance: random.Random) -> None:
    """But for what is counted by what was known at the time: which messages went to groups."""
    parts: list[list[tuple[dict[str, str], int]]] = [[], [], []]
    for one in mail:
        chance.choice(parts).append(one)
    joined = Riders()
    for part in chance.sample(parts, 3):
        joined.add(state(part))
    whole = state(mail)
    assert joined.companions == whole.companions
    assert {day: came.messages for day, came in joined.days.items()} == {
        day: came.messages for day, came in whole.days.items()
    }


def test_what_was_learned_in_parts_makes_nobody_a_resident() -> None:
    """Each part begins with nothing, so that everybody in it is there from its beginning."""
    parts = [Riders(), Riders()]
    for number in range(30):
        parts[0].learn({f"c{number}@c{number}.example": f"c{number}.example"}, 1)
    for number in range(5):
        customer = f"d{number}.example"
        parts[1].learn({f"d@{customer}": customer, "copy@arxxwalls.com": "arxxwalls.com"}, 2)
    joined = Riders()
    for part in parts:
        joined.add(part)
    assert joined.residents() == []
    parties = {"e@e.example": "e.example", "copy@arxxwalls.com": "arxxwalls.com"}
    assert "copy@arxxwalls.com" in joined.riders_in(parties, 2)


def test_company_is_no_news_where_mail_goes_to_crowds() -> None:
    def after(crowds: int) -> set[str]:
        known = Riders()
        for number in range(100):
            names = [f"p{(number * step) % 97}.example" for step in (1, 2, 3, 5)][: 4 if number < crowds else 1]
            known.learn({f"a@{name}": name for name in names})
        for number in range(4):
            known.learn({f"d@d{number}.example": f"d{number}.example", "copy@arxxwalls.com": "arxxwalls.com"})
        return set(known.riders_in({"e@e.example": "e.example", "copy@arxxwalls.com": "arxxwalls.com"}))

    assert (after(0), after(10)) == ({"copy@arxxwalls.com"}, set())


def test_state_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(riders, "CAP", 100)
    found = Riders()
    for number in range(5_000):
        found.learn({f"u{number}@a{number}.example": f"a{number}.example", "copy@arxxwalls.com": "arxxwalls.com"})
        assert len(found.companions) <= 101
    assert found.count("copy@arxxwalls.com") == 5_000
    assert len(found.companions[found.pseudonym("copy@arxxwalls.com")].partners) == 16
    assert found.forgotten > 4_000


# ---- company


def company(octets: bytes, envelope: Envelope | None = None) -> riders.Company:
    return company_of(Message.from_bytes(octets, envelope), BUNDLED)


def test_who_is_beside_whom() -> None:
    found = company(
        b"From: shop@shop.example\r\nTo: jane@client.example, joe@client.example\r\nCc: me@shop.example\r\n"
        b"Bcc: j.doe+x@gmail.com\r\n\r\n"
    )
    assert found.shown == {"jane@client.example": "client.example", "joe@client.example": "client.example"}
    assert found.everybody == {**found.shown, "jdoe@gmail.com": "jdoe@gmail.com"}


def test_a_return_path_names_whom_another_copy_is_for() -> None:
    envelope = Envelope("b+1f-jane=client.example@bounces.example", ("copy@arxxwalls.com",), complete=False)
    found = company(b"From: shop@shop.example\r\nTo: copy@arxxwalls.com\r\n\r\n", envelope)
    assert set(found.everybody) == {"jane@client.example", "copy@arxxwalls.com"}
    assert found.apart == {"copy@arxxwalls.com"}


@pytest.mark.parametrize(
    ("octets", "envelope"),
    [
        (b"From: shop@shop.example\r\nTo: jane@client.example\r\n\r\n", None),
        (
            b"From: shop@shop.example\r\nTo: jane@client.example\r\n\r\n",
            Envelope("b@x.example", ("jane@client.example",)),
        ),
        (b"From: shop@shop.example\r\nTo: Jane <jane@client.example>\r\nCc: JANE@client.example\r\n\r\n", None),
        (b"", None),
    ],
)
def test_who_is_alone(octets: bytes, envelope: Envelope | None) -> None:
    assert company(octets, envelope) == NOBODY


def test_a_colleague_of_the_author_is_no_company() -> None:
    found = company(b"From: shop@shop.example\r\nTo: team@shop.example\r\nCc: jane@client.example\r\n\r\n")
    assert (found.shown, found.everybody) == ({"jane@client.example": "client.example"}, {})


# ---- rules


def receipt(number: int, more: str = "", who: str = "") -> bytes:
    to = who or f"jane@client-{number}.example"
    return f"From: shop@shop.example\r\nTo: {to}\r\n{more}X-MC-Template: receipt\r\n\r\n".encode()


def found(guard: Guard, octets: bytes, rule: str, **more: object) -> list[Finding]:
    return [f for f in guard.check(octets, **more).findings if f.rule == rule]  # type: ignore[arg-type]


def learned(count: int = 30) -> Guard:
    guard = Guard()
    guard.learn(receipt(number) for number in range(count))
    return guard


@pytest.mark.parametrize(
    ("more", "who"),
    [
        ("", "jane@client.example, copy@arxxwalls.com"),
        ("", "copy@gmail.com, jane@client.example"),
        ("Cc: jane@client-3.example\r\n", ""),
        ("To: copy@arxxwalls.com\r\n", ""),
    ],
)
def test_one_recipient_more_is_found_on_the_first_message(more: str, who: str) -> None:
    (finding,) = found(learned(), receipt(99, more, who), "extra-recipient")
    assert finding.severity is Severity.HIGH
    named = {evidence.text for evidence in finding.evidence}
    assert named & {"copy@arxxwalls.com", "copy@gmail.com", "jane@client-3.example"}


@pytest.mark.parametrize(
    ("history", "subject", "name", "found"),
    [
        (50, "Ein neuer Betreff", "", ["copy@arxxwalls.com"]),
        (49, "Ein neuer Betreff", "", []),
        (50, "Ein neuer Betreff", "X-PM-Tag: report\r\n", []),
    ],
    ids=["young subject", "young author", "new name"],
)
def test_mail_without_a_name_is_held_against_all_of_its_author(
    history: int, subject: str, name: str, found: list[str]
) -> None:
    """Languages and names in the subject make many young streams of one routine; what has a name is another routine."""

    def letter(number: int, subject: str, more: str = "") -> bytes:
        to = f"To: jane@client-{number}.example\r\n"
        return f"From: shop@shop.example\r\n{to}Subject: {subject}\r\n{more}\r\n".encode()

    guard = Guard()
    guard.learn(letter(number, "abcdefghij"[number % 10] * 5) for number in range(history))
    for more, rule in (("Cc", "extra-recipient"), ("Bcc", "unfamiliar-blind-recipient")):
        report = guard.check(letter(99, subject, f"{more}: copy@arxxwalls.com\r\n{name}"))
        named = [f.subject for f in report.findings if f.rule == rule and f.severity is Severity.HIGH]
        assert [subject in "copy@arxxwalls.com" for subject in named] == [True] * len(found)


def observed(guard: Guard, octets: bytes) -> list[str]:
    """Whom the rules on shapes name in a message, which is learned."""
    shapes = ("extra-recipient", "exposed-recipients")
    return [f.subject for f in guard.observe(octets).findings if f.rule in shapes]


def test_one_who_is_beside_every_customer_never_becomes_a_habit() -> None:
    """The customers beside him are no strangers, so that they open nothing."""
    guard = learned()
    for number in range(40):
        assert observed(guard, receipt(100 + number, "Cc: copy@arxxwalls.com\r\n")) == ["copy@arxxwalls.com"]
    assert observed(guard, receipt(200, "Cc: joe@house.example\r\n")) == ["joe@house.example"]


def test_a_third_stranger_shows_that_a_stream_goes_to_several() -> None:
    guard = learned()
    strangers = [observed(guard, receipt(100 + number, f"Cc: joe@house-{number}.example\r\n")) for number in range(5)]
    assert strangers == [[f"joe@house-{number}.example"] for number in range(3)] + [[], []]
    many = ", ".join(f"joe@house-{number}.example" for number in range(12))
    assert observed(guard, receipt(200, f"Cc: {many}\r\n")) == []


@pytest.mark.parametrize(
    ("more", "delivered", "found"),
    [
        ("List-Id: <news.lists.example>\r\n", "joe@reader.example", False),
        ("List-Id: <news.lists.example>\r\n", "jane@client.example", True),
        ("", "joe@reader.example", True),
    ],
)
def test_the_subscriber_of_a_list_is_no_hidden_copy(more: str, delivered: str, found: bool) -> None:
    """To names the list, the return path him, and this copy is his."""
    plain = f"{more}From: news@shop.example\r\nTo: news@lists.example\r\nCc: joe@house.example\r\nSubject: News\r\n\r\n"
    guard = Guard()
    guard.learn([plain.encode()] * 30)
    path = "Return-Path: <news+bounces-17-joe=reader.example@lists.example>\r\n"
    rules = {f.rule for f in guard.check(f"{path}Delivered-To: {delivered}\r\n{plain}".encode()).findings}
    assert bool(rules & {"extra-recipient", "unfamiliar-blind-recipient"}) is found


@pytest.mark.parametrize(
    ("more", "who"),
    [
        ("", "jane@client.example, joe@client.example"),
        ("Cc: service@shop.example\r\n", ""),
        ("Cc: JANE+shop@client-99.example\r\n", ""),
    ],
)
def test_company_of_ones_own_is_no_extra_recipient(more: str, who: str) -> None:
    assert found(learned(), receipt(99, more, who), "extra-recipient") == []


def test_a_declared_recipient_is_no_extra_one() -> None:
    guard, leaky = learned(), receipt(99, "Cc: partner@other.example\r\n")
    assert found(guard, leaky, "extra-recipient")
    assert found(guard, leaky, "extra-recipient", recipients=["client-99.example", "partner@other.example"]) == []


def strangers(guard: Guard, octets: bytes, envelope: Envelope, **more: object) -> list[Finding]:
    """What either of the rules says that tell of hidden recipients, never both of the same one."""
    report = guard.check(octets, envelope=envelope, **more)  # type: ignore[arg-type]
    rules = ("extra-recipient", "unfamiliar-blind-recipient")
    return [f for f in report.findings if f.rule in rules and f.severity >= Severity.MEDIUM]


def hidden_copy(guard: Guard, line: str = "", extra: tuple[str, ...] = (), number: int = 99) -> list[Finding]:
    envelope = Envelope("b@shop.example", (f"jane@client-{number}.example", *extra), complete=True)
    return strangers(guard, receipt(number, line), envelope, stage="submitted")


def with_archive(count: int = 30, archive: tuple[str, ...] = ("audit@vault.example",)) -> Guard:
    """A stream whose copies come with their envelopes, and that has an archive or none."""
    guard = Guard()
    for number in range(count):
        line = f"Bcc: {', '.join(archive)}\r\n" if archive else ""
        envelope = Envelope("b@shop.example", (f"jane@client-{number}.example", *archive), complete=True)
        guard.baseline.learn(Message.from_bytes(receipt(number, line), envelope, "submitted"))
    return guard


@pytest.mark.parametrize("stranger", ["copy@arxxwalls.com", "copy@gmail.com", "jane@client-3.example"])
@pytest.mark.parametrize("archive", [(), ("audit@vault.example",)])
@pytest.mark.parametrize("way", ["Bcc: {}\r\n", "X-MC-BccAddress: {}\r\n", "envelope"])
def test_one_hidden_recipient_more_is_found_on_the_first_message(
    stranger: str, archive: tuple[str, ...], way: str
) -> None:
    line = f"Bcc: {', '.join(archive)}\r\n" if archive else ""
    guard = with_archive(archive=archive)
    assert hidden_copy(guard, line, archive) == []
    more = "" if way == "envelope" else way.format(stranger)
    (finding,) = hidden_copy(guard, line + more, (*archive, stranger))
    assert finding.subject in (stranger, stranger.partition("@")[2])
    assert finding.severity is Severity.HIGH


def test_the_neighbour_of_an_archive_is_told_from_it() -> None:
    line = "Bcc: tenant-2@vault.example, audit@vault.example\r\n"
    (finding,) = hidden_copy(with_archive(), line, ("audit@vault.example", "tenant-2@vault.example"))
    assert finding.subject == "tenant-2@vault.example"


def test_a_hidden_colleague_weighs_less() -> None:
    (finding,) = hidden_copy(with_archive(archive=()), "Bcc: boss@shop.example\r\n", ("boss@shop.example",))
    assert finding.severity is Severity.MEDIUM
    assert hidden_copy(with_archive(archive=()), "Bcc: shop@shop.example\r\n", ("shop@shop.example",)) == []


def test_who_is_at_the_same_provider_of_free_mail_is_no_colleague() -> None:
    envelope = Envelope("b@shop.example", ("jane.roe7@gmail.com", "copies@gmail.com"), complete=True)
    to_gmail = b"From: shop@shop.example\r\nTo: jane.roe7@gmail.com\r\nX-MC-Template: receipt\r\n\r\n"
    told = strangers(with_archive(archive=()), to_gmail, envelope)
    assert [(f.subject, f.severity) for f in told] == [("gmail.com", Severity.HIGH)]
    colleague = hidden_copy(with_archive(archive=()), extra=("joe@client-99.example",))
    assert ("client-99.example", Severity.MEDIUM) in {(f.subject, f.severity) for f in colleague}


def test_an_address_that_the_envelope_does_not_carry_is_no_copy_of_its_own() -> None:
    """What To says there of somebody else is no recipient, and has no place that could be cited."""
    guard = with_archive(archive=())
    path = "b+1-jane=client-99.example@esp.example"
    envelope = Envelope(path, ("copy@arxxwalls.com",), complete=False)
    assert not guard.check(receipt(99, who="joe@else.example"), envelope=envelope).failures
    assert {f.subject for f in strangers(guard, receipt(99, who="joe@else.example"), envelope)} == {"arxxwalls.com"}


def test_an_outsider_beside_a_colleague_is_one_too_many() -> None:
    """Nobody at home with the author is a party, so that the number of parties tells nothing there."""
    guard = learned()
    beside = receipt(99, "Cc: copy@arxxwalls.com\r\n", "qa@shop.example")
    told = found(guard, beside, "extra-recipient")
    assert [(f.subject, f.severity) for f in told] == [("copy@arxxwalls.com", Severity.HIGH)]
    for clean in (
        receipt(99, "Cc: finance@shop.example\r\n"),  # an internal copy is none of the customer's doing
        receipt(99, "Cc: finance@shop.example\r\n", "qa@shop.example"),
        receipt(99, who="qa@shop.example"),
    ):
        assert found(guard, clean, "extra-recipient") == []
    guard.learn(receipt(number, "Cc: joe@shop.example\r\n") for number in range(3))  # it may show two
    assert found(guard, beside, "extra-recipient") == []


def test_hidden_recipients_that_come_and_go_have_no_shape_until_it_is_old() -> None:
    guard = with_archive(15)
    for number in range(15):
        guard.baseline.learn(Message.from_bytes(receipt(number), Envelope("", ("jane@client-1.example",))))
    more = ("audit@vault.example", "copy@vault.example")
    assert hidden_copy(guard, "Bcc: audit@vault.example\r\n", more) == []
    for number in range(1_000):
        guard.baseline.learn(Message.from_bytes(receipt(number), Envelope("", (f"jane@client-{number}.example",))))
    assert [f.subject for f in hidden_copy(guard, "Bcc: audit@vault.example\r\n", more)] == ["copy@vault.example"]


def test_a_copy_on_the_side_is_a_hidden_recipient() -> None:
    """A relay that writes each recipient a copy of his own: only the return path tells for whom the message was."""
    guard = Guard()
    for number in range(30):
        path = f"b+1-jane=client-{number}.example@esp.example"
        guard.baseline.learn(Message.from_bytes(receipt(number), Envelope(path, (f"jane@client-{number}.example",))))
    for who, subjects in (("copy@arxxwalls.com", ["arxxwalls.com"]), ("joe@client-99.example", [])):
        envelope = Envelope("b+1-jane=client-99.example@esp.example", (who,), complete=False)
        told = strangers(guard, receipt(99, who=who), envelope)
        assert [(f.subject, f.severity) for f in told] == [(subject, Severity.HIGH) for subject in subjects]
        stamped = Envelope("b+aecbbfaf-joe.x=gmail.com@esp.example", ("joe.x@gmail.com",), complete=False)
        assert found(guard, receipt(99, who="joe.x@gmail.com"), "extra-recipient", envelope=stamped) == []
        alias = receipt(99, "X-Original-To: office@client-99.example\r\n", who)
        assert found(guard, alias, "extra-recipient", envelope=envelope) == []


def test_the_members_of_an_alias_are_no_hidden_recipients() -> None:
    guard = with_archive(archive=())
    octets = receipt(99, "X-Original-To: jane@client-99.example\r\n")
    members = ("ann@client-99.example", "bob@elsewhere.example")
    expanded = Envelope("b@shop.example", members)
    assert strangers(guard, octets, expanded) == []
    guard.baseline.learn(Message.from_bytes(octets, expanded))
    assert guard.baseline.streams["-/template:receipt"].roles["hidden"].values.keys() == {"0"}  # type: ignore[union-attr]
    assert guard.baseline.streams["-/template:receipt"].roles["envelope"].values == {}
    for envelope in (Envelope("", ("jane@client-99.example", *members)), Envelope("", members, complete=True)):
        assert strangers(guard, octets, envelope)


def test_an_address_elsewhere_in_the_header_shows_nobody() -> None:
    guard = with_archive(archive=())
    octets = receipt(99, "Reply-To: copy@arxxwalls.com\r\nX-Note: copy@arxxwalls.com\r\n")
    envelope = Envelope("b@shop.example", ("copy@arxxwalls.com",), complete=False)
    assert [f.subject for f in strangers(guard, octets, envelope)] == ["arxxwalls.com"]


def test_a_log_shows_all_recipients() -> None:
    def entry(number: int, *others: str) -> Message:
        to = (f"jane@client-{number}.example", *others)
        return Message.from_bytes(b"", Envelope("shop@shop.example", to), stage="event")

    guard = Guard()
    guard.learn(entry(number) for number in range(25))
    report = guard.check(entry(99, "copy@arxxwalls.com"))
    assert [(f.rule, f.severity) for f in report.findings] == [("extra-recipient", Severity.HIGH)]


def test_too_little_history_says_nothing_of_shape() -> None:
    assert found(learned(19), receipt(99, "Cc: copy@arxxwalls.com\r\n"), "extra-recipient") == []


def group(number: int, *others: str) -> bytes:
    """A stream in which two unrelated recipients are nothing special: a third of its mail has an agency in Cc."""
    cc = ", ".join((*((f"agent@agency-{number}.example",) if number % 3 == 0 else ()), *others))
    return receipt(number, f"Cc: {cc}\r\n" if cc else "")


def test_a_rider_is_found_beside_its_third_partner_in_a_stream_of_open_shape() -> None:
    guard = Guard()
    guard.learn(group(number) for number in range(200))
    reports = [guard.observe(group(number, "copy@arxxwalls.com")) for number in range(200, 204)]
    flagged = [[f.subject for f in report.findings if f.rule == "riding-recipient"] for report in reports]
    assert flagged[0] == []
    assert ["copy@arxxwalls.com"] in flagged[:4]


def test_where_most_mail_is_to_groups_nobody_is_a_rider() -> None:
    guard = Guard()
    for number in range(300):
        guard.observe(receipt(number, f"Cc: a{number % 50}@list.example, b{number % 40}@other.example\r\n"))
    for number in range(300, 330):
        report = guard.observe(receipt(number, f"Cc: a{number % 50}@list.example, new@third.example\r\n"))
        assert [f for f in report.findings if f.rule == "riding-recipient"] == [], number


def test_a_resident_and_a_rare_companion_stay_silent() -> None:
    guard = Guard()
    for number in range(400):
        others = ["audit@vault.example"]
        if number % 100 == 50:  # one in a hundred
            others.append("tax@accountant.example")
        report = guard.observe(group(number, *others))
        assert [f for f in report.findings if f.rule == "riding-recipient"] == [], number


def test_an_account_has_riders_of_its_own() -> None:
    guard = Guard()
    for account in ("one", "two"):
        for number in range(30):
            guard.observe(group(number), account=account)
    for number in range(30, 34):
        guard.observe(group(number, "copy@arxxwalls.com"), account="one")
    leaky = group(50, "copy@arxxwalls.com")
    assert found(guard, leaky, "riding-recipient", account="one")
    assert found(guard, leaky, "riding-recipient", account="two") == []


def test_one_rider_hides_no_other() -> None:
    """One who was found out is left aside like a resident; otherwise his company would make every message a group."""
    known, naive = Riders(), Riders()
    for number in range(30):
        for state_of in (known, naive):
            state_of.learn({f"c{number}@c{number}.example": f"c{number}.example"})
    aside = {"old@first.example"}
    for number in range(1_000):
        parties = {f"c{number}@c{number}.example": f"c{number}.example", "old@first.example": "first.example"}
        known.learn(parties, aside=aside)
        naive.learn(parties)
    seen = []
    for number in range(6):
        parties = {
            f"d{number}@d{number}.example": f"d{number}.example",
            "old@first.example": "first.example",
            "new@second.example": "second.example",
        }
        seen.append(
            (
                "new@second.example" in known.riders_in(parties, aside=aside),
                "new@second.example" in naive.riders_in(parties),
            )
        )
        known.learn(parties, aside=aside)
        naive.learn(parties)
    assert seen[-1] == (True, False)
    assert known.traffic.groups == 6  # those with two strangers besides the customer


def test_to_stand_beside_a_stranger_counts_for_nobody_else() -> None:
    known = Riders()
    known.learn({"c@c.example": "c.example", "old@first.example": "first.example"}, aside={"first.example"})
    assert (known.count("c@c.example"), known.count("old@first.example")) == (0, 1)


# ---- the file

KEY = bytes(range(32))


def riding(baseline: Baseline) -> Guard:
    """A guard that has seen one address beside two unrelated ones; the next one is the third."""
    guard = Guard(baseline=baseline)
    for number in range(30):
        guard.observe(group(number), now=datetime(2026, 3, 1, tzinfo=UTC))
    for number in range(30, 32):
        guard.observe(group(number, "copy@arxxwalls.com"), now=datetime(2026, 3, 2, tzinfo=UTC))
    return guard


def test_who_rides_along_is_known_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    riding(Baseline(KEY)).baseline.save(path)
    assert found(Guard(baseline=Baseline.load(path, KEY)), group(50, "copy@arxxwalls.com"), "riding-recipient")
    assert not found(Guard(baseline=Baseline.load(path, KEY)), group(50, "other@arxxwalls.com"), "riding-recipient")
    assert not found(Guard(baseline=Baseline.load(path)), group(50, "copy@arxxwalls.com"), "riding-recipient")


def test_no_file_tells_an_address(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    baseline = riding(Baseline(KEY)).baseline
    baseline.save(path)
    text, (riders,) = path.read_text(), [r for place, r in baseline.riders.items() if place.endswith("/account:")]
    assert len(json.loads(text)["riders"]["-/account:"]["companions"]) == len(riders.companions) > 10
    assert "copy" not in text
    assert "agent" not in text
    riding(Baseline()).baseline.save(path)
    assert json.loads(path.read_text())["riders"]["-/account:"]["companions"] == {}


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda riders: riders.pop("companions"), "riders['-/account:'] has no object of companions"),
        (lambda riders: riders.pop("days"), "riders['-/account:'] has no object of days"),
        (lambda riders: riders.update(forgotten=-1), "riders['-/account:'].forgotten is not a whole number"),
        (lambda riders: riders["days"].update(x="1 0 0"), "riders['-/account:'].days['x'] is no day"),
        (lambda riders: riders["days"].update({"-": "1 x 0"}), "days['-'] is not messages, groups and crowds"),
        (lambda riders: riders["days"].update({"-": "1 2 0"}), "days['-'] is out of range"),
        (lambda riders: riders["companions"].update(a="1 -"), "riders['-/account:'].companions['a'] is out of range"),
        (lambda riders: riders["companions"].update(b="1 x"), "companions['b'] is not count, day"),
        (lambda riders: riders["companions"].update(b=5), "companions['b'] is not count, day"),
    ],
)
def test_a_spoiled_record_is_named(tmp_path: Path, change: object, place: str) -> None:
    path = tmp_path / "baseline.json"
    riding(Baseline(KEY)).baseline.save(path)
    data = json.loads(path.read_text())
    change(data["riders"]["-/account:"])  # type: ignore[operator]
    path.write_text(json.dumps(data))
    with pytest.raises(BaselineError) as caught:
        Baseline.load(path)
    assert place in str(caught.value)


def test_what_was_forgotten_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from headerguard.upkeep import described

    assert not [line for line in described(riding(Baseline(KEY)).baseline, None) if "forgotten" in line]
    monkeypatch.setattr(riders, "CAP", 10)
    baseline = riding(Baseline(KEY)).baseline
    baseline.save(tmp_path / "b.json")
    (account, stream) = [line for line in described(Baseline.load(tmp_path / "b.json"), None) if "forgotten" in line]
    assert "companions were forgotten, as there are too many" in account
    assert stream.startswith("stream 'template:receipt'")


def test_what_a_crowded_message_leaves_can_be_read_again() -> None:
    riders = Riders(Pseudonyms(b"k" * 16).of_text)
    parties = {f"jane@client{number}.example": f"client{number}.example" for number in range(20)}
    riders.learn(parties, 738_000)
    again = riders_at(riders_record(riders))
    assert again.companions == riders.companions
    assert {len(rider.partners) for rider in again.companions.values()} == {16}


def test_a_mailing_is_counted_and_crowds_nobody_out() -> None:
    riders = Riders(Pseudonyms(b"k" * 16).of_text)
    riders.learn({f"jane@client{number}.example": f"client{number}.example" for number in range(MAILING + 1)}, 738_000)
    assert (riders.traffic, riders.companions) == (Traffic(1, 1, 1), {})
    riders.learn({f"c{number}@client.example": "client.example" for number in range(MAILING + 1)}, 738_000)
    assert riders.traffic == Traffic(2, 1, 1)
