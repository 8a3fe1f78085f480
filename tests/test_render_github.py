"""Workflow commands: read back the way the runner of GitHub Actions reads them."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headerguard.finding import Failure, Finding, Report, Severity
from headerguard.message import Message, Origin
from headerguard.rendering import Tally, render
from test_render import HISTORY, RECEIPT, at, clean, hostile_reports, receipt, simple


class Command(NamedTuple):
    kind: str
    properties: dict[str, str]
    text: str


def _unescaped(text: str, *more: tuple[str, str]) -> str:
    for code, char in (*more, ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(code, char)
    return text


def read(line: str) -> Command:
    """One line, as the runner takes it apart (ActionCommand.TryParseV2)."""
    assert line.startswith("::")
    head, _, text = line[2:].partition("::")
    kind, _, properties = head.partition(" ")
    pairs = (pair.partition("=") for pair in properties.split(","))
    found = {name: _unescaped(value, ("%3A", ":"), ("%2C", ",")) for name, _, value in pairs}
    return Command(kind, found, _unescaped(text))


def commands(reports: Report | list[Report], **options: str) -> list[Command]:
    text = render(reports, "github", redact=options.get("redact", "none"))
    return [read(line) for line in text.split("\n")] if text else []


def test_a_finding_is_an_annotation_at_its_line() -> None:
    message = Message.from_bytes(RECEIPT, origin=Origin("eml", "mail/0412.eml"))
    finding = Finding(
        "unfamiliar-blind-recipient",
        "arxxwalls.com",
        Severity.HIGH,
        "a hidden copy to arxxwalls.com",
        (at(message, "copy@arxxwalls.com", "bcc", "bcc[1]"),),
        stream="receipts",
        p_value=3.2e-5,
        prior=True,
        history=HISTORY,
    )
    assert commands(Report(message, (finding,))) == [
        Command(
            "error",
            {"file": "mail/0412.eml", "line": "4", "title": "unfamiliar-blind-recipient (high)"},
            "a hidden copy to arxxwalls.com\n"
            "bcc[1]  copy@arxxwalls.com\n"
            "1,904 messages of this stream since 2026-03-01 (last clean one 2026-11-22);"
            " bcc so far: audit@shop.example\n"
            "1 in 31,000 messages (shipped prior)\n"
            "mail/0412.eml of stream 'receipts'",
        )
    ]


def test_the_line_is_that_of_a_folded_field() -> None:
    octets = b"Subject: a\n b\nTo: a@x.example,\n\tb@x.example\n\n"
    message = Message.from_bytes(octets, origin=Origin("eml", "a.eml"))
    finding = Finding("some-rule", "x", Severity.LOW, "x", (at(message, "b@x.example", "to"),))
    (command,) = commands(Report(message, (finding,)))
    assert octets.split(b"\n")[int(command.properties["line"]) - 1] == b"\tb@x.example"


@pytest.mark.parametrize(
    ("origin", "place"),
    [
        (None, {}),
        (Origin("eml"), {}),
        (Origin("eml", "-"), {}),
        (Origin("mboxrd", "archive.mbox", 3), {"file": "archive.mbox"}),
        (Origin("eml", "a,b::c=50%.eml"), {"file": "a,b::c=50%.eml", "line": "4"}),
    ],
)
def test_where_an_annotation_points(origin: Origin | None, place: dict[str, str]) -> None:
    (command,) = commands(receipt(origin=origin))
    assert command.properties == {**place, "title": "unfamiliar-blind-recipient (high)"}


@pytest.mark.parametrize(
    ("severity", "kind"),
    [
        (Severity.CRITICAL, "error"),
        (Severity.HIGH, "error"),
        (Severity.MEDIUM, "warning"),
        (Severity.LOW, "notice"),
    ],
)
def test_kinds(severity: Severity, kind: str) -> None:
    assert [command.kind for command in commands(Report(clean().message, (simple("to", severity=severity),)))] == [kind]


def test_nothing_to_say_is_nothing_said() -> None:
    assert render([clean(), Report(clean().message, allowed=(simple("to"),))], "github") == ""


def test_a_step_gets_ten_of_a_kind_and_the_number_of_the_rest() -> None:
    found = commands([Report(clean().message, tuple(simple("to", severity=s) for s in Severity)) for _ in range(30)])
    assert [command.kind for command in found].count("error") == 10
    assert [command.kind for command in found].count("warning") == 10
    assert [command.kind for command in found].count("notice") == 10
    assert found[-1] == Command(
        "notice",
        {"title": "headerguard"},
        "91 more findings without an annotation; "
        "30 messages, 30 with findings (30 critical, 30 high, 30 medium, 30 low)",
    )


def test_what_fits_is_not_counted_as_missing() -> None:
    found = commands([Report(clean().message, (simple("to"),)) for _ in range(10)])
    assert [command.kind for command in found] == ["warning"] * 10


def test_the_most_severe_come_first_and_displace_the_others() -> None:
    mild = Report(clean().message, (simple("to", "mild", Severity.HIGH),))
    worst = Report(clean().message, (simple("to", "worst", Severity.CRITICAL),))
    found = commands([*[mild] * 20, *[worst] * 4])
    texts = [command.text.split("\n")[0] for command in found if command.kind == "error"]
    assert texts == ["worst"] * 4 + ["mild"] * 6


def test_a_rule_that_failed_is_told_once_and_never_crowded_out_by_less_than_critical() -> None:
    broken = Report(
        clean().message, (simple("to", severity=Severity.HIGH),) * 6, failures=(Failure("broken", "KeyError"),)
    )
    found = commands([broken] * 3)
    errors = [command for command in found if command.kind == "error"]
    assert len(errors) == 10
    assert errors[0] == Command("error", {"title": "broken failed"}, "on 3 messages: KeyError")
    assert found[-1].text.startswith("9 more findings without an annotation; ")


def test_records_that_could_not_be_read_are_told() -> None:
    tally = Tally()
    tally.unreadable = 1
    (command,) = (read(line) for line in render([clean()], "github", tally=tally).split("\n"))
    assert command.text == "1 message, 0 with findings, incomplete: 1 record could not be read"


def test_a_percent_sign_is_no_escape() -> None:
    (command,) = commands(Report(clean().message, (simple("to", "100%0A::error::x"),)))
    assert command.text.split("\n")[0] == "100%0A::error::x"


@given(st.lists(hostile_reports(), max_size=3), st.sampled_from(("none", "local")))
def test_a_command_stays_on_its_line_whatever_the_mail_holds(reports: list[Report], redact: str) -> None:
    text = render(reports, "github", redact=redact)
    lines = text.split("\n") if text else []
    assert text.replace("\n", "").isprintable()
    assert len(lines) <= 30
    for line in lines:
        command = read(line)
        assert re.fullmatch(r"error|warning|notice", command.kind)
        assert set(command.properties) <= {"file", "line", "title"}
        assert all(part.isprintable() for part in command.text.split("\n"))
    text.encode("utf-8")
