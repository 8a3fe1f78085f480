"""The rules: what every one of them keeps to, what each says about mail that wants to slip by, and how more are loaded."""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import importlib.metadata
import inspect
import io
import pkgutil
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import headerguard.rules
from headerguard.config import parse
from headerguard.errors import ConfigError
from headerguard.fields import CATALOGUE, Role
from headerguard.finding import Finding, Report, Severity
from headerguard.guard import _UNMET, Guard
from headerguard.header import DefectName
from headerguard.known import Known
from headerguard.message import Envelope, Message, Recipient, Record
from headerguard.proof import check_examples
from headerguard.role_history import ENOUGH
from headerguard.rule import Bound, Compared, Declared, Example, Rule, bind, load_rules
from headerguard.rules import BUILTIN, RENAMED
from headerguard.sources import read

BY_ID = {rule.id: rule for rule in BUILTIN}
EVERY = pytest.mark.parametrize("rule", BUILTIN, ids=lambda rule: rule.id)

# ---- the catalogue -------------------------------------------------------------------------------------------


def test_every_rule_is_listed_once() -> None:
    assert len(BY_ID) == len(BUILTIN)
    assert not set(RENAMED) & set(BY_ID)
    assert set(RENAMED.values()) <= set(BY_ID)


def test_every_file_holds_rules_and_every_rule_stands_in_the_table() -> None:
    package = headerguard.rules
    found = {}
    for module in pkgutil.iter_modules(package.__path__):
        loaded = importlib.import_module(f"{package.__name__}.{module.name}")
        rules = [
            value
            for value in vars(loaded).values()
            if isinstance(value, type)
            and issubclass(value, Rule)
            and value.__module__ == loaded.__name__
            and not value.__name__.startswith("_")
        ]
        assert rules, f"{module.name} holds no rule"
        found.update({rule.id: rule for rule in rules})
    assert found == BY_ID


@EVERY
def test_an_id_is_a_name(rule: type[Rule]) -> None:
    """House: kebab-case names that read after "allow", no numbers; a dot is for other packages."""
    assert re.fullmatch(r"[a-z]+(?:-[a-z]+)+", rule.id)
    assert isinstance(rule.severity, Severity)


SECTIONS = ("Flags:", "Why:", "When it is wrong:", "What to do:", "References:")


@EVERY
def test_the_docstring_says_all_there_is_to_say(rule: type[Rule]) -> None:
    text = inspect.cleandoc(rule.__doc__ or "")
    summary, _, rest = text.partition("\n\n")
    assert summary.endswith(".")
    assert "\n" not in summary
    sections = re.findall(r"^([A-Z][A-Za-z ]+:)(.*)", rest, re.MULTILINE)
    assert tuple(title for title, _ in sections) == SECTIONS
    for title in SECTIONS:
        body = rest.partition(title)[2].partition("\n\n")[0].strip()
        assert len(body) > 10, f"{title} says nothing"
        assert body.endswith("."), f"{title} stops in the middle"


@EVERY
def test_it_says_what_it_looks_at(rule: type[Rule]) -> None:
    alone = rule.roles or rule.fields or rule.defects
    assert not alone if issubclass(rule, Compared) else alone
    assert set(rule.roles) <= set(Role)
    assert set(rule.defects) <= set(DefectName)
    assert all(name == name.lower() for name in rule.fields)
    assert set(rule.needs) <= set(_UNMET)


@EVERY
def test_it_is_a_frozen_dataclass_with_an_option_for_every_field(rule: type[Rule]) -> None:
    assert dataclasses.is_dataclass(rule)
    made = rule()
    hash(made)
    assert made == rule()
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.anything = 1  # type: ignore[attr-defined]
    for option in dataclasses.fields(rule):
        assert option.default is not dataclasses.MISSING or option.default_factory is not dataclasses.MISSING
        assert bind(rule, {option.name.replace("_", "-"): _as_toml(getattr(made, option.name))}) == made


def _as_toml(value: Any) -> Any:
    return list(value) if isinstance(value, tuple | frozenset) else value


@EVERY
def test_its_examples_hold(rule: type[Rule]) -> None:
    assert check_examples(rule) == []


@EVERY
def test_a_bad_twin_differs_in_at_most_two_lines(rule: type[Rule]) -> None:
    """Told here by other means than `check_examples` uses."""
    for example in rule.examples:
        flagged, clean = example.flagged.splitlines(), example.clean.splitlines()
        blocks = difflib.SequenceMatcher(None, flagged, clean, autojunk=False).get_opcodes()
        changed = sum(max(b - a, d - c) for kind, a, b, c, d in blocks if kind != "equal")
        assert 1 <= changed <= 2
        assert example.flagged.endswith("\n")
        assert example.clean.endswith("\n")


@EVERY
def test_its_examples_name_nobody_real(rule: type[Rule]) -> None:
    for example in rule.examples:
        texts = [example.flagged, example.clean, *example.history]
        for domain in re.findall(r"@([\w.-]+)", "\n".join(texts)):
            top = domain.rstrip(".").rpartition(".")[2]
            assert top in ("example", "test", "invalid") or domain in ("example.com", "arxxwalls.com", "gmail.com")


@EVERY
def test_its_finding_says_which_rule_speaks_and_why(rule: type[Rule]) -> None:
    for example in rule.examples:
        guard = Guard([rule], config=parse(example.config) if example.config else None)
        guard.learn(_wire(past) for past in example.history)
        report = guard.check(_wire(example.flagged), envelope=example.envelope, **example.declared)
        for finding in report.findings:
            assert finding.rule == rule.id
            assert finding.subject
            assert finding.summary
            assert not finding.summary.endswith(".")
            assert finding.layer in ("application", "relay", "esp account", "unknown")
            assert finding.severity - _listed(finding) <= rule.severity
        assert report.complete


def _listed(finding: Finding) -> bool:
    """Whether it may weigh one severity more, as a list of today holds the stranger of the examples."""
    return any(piece.field == "known" for piece in finding.evidence)


def _wire(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode() + b"\r\n"


# ---- what `check_examples` finds -----------------------------------------------------------------------------


def made_rule(*examples: Example, crash: bool = False) -> type[Rule]:
    """A rule that flags every Cc."""
    several = examples

    @dataclass(frozen=True)
    class NoCopies(Rule):
        """A copy."""

        id = "acme.no-copies"
        severity = Severity.LOW
        roles = frozenset((Role.CC,))
        examples = several

        def check(self, message: Message, known: Known) -> Iterator[Finding]:
            if crash:
                raise RuntimeError("no such thing")
            for sighting in message.sightings_of(self.roles):
                yield self.finding(sighting, "a copy")

    return NoCopies


COPY = Example(flagged="To: a@x.example\nCc: b@x.example\n", clean="To: a@x.example\n", cites="b@x.example")


@pytest.mark.parametrize(
    ("example", "problem"),
    [
        (COPY, None),
        (None, "has no example"),
        (dataclasses.replace(COPY, flagged="To: a@x.example\nX: 1\n"), "the flagged message is not flagged"),
        (dataclasses.replace(COPY, clean="To: a@x.example\nCC: c@x.example\n"), "the clean message is flagged"),
        (dataclasses.replace(COPY, cites="a@x.example"), "cites 'b@x.example', not 'a@x.example'"),
        (dataclasses.replace(COPY, clean="A: 1\nB: 2\nC: 3\n"), "differ in more than two lines"),
        (dataclasses.replace(COPY, clean="To: a@x.example\nA: 1\nB: 2\nC: 3\n"), "differ in more than two lines"),
        (
            dataclasses.replace(COPY, clean="To: a@x.example\nTo: a@x.example\nTo: a@x.example\nTo: a@x.example\n"),
            "differ in more than two lines",
        ),
    ],
)
def test_what_is_wrong_with_an_example_is_said(example: Example | None, problem: str | None) -> None:
    problems = check_examples(made_rule(*([example] if example else [])))
    assert len(problems) == (1 if problem else 0), problems
    assert all(problem is not None and problem in text for text in problems)


def test_an_example_on_which_the_rule_crashes_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="no such thing"):
        check_examples(made_rule(COPY, crash=True))


