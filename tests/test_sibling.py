"""Copies of one message that a relay or a program writes for each recipient apart."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from headerguard import Baseline, Envelope, Finding, Guard, Message, Severity
from headerguard.profile import APART
from headerguard.sibling import KEPT

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
STRANGER = "copy@arxxwalls.com"


def copy(
    number: int, to: str = "", *, seconds: int = 0, more: str = "", subject: str = "", name: str = "", taken: str = ""
) -> bytes:
    """The copy of a receipt for one of its recipients; what it shares with others is all that is given."""
    own = f"m{number}.{to.replace('@', '.')}"
    name, taken = name or own, taken or f"Q{own}"
    lines = (
        f"Received: from app.shop.example by out.esp.example with ESMTPS\r\n\tid {taken}; {format_datetime(NOON)}",
        "From: shop@shop.example",
        f"To: {to or f'jane@client-{number}.example'}",
        f"Subject: {subject or 'Your receipt'}",
        f"Date: {format_datetime(NOON + timedelta(minutes=5 * number, seconds=seconds))}",
        f"Message-ID: <{name}@esp.example>",
        "X-PM-Tag: receipt",
    )
    return ("\r\n".join(lines) + f"\r\n{more}\r\n").encode()


def settled(count: int = 30) -> Guard:
    """A guard that knows a stream in which every message has one recipient."""
    guard = Guard()
    for number in range(count):
        guard.observe(copy(number))
    return guard


def extra(guard: Guard, octets: bytes, **more: object) -> list[Finding]:
    """What is said of one recipient too many, which is learned."""
    report = guard.observe(octets, **more)  # type: ignore[arg-type]
    assert report.failures == ()
    return [finding for finding in report.findings if finding.rule == "extra-recipient"]


SHARED = [
    {"name": "same"},
    {"taken": "4bXy7Q1z9T"},
    {"subject": "Your receipt 482913"},
    {"subject": "=?utf-8?Q?Ihre_Best=C3=A4tigung_482913?="},
    {"subject": "Order 20267302"},
    {"subject": "Order 48291 of 20260302"},
]
FOLDED = [
    ("Your receipt 482913", "Your receipt\r\n 482913"),
    ("=?utf-8?Q?Ihre_Best=C3=A4tigung_482913?=", "=?utf-8?Q?Ihre_Best=C3=A4?=\r\n =?utf-8?B?dGlndW5nIDQ4MjkxMw==?="),
]


@pytest.mark.parametrize(
    "shared", SHARED, ids=["message-id", "queue id", "number", "encoded number", "no day", "beside a day"]
)
def test_who_gets_a_copy_apart_is_found_on_the_first_message(shared: dict[str, str]) -> None:
    guard = settled()
    assert extra(guard, copy(99, **shared)) == []  # type: ignore[arg-type]
    (finding,) = extra(guard, copy(99, STRANGER, seconds=1, **shared))
    assert (finding.subject, finding.severity) == (STRANGER, Severity.HIGH)
    assert finding.evidence[0].text == STRANGER
    (again,) = extra(guard, copy(100, STRANGER, **shared)) or extra(guard, copy(100, seconds=1, **shared))  # type: ignore[arg-type]
    assert again.severity is Severity.HIGH  # it was not learned


@pytest.mark.parametrize(("first", "second"), FOLDED, ids=["plain", "encoded"])
def test_a_subject_is_the_same_however_a_server_folds_it(first: str, second: str) -> None:
    guard = settled()
    extra(guard, copy(99, subject=first))
    assert [f.subject for f in extra(guard, copy(99, STRANGER, subject=second))] == [STRANGER]


@pytest.mark.parametrize(
    ("busy", "code", "found"),
    [(30, "482913", []), (30, "4829135702", [STRANGER]), (3, "482913", [STRANGER])],
    ids=["short", "long", "quiet"],
)
def test_where_codes_come_fast_two_are_the_same_by_chance_if_they_are_short(
    busy: int, code: str, found: list[str]
) -> None:
    guard = settled()
    for number in range(busy):
        assert extra(guard, copy(99, f"c@client-{number}.example", subject=f"Your code {700_000 + number}")) == []
    extra(guard, copy(99, subject=f"Your code {code}"))
    copies = copy(99, STRANGER, seconds=1, subject=f"Your code {code}")
    assert [finding.subject for finding in extra(guard, copies)] == found


@pytest.mark.parametrize("empty", ["", " <>"], ids=["nothing", "brackets"])
def test_an_empty_message_id_is_shared_with_nobody(empty: str) -> None:
    guard = settled()
    copies = [re.sub(rb"Message-ID:.*", f"Message-ID:{empty}".encode(), copy(99, to)) for to in ("", STRANGER)]
    assert [extra(guard, octets) for octets in copies] == [[], []]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {}),
        ({"name": "same"}, {"name": "same", "seconds": 61}),
        ({"name": "same"}, {"name": "same", "to": "joe@client-99.example"}),
        ({"name": "same"}, {"name": "same", "to": "finance@shop.example"}),
        ({"name": "same"}, {"name": "same", "to": "ann@arxxwalls.com", "more": "X-Original-To: team@else.example\r\n"}),
        ({"taken": "15.20.7452.34"}, {"taken": "15.20.7452.34"}),
        ({"subject": "Report 20260302"}, {"subject": "Report 20260302"}),
        ({"subject": "Report 02032026"}, {"subject": "Report 02032026"}),
        ({"subject": "Job 202603021200"}, {"subject": "Job 202603021200"}),
        ({"subject": "Job 20260302T120059Z"}, {"subject": "Job 20260302T120059Z"}),
        ({"subject": "Report 2026"}, {"subject": "Report 2026"}),
    ],
    ids=[
        "nothing",
        "a minute later",
        "a colleague",
        "at home",
        "alias",
        "version",
        "day",
        "day first",
        "minute",
        "second",
        "year",
    ],
)
def test_what_is_no_copy_of_the_same_message_stays_silent(first: dict[str, str], second: dict[str, str]) -> None:
    guard = settled()
    extra(guard, copy(99, **first))  # type: ignore[arg-type]
    assert extra(guard, copy(99, **{"to": STRANGER, "seconds": 1, **second})) == []  # type: ignore[arg-type]


def test_a_declared_recipient_may_get_a_copy_apart() -> None:
    guard = settled()
    both = ["jane@client-99.example", STRANGER]
    assert extra(guard, copy(99, name="same"), recipients=both) == []
    assert extra(guard, copy(99, STRANGER, name="same"), recipients=both) == []


def test_an_archive_may_get_a_copy_apart_in_any_order_and_a_second_one_not() -> None:
    """Whom the stream has copied in secret before is no party."""
    archive, guard = "audit@vault.example", Guard()
    for number in range(30):
        guard.observe(copy(number, more=f"Bcc: {archive}\r\n"))
    for number, order in ((40, ("", archive)), (41, (archive, ""))):
        assert [extra(guard, copy(number, to, name=f"same{number}")) for to in order] == [[], []]
    found = [extra(guard, copy(42, to, name="same")) for to in (archive, "", "other@vault.example")]
    assert [[f.subject for f in one] for one in found] == [[], [], ["other@vault.example"]]


def test_a_stamp_that_names_who_gets_the_copy_is_no_alias() -> None:
    """Postfix writes one into all that it delivers."""
    guard = settled()
    extra(guard, copy(99, name="same", more="X-Original-To: jane@client-99.example\r\n"))
    found = extra(guard, copy(99, STRANGER, name="same", more=f"X-Original-To: {STRANGER}\r\n"))
    assert [finding.subject for finding in found] == [STRANGER]


def test_an_archive_that_is_hidden_in_its_own_copies_makes_no_habit_of_dividing() -> None:
    """It would be learned as one before it is known as an archive, and again in each new stream of the author."""
    archive, guard = "audit@vault.example", Guard()
    for number in range(30):
        for who in (f"jane@client-{number}.example", archive):
            envelope = Envelope("bounce@shop.example", (who,))
            assert (
                extra(guard, copy(number, f"jane@client-{number}.example", name=f"m{number}"), envelope=envelope) == []
            )
    extra(guard, copy(99, name="same"), envelope=Envelope("", ("jane@client-99.example",)))
    found = extra(guard, copy(99, STRANGER, name="same"), envelope=Envelope("", (STRANGER,)))
    assert [finding.subject for finding in found] == [STRANGER]


def test_a_stream_that_divides_its_messages_may_go_on_doing_so() -> None:
    """What came in its first messages is its habit; one copy more than that is none until it is old."""
    guard = Guard()
    for number in range(30):
        for to in ("", f"agent@agency-{number}.example"):
            assert extra(guard, copy(number, to, name=f"same{number}")) == []
    extra(guard, copy(99, name="same"))
    assert extra(guard, copy(99, "agent@agency-99.example", name="same")) == []
    assert extra(guard, copy(99, STRANGER, name="same")) == []
    for number in range(100, 1_100):
        guard.observe(copy(number))
    extra(guard, copy(2_000, name="x"))
    assert extra(guard, copy(2_000, "agent@agency-99.example", name="x")) == []
    assert [f.subject for f in extra(guard, copy(2_000, STRANGER, name="x"))] == [STRANGER]


def test_where_one_message_shows_several_parties_copies_may_go_to_as_many() -> None:
    guard = Guard()
    for number in range(60):
        guard.observe(copy(number, more=f"Cc: agent@agency-{number}.example\r\n" if number % 3 else ""))
    for to in ("", STRANGER):
        assert extra(guard, copy(99, to, name="same")) == []


def test_how_a_stream_divides_messages_is_kept(tmp_path: Path) -> None:
    guard = Guard()
    for number in range(3):
        for to in ("", "agent@agency.example"):
            guard.observe(copy(number, to, name=f"same{number}"))
    guard.baseline.save(tmp_path / "baseline.json")
    loaded = Baseline.load(tmp_path / "baseline.json")
    for baseline, count in ((loaded, 3), (loaded.merge(guard.baseline), 6)):
        values = baseline.streams["-/tag:receipt"].roles[APART].values or {}
        assert {value: seen.count for value, seen in values.items()} == {"1": count}


def test_no_more_is_remembered_than_so_many_ids() -> None:
    baseline = Baseline()
    for number in range(KEPT // 2 + 10):
        baseline.learn(Message.from_bytes(copy(number, "jane@client.example"), Envelope("", ("jane@client.example",))))
    assert len(baseline.siblings) == KEPT


def test_of_an_address_that_nobody_has_nothing_is_remembered() -> None:
    baseline = Baseline()
    baseline.learn(Message.from_bytes(copy(1, f"{'x' * 10_000}@client.example")))
    assert len(baseline.siblings) == 0
    baseline.learn(Message.from_bytes(copy(1, f"{'x' * 64}@client.example")))
    assert len(baseline.siblings) == 2


def test_what_is_learned_of_no_level_is_no_copy_either() -> None:
    baseline = Baseline()
    baseline.learn(Message.from_bytes(copy(1)), ())
    assert (len(baseline.siblings), baseline.streams) == (0, {})


def test_a_copy_without_a_date_is_of_no_message() -> None:
    guard = settled()
    copies = [copy(99, to, name="same").replace(b"\r\nDate:", b"\r\nX-Date:") for to in ("", STRANGER)]
    assert [extra(guard, octets) for octets in copies] == [[], []]
