"""The guard: what is declared, what is known, what is allowed, what is learned, and what a report says about it."""

from __future__ import annotations

import email.message
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headerguard.baseline import Baseline
from headerguard.config import Allow, Config, parse
from headerguard.errors import ConfigError, FindingsError
from headerguard.fields import Role
from headerguard.finding import Finding, Report, Severity
from headerguard.guard import Guard
from headerguard.known import Known
from headerguard.message import Envelope, Message, Stage
from headerguard.role_history import ENOUGH
from headerguard.rule import Rule
from headerguard.rules import BUILTIN
from headerguard.rules.unexpected_recipient import UnexpectedRecipient
from headerguard.rules.unexpected_reply_path import UnexpectedReplyPath
from headerguard.rules.unfamiliar_domain import UnfamiliarBlindRecipient
from headerguard.sources import read
from strategies import blocks

SHOP = "From: shop@shop.example"


def wire(*lines: str) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1") + b"\r\nbody\r\n"


def found(report: Report, rule: str | None = None) -> list[str]:
    """The subjects of the findings, of one rule or of all."""
    return [finding.subject for finding in report.findings if rule in (None, finding.rule)]


def rules_of(report: Report) -> set[str]:
    return {finding.rule for finding in report.findings}


# ---- which rules are asked -----------------------------------------------------------------------------------

_NAMES = st.sampled_from(("d.example", "e.example", "shop.example", "sh0p.example", "gmail.com"))
_MARKS = ("DKIM-Signature: v=1; d={}; b=x", "List-Unsubscribe: <https://u.{}/u>", "X-Mandrill-User: md_{}")


@st.composite
def letters(draw: st.DrawFn) -> tuple[bytes, Envelope | None]:
    """A message of one stream, from and to few domains."""
    lines = [f"From: shop@{draw(_NAMES)}", "X-PM-Tag: receipt"]
    for name in draw(st.lists(st.sampled_from(("To", "Cc", "Bcc", "Reply-To", "Return-Path")), max_size=3)):
        lines.append(f"{name}: <{draw(st.sampled_from('xy'))}@{draw(_NAMES)}>")
    lines += [mark.format(draw(_NAMES)) for mark in _MARKS if draw(st.booleans())]
    envelope = Envelope(f"b@{draw(_NAMES)}", (f"x@{draw(_NAMES)}",)) if draw(st.booleans()) else None
    return wire(*lines), envelope


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(letters(), st.sampled_from((1, 2, 20))), max_size=4), letters(), st.booleans())
def test_a_rule_that_is_not_asked_has_nothing_to_say(
    history: list[tuple[tuple[bytes, Envelope | None], int]], last: tuple[bytes, Envelope | None], own: bool
) -> None:
    asked_always = [type(rule.__name__, (rule,), {"news": ()}) for rule in BUILTIN]
    config = parse({"own-domains": ["shop.example"]} if own else {})
    sparing, thorough = Guard(BUILTIN, config=config), Guard(asked_always, config=config)
    for guard in (sparing, thorough):
        for (octets, envelope), times in history:
            for _ in range(times):
                guard.observe(octets, envelope)
    assert sparing.check(*last).findings == thorough.check(*last).findings


# ---- what is declared ----------------------------------------------------------------------------------------

INTENT = Guard([UnexpectedRecipient])
JANE = "To: jane@client.example"


def undeclared(*lines: str, envelope: Envelope | None = None, **intent: Any) -> list[str]:
    report = INTENT.check(wire(SHOP, *lines), envelope=envelope, **intent)
    assert report.complete
    return found(report)


@pytest.mark.parametrize(
    "line", ["To: {}", "Cc: {}", "Bcc: {}", "Resent-To: {}", "Resent-Bcc: {}", "X-MC-BccAddress: {}"]
)
def test_recipients_are_an_upper_bound_on_every_destination(line: str) -> None:
    declared = ["jane@client.example"]
    assert undeclared(JANE, line.format("copy@x.example"), recipients=declared) == ["copy@x.example"]
    assert undeclared(JANE, line.format("jane@client.example"), recipients=declared) == []
    assert undeclared(JANE, line.format("copy@x.example"), recipients=[*declared, "copy@x.example"]) == []
    assert undeclared(JANE, line.format("copy@x.example")) == []  # nothing declared, nothing to compare with


@pytest.mark.parametrize(
    "line", ["From: {}", "Sender: {}", "Reply-To: {}", "Return-Path: <{}>", "Delivered-To: {}", "Subject: {}"]
)
def test_they_bound_nothing_else(line: str) -> None:
    assert undeclared(JANE, line.format("copy@x.example"), recipients=["jane@client.example"]) == []


def test_an_absent_declared_address_is_fine_unless_it_is_missed() -> None:
    declared = ["jane@client.example", "joe@client.example", "other.example"]
    assert undeclared(JANE, recipients=declared) == []
    assert undeclared(JANE, recipients=declared, missing=True) == ["joe@client.example"]
    assert undeclared(JANE, recipients=["jane@client.example"], blind=["audit@shop.example"], missing=True) == [
        "audit@shop.example"
    ]
    assert (
        undeclared(
            JANE,
            "Bcc: Audit@shop.example",
            recipients=["jane@client.example"],
            blind=["audit@shop.example"],
            missing=True,
        )
        == []
    )


def test_nobody_declared_is_everybody_undeclared() -> None:
    assert set(undeclared(JANE, "Bcc: copy@x.example", recipients=[])) == {"jane@client.example", "copy@x.example"}


@pytest.mark.parametrize(
    ("blind", "flagged"),
    [
        (None, []),  # the same bound as recipients
        ([], ["jane@client.example"]),  # nobody
        (["jane@client.example"], []),
        (["audit@shop.example"], ["jane@client.example"]),  # a bound of its own, not one more
        (["client.example"], []),
    ],
)
def test_blind_bounds_bcc(blind: list[str] | None, flagged: list[str]) -> None:
    for name in ("Bcc", "Resent-Bcc"):
        assert undeclared(JANE, f"{name}: jane@client.example", recipients=["client.example"], blind=blind) == flagged


def test_whoever_may_be_blind_may_not_be_shown() -> None:
    intent: dict[str, Any] = {"recipients": ["jane@client.example"], "blind": ["audit@shop.example"]}
    assert undeclared(JANE, "Bcc: audit@shop.example", **intent) == []
    assert undeclared(JANE, "Cc: audit@shop.example", **intent) == ["audit@shop.example"]


