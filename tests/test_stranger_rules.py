"""Strangers that look like somebody, and mailboxes that anybody can have."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from headerguard.config import parse
from headerguard.finding import Evidence, Finding, Severity
from headerguard.guard import Guard
from headerguard.known import Known
from headerguard.message import Envelope, Message
from headerguard.name_server import Answer, Status
from headerguard.rendering import render
from headerguard.resolver import Resolver
from headerguard.role import Role
from headerguard.rule import Rule
from headerguard.rules.freemail_blind_recipient import FreemailBlindRecipient
from headerguard.rules.lookalike_domain import LookalikeDomain
from headerguard.rules.lookalike_mailbox import LookalikeMailbox
from headerguard.rules.routed_recipient import RoutedRecipient
from headerguard.rules.unexpected_recipient import UnexpectedRecipient
from headerguard.stranger import Strength

HEAD = "From: shop@brightpath.example\nTo: jane.miller@client.example\nX-MC-Template: receipt\n"
OWN = {"own-domains": ["brightpath.example"]}
PARTNER = {"streams": {"receipts": {"expected": {"bcc": ["audit@northwind.example"]}}}}


def octets(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode() + b"\r\n"


def findings(rule: Any, text: str, config: Mapping[str, Any] | None = None, **intent: Any) -> list[Finding]:
    guard = Guard([rule], config=parse(config or {}))
    return list(guard.check(octets(text), **intent).findings)


def taught(rule: Any, history: str, count: int = 20, config: Mapping[str, Any] | None = None) -> Guard:
    guard = Guard([rule], config=parse(config or {}))
    guard.learn(octets(history) for _ in range(count))
    return guard


# ---- lookalike-domain ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "original"),
    [
        ("Reply-To: help@brlghtpath.example", "brightpath.example"),
        ("Bcc: copy@brightpath-billing.example", "brightpath.example"),
        ("Cc: copy@br\u0456ghtpath.example", "brightpath.example"),
        ("Sender: copy@brightpath.test", "brightpath.example"),
        ("Return-Path: <b@bright.path.example>", "brightpath.example"),
        ("Disposition-Notification-To: b@brightpaht.example", "brightpath.example"),
    ],
)
def test_a_stranger_that_looks_like_ones_own_is_flagged_in_every_role(line: str, original: str) -> None:
    (found,) = findings(LookalikeDomain, f"{line}\n{HEAD}", OWN)
    assert (found.rule, found.severity) == ("lookalike-domain", Severity.HIGH)
    assert f"looks like {original}" in found.summary


def test_a_partner_of_any_stream_is_a_name_to_imitate() -> None:
    (found,) = findings(LookalikeDomain, HEAD + "Bcc: audit@n0rthwind.example\n", PARTNER)
    assert "looks like northwind.example" in found.summary
    assert findings(LookalikeDomain, HEAD + "Bcc: audit@northwind.example\n", PARTNER) == []


def test_whom_the_caller_asked_for_is_a_name_to_imitate() -> None:
    text = HEAD + "Cc: jane.miller@c1ient.example\n"
    (found,) = findings(LookalikeDomain, text, recipients=["jane.miller@client.example"])
    assert (found.subject, "looks like client.example" in found.summary) == ("c1ient.example", True)
    assert findings(LookalikeDomain, text, recipients=["client.example", "c1ient.example"]) == []


def test_customers_are_not_imitations_of_each_other() -> None:
    guard = taught(LookalikeDomain, HEAD, config=OWN)
    for number in range(20):
        guard.learn([octets(HEAD.replace("client.example", f"client-{number}.example"))])
    assert guard.check(octets(HEAD.replace("client.example", "cl1ent.example"))).findings == ()


def test_in_a_closed_role_what_closed_roles_have_shown_is_known() -> None:
    guard = taught(LookalikeDomain, HEAD + "Bcc: audit@northwind.example\n")
    (found,) = guard.check(octets(HEAD + "Bcc: audit@northvvind.example\n")).findings
    assert found.subject == "northvvind.example"
    guard.learn(octets(f"{HEAD}Bcc: audit@other-{n}.example\n") for n in range(3))
    assert guard.check(octets(HEAD + "Bcc: audit@northvvind.example\n")).findings == ()  # the role is open now


def test_names_that_are_learned_later_are_imitated_from_then_on() -> None:
    guard = taught(LookalikeDomain, HEAD + "Bcc: audit@northwind.example\n")
    guard.check(octets(HEAD + "Bcc: audit@stranger.test\n"))
    reports = HEAD.replace("receipt", "report") + "Bcc: team@sunnyvale.example\n"
    guard.learn(octets(reports) for _ in range(20))
    assert [f.subject for f in guard.check(octets(HEAD + "Bcc: team@sunnyva1e.example\n")).findings] == [
        "sunnyva1e.example"
    ]


def test_of_the_envelope_only_hidden_recipients_are_compared_with_closed_roles() -> None:
    guard = taught(LookalikeDomain, HEAD + "Bcc: audit@northwind.example\n")
    for number in range(20):
        customer = f"jane@client-{number}.example"
        guard.observe(octets(HEAD.replace("jane.miller@client.example", customer)), Envelope("", (customer,)))
    shown = HEAD.replace("client.example", "northvvind.example")
    assert guard.check(octets(shown), Envelope("", ("jane.miller@northvvind.example",))).findings == ()
    both = ("jane.miller@client.example", "audit@northvvind.example")
    assert [f.subject for f in guard.check(octets(HEAD), Envelope("", both)).findings] == ["northvvind.example"]


def test_a_role_that_has_opened_protects_no_name() -> None:
    guard = taught(LookalikeDomain, HEAD + "Bcc: audit@northwind.example\n")
    reports = HEAD.replace("receipt", "report").replace("shop@", "reports@")
    guard.learn(octets(reports + "Bcc: team@sunnyvale.example\n") for _ in range(20))
    stranger = octets(HEAD + "Bcc: team@sunnyva1e.example\n")
    assert len(guard.check(stranger).findings) == 1
    guard.learn(octets(f"{reports}Bcc: team@other-{n}.example\n") for n in range(3))
    guard.baseline.streams = {k: p for k, p in guard.baseline.streams.items() if not k.endswith("/account:")}
    assert guard.check(stranger).findings == ()


def test_a_name_that_was_learned_is_no_stranger() -> None:
    guard = taught(LookalikeDomain, HEAD + "Reply-To: help@brightpath-support.example\n", config=OWN)
    assert guard.check(octets(HEAD + "Reply-To: help@brightpath-support.example\n")).findings == ()


def test_a_provider_of_free_mail_imitates_nobody() -> None:
    assert findings(LookalikeDomain, HEAD + "Cc: jane@gmx.de\n", {"own-domains": ["gmx.example"]}) == []


def test_mail_without_strangers_loads_nothing() -> None:
    code = """if True:
        import sys
        from headerguard import Guard
        from headerguard.config import parse
        text = b"From: a@brightpath.example\\r\\nTo: b@brightpath.example\\r\\nBcc: c@brightpath.example\\r\\n\\r\\n"
        guard = Guard(config=parse({"own-domains": ["brightpath.example"]}))
        for _ in range(30):
            guard.observe(text)
        print("headerguard.lookalike" in sys.modules, guard.baseline._lookalikes)
        guard.check(text.replace(b"c@", b"c@stranger."))
        guard.check(text.replace(b"c@brightpath", b"c@stranger"))
        print("headerguard.lookalike" in sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "None", "True"]