def test_examples_of_a_rule_with_options_are_checked_with_them() -> None:
    assert check_examples(made_rule(COPY)()) == []


# ---- each rule against mail that wants to slip by ------------------------------------------------------------

SHOP = "From: shop@shop.example"
JANE = "To: jane@client.example"
TAG = "X-PM-Tag: receipt"
ARXX = "arxx.example"


def octets(*lines: str) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1") + b"\r\n"


def judged(
    rule: str, *lines: str, history: Mapping[str, Any] | None = None, config: Any = None, **arguments: Any
) -> Report:
    """What one rule says about a message of these lines, after a history of twenty."""
    guard = Guard([BY_ID[rule]], config=parse(config) if config else None)
    if history is not None:
        for number in range(ENOUGH):
            texts = [line.format(n=number) for line in history["lines"]]
            past = {name: value for name, value in history.items() if name != "lines"}
            guard.baseline.learn(Message.from_bytes(octets(*texts), **past))
    report = guard.check(octets(*lines), **arguments)
    assert report.failures == ()
    return report


def subjects(report: Report) -> list[str]:
    return [finding.subject for finding in report.findings]


def cited(report: Report) -> list[str]:
    return [finding.evidence[0].text for finding in report.findings]


INTENT: dict[str, Any] = {"recipients": ["jane@client.example"], "blind": []}


@pytest.mark.parametrize(
    "line",
    [
        'Cc: "jane@client.example" <copy@arxx.example>',  # dressed up as her
        "Cc: jane@client.example <copy@arxx.example>",
        "Cc: jane@client.example (for copy) copy@arxx.example",
        "Cc: Friends: jane@client.example, copy@arxx.example;",
        "Cc: <@client.example:copy@arxx.example>",  # routed by her server
        "Cc: jane@client.example; copy@arxx.example",
        "Cc: jane@client.example\r\n\tcopy@arxx.example",
        "Cc: =?utf-8?q?copy=40arxx.example?=",
        "Cc: Jane <copy@arxx.example",
        "Cc: copy@arxx.example.",
        "Cc: mailto:copy@arxx.example",
        'Cc: "copy"@arxx.example',
        "Cc: copy(jane@client.example)@arxx.example",
        "Cc : copy@arxx.example",
        "Resent-Bcc: copy@arxx.example",
        "Apparently-To: copy@arxx.example",
        "X-Any: 1\rBcc: copy@arxx.example",
        "To:\r\n \r\n copy@arxx.example",
    ],
)
def test_unexpected_recipient_sees_through(line: str) -> None:
    report = judged("unexpected-recipient", SHOP, JANE, line, **INTENT)
    assert "copy@arxx.example" in subjects(report)


@pytest.mark.parametrize(
    "address",
    ["jаne@client.example", "jane@cliеnt.example", "jane@client.example.arxx.example", "ja.ne@client.example"],  # noqa: RUF001
)
def test_unexpected_recipient_is_not_taken_in_by_a_lookalike(address: str) -> None:
    report = judged("unexpected-recipient", SHOP, f"To: {address}".encode().decode("latin-1"), **INTENT)
    assert len(report.findings) == 1


@pytest.mark.parametrize(
    "line",
    [
        "To: (for you) JANE@Client.Example.",
        "To: =?utf-8?q?J=C3=A4ne?= <jane@client.example>",
        'To: "jane"@client.example',
        "To: Team:jane@client.example;",
        "To: jane@client.example (copy@arxx.example)",  # mentioned, and nobody delivers there
        'To: "copy@arxx.example" <jane@client.example>',
        "Reply-To: copy@arxx.example",
        "Subject: Bcc: copy@arxx.example",
    ],
)
def test_unexpected_recipient_is_silent_on(line: str) -> None:
    assert subjects(judged("unexpected-recipient", SHOP, line, **INTENT)) == []


@pytest.mark.parametrize(
    "line",
    [
        f"Reply-To: help@shop.example, help@{ARXX}",
        f'Reply-To: "help@shop.example" <help@{ARXX}>',
        f"Reply-To: help@shop.example.{ARXX}",
        f"Mail-Followup-To: help@{ARXX}",
        f"Return-Receipt-To: help@{ARXX}",
        f"Reply-To: =?utf-8?q?help=40{ARXX}?=",
    ],
)
def test_unexpected_reply_path_sees_through(line: str) -> None:
    assert len(judged("unexpected-reply-path", SHOP, JANE, line, **INTENT).findings) == 1


@pytest.mark.parametrize(
    "author", [f"help@{ARXX} <shop@shop.example>", f"=?utf-8?q?help=40{ARXX}?=, shop@shop.example"]
)
def test_a_mere_candidate_for_the_author_vouches_for_no_reply_path(author: str) -> None:
    """A display name is often a customer's, and what he writes there must not make his domain the sender's."""
    lines = (f"From: {author}", JANE, f"Reply-To: help@{ARXX}")
    assert subjects(judged("unexpected-reply-path", *lines, **INTENT)) == [f"help@{ARXX}"]
    history = {"lines": [SHOP, JANE, TAG]}
    assert subjects(judged("unfamiliar-reply-path", *lines, TAG, history=history)) == [ARXX]


@pytest.mark.parametrize(
    ("to", "members", "complete", "severity"),
    [
        ("jane@client.example", ("ann@client.example", f"bob@{ARXX}"), None, Severity.LOW),
        ("ann@client.example", ("ann@client.example",), False, Severity.LOW),  # each member gets a copy of his own
        ("jane@client.example", ("jane@client.example", f"bob@{ARXX}"), None, Severity.HIGH),
        ("jane@client.example", (f"bob@{ARXX}",), True, Severity.HIGH),
    ],
)
def test_unexpected_recipient_remarks_the_members_of_an_alias(
    to: str, members: tuple[str, ...], complete: bool | None, severity: Severity
) -> None:
    lines = (SHOP, f"To: {to}", "X-Original-To: jane@client.example")
    report = judged("unexpected-recipient", *lines, envelope=Envelope("", members, complete=complete), **INTENT)
    assert {finding.severity for finding in report.findings} == {severity}


