"""Another address at a familiar domain: what is flagged, how much it weighs, and the twins that stay silent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from headerguard import Envelope, Guard, Message, Severity
from headerguard.config import parse
from headerguard.finding import Finding
from headerguard.role_history import ENOUGH

ID = "unfamiliar-address"
USUAL = (
    "Reply-To: help@desk.example",
    "Bcc: shop@vault.example",
    "Return-Path: <bounce@esp.example>",
    "Cc: team@shop.example",
)


def mail(number: int, *more: str, author: str = "shop@shop.example", envelope: Envelope | None = None) -> Message:
    lines = (f"From: {author}", f"To: c{number}@client-{number}.example", "X-PM-Tag: receipt", *more)
    return Message.from_bytes("".join(f"{line}\r\n" for line in lines).encode(), envelope, stage="submitted")


def taught(messages: Iterable[Message], **config: Any) -> Guard:
    guard = Guard(config=parse({key.replace("_", "-"): value for key, value in config.items()}))
    guard.learn(messages)
    return guard


def usual(count: int = ENOUGH, lines: Sequence[str] = USUAL) -> list[Message]:
    return [mail(number, *lines) for number in range(count)]


def with_line(line: str) -> list[str]:
    """The usual fields with one of them changed."""
    name = line.partition(":")[0]
    return [line if known.startswith(name) else known for known in USUAL]


def said(guard: Guard, message: Message, **asked: Any) -> list[Finding]:
    report = guard.check(message, **asked)
    assert report.failures == ()
    return [finding for finding in report.findings if finding.rule == ID]


@pytest.mark.parametrize(
    ("line", "subject", "severity"),
    [
        ("Bcc: other@vault.example", "other@vault.example", Severity.HIGH),
        ("Bcc: shop@vault.example, other@vault.example", "other@vault.example", Severity.HIGH),
        ("Bcc: shop@vault.example\r\nX-MC-BccAddress: other@vault.example", "other@vault.example", Severity.HIGH),
        ("Reply-To: other@desk.example", "other@desk.example", Severity.MEDIUM),
        ("Reply-To: ticket-4711@desk.example", "ticket-#@desk.example", Severity.MEDIUM),
        ("Return-Path: <other@esp.example>", "other@esp.example", Severity.LOW),
        ("Cc: other@shop.example", "other@shop.example", Severity.LOW),
    ],
)
def test_another_address_at_a_familiar_domain(line: str, subject: str, severity: Severity) -> None:
    findings = said(taught(usual()), mail(99, *with_line(line)))
    assert [(finding.subject, finding.severity) for finding in findings] == [(subject, severity)]


@pytest.mark.parametrize(
    "line",
    [
        "Bcc: Shop@VAULT.example",
        "Bcc: shop+2@vault.example",
        "Bcc: other@collector.example",  # the rules on domains speak of that
        "Bcc: shop@shop.example",  # a copy to the author himself
        "Bcc: c99@client-99.example",  # who is shown is not hidden
        "Reply-To: help+4711@desk.example",
        "Return-Path: <prvs=1234abcd=bounce@esp.example>",
        "Return-Path: <>",
    ],
)
def test_the_same_mailbox_and_what_others_speak_of(line: str) -> None:
    assert said(taught(usual()), mail(99, *with_line(line))) == []


def test_the_one_recipient_that_the_envelope_alone_names() -> None:
    def copy(number: int, hidden: str) -> Message:
        return mail(number, envelope=Envelope("b@esp.example", (f"c{number}@client-{number}.example", hidden)))

    guard = taught(copy(number, "shop@vault.example") for number in range(ENOUGH))
    (finding,) = said(guard, copy(99, "other@vault.example"))
    assert (finding.severity, finding.evidence[0].field) == (Severity.HIGH, "rcpt to")
    assert said(guard, copy(99, "shop@vault.example")) == []


def test_what_one_hidden_role_has_shown_another_may() -> None:
    """A relay turns the field into the envelope."""
    guard = taught(usual())
    recipients = ("c99@client-99.example", "shop@vault.example")
    assert said(guard, mail(99, *USUAL[:1], envelope=Envelope("bounce@esp.example", recipients))) == []


def test_an_expanded_alias_is_a_remark() -> None:
    lines = ("X-Original-To: c99@client-99.example",)
    envelope = Envelope("bounce@esp.example", ("other@vault.example",))
    (finding,) = said(taught(usual()), mail(99, *lines, envelope=envelope))
    assert finding.severity is Severity.LOW


def test_free_mail_and_authors_weigh_more_than_what_is_at_home() -> None:
    lines = ("Return-Path: <shop@gmail.com>", "Reply-To: shop@gmail.com")
    guard = taught(usual(lines=lines))
    findings = said(guard, mail(99, "Return-Path: <other@gmail.com>", "Reply-To: other@gmail.com"))
    assert [finding.severity for finding in findings] == [Severity.MEDIUM] * 2
    other = mail(99, *lines, author="other@shop.example")
    assert [finding.severity for finding in said(guard, other)] == [Severity.MEDIUM]
    assert said(taught(usual(lines=lines), own_domains=["shop.example"]), other)[0].severity is Severity.LOW


@pytest.mark.parametrize(("at", "severity"), [("shop.example", Severity.MEDIUM), ("vault.example", Severity.HIGH)])
def test_a_hidden_colleague_weighs_less_than_a_hidden_customer_of_the_archive(at: str, severity: Severity) -> None:
    guard = taught(usual(lines=(f"Bcc: one@{at}",)))
    assert said(guard, mail(99, f"Bcc: other@{at}"))[0].severity is severity


@pytest.mark.parametrize(
    "history",
    [
        usual(ENOUGH - 1),
        [mail(number, f"Bcc: m{number}@vault.example") for number in range(40)],
        [mail(number, f"Bcc: {'abc'[number % 3]}{number // 30}@vault.example") for number in range(100)],
        [*usual(40), mail(50, "Bcc: new@vault.example"), *usual(10)],
    ],
    ids=["too little", "always another", "a few that change", "one that is new itself"],
)
def test_a_role_that_is_not_constant_is_not_judged(history: list[Message]) -> None:
    assert said(taught(history), mail(99, "Bcc: other@vault.example")) == []


def test_one_exception_long_ago_does_not_take_the_protection_from_a_hidden_role() -> None:
    history = [*usual(40), mail(50, "Bcc: once@vault.example", "Cc: once@shop.example"), *usual(200)]
    guard = Guard()
    for day, message in enumerate(history):
        guard.baseline.learn(message, day=739_000 + day)
    findings = said(guard, mail(99, "Bcc: other@vault.example", "Cc: other@shop.example"))
    assert [finding.subject for finding in findings] == ["other@vault.example"]  # in Cc people come and go


def dated(*days: list[Message]) -> Guard:
    """A guard that learned some messages on each of several days."""
    guard = Guard()
    for day, messages in enumerate(days):
        for message in messages:
            guard.baseline.learn(message, day=739_000 + day)
    return guard


def copies(count: int, *to: str) -> list[Message]:
    return [mail(number, f"Bcc: {to[number % len(to)]}@vault.example") for number in range(count)]


@pytest.mark.parametrize(
    "days",
    [
        (copies(1000, "shop"), copies(1, "new")),
        (copies(24, "a", "b", "c"), [mail(number) for number in range(500)]),
        (copies(25, "shop"), copies(5, *"abcde"), copies(25, "shop")),
    ],
    ids=["one that came just now", "none of them common", "many that were seen once"],
)
def test_a_hidden_role_that_shows_new_addresses_is_not_judged(days: tuple[list[Message], ...]) -> None:
    assert said(dated(*days), mail(99, "Bcc: other@vault.example")) == []
    assert said(dated(copies(25, "shop")), mail(99, "Bcc: other@vault.example"))


def test_a_copy_to_the_author_himself_tells_nobody_else() -> None:
    guard = taught(usual(lines=("Bcc: one@shop.example",)))
    assert said(guard, mail(99, "Bcc: shop@shop.example")) == []


def test_who_is_expected_in_one_hidden_role_is_so_in_the_envelope() -> None:
    guard = taught([], streams={"receipts": {"expected": {"bcc": ["other@vault.example"]}}})
    for message in usual():
        guard.observe(message, stream="receipts")
    envelope = Envelope("bounce@esp.example", ("c99@client-99.example", "other@vault.example"))
    assert said(guard, mail(99, envelope=envelope), stream="receipts") == []


def test_what_is_declared_or_allowed_is_silent() -> None:
    message = mail(99, *with_line("Bcc: other@vault.example"))
    bound = {"receipts": {"expected": {"bcc": ["other@vault.example"]}}}
    history = [mail(number, *USUAL) for number in range(ENOUGH)]
    for config in ({"streams": bound}, {"allow": [{"subject": "other@vault.example", "reason": "moved"}]}):
        guard = taught([], **config)
        for one in history:
            guard.observe(one, stream="receipts")
        assert said(guard, message, stream="receipts") == []
    assert said(taught(history), message, recipients=["c99@client-99.example"], blind=["other@vault.example"]) == []


def test_what_is_flagged_does_not_become_known_and_an_allowance_lets_it() -> None:
    tapped = [mail(number, "Bcc: other@vault.example") for number in range(100, 200)]
    guard = taught(usual())
    assert all(guard.observe(message).worst is Severity.HIGH for message in tapped)
    guard = taught(usual(), allow=[{"subject": "other@vault.example", "reason": "moved"}])
    assert not any(guard.observe(message).findings for message in tapped)
    assert guard.baseline.streams["-/tag:receipt"].roles["bcc"].messages == ENOUGH  # an address alone was allowed


def test_a_stranger_who_drips_in_slowly_gains_nothing_by_it() -> None:
    guard = taught(usual(40))
    for number in range(100, 1000):
        tapped = number % 50 == 0
        report = guard.observe(mail(number, *(with_line("Bcc: other@vault.example") if tapped else USUAL)))
        assert (report.worst is Severity.HIGH) is tapped
    assert said(guard, mail(1001, *with_line("Bcc: third@vault.example")))


def test_under_another_key_nothing_is_said_of_addresses() -> None:
    guard = taught(usual())
    guard.baseline = type(guard.baseline)(b"k" * 16).merge(guard.baseline)
    assert said(guard, mail(99, *with_line("Bcc: other@vault.example"))) == []