def test_blind_alone_leaves_the_rest_unbounded() -> None:
    assert undeclared(JANE, "Cc: x@y.example", "Bcc: audit@shop.example", blind=["audit@shop.example"]) == []
    assert undeclared(JANE, "Bcc: copy@x.example", blind=["audit@shop.example"]) == ["copy@x.example"]
    assert undeclared(JANE, "Bcc: copy@x.example", blind=[]) == ["copy@x.example"]


@pytest.mark.parametrize(
    "path", ["copy@x.example", "<copy@x.example>", '"Doe, J" <copy@x.example>', "<@relay.example:copy@x.example>"]
)
def test_the_envelope_is_bounded_by_both(path: str) -> None:
    envelope = Envelope("", ("<jane@client.example>", path))
    declared = ["jane@client.example"]
    assert undeclared(JANE, envelope=envelope, recipients=declared) == ["copy@x.example"]
    assert undeclared(JANE, envelope=envelope, recipients=declared, blind=["copy@x.example"]) == []
    assert undeclared(JANE, envelope=envelope, recipients=declared, blind=[]) == ["copy@x.example"]
    assert undeclared(JANE, envelope=envelope, recipients=[*declared, "copy@x.example"], blind=[]) == []


@pytest.mark.parametrize(
    ("entry", "address", "covered"),
    [
        ("jane@client.example", "Jane@Client.EXAMPLE", True),
        ("JANE@CLIENT.EXAMPLE", "jane@client.example", True),
        ('"Doe, Jane" <jane@client.example>', "jane@client.example", True),
        ("<jane@client.example>", "jane@client.example", True),
        ("jane@bücher.example", "jane@xn--bcher-kva.example", True),
        ("jane@xn--bcher-kva.example", "jane@bücher.example".encode().decode("latin-1"), True),
        ("BÜCHER.example", "jane@mail.xn--bcher-kva.example", True),
        ("client.example", "anybody@client.example", True),
        ("Client.Example", "anybody@mail.client.example", True),  # a registrable domain and all under it
        (" client.example ", "anybody@client.example", True),
        ("mail.client.example", "anybody@mail.client.example", True),  # a host stands for itself
        ("mail.client.example", "anybody@client.example", False),
        ("co.uk", "anybody@client.co.uk", False),  # a public suffix is nobody's domain
        ("client.example", "anybody@client.example.evil.test", False),
        ("client.example", "anybody@notclient.example", False),
        ("jane@client.example", "jane@mail.client.example", False),
        ("jane@client.example", "j.ane@client.example", False),  # nothing else is folded
        ("jane@client.example", "jane+tag@client.example", False),
        ("jane@client.example", '"jane"@client.example', True),
        ("straße.example", "jane@strasse.example", False),
        ("\u212aim@client.example", "kim@client.example", False),  # the Kelvin sign
    ],
)
def test_what_an_entry_covers(entry: str, address: str, covered: bool) -> None:
    assert (undeclared(f"To: {address}", recipients=[entry]) == []) is covered
    assert (undeclared(f"Bcc: {address}", recipients=[], blind=[entry]) == []) is covered


def test_one_entry_may_come_alone_and_entries_in_any_iterable() -> None:
    assert undeclared(JANE, recipients="jane@client.example") == []
    assert undeclared(JANE, recipients=iter(["jane@client.example"])) == []
    assert undeclared(JANE, recipients={"other@client.example"}) == ["jane@client.example"]


@pytest.mark.parametrize("entry", ["@", "jane@", "@client.example"])
def test_an_entry_that_is_neither_an_address_nor_a_domain(entry: str) -> None:
    with pytest.raises(ValueError, match="neither an address nor a domain"):
        INTENT.check(wire(SHOP, JANE), recipients=[entry])


def test_several_undeclared_recipients_are_several_findings() -> None:
    lines = ("Cc: a@x.example, b@x.example", "Bcc: a@x.example")
    assert sorted(undeclared(JANE, *lines, recipients=["jane@client.example"])) == ["a@x.example", "b@x.example"]


@given(
    allowed=st.sets(st.sampled_from("abcdef")),
    placed=st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(("To", "Cc", "Bcc", "rcpt")), max_size=6),
)
def test_exactly_those_outside_the_bound_are_named(allowed: set[str], placed: dict[str, str]) -> None:
    lines = [f"{place}: {name}@x.example" for name, place in placed.items() if place != "rcpt"]
    envelope = Envelope("", tuple(f"<{name}@x.example>" for name, place in placed.items() if place == "rcpt"))
    report = INTENT.check(wire(*lines), envelope=envelope, recipients=[f"{name}@x.example" for name in allowed])
    assert set(found(report)) == {f"{name}@x.example" for name in set(placed) - allowed}


def expecting(text: dict[str, list[str]]) -> Guard:
    return Guard([UnexpectedRecipient], config=parse({"streams": {"receipts": {"expected": text}}}))


def test_what_the_configuration_expects_bounds_too() -> None:
    guard = expecting({"bcc": ["audit@shop.example"], "cc": []})
    octets = wire(SHOP, JANE, "Bcc: audit@shop.example, copy@x.example", "Cc: c@client.example")
    assert set(found(guard.check(octets, stream="receipts"))) == {"copy@x.example", "c@client.example"}
    assert found(guard.check(octets, stream="other")) == []


def test_what_is_expected_or_declared_is_enough() -> None:
    """Nor expected, says the rule: an operator who declares the archive need not have it declared on every call."""
    guard = expecting({"bcc": ["audit@shop.example"]})
    octets = wire(SHOP, JANE, "Bcc: audit@shop.example")
    assert found(guard.check(octets, stream="receipts", recipients=["jane@client.example"])) == []


# ---- replies, bounces, receipts ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line", ["Reply-To: {}", "Errors-To: {}", "Return-Path: <{}>", "Disposition-Notification-To: {}"]
)
@pytest.mark.parametrize(
    ("address", "fine"),
    [
        ("help@shop.example", True),  # the author's
        ("help@mail.shop.example", True),
        ("jane@client.example", True),  # a declared address, and with it its domain
        ("other@client.example", True),
        ("a@partner.example", True),  # a declared domain
        ("a@own.example", True),
        ("help@shop.test", False),
        ("help@arxx.example", False),
        ("help@shop.example.evil.test", False),
    ],
)
def test_a_reply_path_shares_a_domain_with_somebody_known(line: str, address: str, fine: bool) -> None:
    guard = Guard([UnexpectedReplyPath], config=parse({"own-domains": ["own.example"]}))
    octets = wire(line.format(address), SHOP, JANE)
    report = guard.check(octets, recipients=["jane@client.example", "partner.example"])
    assert found(report) == ([] if fine else [address])
    assert found(guard.check(octets)) == []