def test_unexpected_reply_path_leaves_a_stream_to_be_learned() -> None:
    lines = (SHOP, JANE, f"Reply-To: help@{ARXX}")
    assert judged("unexpected-reply-path", *lines, **INTENT).findings[0].severity is Severity.MEDIUM
    guard = Guard([BY_ID["unexpected-reply-path"]])
    guard.baseline.learn(Message.from_bytes(octets("From: a@shop.example", JANE)))
    assert [f.severity for f in guard.observe(octets(*lines), **INTENT).findings] == [Severity.LOW]
    level = guard.baseline.streams["-/author:shop@shop.example"]
    assert level.knows(Role.REPLY, ARXX)


OWN: dict[str, Any] = {"own-domains": ["shop.example"]}
RECEIPTS: dict[str, Any] = {"streams": {"tag:receipt": {"expected": {"from": ["shop@shop.example"]}}}}


@pytest.mark.parametrize(
    ("author", "config", "intent", "flagged"),
    [
        (f"shop@{ARXX}", OWN, INTENT, True),
        (f'"shop@shop.example" <shop@{ARXX}>', OWN, INTENT, True),
        (f"shop@shop.example.{ARXX}", OWN, INTENT, True),
        (f"shop@shop.example, shop@{ARXX}", OWN, INTENT, True),
        ("anybody@mail.shop.example", OWN, INTENT, False),
        (f"shop@{ARXX}", None, INTENT, False),  # nothing to compare with
        (f"shop@{ARXX}", OWN, {}, False),  # nobody says that this is own mail
        (f"shop@{ARXX}", RECEIPTS, {}, True),
        ("other@shop.example", RECEIPTS, {}, True),
        ("shop@shop.example", RECEIPTS, {}, False),
        ("other@shop.example", OWN | RECEIPTS, {}, False),
    ],
)
def test_unexpected_author_needs_a_reference(author: str, config: Any, intent: Any, flagged: bool) -> None:
    report = judged("unexpected-author", f"From: {author}", JANE, TAG, config=config, **intent)
    assert len(report.findings) == flagged


def test_unexpected_author_compares_with_what_the_settings_state() -> None:
    said = Message.from_items([("From", "no-reply@shop.example")]).sightings[0]._replace(role=Role.IDENTITY, span=None)
    intent: dict[str, Any] = {"recipients": ["jane@client.example"]}

    def found(field: str, author: str = f"shop@{ARXX}", **more: Any) -> list[str]:
        record = Record((said._replace(field=field),))
        message = Message.from_items([("From", author), ("To", "jane@client.example")], record=record)
        config = parse(RECEIPTS) if more else None
        return subjects(Guard([BY_ID["unexpected-author"]], config=config).check(message, **intent, **more))

    assert found("settings.DEFAULT_FROM_EMAIL") == [f"shop@{ARXX}"]
    assert found("settings.DEFAULT_FROM_EMAIL", "ann@mail.shop.example") == []
    assert found("params.identity") == []
    assert found("settings.DEFAULT_FROM_EMAIL", "ann@shop.example", stream="tag:receipt") == ["ann@shop.example"]


def test_unexpected_author_is_silent_where_the_stream_has_shown_it() -> None:
    lines = (f"From: shop@{ARXX}", JANE, TAG)
    assert judged("unexpected-author", *lines, history={"lines": lines}, config=OWN, **INTENT).findings == ()
    both = OWN | RECEIPTS
    assert len(judged("unexpected-author", *lines, history={"lines": lines}, config=both, **INTENT).findings) == 1


def test_unexpected_reply_path_is_silent_where_the_stream_has_shown_it() -> None:
    known = {"lines": [SHOP, JANE, TAG, "Reply-To: help@desk.example"]}
    assert (
        subjects(judged("unexpected-reply-path", SHOP, JANE, TAG, "Reply-To: x@desk.example", history=known, **INTENT))
        == []
    )
    visitors = {"lines": [SHOP, JANE, TAG, "Reply-To: v@visitor-{n}.example"]}
    assert (
        subjects(
            judged("unexpected-reply-path", SHOP, JANE, TAG, "Reply-To: x@any.example", history=visitors, **INTENT)
        )
        == []
    )
    assert (
        len(judged("unexpected-reply-path", SHOP, JANE, TAG, f"Reply-To: x@{ARXX}", history=known, **INTENT).findings)
        == 1
    )


ARCHIVED = {"lines": [SHOP, "To: c{n}@client-{n}.example", "Bcc: audit@vault.example", TAG]}
NEVER = {"lines": [SHOP, "To: c{n}@client-{n}.example", TAG]}


@pytest.mark.parametrize("history", [ARCHIVED, NEVER])
@pytest.mark.parametrize(
    "line",
    [
        f"Bcc: copy@{ARXX}",
        f"Bcc: audit@vault.example, copy@{ARXX}",
        f'Bcc: "audit@vault.example" <copy@{ARXX}>',
        f"Bcc: audit@vault.example.{ARXX}",
        f"Resent-Bcc: copy@{ARXX}",
        f"X-MC-BccAddress: copy@{ARXX}",
        f"bcc : copy@{ARXX}",
        f"Bcc: =?utf-8?q?copy=40{ARXX}?=",
        "Bcc: copy@client-3.example",  # a customer: known, and never in secret
    ],
)
def test_unfamiliar_blind_recipient_sees_through(line: str, history: Mapping[str, Any]) -> None:
    report = judged("unfamiliar-blind-recipient", SHOP, JANE, TAG, line, history=history)
    assert [s for s in subjects(report) if s in (ARXX, "client-3.example")]
    assert {f.subject for f in report.findings} <= {ARXX, "client-3.example", "vault.example"}


OBSERVED = {**NEVER, "envelope": Envelope("")}


def test_unfamiliar_blind_recipient_sees_the_envelope_where_it_was_seen_before() -> None:
    envelope = Envelope("", ("<jane@client.example>", f"<copy@{ARXX}>"))
    report = judged("unfamiliar-blind-recipient", SHOP, JANE, TAG, history=OBSERVED, envelope=envelope)
    assert subjects(report) == [ARXX]
    assert report.findings[0].layer == "application"
    assert report.findings[0].severity is Severity.HIGH
    assert subjects(judged("unfamiliar-blind-recipient", SHOP, JANE, TAG, history=NEVER, envelope=envelope)) == []


def test_unfamiliar_blind_recipient_is_remarked_where_an_alias_expands() -> None:
    for original, severity in (("JANE+x@client.example", Severity.LOW), (f"copy@{ARXX}", Severity.HIGH)):
        lines = (SHOP, JANE, TAG, f"X-Original-To: {original}")
        envelope = Envelope("", (f"<copy@{ARXX}>",))
        report = judged("unfamiliar-blind-recipient", *lines, history=OBSERVED, envelope=envelope)
        assert [f.severity for f in report.findings] == [severity]


JOURNAL = """From: exchange@shop.example
To: journal@vault.example
Message-ID: <report@shop.example>
X-MS-Journal-Report:
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

Sender: shop@shop.example
Message-Id: <1@shop.example>
To: jane@client.example
{line}
--b
Content-Type: message/rfc822

From: Shop <shop@shop.example>
To: jane@client.example
X-PM-Tag: receipt
Message-ID: <1@shop.example>

--b--
"""