def test_nobody_is_compared_for_mail_whose_domains_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    text = b"From: a@brightpath.example\r\nTo: b@client.example\r\nBcc: c@mail.brightpath.example\r\nSubject: n\r\n\r\n"
    guard = Guard(config=parse({"own-domains": ["brightpath.example"]}))
    guard.learn([text] * 30)
    asked: list[str] = []
    monkeypatch.setattr(Known, "imitated", lambda self, sighting: asked.append(sighting.address.domain))
    for _ in range(3):
        guard.check(text)
    assert asked == []
    guard.check(text.replace(b"c@mail.", b"c@stranger."))
    assert asked == []
    guard.check(text.replace(b"c@mail.brightpath", b"c@stranger"))
    assert asked == ["stranger.example"]


# ---- what is known of a mailbox weighs, and never flags --------------------------------------------------------------


LONG = ".".join(["a" * 61] * 4) + ".b"
"""With a top level of four letters more than DNS can hold, with one of three as much."""


def weights(address: str, config: Mapping[str, Any] | None = None, role: str = "Bcc") -> list[Severity]:
    text = octets(f"From: shop@brightpath.example\nTo: jane.miller@client.example\n{role}: {address}\n")
    wanted = ["jane.miller@client.example"] if role == "Cc" else None
    report = Guard([LookalikeMailbox, FreemailBlindRecipient], config=parse(config or {})).check(
        text, recipients=wanted
    )
    assert all(("Known: " in render(report, "text")) == any(p.is_fact for p in f.evidence) for f in report.findings)
    return [finding.severity for finding in report.findings]