def test_the_reverse_path_of_the_envelope_is_one() -> None:
    guard = Guard([UnexpectedReplyPath])
    report = guard.check(
        wire(SHOP, JANE), envelope=Envelope("<b@esp.example>", ("jane@client.example",)), recipients=["client.example"]
    )
    assert found(report) == ["b@esp.example"]
    assert report.findings[0].evidence[0].text == "<b@esp.example>"
    assert report.findings[0].evidence[0].place == "bounce[0]"


# ---- what was given ------------------------------------------------------------------------------------------


def as_email(octets: bytes) -> email.message.Message:
    return email.message_from_bytes(octets)


@pytest.mark.parametrize("form", [bytes, bytearray, memoryview, as_email, Message.from_bytes])
def test_a_message_in_any_form(form: Callable[[bytes], Any]) -> None:
    message = form(wire(SHOP, JANE, "Bcc: copy@x.example"))
    report = Guard().check(
        message,
        envelope=Envelope("", ("jane@client.example",)),
        stage="archive",
        account="acme",
        recipients=["client.example"],
    )
    assert found(report, "unexpected-recipient") == ["copy@x.example"]
    assert (report.message.stage, report.message.account) == (Stage.ARCHIVE, "acme")
    assert report.message.envelope is not None
    assert report.findings[0].account == "acme"


def test_what_the_caller_adds_goes_over_what_a_message_has() -> None:
    envelope = Envelope("", ("copy@x.example",))
    message = Message.from_bytes(wire(SHOP, JANE), envelope, "archive", "acme")
    kept = INTENT.check(message, recipients=["client.example"]).message
    assert kept is message
    other = INTENT.check(message, account="other").message
    assert (other.envelope, other.stage, other.account) == (envelope, Stage.ARCHIVE, "other")
    assert other.header is message.header
    assert INTENT.check(message, envelope=Envelope()).message.envelope == Envelope()


@pytest.mark.parametrize("wrong", ["To: a@x.example", None, 5, ["a"]])
def test_what_is_no_message_is_a_type_error(wrong: Any) -> None:
    for call in (Guard().check, Guard().observe):
        with pytest.raises(TypeError):
            call(wrong)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(blocks())
def test_no_mail_makes_a_rule_fail(block: bytes) -> None:
    envelope = Envelope("a@b.example", ("<a@b.example>", ""), complete=True)
    report = Guard().check(block, envelope=envelope, recipients=["jane@client.example"], blind=[], missing=True)
    assert report.failures == ()
    for finding in report.findings:
        assert finding.evidence
        for evidence in finding.evidence:
            if evidence.span is not None:
                start, end = evidence.span
                assert evidence.text == block[start:end].decode("utf-8", "replace")


# ---- rules that do not run, and rules that crash -------------------------------------------------------------


def skipped(report: Report) -> dict[str, str]:
    return {entry.rule: entry.reason for entry in report.skipped}


def test_a_rule_that_lacks_something_says_what() -> None:
    plain = Guard().check(wire(SHOP, JANE, "Bcc: a@x.example", "Reply-To: b@x.example"))
    reasons = skipped(plain)
    assert "history" in reasons["unfamiliar-blind-recipient"]
    assert "history" in reasons["unfamiliar-reply-path"]
    assert "declared" in reasons["unexpected-reply-path"]
    assert plain.complete
    part = Guard().check(wire(SHOP, JANE), envelope=Envelope("", ("a@x.example",)))
    assert "complete" in skipped(part)["unnamed-envelope-recipient"]
    assert "complete" in skipped(part)["missing-envelope-recipient"]


@pytest.mark.parametrize(
    ("envelope", "intent", "runs"),
    [
        (Envelope("", ("a@x.example",)), {}, False),
        (Envelope("", ("a@x.example",), complete=False), {}, False),
        (Envelope("", ("a@x.example",), complete=True), {}, True),
        (Envelope("", ("a@x.example",)), {"recipients": ["jane@client.example"]}, True),
    ],
)
def test_an_envelope_that_may_be_a_part_proves_nothing(envelope: Envelope, intent: dict[str, Any], runs: bool) -> None:
    report = Guard().check(wire(SHOP, JANE), envelope=envelope, **intent)
    assert ("unnamed-envelope-recipient" in rules_of(report)) is runs
    assert ("missing-envelope-recipient" in rules_of(report)) is runs
    assert ("unnamed-envelope-recipient" in skipped(report)) is not runs


def test_without_an_envelope_nobody_is_missing_from_it() -> None:
    report = Guard().check(wire(SHOP, JANE), recipients=["jane@client.example"])
    assert report.findings == ()
    assert "envelope" in skipped(report)["missing-envelope-recipient"]


def test_a_rule_is_called_only_where_something_concerns_it() -> None:
    called: list[str] = []

    @dataclass(frozen=True)
    class Counting(Rule):
        """Counts."""

        id = "acme.counting"
        severity = Severity.LOW
        roles = frozenset((Role.BCC,))
        fields = frozenset(("x-shop",))

        def check(self, message: Message, known: Known) -> Iterator[Finding]:
            called.append("called")
            return iter(())

    guard = Guard([Counting])
    guard.check(wire(SHOP, JANE))
    assert called == []
    guard.check(wire(SHOP, "Bcc: a@x.example"))
    guard.check(wire(SHOP, "X-Shop: 1"))
    assert called == ["called", "called"]


@dataclass(frozen=True)
class Crashing(Rule):
    """Crashes."""

    id = "acme.crashing"
    severity = Severity.LOW
    roles = frozenset((Role.TO,))
    at_once: bool = True

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        if self.at_once:
            raise RuntimeError("no such thing")
        yield self.finding(message.sightings[0], "before the crash")
        raise KeyError("later")


def test_a_rule_that_crashes_is_a_result() -> None:
    guard = Guard([Crashing, UnexpectedRecipient])
    report = guard.check(wire(SHOP, JANE), recipients=[])
    (failure,) = report.failures
    assert (failure.rule, failure.error) == ("acme.crashing", "RuntimeError: no such thing")
    assert not report.complete
    assert not report.ok
    assert found(report) == ["jane@client.example"]  # the others go on
    clean = guard.check(wire(SHOP, JANE), recipients=["client.example"])
    assert clean.worst is None
    assert not clean.ok
    with pytest.raises(FindingsError, match=r"acme\.crashing failed: RuntimeError"):
        clean.raise_for_findings(Severity.CRITICAL)