@pytest.mark.parametrize(
    ("line", "severity", "said"),
    [
        (f"To: copy@{ARXX}, Forwarded: jane@client.example\n", Severity.LOW, "by way of jane@client.example"),
        (f"To: copy@{ARXX}, Expanded: team@client.example\n", Severity.LOW, "by way of team@client.example"),
        (f"Bcc: copy@{ARXX}\n", Severity.HIGH, "hidden copy"),
    ],
)
def test_whom_a_list_or_a_forward_adds_is_no_blind_recipient(line: str, severity: Severity, said: str) -> None:
    guard = Guard([BY_ID["unfamiliar-blind-recipient"]])
    guard.learn(Message.from_bytes(octets(SHOP, JANE, TAG), envelope=Envelope("")) for _ in range(ENOUGH))
    (copy,) = read(io.BytesIO(JOURNAL.format(line=line).encode()), kind="exchange_journal")
    (finding,) = guard.check(copy).findings
    assert (finding.subject, finding.severity) == (ARXX, severity)
    assert said in finding.summary


@pytest.mark.parametrize("rule", ["unfamiliar-blind-recipient", "control-recipient", "contradicting-stamp"])
def test_a_copy_to_the_only_author_is_no_secret(rule: str) -> None:
    line = {"control-recipient": "X-MC-BccAddress: {}", "contradicting-stamp": "Envelope-To: {}"}.get(rule, "Bcc: {}")
    for author, to, found in (
        (SHOP, "SHOP+sent@shop.example", 0),
        (SHOP, "other@elsewhere.example", 1),
        (f"{SHOP}, copy@{ARXX}", f"copy@{ARXX}", 1),  # a second author would be too easy
        (f"From: shop@shop.example <copy@{ARXX}", "shop@shop.example", 1),
    ):
        report = judged(rule, author, JANE, TAG, line.format(to), history=NEVER)
        assert len(report.findings) == found, (author, to)


@pytest.mark.parametrize(
    ("rule", "line", "envelope"),
    [
        ("unfamiliar-blind-recipient", "Bcc: audit@vault.example", None),
        ("unfamiliar-blind-recipient", "X-Any: 1", Envelope("", ("jane@client.example", "audit@vault.example"))),
        ("unfamiliar-blind-recipient", "X-MC-BccAddress: audit@vault.example", None),
        ("control-recipient", "X-MC-BccAddress: audit@vault.example", None),
        ("contradicting-stamp", "Envelope-To: audit@vault.example", None),
        ("unnamed-envelope-recipient", "X-Any: 1", Envelope("", ("jane@client.example", "audit@vault.example"), True)),
        ("unexpected-recipient", "X-MC-BccAddress: audit@vault.example", None),
    ],
)
def test_an_archive_that_is_declared_is_expected_in_whatever_way_it_gets_its_copy(
    rule: str, line: str, envelope: Envelope | None
) -> None:
    intent = {"recipients": ["jane@client.example"]} if rule == "unexpected-recipient" else {}
    for entry, found in (("vault.example", []), ("other.example", ["audit@vault.example"])):
        config = {"streams": {"tag:receipt": {"expected": {"bcc": [entry]}}}}
        report = judged(rule, SHOP, JANE, TAG, line, history=OBSERVED, envelope=envelope, config=config, **intent)
        assert [str(f.evidence[0].text) for f in report.findings if f.rule == rule] == found


class Counted(tuple[Recipient, ...]):
    """Recipients that count how often one of them is looked at."""

    looks = 0

    def __iter__(self) -> Iterator[Recipient]:
        for recipient in super().__iter__():
            Counted.looks += 1
            yield recipient


def test_unfamiliar_blind_recipient_does_not_look_through_all_of_them_for_each() -> None:
    """Who writes the header says how many there are."""
    guard = Guard([BY_ID["unfamiliar-blind-recipient"]])
    guard.learn([octets(SHOP, JANE, TAG)] * ENOUGH)
    number = 400
    strangers = ", ".join(f"c@stranger-{n}.example" for n in range(number))
    message = Message.from_bytes(octets(SHOP, JANE, TAG, f"Bcc: {strangers}"))
    message._recipients = Counted(message.recipients)
    Counted.looks = 0
    assert len(guard.check(message).findings) == number
    assert Counted.looks < 20 * number


@pytest.mark.parametrize(
    "line",
    [
        "Bcc: other@mail.vault.example",
        "X-MC-BccAddress: audit@vault.example",  # a relay turns one hidden role into another
        "Cc: copy@arxx.example",  # for another rule
        "Bcc: jane@client.example",  # shown to all in To
        "Delivered-To: copy@arxx.example",
    ],
)
def test_unfamiliar_blind_recipient_is_silent_on(line: str) -> None:
    assert subjects(judged("unfamiliar-blind-recipient", SHOP, JANE, TAG, line, history=ARCHIVED)) == []


def test_unfamiliar_blind_recipient_needs_twenty_messages() -> None:
    guard = Guard([BY_ID["unfamiliar-blind-recipient"]])
    for _ in range(ENOUGH - 1):
        guard.baseline.learn(Message.from_bytes(octets(SHOP, JANE, TAG)))
    assert guard.check(octets(SHOP, JANE, TAG, f"Bcc: copy@{ARXX}")).findings == ()


TEAM = {"lines": [SHOP, "To: team@shop.example", "Cc: boss@shop.example", TAG]}


@pytest.mark.parametrize(
    "line",
    [
        f"To: team@shop.example, x@{ARXX}",
        f"Cc: boss@shop.example.{ARXX}",
        f"Cc: boss@shop.example; x@{ARXX}",
        f"CC:x@{ARXX}",
    ],
)
def test_unfamiliar_recipient_sees_through(line: str) -> None:
    assert subjects(judged("unfamiliar-recipient", SHOP, TAG, line, history=TEAM)) == [ARXX]


@pytest.mark.parametrize("line", ["To: other@shop.example", f'Cc: "x@{ARXX}" <boss@shop.example>', f"Bcc: x@{ARXX}"])
def test_unfamiliar_recipient_is_silent_on(line: str) -> None:
    assert subjects(judged("unfamiliar-recipient", SHOP, TAG, line, history=TEAM)) == []


@pytest.mark.parametrize(
    "line",
    [
        f"From: Shop <shop@{ARXX}>",
        f"From: shop@shop.example, x@{ARXX}",
        f"From: =?utf-8?q?Shop?= <shop@shop.example.{ARXX}>",
        f'From: "shop@shop.example" <x@{ARXX}>',
    ],
)
def test_unfamiliar_author_sees_through(line: str) -> None:
    assert subjects(judged("unfamiliar-author", line, JANE, TAG, history=NEVER)) == [ARXX]


def test_unfamiliar_author_is_silent_on_a_new_name_of_the_same_domain() -> None:
    assert subjects(judged("unfamiliar-author", "From: new@mail.shop.example", JANE, TAG, history=NEVER)) == []
    assert (
        subjects(
            judged("unfamiliar-author", f"From: shop@{ARXX}", JANE, TAG, history=NEVER, config={"own-domains": [ARXX]})
        )
        == []
    )
    tenants = {"lines": ["From: a@tenant-{n}.example", JANE, TAG]}
    assert subjects(judged("unfamiliar-author", f"From: a@{ARXX}", JANE, TAG, history=tenants)) == []