@pytest.mark.parametrize(
    "domain", ["mailinator.com", "a.mailinator.com", "myself.fr.nf", "a..test", f"{'a' * 64}.test", f"{LONG}.test"]
)
def test_a_mailbox_that_is_thrown_away_or_cannot_be_weighs_one_severity_more(domain: str) -> None:
    assert weights(f"jane.miller@{domain}", role="Cc") == [Severity.HIGH]


@pytest.mark.parametrize("domain", ["gmail.com", "stranger.test", "mail.invalid", "[192.0.2.1]", f"{LONG}.tes"])
def test_a_mailbox_of_any_other_kind_weighs_what_it_did(domain: str) -> None:
    assert weights(f"jane.miller@{domain}", role="Cc") == [Severity.MEDIUM]


def test_a_hidden_copy_to_a_mailbox_that_is_thrown_away_weighs_more_than_one_to_free_mail() -> None:
    assert weights("copy@mailinator.com") == [Severity.HIGH]
    assert weights("copy@gmail.com") == [Severity.MEDIUM]


@pytest.mark.parametrize(
    ("usual", "thrown_away"), [("low", "low"), ("medium", "high"), ("high", "high"), ("critical", "critical")]
)
def test_what_is_no_medium_finding_weighs_what_it_did(usual: str, thrown_away: str) -> None:
    rules = {"rules": {"freemail-blind-recipient": {"severity": usual}}}
    assert list(map(str, weights("copy@mailinator.com", rules))) == [thrown_away]


def test_a_mailbox_that_one_vouches_for_is_no_fact() -> None:
    copy = octets("From: shop@brightpath.example\nTo: jane@client.example\nBcc: copy@mailinator.com\n")
    own, removed = {"own-domains": ["mailinator.com"]}, {"lists": {"disposable-remove": ["mailinator.com"]}}
    for config, fields in (({}, ["bcc", "known"]), (own, ["bcc"]), (removed, ["bcc"])):
        (found,) = Guard([UnexpectedRecipient], config=parse(config)).check(copy, blind=[]).findings
        assert [piece.field for piece in found.evidence] == fields
        assert found.severity is Severity.HIGH


def test_what_dns_and_lists_say_is_one_step_whatever_a_field_says() -> None:
    async def nowhere(where: object, name: str, kind: str, seconds: float) -> Answer:
        return Answer(Status.ABSENT)

    config = parse({"rules": {"unexpected-recipient": {"severity": "medium"}}})
    guard = Guard([UnexpectedRecipient], config=config, resolver=Resolver(["192.0.2.1"], ask=nowhere))
    for domain, fields in (("mailinator.com", ["bcc", "known", "dns"]), ("stranger.test", ["bcc", "dns"])):
        (found,) = guard.check(octets(f"From: shop@brightpath.example\nBcc: copy@{domain}\n"), blind=[]).findings
        assert ([piece.field for piece in found.evidence], found.severity) == (fields, Severity.HIGH)
    copy = Evidence("known", "known", 0, "; weighs more for it", (0, 20))
    hostile = Finding("rule", "a.test", Severity.MEDIUM, "", (copy,)).explained("DNS", ["does not exist"])
    assert hostile.severity is Severity.HIGH


def test_a_fact_is_no_place_in_a_copy_and_makes_nothing_stronger() -> None:
    copy = octets("From: shop@brightpath.example\nTo: jane@client.example\nBcc: copy@mailinator.com\n")
    (incident,) = Guard([FreemailBlindRecipient]).observe(copy).incidents
    assert (incident.severity, incident.roles, incident.strength) == (Severity.HIGH, ("bcc",), Strength.CLOSED)