def test_what_a_rule_found_before_it_crashed_is_not_lost() -> None:
    report = Guard([Crashing(at_once=False)]).check(wire(SHOP, JANE))
    assert [failure.error for failure in report.failures] == ["KeyError: 'later'"]
    assert [finding.summary for finding in report.findings] == ["before the crash"]


def test_an_interrupt_is_not_swallowed() -> None:
    @dataclass(frozen=True)
    class Interrupted(Rule):
        """Is interrupted."""

        id = "acme.interrupted"
        severity = Severity.LOW
        roles = frozenset((Role.TO,))

        def check(self, message: Message, known: Known) -> Iterator[Finding]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Guard([Interrupted]).check(wire(SHOP, JANE))


# ---- the report ----------------------------------------------------------------------------------------------


def test_the_most_severe_comes_first() -> None:
    report = Guard().check(
        wire(SHOP, JANE, "Bcc : copy@x.example", "To: joe@client.example", "X-MC-BccAddress: z@x.example"),
        recipients=["client.example"],
    )
    weights = [finding.severity for finding in report.findings]
    assert weights == sorted(weights, reverse=True)
    assert report.worst is Severity.HIGH
    assert Severity.LOW in weights


def test_raising_for_findings() -> None:
    report = INTENT.check(wire(SHOP, JANE), recipients=[])
    with pytest.raises(FindingsError, match=r"unexpected-recipient \(high\).*jane@client\.example") as caught:
        report.raise_for_findings(Severity.HIGH)
    assert caught.value.report is report
    assert isinstance(caught.value, AssertionError)
    report.raise_for_findings(Severity.CRITICAL)
    INTENT.check(wire(SHOP, JANE), recipients=["client.example"]).raise_for_findings(Severity.LOW)


def test_evidence_is_the_octets_as_they_stand() -> None:
    lines = (
        SHOP,
        "To: jane@client.example, Jane\r\n <JANE(x)@Client.Example. >",
        "Cc: =?utf-8?q?J=C3=B6rg?= <jörg@bücher.example>".encode().decode("latin-1"),
    )
    octets = wire(*lines)
    report = INTENT.check(octets, recipients=[])
    evidence = {finding.subject: finding.evidence for finding in report.findings}
    jane = evidence["jane@client.example"]
    assert [(e.place, e.field, e.occurrence, e.text) for e in jane] == [
        ("to[0]", "to", 0, "jane@client.example"),
        ("to[1]", "to", 0, "JANE(x)@Client.Example."),
    ]
    (jorg,) = evidence["jörg@xn--bcher-kva.example"]
    assert (jorg.place, jorg.text) == ("cc[0]", "jörg@bücher.example")
    for each in (*jane, jorg):
        assert each.span is not None
        assert octets[slice(*each.span)].decode() == each.text


def test_places_are_numbered_within_their_role() -> None:
    octets = wire(SHOP, "To: a@x.example", "Cc: b@x.example", "To: c@x.example, d@x.example", "Bcc: e@x.example")
    report = INTENT.check(octets, envelope=Envelope("", ("z@x.example", " <f@x.example> ")), recipients=[])
    places = {finding.subject: finding.evidence[0].place for finding in report.findings}
    assert places == {
        "a@x.example": "to[0]",
        "b@x.example": "cc[0]",
        "c@x.example": "to[1]",
        "d@x.example": "to[2]",
        "e@x.example": "bcc[0]",
        "z@x.example": "envelope[0]",
        "f@x.example": "envelope[1]",
    }
    (envelope,) = [f.evidence[0] for f in report.findings if f.subject == "f@x.example"]
    assert (envelope.field, envelope.occurrence, envelope.text, envelope.span) == (
        "rcpt to",
        1,
        " <f@x.example> ",
        None,
    )


def test_octets_that_are_no_text_are_shown_as_such() -> None:
    report = INTENT.check(b"To: j\xff@x.example\r\n", recipients=[])
    assert report.findings[0].evidence[0].text == "j\ufffd@x.example"
    assert report.findings[0].subject == "jÿ@x.example"


def test_a_copy_without_octets_is_cited_by_its_addresses() -> None:
    report = INTENT.check(as_email(wire(SHOP, "To: Jane <Jane@Client.example>")), recipients=[])
    (evidence,) = report.findings[0].evidence
    assert (evidence.place, evidence.span) == ("to[0]", None)
    assert evidence.text == "Jane@client.example"


@pytest.mark.parametrize(
    ("line", "severity"),
    [
        ("Bcc: copy@x.example", Severity.HIGH),
        ("Bcc: Copy <copy@x.example", Severity.HIGH),  # recovered: broken, and clear
        ("Bcc: =?utf-8?q?copy=40x.example?=", Severity.MEDIUM),
        ("X Bcc: copy@x.example", Severity.MEDIUM),
        ("Subject: Hello\rBcc: copy@x.example", Severity.MEDIUM),
        (r"Bcc: copy\@x.example", Severity.MEDIUM),
    ],
)
def test_a_finding_on_a_candidate_alone_weighs_one_less(line: str, severity: Severity) -> None:
    report = INTENT.check(wire(SHOP, JANE, line), recipients=["jane@client.example"])
    finding = next(finding for finding in report.findings if finding.subject == "copy@x.example")
    assert finding.severity is severity
    assert ("only some readers see it" in finding.summary) is (severity is not Severity.HIGH)


def test_a_candidate_that_is_sure_elsewhere_weighs_all() -> None:
    report = INTENT.check(
        wire(SHOP, JANE, "Bcc: =?utf-8?q?copy=40x.example?=", "Cc: copy@x.example"), recipients=["client.example"]
    )
    assert [(f.subject, f.severity) for f in report.findings] == [("copy@x.example", Severity.HIGH)]


def test_the_key_of_a_finding_ignores_its_place_and_stream() -> None:
    one = INTENT.check(
        wire(SHOP, JANE, "Bcc: copy@x.example"), recipients=["client.example"], stream="a", account="acme"
    )
    other = INTENT.check(
        wire("X-More: 1", SHOP, "Cc: Copy <copy@x.example>"), recipients=["client.example"], stream="b", account="acme"
    )
    assert one.findings[0].key == other.findings[0].key == ("acme", "unexpected-recipient", "copy@x.example")
    assert (one.findings[0].stream, other.findings[0].stream) == ("a", "b")