@pytest.mark.parametrize(
    "line", [f"Reply-To: x@{ARXX}", f"Disposition-Notification-To: x@{ARXX}", f"Reply-To: shop@shop.example, x@{ARXX}"]
)
def test_unfamiliar_reply_path_sees_through(line: str) -> None:
    report = judged("unfamiliar-reply-path", SHOP, JANE, TAG, line, history=NEVER)
    assert subjects(report) == [ARXX]


def test_unfamiliar_reply_path_is_silent_on_visitors_and_the_authors_domain() -> None:
    assert (
        subjects(judged("unfamiliar-reply-path", SHOP, JANE, TAG, "Reply-To: x@mail.shop.example", history=NEVER)) == []
    )
    visitors = {"lines": [SHOP, JANE, TAG, "Reply-To: v@visitor-{n}.example"]}
    assert subjects(judged("unfamiliar-reply-path", SHOP, JANE, TAG, f"Reply-To: x@{ARXX}", history=visitors)) == []


def test_unfamiliar_reply_path_takes_domains_from_the_configured_list(tmp_path: Path) -> None:
    """The author's domain is told by the same list as every other."""
    (tmp_path / "list.dat").write_text("com\nexample\nshared.example\n", encoding="utf-8")
    config = parse({"suffix-list": "list.dat"}, "t", tmp_path)
    guard = Guard([BY_ID["unfamiliar-reply-path"]], config=config)
    author = "From: a@mine.shared.example"
    guard.learn(octets(author, JANE, TAG) for _ in range(ENOUGH))
    report = guard.check(octets(author, JANE, TAG, "Reply-To: x@yours.shared.example"))
    assert subjects(report) == ["yours.shared.example"]


BOUNCES = {"lines": ["Return-Path: <b@esp.example>", SHOP, JANE, TAG]}


@pytest.mark.parametrize(
    "line", [f"Return-Path: <b@{ARXX}>", f"Errors-To: b@{ARXX}", f"Return-Path: <@esp.example:b@{ARXX}>"]
)
def test_unfamiliar_bounce_path_sees_through(line: str) -> None:
    assert subjects(judged("unfamiliar-bounce-path", line, SHOP, JANE, TAG, history=BOUNCES)) == [ARXX]


def test_unfamiliar_bounce_path_reads_the_envelope_and_ignores_the_null_path() -> None:
    for mail_from, named in ((f"<b@{ARXX}>", [ARXX]), ("", []), ("<>", []), ("<b+x=y@mail.esp.example>", [])):
        report = judged("unfamiliar-bounce-path", SHOP, JANE, TAG, history=BOUNCES, envelope=Envelope(mail_from))
        assert subjects(report) == named
    assert subjects(judged("unfamiliar-bounce-path", "Return-Path: <>", SHOP, JANE, TAG, history=BOUNCES)) == []


@pytest.mark.parametrize(
    "line",
    [
        f"x-mc-bccaddress: copy@{ARXX}",
        f"X-MC-BccAddress:\r\n\tcopy@{ARXX}",
        f"X-MC-BccAddress : copy@{ARXX}",
        f"X-MC-BccAddress: Jane <copy@{ARXX}>",
    ],
)
def test_control_recipient_sees_through(line: str) -> None:
    assert subjects(judged("control-recipient", SHOP, JANE, line)) == [f"copy@{ARXX}"]


def test_control_recipient_is_silent_on_what_is_declared_or_known() -> None:
    line = "X-MC-BccAddress: audit@vault.example"
    assert (
        subjects(judged("control-recipient", SHOP, JANE, line, recipients=["jane@client.example", "vault.example"]))
        == []
    )
    assert subjects(judged("control-recipient", SHOP, JANE, TAG, line, history=ARCHIVED)) == []
    assert subjects(judged("control-recipient", SHOP, JANE, "X-MC-BccAddress:")) == []


def test_unnamed_envelope_recipient_compares_addresses_and_not_spellings() -> None:
    paths = ("<JANE@client.example>", f"copy@{ARXX}", f"<Copy@{ARXX.upper()}>", "<>", "")
    report = judged("unnamed-envelope-recipient", SHOP, JANE, envelope=Envelope("", paths, complete=True))
    assert subjects(report) == [f"copy@{ARXX}"]
    assert len(report.findings[0].evidence) == 2


@pytest.mark.parametrize("line", [f"Bcc: copy@{ARXX}", f"Cc: a:copy@{ARXX};", f"X-MC-BccAddress: copy@{ARXX}"])
def test_unnamed_envelope_recipient_is_silent_on_whom_a_field_names(line: str) -> None:
    envelope = Envelope("", ("jane@client.example", f"copy@{ARXX}"), complete=True)
    assert subjects(judged("unnamed-envelope-recipient", SHOP, JANE, line, envelope=envelope)) == []


def test_unnamed_envelope_recipient_is_not_taken_in_by_a_mention() -> None:
    envelope = Envelope("", ("jane@client.example", f"copy@{ARXX}"), complete=True)
    for line in (f'To: "copy@{ARXX}" <jane@client.example>', f"Reply-To: copy@{ARXX}", f"From: copy@{ARXX}"):
        assert subjects(judged("unnamed-envelope-recipient", JANE, line, envelope=envelope)) == [f"copy@{ARXX}"]


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("To: JANE@client.example.", []),
        ('To: "jane"@client.example', []),
        ("Cc: joe@client.example", ["joe@client.example"]),
        ("Resent-To: joe@client.example", ["joe@client.example"]),
        ("Bcc: joe@client.example", []),  # nobody is shown there
        (r"To: joe\@client.example", []),  # a candidate is no promise to a reader
        ("To: jane@mail.client.example", ["jane@mail.client.example"]),
    ],
)
def test_missing_envelope_recipient(line: str, missing: list[str]) -> None:
    envelope = Envelope("", ("<jane@client.example>",), complete=True)
    assert subjects(judged("missing-envelope-recipient", SHOP, line, envelope=envelope)) == missing


@pytest.mark.parametrize(
    ("lines", "arguments", "named"),
    [
        (("Received: from a by b; x", "Bcc: a@x.example, b@x.example"), {}, ["a@x.example", "b@x.example"]),
        (("Resent-Bcc: a@x.example",), {"stage": "delivered"}, ["a@x.example"]),
        (("Bcc : a@x.example",), {"stage": "delivered"}, ["a@x.example"]),
        (("Delivered-To: a@x.example", "Bcc:"), {}, []),
        (("Delivered-To: a@x.example", "Bcc: undisclosed:;"), {}, []),
        (("Received: from a by b; x", "Bcc: a@x.example"), {"stage": "submitted"}, []),
        (("Bcc: a@x.example",), {}, []),
    ],
)
def test_disclosed_blind_recipient(lines: tuple[str, ...], arguments: dict[str, Any], named: list[str]) -> None:
    assert sorted(subjects(judged("disclosed-blind-recipient", JANE, *lines, **arguments))) == named