def test_a_low_finding_whose_own_evidence_reads_like_a_fact_is_as_weak_as_any() -> None:
    fact = Evidence("Known", "known", 0, "; weighs more for it", None)
    assert Strength.of(Finding("rule", "a.test", Severity.LOW, "", (fact,))) is Strength.NOVELTY


def test_a_domain_without_a_mailbox_is_not_thrown_away() -> None:
    @dataclass(frozen=True)
    class Host(Rule):
        """Flags what is linked to."""

        id = "test.host"
        severity = Severity.MEDIUM
        roles = frozenset({Role.BCC})

        def check(self, message: Message, known: Known) -> Iterator[Finding]:
            """Name the domain."""
            yield self.finding(message.recipients[0], "here", subject="mailinator.com")

    for address, graver in (("jane@client.example", False), ("jane@mailinator.com", True)):
        (found,) = Guard([Host]).check(octets(f"Bcc: {address}\n")).findings
        assert (found.severity is Severity.HIGH) is graver


def test_a_mailbox_is_never_a_finding_for_itself() -> None:
    for address in ("copy@mailinator.com", "copy@a..test"):
        assert Guard().check(octets(f"From: shop@brightpath.example\nTo: {address}\n")).findings == ()


# ---- lookalike-mailbox -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "flagged"),
    [
        ("Cc: jane.miller@stranger.test", True),
        ("Cc: Jane.Miller+x@stranger.test", True),
        ("Cc: \uff4aane.miller@stranger.test", True),
        ("Cc: jane.miller@gmail.com", True),
        ('Cc: "jane.miller"@stranger.test', True),
        ("Cc: jane.miller%client.example@stranger.test", True),
        ("Cc: jane.miller+x@client.example", False),
        ("Cc: john.miller@stranger.test", False),
    ],
)
def test_the_same_person_elsewhere_is_flagged(line: str, flagged: bool) -> None:
    found = findings(LookalikeMailbox, f"{HEAD}{line}\n", recipients=["jane.miller@client.example", "client.example"])
    assert [f.rule for f in found] == ["lookalike-mailbox"] * flagged


@pytest.mark.parametrize(
    ("line", "flagged"),
    [
        ("Bcc: jane.keeper@stranger.test", True),
        ("Cc: Jane.Keeper+x@stranger.test", True),
        ("Bcc: john.keeper@stranger.test", False),
        ("Bcc: jane.keeper@vault.example", False),
    ],
)
def test_somebody_who_is_usual_in_a_closed_role_is_flagged_elsewhere(line: str, flagged: bool) -> None:
    guard = taught(LookalikeMailbox, f"{HEAD}Bcc: jane.keeper@vault.example\n")
    found = guard.check(octets(f"{HEAD}{line}\n")).findings
    assert [f.rule for f in found] == ["lookalike-mailbox"] * flagged
    assert all("is called like jane.keeper@vault.example" in f.summary for f in found)


def test_a_customer_is_no_namesake_of_somebody_in_a_closed_role() -> None:
    guard = Guard([LookalikeMailbox])
    guard.learn(octets(f"{HEAD.replace('client', f'client-{i}')}Bcc: jane.keeper@vault.example\n") for i in range(60))
    text = f"{HEAD.replace('miller@client', 'keeper@stranger')}Bcc: jane.keeper@vault.example\n"
    envelope = Envelope(rcpt_to=("jane.keeper@stranger.example", "jane.keeper@vault.example"))
    assert guard.check(octets(text), envelope).findings == ()
    assert len(guard.check(octets(text.replace("To:", "Bcc:"))).findings) == 1


def test_an_office_tells_nobody() -> None:
    text = HEAD.replace("jane.miller", "accounts") + "Cc: accounts@stranger.test\n"
    assert findings(LookalikeMailbox, text, recipients=["accounts@client.example"]) == []


# ---- freemail-blind-recipient ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["copies.7731@gmail.com", "copies@mailinator.com"])
def test_a_blind_copy_to_a_mailbox_that_anybody_can_have(address: str) -> None:
    (found,) = findings(FreemailBlindRecipient, f"{HEAD}Bcc: {address}\n")
    assert (found.subject, found.rule) == (address, "freemail-blind-recipient")