# ---- blind spots ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("octets", "arguments", "said", "not_said"),
    [
        (wire(SHOP, JANE), {}, ["no envelope", "0 of 20"], ["part of the message", "delivered copy", "no destination"]),
        (wire(SHOP, JANE), {"envelope": Envelope("", ("a@b.example",))}, ["part of the message"], ["no envelope"]),
        (
            wire(SHOP, JANE),
            {"envelope": Envelope("", ("a@b.example",), complete=True)},
            [],
            ["no envelope", "part of the message"],
        ),
        (wire("Return-Path: <>", SHOP, JANE), {}, ["delivered copy"], ["no destination"]),
        (wire(SHOP, JANE), {"stage": "delivered"}, ["delivered copy"], []),
        (wire("Return-Path: <>", SHOP, JANE), {"stage": "submitted"}, [], ["delivered copy"]),
        (wire(SHOP, "Bcc: a@x.example"), {}, ["no destination field"], []),
        (wire(SHOP, "To: undisclosed-recipients:;"), {}, [], ["no destination field"]),
        (b"", {}, ["no envelope", "no destination field"], []),
    ],
)
def test_what_a_copy_cannot_show_is_said(
    octets: bytes, arguments: dict[str, Any], said: list[str], not_said: list[str]
) -> None:
    spots = " | ".join(Guard().check(octets, **arguments).blind_spots)
    assert [part for part in said if part not in spots] == []
    assert [part for part in not_said if part in spots] == []


def test_a_stream_with_too_little_history_is_a_blind_spot() -> None:
    guard = Guard()
    for count in range(ENOUGH):
        spots = guard.observe(wire(SHOP, JANE), stream="receipts").blind_spots
        assert any(f"'receipts' holds {count} of {ENOUGH}" in spot for spot in spots)
    assert not any("holds" in spot for spot in guard.check(wire(SHOP, JANE), stream="receipts").blind_spots)


# ---- the configuration ---------------------------------------------------------------------------------------


def test_without_rules_those_of_the_configuration_run() -> None:
    assert [rule.id for rule in Guard().rules] == [rule.id for rule in BUILTIN]
    config = parse({"disable": ["unexpected-recipient"]})
    assert "unexpected-recipient" not in {rule.id for rule in Guard(config=config).rules}
    assert [rule.id for rule in Guard([UnexpectedRecipient(), UnexpectedReplyPath], config=config).rules] == [
        "unexpected-recipient",
        "unexpected-reply-path",
    ]
    assert Guard([]).check(wire(SHOP, "Bcc : a@x.example"), recipients=[]).findings == ()


def test_the_severity_that_the_configuration_gives() -> None:
    config = parse(
        {"rules": {"unexpected-recipient": {"severity": "critical"}, "control-recipient": {"severity": "high"}}}
    )
    report = Guard(config=config).check(wire(SHOP, JANE, "X-MC-BccAddress: z@x.example"), recipients=["client.example"])
    assert {(f.rule, f.severity) for f in report.findings} == {
        ("unexpected-recipient", Severity.CRITICAL),
        ("control-recipient", Severity.HIGH),
    }


def test_a_candidate_weighs_less_under_a_configured_severity_too() -> None:
    config = parse({"rules": {"unexpected-recipient": {"severity": "critical"}}})
    guard = Guard([UnexpectedRecipient], config=config)
    report = guard.check(wire(SHOP, JANE, "Bcc: =?utf-8?q?copy=40x.example?="), recipients=["client.example"])
    assert [f.severity for f in report.findings] == [Severity.HIGH]


def allowing(**allow: Any) -> Guard:
    allow = {"reason": "tests", "subject": "copy@x.example", **allow}
    return Guard([UnexpectedRecipient], config=parse({"allow": [allow]}))


COPIED = wire(SHOP, JANE, "Bcc: copy@mail.x.example", "Date: Sat, 30 Jan 2027 12:00:00 +0000")


@pytest.mark.parametrize(
    ("allow", "arguments", "allowed"),
    [
        ({"subject": "copy@mail.x.example"}, {}, True),
        ({"subject": "COPY@Mail.X.example"}, {}, True),
        ({"subject": "mail.x.example"}, {}, True),
        ({"subject": "x.example"}, {}, True),  # a registrable domain and all under it
        ({"subject": "example"}, {}, False),
        ({"subject": "copy@x.example"}, {}, False),
        ({"subject": "other@mail.x.example"}, {}, False),
        ({"subject": "x.example", "rule": "unexpected-recipient"}, {}, True),
        ({"subject": "x.example", "rule": "control-recipient"}, {}, False),
        ({"subject": "x.example", "stream": "receipts"}, {"stream": "receipts"}, True),
        ({"subject": "x.example", "stream": "receipts"}, {"stream": "other"}, False),
        ({"subject": "x.example", "until": date(2027, 1, 30)}, {}, True),  # the last day counts
        ({"subject": "x.example", "until": date(2027, 1, 29)}, {}, False),
        ({"subject": "x.example", "until": date(2027, 1, 29)}, {"now": datetime(2027, 1, 29, 23, tzinfo=UTC)}, True),
        ({"subject": "x.example", "until": date(2027, 1, 30)}, {"now": datetime(2027, 1, 31, tzinfo=UTC)}, False),
        (
            {"subject": "x.example", "until": date(2027, 1, 30)},
            {"envelope": Envelope(observed=datetime(2027, 2, 1))},
            False,
        ),
        ({"subject": "x.example", "until": "soon"}, {}, False),  # unreadable: lapsed
    ],
)
def test_an_allowance(allow: dict[str, Any], arguments: dict[str, Any], allowed: bool) -> None:
    report = allowing(**allow).check(COPIED, recipients=["client.example"], **arguments)
    assert [f.subject for f in report.allowed] == (["copy@mail.x.example"] if allowed else [])
    assert found(report) == ([] if allowed else ["copy@mail.x.example"])
    assert report.ok is allowed
    if allowed:
        assert report.allowed[0].evidence[0].text == "copy@mail.x.example"


def test_a_lapsed_allowance_is_said() -> None:
    report = allowing(subject="x.example", until=date(2027, 1, 1)).check(COPIED, recipients=["client.example"])
    assert any("x.example" in note and "lapsed" in note for note in report.notes)


def test_without_any_date_nothing_lapses_and_the_report_says_so() -> None:
    guard = allowing(subject="x.example", until=date(2000, 1, 1))
    report = guard.check(wire(SHOP, JANE, "Bcc: copy@x.example"), recipients=["client.example"])
    assert found(report) == []
    assert any("no date" in note for note in report.notes)


def test_an_allowance_made_by_hand() -> None:
    config = Config(rules=(UnexpectedRecipient(),), allow=(Allow(None, "copy@mail.x.example", None, "tests", None),))
    assert found(Guard(config=config).check(COPIED, recipients=["client.example"])) == []


