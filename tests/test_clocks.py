"""Clocks that are wrong: whatever date a message has or lacks, nothing crashes, ages, or becomes less protected."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headerguard import Baseline, Guard, Message
from headerguard.incident import Incident

_FIRST = date(2026, 3, 1)
WRONG = (
    "Thu, 1 Jan 1970 00:00:00 +0000",
    "Wed, 31 Dec 2099 23:59:59 +0000",
    "Fri, 31 Dec 9999 23:59:59 +0000",
    "Mon, 1 Jan 0000 00:00:00 +0000",
    "Sun, 1 Mar 2026 25:61:61 +9999",
    "yesterday",
    "",
    None,
)
"""Dates that no message of the history has; None: no field."""


def dated(number: int) -> str:
    return f"{_FIRST + timedelta(days=number // 10):%a, %d %b %Y} 10:00:00 +0000"


def receipt(number: int, when: str | None, more: str = "") -> bytes:
    lines = f"From: shop@shop.example\r\nTo: c{number}@client-{number}.example\r\nX-PM-Tag: receipt\r\n{more}"
    return (lines + ("" if when is None else f"Date: {when}\r\n") + "\r\n").encode()


def observed(guard: Guard, dates: list[str | None]) -> list[tuple[str, str]]:
    """Rule and subject of all findings on clean mail with these dates."""
    reports = [guard.observe(receipt(number, when)) for number, when in enumerate(dates)]
    assert not [failure for report in reports for failure in report.failures]
    return [(finding.rule, finding.subject) for report in reports for finding in report.findings]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(WRONG), st.integers(0, 600).map(dated)), min_size=40, max_size=60))
def test_clean_mail_is_clean_and_a_stranger_is_found_whatever_the_dates(dates: list[str | None]) -> None:
    guard = Guard()
    assert observed(guard, dates) == []
    for when in (*WRONG, dated(3)):
        report = guard.check(receipt(99, when, "Bcc: copy@arxxwalls.com\r\n"))
        assert "arxxwalls.com" in {finding.subject for finding in report.findings}, when


@pytest.mark.parametrize("wrong", WRONG)
def test_one_wrong_date_ages_nothing(wrong: str | None) -> None:
    """A message from another century is a message; what was known before stays known, with the days that it has."""
    right = [dated(number) for number in range(60)]
    plain, guard = Guard(), Guard()
    observed(plain, [*right])
    observed(guard, [*right[:30], wrong, *right[30:]])
    known, expected = (g.baseline.streams["-/tag:receipt"] for g in (guard, plain))
    assert known.messages == expected.messages + 1
    assert {role for role in known.roles if known.roles[role].closed} == {
        role for role in expected.roles if expected.roles[role].closed
    }
    days = {day: count for day, count in known.days.items() if day in expected.days}
    assert days == expected.days
    copied = receipt(99, dated(61), "Bcc: copy@arxxwalls.com\r\n")
    assert [f.key for f in guard.check(copied).findings] == [f.key for f in plain.check(copied).findings]


@pytest.mark.parametrize("wrong", WRONG)
def test_an_incident_is_told_at_the_same_messages_whatever_one_date_says(wrong: str | None) -> None:
    guard = Guard()
    observed(guard, [dated(number) for number in range(60)])
    told: list[Incident] = []
    for number in range(12):
        when = wrong if number == 4 else dated(60 + number)
        told += guard.observe(receipt(number, when, "Bcc: copy@arxxwalls.com\r\n")).incidents
    assert [incident.messages for incident in told if incident.due] == [1, 3, 10]


def test_parts_with_wrong_dates_join_to_the_same_in_any_order() -> None:
    messages = [Message.from_bytes(receipt(n, when)) for n, when in enumerate([*WRONG, *map(dated, range(20))])]
    parts = []
    for half in (messages[::2], messages[1::2]):
        guard = Guard(baseline=Baseline(bytes(16)))
        guard.learn(half)
        parts.append(guard.baseline)
    whole = Guard(baseline=Baseline(bytes(16))).learn(messages)
    one, other = parts
    assert one.merge(other).streams == other.merge(one).streams == whole.streams