@pytest.mark.parametrize(
    ("lines", "cites"),
    [
        (("to: a@x.example", "TO: b@x.example"), ["TO: b@x.example"]),
        (("Bcc: a@x.example", "Subject: x", "Bcc : b@x.example"), ["Bcc : b@x.example"]),
        (("Reply-To: a@x.example", "reply-to:\r\n b@x.example"), ["reply-to:\r\n b@x.example"]),
        (("Cc: a@x.example", "Cc: b@x.example", "Cc: c@x.example"), ["Cc: b@x.example"]),
        (("To:", "To: b@x.example"), ["To: b@x.example"]),
        (("To: b@x.example", "To: undisclosed:;"), []),  # names nobody
        (("Received: from a by b for <a@x.example>; x", "Received: from a by b for <b@x.example>; x"), []),
        (("Resent-To: a@x.example", "Resent-To: b@x.example"), []),  # RFC 5322 section 3.6.6: one a block
        (("To: a@x.example", "Cc: b@x.example"), []),
    ],
)
def test_repeated_field(lines: tuple[str, ...], cites: list[str]) -> None:
    assert cited(judged("repeated-field", *lines)) == cites


@pytest.mark.parametrize(
    ("line", "severity"),
    [
        ("Bcc : copy@arxx.example", Severity.HIGH),  # every server acts on it
        ("Bcc\t\t: copy@arxx.example", Severity.HIGH),
        ("Cc : copy@arxx.example", Severity.HIGH),
        ("Reply-To : copy@arxx.example", Severity.HIGH),
        ("X-MC-BccAddress : copy@arxx.example", Severity.HIGH),
        ("Disposition-Notification-To : copy@arxx.example", Severity.HIGH),
        ("X Bcc: copy@arxx.example", Severity.MEDIUM),  # only some readers see it
        ("\x01Bcc: copy@arxx.example", Severity.MEDIUM),
        ("Subject: Hello\rBcc: copy@arxx.example", Severity.MEDIUM),
        ("Bcc\x00: copy@arxx.example", Severity.MEDIUM),
    ],
)
def test_hidden_field_sees_through(line: str, severity: Severity) -> None:
    report = judged("hidden-field", SHOP, JANE, line)
    assert len(report.findings) == 1
    assert "copy@arxx.example" in report.findings[0].summary
    assert report.findings[0].severity is severity


def test_hidden_field_says_once_what_many_fields_share() -> None:
    lines = [f"Bcc : {i}@{ARXX}" for i in range(300)]
    one, other = judged("hidden-field", SHOP, JANE, *lines, f"Cc : 1@{ARXX}").findings
    assert (len(one.evidence), len(other.evidence)) == (300, 1)
    assert one.summary == f"Bcc names 0@{ARXX} and 1@{ARXX} and 2@{ARXX} and has a blank before its colon"


def test_hidden_field_sees_a_first_line_and_one_past_the_limit() -> None:
    for mark in ("\xef\xbb\xbf", " "):
        assert len(judged("hidden-field", f"{mark}Bcc: copy@{ARXX}", JANE).findings) == 1
    report = judged("hidden-field", "X: " + "x" * (1 << 20), "Y: 1", f"Bcc: copy@{ARXX}")
    assert cited(report) == [f"Bcc: copy@{ARXX}"]


@pytest.mark.parametrize(
    "line",
    [
        "Subject : Bcc: copy@arxx.example",
        "Bcc : undisclosed:;",
        "X-Any : copy@arxx.example",
        "no colon",
        "Subject: a\rb: copy@arxx.example",
        "Message-ID : <1@x.example>",
    ],
)
def test_hidden_field_is_silent_on(line: str) -> None:
    assert judged("hidden-field", SHOP, JANE, line).findings == ()


@pytest.mark.parametrize(
    "line",
    [
        "Subject: =?utf-8?q?Hello=0D=0ABcc=3A_copy=40arxx.example?=",
        "Subject: =?utf-8?q?Hello=0ABcc=3Acopy=40arxx.example?=",
        "Subject: =?utf-8?q?Hello=0DBcc=3Acopy=40arxx.example?=",
        "Subject: =?utf-8?b?SGVsbG8NCkJjYzogY29weUBhcnh4LmV4YW1wbGU=?=",
        "Subject: =?utf-8?q?Hello=0D=0AB?= =?utf-8?q?cc=3Acopy=40arxx.example?=",
        "Subject: =?utf-8?q?Hello=0D=0A?=\r\n =?utf-8?q?bCC=3Acopy=40arxx.example?=",
        "Subject: =?utf-8?q?Hello=0D=0AReply-To_=3A_copy=40arxx.example?=",
        "Subject: Hello\rBcc: copy@arxx.example",
        "To: =?utf-8?q?Jane=0D=0ABcc=3A_copy=40arxx.example?= <jane@client.example>",
        'To: "=?utf-8?q?Jane=0D=0ABcc=3A_copy=40arxx.example?=" <jane@client.example>',
        "To: =?utf-8?q?Jane=0D=0ABcc=3A?= <copy@arxx.example>",
        "To: =?utf-8?q?Jane=0DBcc=3A?= <copy@arxx.example>",
        "To: =?utf-8?q?Jane?=\r\n =?utf-8?q?=0ABcc=3A_?= <copy@arxx.example>",
        "From: =?utf-8?q?Shop=0D=0ABcc=3A_copy=40arxx.example?= <shop@shop.example>",
        "Cc: a@x.example\r\n Bcc: copy@arxx.example",
    ],
)
def test_header_injection_sees_through(line: str) -> None:
    report = judged("header-injection", line)
    assert len(report.findings) == 1
    assert report.findings[0].severity is Severity.HIGH
    assert cited(report) == [line]


@pytest.mark.parametrize(
    "line",
    [
        "Subject: Bcc: copy@arxx.example",
        "Subject: =?utf-8?q?Hello_Bcc=3A_copy=40arxx.example?=",
        "Subject: =?utf-8?q?Hello=0D=0A?=",
        "Subject: =?utf-8?q?Hello=0D=0ABcc=3A_nobody?=",
        "Subject: a long subject\r\n that is folded and writes to copy@arxx.example",
        "To: Jane\r\n <jane@client.example>,\r\n\tTo <to@client.example>",
        'To: "Bcc: copy@arxx.example" <jane@client.example>',
        "X-Log: =?utf-8?q?Hello=0D=0ABcc=3A_copy=40arxx.example?=",
    ],
)
def test_header_injection_is_silent_on(line: str) -> None:
    assert judged("header-injection", line).findings == ()


def test_header_injection_sees_a_line_end_in_a_message_object() -> None:
    import email.message

    copy = email.message.Message()
    copy["To"] = "jane@client.example"
    copy["Subject"] = "Hello\r\nBcc: copy@arxx.example"
    report = Guard([BY_ID["header-injection"]]).check(copy)
    assert [f.evidence[0].text for f in report.findings] == ["Bcc: copy@arxx.example"]
    fine = email.message.Message()
    fine["Subject"] = "Hello\r\n Bcc copy@arxx.example"
    assert Guard([BY_ID["header-injection"]]).check(fine).findings == ()