@pytest.mark.parametrize(
    ("text", "config", "intent"),
    [
        (HEAD + "Bcc: copies@northwind.example\n", {}, {}),
        (HEAD.replace("brightpath.example", "gmail.com") + "Bcc: copies@gmx.de\n", {}, {}),
        (HEAD + "Bcc: copies@gmail.com\n", {}, {"blind": ["copies@gmail.com"]}),
        (HEAD + "Bcc: copies@gmail.com\n", {"lists": {"freemail-remove": ["gmail.com"]}}, {}),
        ("From: shop@brightpath.example\nTo: shop@brightpath.example\nBcc: jane@gmail.com\n", {}, {}),
        (HEAD + "Bcc: a@gmail.com, b@gmx.de, c@web.de\n", {}, {}),
        (HEAD, {}, {"envelope": Envelope("b@brightpath.example", ("jane@gmail.com",))}),
    ],
)
def test_what_is_no_such_copy(text: str, config: dict[str, Any], intent: dict[str, Any]) -> None:
    assert findings(FreemailBlindRecipient, text, config, **intent) == []


def test_a_freemail_copy_that_was_learned_is_usual() -> None:
    guard = taught(FreemailBlindRecipient, HEAD + "Bcc: owner@gmail.com\n")
    assert guard.check(octets(HEAD + "Bcc: owner@gmail.com\n")).findings == ()
    elsewhere = octets(HEAD + "Bcc: owner@gmx.de\n")
    assert guard.check(elsewhere).findings == ()  # the history alone gives it away
    assert "unfamiliar-blind-recipient" in {f.rule for f in Guard(baseline=guard.baseline).check(elsewhere).findings}


def test_an_envelope_proves_a_copy_where_it_is_whole() -> None:
    guard = Guard([FreemailBlindRecipient])
    for _ in range(20):
        guard.observe(octets(HEAD), Envelope("b@brightpath.example", ("jane.miller@client.example",), complete=True))
    both = ("jane.miller@client.example", "copies@gmail.com")
    whole, part = (Envelope("b@brightpath.example", both, complete=complete) for complete in (True, None))
    strict = Guard([FreemailBlindRecipient], guard.baseline, parse({"false-alarm-rate": 1e-9}))
    assert [f.subject for f in strict.check(octets(HEAD), whole).findings] == ["copies@gmail.com"]
    assert strict.check(octets(HEAD), part).findings == ()
    assert guard.check(octets(HEAD), whole).findings == ()  # the history alone gives it away


# ---- routed-recipient ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "copy%arxxwalls.com@brightpath.example",
        "arxxwalls.com!copy@brightpath.example",
        '"copy@arxxwalls.com"@brightpath.example',
        "a%b%arxxwalls.com@brightpath.example",
    ],
)
def test_a_local_part_that_routes_elsewhere(address: str) -> None:
    (found,) = findings(RoutedRecipient, f"From: shop@brightpath.example\nTo: {address}\n")
    assert "passed on to arxxwalls.com" in found.summary
    (found,) = findings(RoutedRecipient, HEAD, envelope=Envelope("", (f"<{address}>",)))
    assert found.evidence[0].field == "rcpt to"


@pytest.mark.parametrize(
    "address",
    [
        "100%sure@brightpath.example",
        "wow!great@brightpath.example",
        "copy%mx.brightpath.example@brightpath.example",
        "bounce+jane=client.example%x.test@esp.example",
        "%" * 5_000 + "@brightpath.example",
    ],
)
def test_a_sign_alone_is_no_route(address: str) -> None:
    assert findings(RoutedRecipient, f"From: shop@brightpath.example\nTo: {address}\n") == []


def test_a_field_with_many_strangers_is_not_read_anew_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    from headerguard import stranger
    from headerguard.address import Address
    from headerguard.address_list import parse

    read: list[int] = []

    def noted(text: str) -> Address | None:
        read.append(len(text))
        return parse(text)

    monkeypatch.setattr(stranger, "parse_address", noted)
    listed = ",".join(f'"u{number}@mailinator.com"' for number in range(300))
    copy = octets(f'From: shop@shop.example\nTo: jane@client.example\nX-SMTPAPI: {{"to": [{listed}]}}\n')
    guard = Guard()
    guard.learn([octets("From: shop@shop.example\nTo: jane@client.example\n")] * 40)
    assert guard.check(copy).findings
    assert sum(read) <= len(copy)