def test_a_file_with_its_baseline(tmp_path: Path) -> None:
    (tmp_path / "headerguard.toml").write_text(
        'baseline = "b.json"\nown-domains = ["shop.example"]\n', encoding="utf-8"
    )
    guard = Guard.from_config(tmp_path / "headerguard.toml")
    assert guard.baseline == Baseline()
    assert guard.config.own_domains == {"shop.example"}
    guard.learn([wire(SHOP, JANE)])
    guard.baseline.save(tmp_path / "b.json")
    assert Guard.from_config(str(tmp_path / "headerguard.toml")).baseline == guard.baseline
    (tmp_path / "headerguard.toml").write_text("nonsense = 1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="nonsense"):
        Guard.from_config(tmp_path / "headerguard.toml")


def test_a_suffix_list_of_ones_own_decides_what_is_registrable(tmp_path: Path) -> None:
    (tmp_path / "list.dat").write_text("com\nshared.example\n", encoding="utf-8")
    guard = Guard([UnexpectedRecipient], config=parse({"suffix-list": "list.dat"}, "t", tmp_path))
    octets = wire(SHOP, "To: a@mine.shared.example, b@yours.shared.example")
    assert found(guard.check(octets, recipients=["mine.shared.example"])) == ["b@yours.shared.example"]
    assert found(Guard([UnexpectedRecipient]).check(octets, recipients=["shared.example"])) == []


# ---- history -------------------------------------------------------------------------------------------------


def routine(number: int, *more: str) -> bytes:
    return wire(SHOP, f"To: c{number}@client-{number}.example", "Bcc: audit@vault.example", "X-PM-Tag: receipt", *more)


def trained(config: dict[str, Any] | None = None, count: int = ENOUGH) -> Guard:
    guard = Guard(config=parse(config) if config else None)
    for number in range(count):
        assert guard.observe(routine(number)).findings == ()
    return guard


def test_checking_learns_nothing() -> None:
    guard = trained()
    before = guard.baseline.as_dict()
    for number in range(3):
        guard.check(routine(number, "Cc: new@x.example"))
    assert guard.baseline.as_dict() == before
    assert [len(r.findings) for r in guard.check_all([Message.from_bytes(routine(1))] * 2)] == [0, 0]
    assert guard.baseline.as_dict() == before


def test_learning_an_archive_judges_nothing() -> None:
    guard = Guard()
    assert guard.learn([routine(1), Message.from_bytes(routine(2)), as_email(routine(3))]) is guard.baseline
    assert guard.baseline.streams["-/tag:receipt"].messages == 3


def test_a_stranger_in_a_closed_hidden_role() -> None:
    guard = trained()
    report = guard.check(routine(99, "Bcc: copy@arxx.example"))
    (finding,) = [f for f in report.findings if f.rule == "unfamiliar-blind-recipient"]
    assert (finding.subject, finding.severity, finding.stream) == ("arxx.example", Severity.HIGH, "tag:receipt")
    assert finding.history is not None
    assert finding.history.messages == ENOUGH
    assert finding.history.known == ("vault.example",)
    assert finding.evidence[0].place == "bcc[1]"


def test_a_customer_in_an_open_role_is_no_news() -> None:
    assert trained().check(routine(1000)).findings == ()


def test_what_is_known_in_an_open_role_is_no_credit_in_a_hidden_one() -> None:
    report = trained().check(routine(99, "Bcc: c3@client-3.example"))
    assert found(report, "unfamiliar-blind-recipient") == ["client-3.example"]


def test_own_domains_are_familiar() -> None:
    guard = trained({"own-domains": ["arxx.example"]})
    assert found(guard.check(routine(99, "Bcc: copy@mail.arxx.example")), "unfamiliar-blind-recipient") == []


def test_a_stranger_whom_nobody_declared_is_one_subject_whichever_rule_speaks() -> None:
    guard = Guard()
    routine = b"From: shop@shop.example\r\nTo: jane@client.example\r\nX-MC-Template: receipt\r\n"
    for number in range(21):
        report = guard.observe(
            routine + b"Bcc: copy@archive.example\r\n\r\n", recipients=["jane@client.example"], blind=[]
        )
        assert {finding.subject for finding in report.findings} == {"copy@archive.example"}, number
    assert {"unexpected-recipient", "unfamiliar-blind-recipient"} <= {finding.rule for finding in report.findings}
    unbound = guard.check(routine + b"Bcc: copy@archive.example\r\n\r\n")
    assert "archive.example" in {finding.subject for finding in unbound.findings}


def test_what_is_declared_or_expected_is_familiar() -> None:
    guard = trained()
    octets = routine(99, "Cc: team@partner.example")
    assert found(guard.check(octets), "unfamiliar-recipient") == ["partner.example"]
    assert found(guard.check(octets, recipients=["partner.example", "client-99.example", "vault.example"])) == []


def test_history_lives_in_its_account() -> None:
    guard = trained()
    report = guard.check(routine(99, "Bcc: copy@arxx.example"), account="acme")
    assert found(report, "unfamiliar-blind-recipient") == []
    assert any("0 of 20" in spot for spot in report.blind_spots)


def test_a_young_stream_borrows_from_its_author_and_says_nothing_about_unused_roles() -> None:
    guard = trained()
    young = wire(SHOP, "To: a@b.example", "Cc: d@e.example", "X-PM-Tag: fresh")
    assert found(guard.check(young)) == []  # other streams of this author never used Cc: that proves nothing


def test_a_young_stream_of_an_author_whom_the_account_never_had_is_judged_by_the_account() -> None:
    guard = trained()
    other_author = wire("From: z@evil.example", "To: a@b.example", "Bcc: d@e.example", "X-PM-Tag: fresh")
    assert found(guard.check(other_author)) == ["evil.example", "e.example"]
    unnamed = wire("From: z@evil.example", "To: a@b.example", "Subject: a bounce, say")
    assert found(guard.check(unnamed)) == []


def test_a_young_stream_borrows_nothing_about_an_envelope_that_hid_nobody() -> None:
    """That twenty newsletters had no archive copy says nothing about the first order confirmation."""
    guard = Guard()
    for number in range(ENOUGH):
        to = f"c{number}@client-{number}.example"
        guard.observe(wire(SHOP, f"To: {to}", "X-PM-Tag: news"), envelope=Envelope("", (to,), complete=True))
    envelope = Envelope("", ("jane@client.example", "archive@vault.example"), complete=True)
    young = guard.check(wire(SHOP, JANE, "X-PM-Tag: order"), envelope=envelope)
    assert found(young, "unfamiliar-blind-recipient") == []
    own = guard.check(wire(SHOP, JANE, "X-PM-Tag: news"), envelope=envelope)
    assert found(own, "unfamiliar-blind-recipient") == ["vault.example"]


# ---- observing -----------------------------------------------------------------------------------------------


def known_in(guard: Guard, role: str, key: str = "-/tag:receipt") -> set[str]:
    history = guard.baseline.streams[key].roles.get(role)
    return set(history.values or ()) if history else set()


def test_observing_does_not_learn_what_it_flagged() -> None:
    guard = trained()
    for number in range(2 * ENOUGH):
        report = guard.observe(routine(number, "Bcc: copy@arxx.example"))
        assert found(report, "unfamiliar-blind-recipient") == ["arxx.example"]
    assert known_in(guard, "bcc") == {"vault.example"}
    assert guard.baseline.streams["-/tag:receipt"].messages == 3 * ENOUGH
    for key in guard.baseline.streams:
        assert "arxx.example" not in known_in(guard, "bcc", key)


def test_observing_learns_what_it_flagged_below_the_level_that_fails() -> None:
    guard = trained({"fail-on": "critical"})
    rule = "unfamiliar-blind-recipient"
    assert found(guard.observe(routine(1, "Bcc: copy@arxx.example")), rule) == ["arxx.example"]
    assert found(guard.observe(routine(2, "Bcc: copy@arxx.example")), rule) == []
    assert known_in(guard, "bcc") == {"vault.example", "arxx.example"}


def test_observing_learns_what_is_allowed() -> None:
    guard = trained({"allow": [{"subject": "arxx.example", "reason": "tests"}]})
    report = guard.observe(routine(1, "Bcc: copy@arxx.example"))
    assert "arxx.example" in {f.subject for f in report.allowed if f.rule == "unfamiliar-blind-recipient"}
    assert "arxx.example" in known_in(guard, "bcc")


@pytest.mark.parametrize(
    ("lines", "role"),
    [
        (("Bcc: copy@arxx.example",), "bcc"),
        (("Cc: copy@arxx.example",), "cc"),
        (("X-MC-BccAddress: copy@arxx.example",), "control"),
        (("Bcc : copy@arxx.example",), "bcc"),
        (("Subject: Hello\rBcc: copy@arxx.example",), "bcc"),
        (("X Bcc: copy@arxx.example",), "bcc"),
    ],
)
def test_what_was_flagged_on_message_one_is_not_learned(lines: tuple[str, ...], role: str) -> None:
    """A stranger must not become known by being flagged often, whichever rule it was that saw him."""
    guard = Guard()
    for _ in range(ENOUGH):
        report = guard.observe(wire(SHOP, JANE, "X-PM-Tag: receipt", *lines), recipients=["jane@client.example"])
        assert report.worst is not None
        assert report.worst >= Severity.MEDIUM
    assert "arxx.example" not in known_in(guard, role)
    assert "client.example" in known_in(guard, "to")


@pytest.mark.parametrize(
    "line", ["Bcc : copy@arxx.example", "X Bcc: copy@arxx.example", "Subject: Hello\rBcc: copy@arxx.example"]
)
def test_what_a_rule_on_fields_flagged_is_not_learned(line: str) -> None:
    """Without an intent only the field itself is flagged; its addresses are as little to be trusted."""
    guard = Guard()
    report = guard.observe(wire(SHOP, JANE, "X-PM-Tag: receipt", line))
    assert "hidden-field" in {f.rule for f in report.findings if f.severity >= Severity.MEDIUM}
    assert "arxx.example" not in known_in(guard, "bcc")


@pytest.mark.parametrize(
    ("kind", "copy"),
    [
        (
            "ses_event_firehose",
            """{{"eventType": "Send", "mail": {{"destination": ["{0}@client-{0}.example"{1}], "messageId": "{0}",
            "commonHeaders": {{"from": ["shop@shop.example"], "to": ["{0}@client-{0}.example"]}}}}}}""",
        ),
        (
            "exchange_journal",
            "X-MS-Journal-Report:\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nSender: shop@shop.example\n"
            "Message-Id: <{0}@shop.example>\nTo: {0}@client-{0}.example{1}\n--b\nContent-Type: message/rfc822\n\n"
            "From: shop@shop.example\nTo: {0}@client-{0}.example\nSubject: Your receipt\n\n--b--\n",
        ),
    ],
)
def test_an_event_or_a_journal_in_which_nobody_was_hidden_is_knowledge_too(kind: str, copy: str) -> None:
    more = {"ses_event_firehose": ', "copy@arxxwalls.com"', "exchange_journal": "\nRecipient: copy@arxxwalls.com"}[kind]
    guard = Guard([UnfamiliarBlindRecipient])
    guard.learn(message for i in range(ENOUGH) for message in read(copy.format(i, "").encode(), kind))
    (clean,), (tapped,) = (list(read(copy.format(99, end).encode(), kind)) for end in ("", more))
    assert found(guard.check(clean)) == []
    assert found(guard.check(tapped)) == ["arxxwalls.com"]


def test_an_envelope_recipient_that_was_flagged_is_not_learned() -> None:
    guard = Guard()
    for _ in range(ENOUGH):
        envelope = Envelope("", ("<jane@client.example>", "<copy@arxx.example>"))
        report = guard.observe(
            wire(SHOP, JANE, "X-PM-Tag: receipt"), envelope=envelope, recipients=["jane@client.example"]
        )
        assert found(report, "unexpected-recipient") == ["copy@arxx.example"]
    assert known_in(guard, "envelope") == set()


def test_observing_is_learning_where_nothing_is_flagged() -> None:
    one, other = Guard(), Guard()
    messages = [routine(number, f"Date: {day} Mar 2026 10:00:00 +0000") for number, day in enumerate(range(1, 29))]
    for octets in messages:
        one.observe(octets)
    other.learn(messages)
    assert one.baseline == other.baseline
    profile = one.baseline.streams["-/tag:receipt"]
    assert date.fromordinal(profile.seen.first) == date(2026, 3, 1)
    assert date.fromordinal(profile.seen.last) == date(2026, 3, 28)


@pytest.mark.parametrize(
    ("line", "arguments", "day"),
    [
        ("Date: Sun, 1 Mar 2026 23:30:00 -0200", {}, date(2026, 3, 2)),  # UTC
        ("Date: Sun, 1 Mar 2026 10:00:00 +0000", {"now": datetime(2026, 5, 5, tzinfo=UTC)}, date(2026, 5, 5)),
        (
            "Date: Sun, 1 Mar 2026 10:00:00 +0000",
            {"envelope": Envelope(observed=datetime(2026, 4, 4, tzinfo=UTC))},
            date(2026, 4, 4),
        ),
        ("Date: nonsense", {}, None),
        ("Date: Sun, 1 Mar 1926 10:00:00 +0000", {}, None),  # not plausible: a mailer's clock, or a joke
        ("Date: Sun, 1 Mar 2999 10:00:00 +0000", {}, None),
        ("X: 1", {}, None),
    ],
)
def test_the_day_that_is_learned(line: str, arguments: dict[str, Any], day: date | None) -> None:
    guard = Guard()
    guard.observe(wire(SHOP, JANE, "X-PM-Tag: receipt", line), **arguments)
    first = guard.baseline.streams["-/tag:receipt"].seen.first
    assert (date.fromordinal(first) if first else None) == day


def test_the_configured_field_names_the_stream_when_learning_too() -> None:
    guard = Guard(config=parse({"stream-field": "X-Shop-Stream"}))
    octets = wire(SHOP, JANE, "X-PM-Tag: receipt", "X-Shop-Stream: orders")
    guard.observe(octets)
    guard.learn([octets])
    assert guard.baseline.streams["-/stream:orders"].messages == 2
    assert guard.check(octets).blind_spots[-1].startswith("stream 'orders' holds 2")


def test_the_guards_of_two_callers_do_not_share_what_they_know() -> None:
    one, other = Guard(), Guard()
    one.learn([routine(1)])
    assert other.baseline == Baseline()
    shared = Baseline()
    assert Guard(baseline=shared).baseline is shared


def test_a_check_asks_nothing_of_the_clock() -> None:
    """The same call gives the same report, findings and all."""
    guard = trained()
    first, second = (guard.check(routine(5, "Bcc: copy@arxx.example")) for _ in range(2))
    assert first.findings == second.findings
    assert first.skipped == second.skipped
    assert first.blind_spots == second.blind_spots
    assert not re.search(r"0x[0-9a-f]{6}", repr(first.findings))


def test_only_the_rules_that_were_given_run() -> None:
    guard = Guard([UnfamiliarBlindRecipient], baseline=trained().baseline)
    report = guard.check(routine(7, "Bcc : copy@arxx.example", "Bcc: x@arxx.example"), recipients=[])
    assert rules_of(report) == {"unfamiliar-blind-recipient"}


# ---- hearsay is not learned ------------------------------------------------------------------------------------------

OWN_HOP = "Received: from out.example by mx.shop.example; Sun, 01 Mar 2026 10:05:03 +0000\r\n"
BELOW = "X-Envelope-To: x@hearsay.example\r\nX-PM-RCPT: |bTF8MTIzNDV8Njc4OXx4QGhlYXJzYXkuZXhhbXBsZQ==|\r\n"
REST = "From: shop@shop.example\r\nTo: jane@client.example\r\n"


@pytest.mark.parametrize("way", ["learn", "observe"])
@pytest.mark.parametrize(("above", "below", "known"), [("", BELOW, False), (BELOW, "", True)])
def test_what_stands_below_the_boundary_is_not_learned(way: str, above: str, below: str, known: bool) -> None:
    guard = Guard(rules=(), config=parse({"boundary": ["shop.example"]}))
    message = Message.from_bytes((above + OWN_HOP + below + REST).encode())
    if way == "learn":
        guard.learn([message])
    else:
        guard.observe(message)
    learned = {
        str(role): sorted(history.values or ())
        for profile in guard.baseline.streams.values()
        for role, history in profile.roles.items()
        if role != "shown"
    }
    assert learned["from"] == ["shop.example"]
    assert learned["to"] == ["client.example"]
    told = {role for role, values in learned.items() if "hearsay.example" in values or "postmark:12345" in values}
    assert told == ({"envelope", "account"} if known else set())


def test_without_a_boundary_all_of_it_is_learned() -> None:
    guard = Guard(rules=())
    guard.learn([Message.from_bytes((OWN_HOP + BELOW + REST).encode())])
    assert "envelope" in next(iter(guard.baseline.streams.values())).roles


def test_an_account_that_only_the_envelope_names_is_learned_and_missed() -> None:
    def sent(account: int) -> Message:
        path = f"bounce-md_{account}.62ef9c1a.v1-0123456789abcdef0123456789abcdef@mandrill.example"
        return Message.from_bytes(REST.encode(), Envelope(path, ("jane@client.example",)))

    guard = Guard()
    guard.learn([sent(30490001)] * 20)
    assert [f.rule for f in guard.check(sent(30490001)).findings] == []
    (finding,) = guard.check(sent(77770002)).findings
    assert (finding.rule, finding.subject) == ("unfamiliar-account", "mandrill:77770002")
    assert finding.evidence[0].text.startswith("bounce-md_77770002")


@pytest.mark.parametrize(("rcpt_to", "hidden"), [((), ("copy@arxxwalls.com",)), (("jane@client.example",), ())])
def test_a_recipient_that_only_mail_from_encodes_is_one_where_no_rcpt_to_says_who_is(
    rcpt_to: tuple[str, ...], hidden: tuple[str, ...]
) -> None:
    path = "list-return-17-copy=arxxwalls.com@lists.example"
    message = Message.from_bytes(REST.encode(), Envelope(path, rcpt_to))
    assert message.hidden == hidden
    key = b"0123456789abcdef0123456789abcdef"
    sealed = f"X-Seal: {Guard(seal_key=key).seal(['jane@client.example'])}\r\n"
    report = Guard(seal_key=key).check(Message.from_bytes((sealed + REST).encode(), Envelope(path, rcpt_to)))
    assert ("unsealed-recipient", "copy@arxxwalls.com") in {(f.rule, f.subject) for f in report.findings}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (None, "None is neither an address nor a domain"),
        (b"jane@client.example", "is neither an address nor a domain"),
        ("jane@client.example, joe@client.example", "holds several addresses; give each as an entry of its own"),
    ],
)
def test_a_declaration_that_cannot_be_meant_is_refused(entry: object, said: str) -> None:
    octets = b"From: shop@shop.example\r\nTo: jane@client.example\r\n\r\n"
    with pytest.raises(ValueError, match=said):
        Guard().check(octets, recipients=[entry])  # type: ignore[list-item]
    assert Guard().check(octets, recipients=['"Doe, Jane" <jane@client.example>']).ok