@pytest.mark.parametrize(
    ("line", "mentioned"),
    [
        ('To: "copy@arxx.example" <jane@client.example>', True),
        ("To: Jane (copy@arxx.example) <jane@client.example>", True),
        ("To: jane@client.example (via copy@arxx.example)", True),
        ("To: =?utf-8?b?Y29weUBhcnh4LmV4YW1wbGU=?= <jane@client.example>", True),
        ('Bcc: "copy@arxx.example, all" <jane@client.example>', True),
        ('To: "JANE@client.example" <jane@client.example>', False),
        ("To: =?utf-8?q?jane=40client.example?= <jane@client.example>", False),
        ("To: Jane @ Client <jane@client.example>", False),
        ('From: "copy@arxx.example" <jane@client.example>', False),
    ],
)
def test_embedded_address(line: str, mentioned: bool) -> None:
    found = [s for s in subjects(judged("embedded-address", line)) if s == "copy@arxx.example"]
    assert bool(found) is mentioned
    if not mentioned:
        assert judged("embedded-address", line).findings == ()


@pytest.mark.parametrize(
    ("value", "ambiguous"),
    [
        ("jane@client.example <copy@arxx.example>", True),
        ("jane@client.example copy@arxx.example", True),
        ('"Jane <jane@client.example>', True),
        ("Jane <jane@client.example", True),
        ("jane@client.example@arxx.example", True),
        ("=?utf-8?q?jane=40client.example?=", True),
        ("jane\x00@client.example", True),
        ("jane@client.example; copy@arxx.example", False),
        ("Team: jane@client.example, copy@arxx.example;", False),
        ("<@relay.example:jane@client.example>", False),
        ('"Doe, Jane" (x) <jane@client.example>', False),
        ('"copy@arxx.example" <jane@client.example>', False),  # for another rule
        ("undisclosed-recipients:;", False),
    ],
)
def test_ambiguous_destination(value: str, ambiguous: bool) -> None:
    for name in ("To", "Bcc", "Resent-Cc"):
        assert bool(judged("ambiguous-destination", f"{name}: {value}").findings) is ambiguous
    assert judged("ambiguous-destination", f"From: {value}").findings == ()


@pytest.mark.parametrize("value", ["jane at client.example@", "@client.example", "<@>"])
def test_ambiguous_destination_points_at_a_member_that_holds_an_at_and_no_address(value: str) -> None:
    """Its page promises that too."""
    assert len(judged("ambiguous-destination", f"To: {value}").findings) == 1


@pytest.mark.parametrize(
    ("lines", "lost"),
    [
        (("Bcc: a@x.example", "Bcc: b@x.example"), ["b@x.example"]),
        (("To: a@x.example; b@x.example", "To: c@x.example"), ["c@x.example"]),
        (("To: a@x.example", "Cc: b@x.example"), []),
        (('To: "Doe, J" <a@x.example>, Team: b@x.example;',), []),
    ],
)
def test_reader_disagreement(lines: tuple[str, ...], lost: list[str]) -> None:
    found = [
        evidence.text
        for finding in judged("reader-disagreement", SHOP, *lines).findings
        for evidence in finding.evidence
    ]
    assert [address for address in lost if address not in found] == []
    assert bool(found) is bool(lost)


def test_reader_disagreement_says_when_the_other_reader_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    import mailparser

    def fail(_octets: bytes) -> None:
        raise AttributeError("hostile")

    monkeypatch.setattr(mailparser, "parse_from_bytes", fail)
    report = judged("reader-disagreement", "To: a@x.example", "To: b@x.example")
    assert "AttributeError" in report.findings[0].summary
    # Where nothing is odd it is not even asked.
    assert judged("reader-disagreement", SHOP, JANE, 'Cc: "Doe, J" <j@x.example>').findings == ()


# ---- a finding and its evidence ------------------------------------------------------------------------------


def test_evidence_comes_from_what_the_lexers_found() -> None:
    text = octets(SHOP, "To: a@x.example, b@x.example", "Bcc : c@x.example\xff", "Cc: a@x.example")
    message = Message.from_bytes(text)
    rule = BY_ID["unexpected-recipient"]()
    recipient = next(r for r in message.recipients if str(r.address) == "a@x.example")
    field = message.header.all("bcc")[0]
    defect = next(d for d in message.header.defects if d.name is DefectName.NOT_UTF8)
    finding = rule.finding(recipient, "summary", also=[field, defect])
    places = [(e.place, e.field, e.span and text[slice(*e.span)], e.note) for e in finding.evidence]
    assert places == [
        ("to", "to", b"a@x.example", ""),
        ("cc", "cc", b"a@x.example", ""),
        ("bcc", "bcc", b"Bcc : c@x.example\xff", ""),
        ("bcc", "bcc", b"\xff", "not-utf8"),
    ]
    assert finding.subject == "a@x.example"
    assert rule.finding(field, "s").subject == "bcc"
    assert rule.finding(defect, "s").subject == "bcc"
    assert rule.finding(recipient, "s", subject="x.example").subject == "x.example"


def test_a_low_finding_on_a_candidate_stays_low() -> None:
    message = Message.from_bytes(octets("Bcc: =?utf-8?q?copy=40x.example?="))
    (candidate,) = message.recipients
    assert BY_ID["control-recipient"]().finding(candidate, "s").severity is Severity.LOW
    assert BY_ID["unexpected-recipient"]().finding(candidate, "s").severity is Severity.MEDIUM
    assert BY_ID["unexpected-recipient"]().finding(candidate, "s", severity=Severity.CRITICAL).severity is Severity.HIGH


# ---- bounds --------------------------------------------------------------------------------------------------


def test_which_bounds_hold_for_a_role() -> None:
    asked, blind, expected = Bound(["a.example"]), Bound(["b.example"]), Bound(["c.example"])
    both = Declared(asked, blind)
    assert both.bound(Role.TO) == (asked,)
    assert both.bound(Role.RESENT_CC) == (asked,)
    assert both.bound(Role.BCC) == (blind,)
    assert both.bound(Role.RESENT_BCC) == (blind,)
    assert both.bound(Role.ENVELOPE) == (asked, blind)
    assert both.bound(Role.CONTROL) == (asked, blind)
    assert Declared(asked).bound(Role.BCC) == (asked,)
    assert Declared(None, blind).bound(Role.TO) is None
    assert Declared(None, blind).bound(Role.BCC) == (blind,)
    assert Declared().bound(Role.TO) is None
    assert Declared(expected={Role.TO: expected}).bound(Role.TO) == (expected,)
    assert not Declared(expected={Role.TO: expected}).given
    assert Declared(asked, expected={Role.TO: expected}).bound(Role.TO) == (asked, expected)


def test_fields_of_the_catalogue_name_the_roles_that_rules_look_at() -> None:
    """A rule that looks at a role which no field and no envelope can show would never be called."""
    shown = {entry.role for entry in CATALOGUE.values()} | {Role.ENVELOPE, Role.BOUNCE, Role.MENTIONED}
    for rule in BUILTIN:
        assert not rule.roles or set(rule.roles) & shown


# ---- rules of other packages ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class OutsideRegion(Rule):
    """A copy leaves the region."""

    id = "acme.outside-region"
    severity = Severity.MEDIUM
    roles = frozenset((Role.BCC,))
    suffixes: tuple[str, ...] = (".example",)
    most: int = 0
    share: float = 0.5
    strict: bool = False
    label: str = "region"
    hosts: frozenset[str] = frozenset()

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        for recipient in message.recipients:
            if recipient.hidden and not recipient.address.domain.endswith(self.suffixes):
                yield self.finding(recipient, f"copied to {recipient.address}")


class Point:
    """An entry point, as far as loading looks at it."""

    def __init__(self, name: str, value: str, loaded: object) -> None:
        self.name, self.value, self.loaded = name, value, loaded

    def load(self) -> object:
        if isinstance(self.loaded, Exception):
            raise self.loaded
        return self.loaded


def install(monkeypatch: pytest.MonkeyPatch, *points: Point) -> list[str]:
    """Pretend that packages are installed; notes which groups were asked for."""
    asked: list[str] = []

    def entry_points(*, group: str) -> list[Point]:
        asked.append(group)
        return list(points)

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    return asked


REGION = Point("acme.outside-region", "acme_mail:OutsideRegion", OutsideRegion)
STRANGER = octets(SHOP, JANE, "Bcc: copies@partner.test")


def test_what_is_installed_is_not_enabled(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = install(monkeypatch, REGION, Point("acme.broken", "acme:Broken", ImportError("must not be loaded")))
    assert "acme.outside-region" not in {rule.id for rule in Guard().rules}
    assert asked == []  # nobody even looked
    guard = Guard(config=parse({"enable": ["acme.outside-region"]}))
    assert asked
    assert set(asked) == {"headerguard.rules"}
    assert [rule.id for rule in guard.rules] == [*BY_ID, "acme.outside-region"]
    assert [f.subject for f in guard.check(STRANGER).findings if f.rule == "acme.outside-region"] == [
        "copies@partner.test"
    ]


@pytest.mark.parametrize("name", ["roles", "fields", "defects", "news", "needs"])
@pytest.mark.parametrize("value", ["to", Role.TO, b"to", None, 7, (1,), iter(("to",))])
def test_what_it_looks_at_is_a_set_of_names_and_never_one_name(name: str, value: object) -> None:
    with pytest.raises(TypeError, match=rf"^Hasty\.{name} is .*; it takes a set of names, such as \{{'to'\}}$"):
        type("Hasty", (Rule,), {name: value})
    careful = type("Careful", (Rule,), {name: ["to"]})
    assert getattr(careful, name) == ["to"]


def test_its_options_are_set_by_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, REGION)
    options = {"suffixes": [".example", ".test"], "severity": "low"}
    guard = Guard(config=parse({"enable": ["acme.outside-region"], "rules": {"acme.outside-region": options}}))
    assert guard.check(STRANGER).findings == ()
    report = guard.check(octets(SHOP, JANE, "Bcc: copies@partner.invalid"))
    assert [(f.rule, f.severity) for f in report.findings] == [("acme.outside-region", Severity.LOW)]


@pytest.mark.parametrize(
    ("points", "problem"),
    [
        ([], "no rule is called 'acme.outside-region'"),
        ([Point("acme.outside-regions", "a:B", OutsideRegion)], "did you mean 'acme.outside-regions'"),
        (
            [REGION, Point("acme.outside-region", "other:Rule", OutsideRegion)],
            "claimed by acme_mail:OutsideRegion and other:Rule",
        ),
        (
            [Point("acme.outside-region", "a:B", ImportError("no module named acme"))],
            "cannot be loaded: ImportError: no module named acme",
        ),
        ([Point("acme.outside-region", "a:B", RuntimeError("at import"))], "cannot be loaded: RuntimeError: at import"),
        ([Point("acme.outside-region", "a:B", OutsideRegion())], "not a subclass of headerguard.Rule"),
        ([Point("acme.outside-region", "a:B", dict)], "not a subclass of headerguard.Rule"),
        ([Point("acme.outside-region", "a:B", BY_ID["repeated-field"])], "its id is 'repeated-field'"),
    ],
)
def test_a_rule_that_cannot_be_had_is_a_configuration_error(
    monkeypatch: pytest.MonkeyPatch, points: list[Point], problem: str
) -> None:
    install(monkeypatch, *points)
    for load in (
        lambda: load_rules(["acme.outside-region"], BUILTIN),
        lambda: parse({"enable": ["acme.outside-region"]}),
    ):
        with pytest.raises(ConfigError) as caught:
            load()
        assert problem in str(caught.value)


def test_the_id_of_another_package_carries_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Undotted(OutsideRegion):
        """A copy leaves the region."""

        id = "outside-region"

    install(monkeypatch, Point("outside-region", "acme:Undotted", Undotted))
    with pytest.raises(ConfigError, match=r"vendor\.name"):
        load_rules(["outside-region"], BUILTIN)


def test_no_package_can_take_the_place_of_a_built_in_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Impostor(Rule):
        """Says nothing."""

        id = "unexpected-recipient"
        severity = Severity.LOW

    install(monkeypatch, Point("unexpected-recipient", "evil:Impostor", Impostor))
    assert load_rules(["unexpected-recipient"], BUILTIN)["unexpected-recipient"] is BY_ID["unexpected-recipient"]


def test_all_that_cannot_be_loaded_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, REGION)
    with pytest.raises(ConfigError) as caught:
        load_rules(["acme.outside-region", "unexpected-recipiant", "acme.none"], BUILTIN)
    assert len(caught.value.problems) == 2
    assert "did you mean 'unexpected-recipient'" in caught.value.problems[0]


# ---- options -------------------------------------------------------------------------------------------------


def test_options_as_toml_gives_them() -> None:
    made = bind(
        OutsideRegion,
        {"suffixes": [".fr"], "most": 3, "share": 1, "strict": True, "label": "x", "hosts": ["a", "b"]},
    )
    assert made == OutsideRegion((".fr",), 3, 1.0, True, "x", frozenset(("a", "b")))
    assert isinstance(made.share, float)
    assert bind(OutsideRegion, {}) == OutsideRegion()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"sufixes": [".fr"]}, "'sufixes' is no option of acme.outside-region; did you mean 'suffixes'?"),
        ({"id": "other"}, "'id' is no option"),
        ({"roles": ["to"]}, "'roles' is no option"),
        ({"suffixes": ".fr"}, "option 'suffixes' of acme.outside-region takes a list of strings"),
        ({"suffixes": [1]}, "takes a list of strings"),
        ({"most": "3"}, "takes a whole number"),
        ({"most": 3.0}, "takes a whole number"),
        ({"most": True}, "takes a whole number"),
        ({"share": "1"}, "takes a number"),
        ({"share": True}, "takes a number"),
        ({"strict": 1}, "takes true or false"),
        ({"strict": "yes"}, "takes true or false"),
        ({"label": 3}, "takes a string"),
        ({"label": None}, "takes a string"),
        ({"hosts": {"a": 1}}, "takes a list of strings"),
    ],
)
def test_an_option_that_is_wrong(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        bind(OutsideRegion, options)
    assert len(caught.value.problems) == 1
    assert problem in caught.value.problems[0]


def test_every_wrong_option_is_said_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        bind(OutsideRegion, {"mosst": 1, "most": "x", "strict": 1, "label": "fine"})
    assert len(caught.value.problems) == 3
