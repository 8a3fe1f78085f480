"""What DNS adds to a finding: it explains, it may make it graver, it never makes one, and nobody asks unless told to."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns_server import FAULTS, NameServer
from headerguard import rendering
from headerguard.baseline import Baseline
from headerguard.config import parse
from headerguard.dns_facts import Facts
from headerguard.finding import Finding, History, Report, Severity
from headerguard.guard import Guard
from headerguard.known import Known
from headerguard.message import Message
from headerguard.name_server import Answer, Status, unknown
from headerguard.rendering import render
from headerguard.resolver import Resolver
from headerguard.rule import Rule

NOW = datetime(2026, 11, 25, tzinfo=UTC)
ABSENT, EMPTY = Answer(Status.ABSENT), Answer(Status.EMPTY)


class Script:
    """Answers by name and kind, else that there is no such record; counts what is asked."""

    def __init__(self, answers: Mapping[tuple[str, str], Answer] | None = None, usual: Answer = EMPTY) -> None:
        self.answers, self.usual = answers or {}, usual
        self.asked: list[tuple[str, str]] = []

    async def __call__(self, where: tuple[str, int], name: str, kind: str, seconds: float) -> Answer:
        self.asked.append((name, kind))
        return self.answers.get((name, kind), self.usual)

    @property
    def resolver(self) -> Resolver:
        return Resolver(["192.0.2.1"], ask=self)


@dataclass(frozen=True)
class Everybody(Rule):
    """Flags every recipient."""

    id = "test.everybody"
    severity = Severity.MEDIUM
    roles = frozenset({"to", "cc", "bcc"})  # type: ignore[arg-type]
    lookalikes: tuple[str, ...] = ()

    def check(self, message: Message, known: Known) -> Any:
        """Call those lookalikes that are named."""
        for recipient in message.recipients:
            nearest = "known.example" if recipient.address.domain in self.lookalikes else None
            yield self.finding(recipient, "here", history=History(nearest=nearest))


def wire(*recipients: str) -> bytes:
    lines = ["From: shop@shop.example", "Date: Wed, 25 Nov 2026 10:00:00 +0000"]
    return "".join(f"{line}\r\n" for line in [*lines, *(f"Bcc: {address}" for address in recipients)]).encode()


def judged(script: Script, *recipients: str, rule: Rule | None = None, **settings: Any) -> Report:
    guard = Guard([rule or Everybody()], resolver=script.resolver, **settings)
    return guard.check(wire(*recipients), now=NOW)


def told(finding: Finding) -> list[str]:
    return [piece.text for piece in finding.evidence if piece.field == "dns"]


def mail_at(domain: str, host: str) -> dict[tuple[str, str], Answer]:
    return {(domain, "MX"): Answer(Status.FOUND, ((10, host),))}


# ---- what it adds


def test_what_is_damning_weighs_one_severity_more() -> None:
    report = judged(Script(usual=ABSENT), "copy@stranger.example")
    (finding,) = report.findings
    assert finding.severity is Severity.HIGH
    assert told(finding) == ["does not exist (NXDOMAIN); weighs more for it"]
    assert finding.evidence[0].field == "bcc"
    assert report.notes == ()


def test_what_only_explains_weighs_nothing() -> None:
    (finding,) = judged(Script(mail_at("stranger.example", "mx.stranger.example")), "copy@stranger.example").findings
    assert finding.severity is Severity.MEDIUM
    assert told(finding) == ["mail goes to mx.stranger.example; DNSSEC: not signed; no SPF; no DMARC"]


def test_a_web_host_need_not_take_mail() -> None:
    @dataclass(frozen=True)
    class Hosts(Rule):
        """Flags the hosts of links that unsubscribe."""

        id = "test.hosts"
        severity = Severity.MEDIUM
        fields = frozenset({"list-unsubscribe"})

        def check(self, message: Message, known: Known) -> Any:
            """Name each."""
            for mark in message.marks:
                yield self.finding(mark, "here", subject="stranger.example")

    mail = wire("x@client.example").replace(b"Bcc", b"List-Unsubscribe: <https://click.stranger.example/u>\r\nTo")
    for usual, severity in ((EMPTY, Severity.MEDIUM), (ABSENT, Severity.HIGH)):
        script = Script(usual=usual)
        (finding,) = Guard([Hosts], resolver=script.resolver).check(mail, now=NOW).findings
        assert script.asked[0] == ("click.stranger.example", "MX")
        assert (finding.severity, bool(told(finding))) == (severity, True)


def test_nothing_is_graver_than_critical() -> None:
    config = parse({"rules": {}, "enable": []})
    config = replace(config, severities={"test.everybody": Severity.CRITICAL})
    (finding,) = judged(Script(usual=ABSENT), "copy@stranger.example", config=config).findings
    assert finding.severity is Severity.CRITICAL


def test_the_gravest_finding_stands_first_afterwards() -> None:
    script = Script({("b.example", "MX"): ABSENT})
    report = judged(script, "x@a.example", "x@b.example", "x@c.example")
    script = Script({**mail_at("a.example", "mx.x.example"), ("b.example", "MX"): ABSENT})
    report = judged(script, "x@a.example", "x@b.example")
    assert [finding.subject for finding in report.findings] == ["x@b.example", "x@a.example"]


def test_a_zone_of_this_week_is_damning_on_the_day_of_the_message() -> None:
    answers = {**mail_at("a.example", "mx.x.example"), ("a.example", "SOA"): Answer(Status.FOUND, (2026112301,))}
    (finding,) = judged(Script(answers), "x@a.example").findings
    assert told(finding)[0].startswith("zone last changed on 2026-11-23 by its SOA serial, as that of a new domain")
    assert finding.severity is Severity.HIGH
    late = Guard([Everybody], resolver=Script(answers).resolver).check(wire("x@a.example"), now=NOW.replace(month=12))
    assert late.findings[0].severity is Severity.MEDIUM


def test_strangers_that_share_a_mail_host_are_told_of_one_another() -> None:
    script = Script(mail_at("a.example", "mx.x.example") | mail_at("b.example", "mx.x.example"))
    guard = Guard([Everybody()], resolver=script.resolver)
    assert "shares" not in told(guard.check(wire("x@a.example"), now=NOW).findings[0])[0]
    (finding,) = guard.check(wire("x@b.example"), now=NOW).findings
    assert "shares a mail host with a.example" in told(finding)[0]
    assert finding.severity is Severity.MEDIUM


def test_a_mail_host_shared_with_a_lookalike_is_damning() -> None:
    script = Script(mail_at("kn0wn.example", "mx.x.example") | mail_at("b.example", "mx.x.example"))
    guard = Guard([Everybody(lookalikes=("kn0wn.example",))], resolver=script.resolver)
    guard.check(wire("x@kn0wn.example"), now=NOW)
    (finding,) = guard.check(wire("x@b.example"), now=NOW).findings
    assert (
        told(finding)[0] == "shares a mail host with kn0wn.example, a lookalike of somebody known; weighs more for it"
    )
    assert finding.severity is Severity.HIGH


def test_the_rule_on_lookalikes_is_known_by_its_id() -> None:
    @dataclass(frozen=True)
    class Lookalike(Everybody):
        """Flags everybody as an imitation."""

        id = "lookalike-domain"

    script = Script(mail_at("a.example", "mx.x.example") | mail_at("b.example", "mx.x.example"))
    for finding in judged(script, "x@a.example", "x@b.example", rule=Lookalike()).findings:
        assert told(finding)[0].startswith("shares a mail host with ")
        assert finding.severity is Severity.HIGH


def test_a_host_that_takes_the_mail_of_everybody_is_not_shared() -> None:
    script = Script(mail_at("a.example", "aspmx.l.google.com") | mail_at("b.example", "aspmx.l.google.com"))
    assert not any("shares" in text for f in judged(script, "x@a.example", "x@b.example").findings for text in told(f))


def test_rules_are_told_what_was_learned_before() -> None:
    learned: list[Facts | None] = []

    @dataclass(frozen=True)
    class Curious(Everybody):
        """Flags everybody, and asks."""

        def check(self, message: Message, known: Known) -> Any:
            """Look up what is known."""
            learned.append(known.facts("a.example"))
            return super().check(message, known)

    script = Script(usual=ABSENT)
    guard = Guard([Curious], resolver=script.resolver)
    guard.check(wire("x@a.example"))
    guard.check(wire("x@a.example"))
    assert learned[0] is None
    assert learned[1] is not None
    assert learned[1].exists is False
    Guard([Curious]).check(wire("x@a.example"))
    assert learned[2] is None


def test_every_format_tells_it() -> None:
    report = judged(Script(usual=ABSENT), "copy@stranger.example")
    assert "DNS: does not exist (NXDOMAIN); weighs more for it" in str(render(report, "text"))
    schema = json.loads((Path(rendering.__file__).parent / "schemas" / "report-1.json").read_text(encoding="utf-8"))
    jsonschema.validate(json.loads(str(render(report, "json"))), schema)
    for name in ("json", "sarif"):
        assert "does not exist (NXDOMAIN)" in str(render(report, name))


# ---- who is asked about


def test_only_who_was_flagged_is_asked_about() -> None:
    script = Script()
    guard = Guard(resolver=script.resolver)
    for _ in range(30):
        assert not guard.observe(wire("audit@shop.example"), now=NOW).findings
    assert script.asked == []
    report = guard.check(wire("audit@shop.example", "copy@stranger.example"), now=NOW)
    assert report.findings
    names = {name for name, _ in script.asked} - {"_dmarc.example"}  # of its top level
    assert {name.rpartition("stranger.example")[1] for name in names} == {"stranger.example"}


def test_nobody_known_is_asked_about() -> None:
    script = Script(usual=ABSENT)
    report = judged(script, "x@own.example", "x@sub.own.example", config=parse({"own-domains": ["own.example"]}))
    assert len(report.findings) == 2
    baseline = Guard(()).learn([wire("x@known.example")] * 20)
    judged(script, "x@known.example", baseline=baseline)
    assert script.asked == []
    judged(script, "x@other.example", baseline=baseline)
    assert script.asked


def test_no_local_part_is_asked_about() -> None:
    script = Script()
    judged(script, "secret.name+tag@stranger.example")
    assert script.asked
    assert not [name for name, _ in script.asked if "secret" in name]


def test_a_finding_about_no_domain_asks_nothing() -> None:
    @dataclass(frozen=True)
    class Odd(Everybody):
        """Flags a field and a word."""

        def check(self, message: Message, known: Known) -> Any:
            """Name things that look like domains and are none of the message."""
            yield self.finding(message.recipients[0], "here", subject="bcc")
            yield self.finding(message.recipients[0], "here", subject="elsewhere.example")

    script = Script()
    report = judged(script, "x@a.example", rule=Odd())
    assert (len(report.findings), script.asked) == (2, [])


def test_a_message_has_its_budget_and_asks_about_some_strangers_only() -> None:
    script = Script(usual=ABSENT)
    report = judged(script, *(f"x@s{n}.example" for n in range(5000)))
    assert len(report.findings) == 5000
    assert len(script.asked) == 16
    script = Script()
    config = parse({"dns": {"budget": 5}})
    Guard([Everybody], config=config, resolver=replace_ask(config.dns.resolver(), script)).check(wire("x@a.example"))
    assert len(script.asked) == 5


def replace_ask(resolver: Resolver, script: Script) -> Resolver:
    resolver.ask, resolver.servers = script, (("192.0.2.1", 53),)
    return resolver


# ---- off, and down


def test_a_report_without_dns_is_that_with_dns_down_but_for_a_note() -> None:
    without = Guard([Everybody]).check(wire("x@a.example"), now=NOW)
    for usual in (unknown("SERVFAIL"), unknown("timeout")):
        down = judged(Script(usual=usual), "x@a.example")
        assert down.notes == (f"DNS did not tell all of a.example: MX: {usual.reason}",)
        assert replace(down, notes=(), message=without.message) == without


@pytest.mark.real
@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_changes_a_report(fault: str) -> None:
    without = Guard([Everybody]).check(wire("x@a.example"), now=NOW)
    with NameServer("$ORIGIN a.example.\n@ MX 0 .\n", {"*": fault}) as broken:
        resolver = Resolver([broken.address], deadline=0.3)
        report = Guard([Everybody], resolver=resolver).check(wire("x@a.example"), now=NOW)
    assert report.findings == without.findings
    assert report.notes[0].startswith("DNS did not tell all of a.example: ")


def test_a_lookup_that_cannot_begin_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    without = Guard([Everybody]).check(wire("x@a.example"), now=NOW)
    script = Script()
    monkeypatch.setattr("headerguard.resolver._Desk", no_thread)
    report = judged(script, "x@a.example")
    assert (report.findings, report.failures) == (without.findings, ())
    assert report.notes == ("DNS was not asked: RuntimeError: can't start new thread",)


def test_a_coroutine_gets_the_same_report() -> None:
    for usual in (ABSENT, EMPTY, unknown("SERVFAIL")):
        by_thread = judged(Script(usual=usual), "x@a.example", "x@b.example")
        guard = Guard([Everybody], resolver=Script(usual=usual).resolver)
        by_coroutine = asyncio.run(guard.check_async(wire("x@a.example", "x@b.example"), now=NOW))
        assert replace(by_coroutine, message=by_thread.message) == by_thread
    clean = asyncio.run(Guard([Everybody]).check_async(wire("x@a.example"), now=NOW))
    assert clean.findings[0].severity is Severity.MEDIUM


def test_what_weighs_more_is_not_learned() -> None:
    config = parse({"fail-on": "high"})
    for usual, learned in ((ABSENT, False), (unknown("SERVFAIL"), True)):
        guard = Guard([Everybody], Baseline(), config, resolver=Script(usual=usual).resolver)
        for _ in range(20):
            guard.observe(wire("x@a.example"), now=NOW)
        assert guard.baseline.has_seen("a.example") is learned


def test_off_by_default() -> None:
    assert parse({}).dns.enable is False
    assert Guard()._strangers is None
    assert Guard(config=parse({"dns": {"deadline": 1}}))._strangers is None
    assert Guard(config=parse({"dns": {"enable": True}}))._strangers is not None


@pytest.mark.parametrize("enabled", ["false", "true"])
def test_mail_without_strangers_imports_nothing_and_asks_nothing(enabled: str) -> None:
    code = f"""
import sys
import headerguard.config
from headerguard import Guard
guard = Guard(config=headerguard.config.parse({{"dns": {{"enable": {enabled.title()}}}}}))
for _ in range(25):
    report = guard.observe({wire("audit@shop.example")!r})
assert not report.findings
ours = {{"headerguard." + name for name in ("dns_facts", "mail_policy", "name_server", "resolver", "inquiry")}}
lazy = {{"dns"}} if {enabled.title()} else {{"dns", "asyncio", "concurrent.futures", *ours}}
print(*sorted(lazy & set(sys.modules)))
sys.addaudithook(lambda event, args: print(event) if event.startswith("socket.") else None)
guard.check({wire("audit@shop.example")!r})
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""


OPTIONAL = st.none() | st.lists(st.text(max_size=20), max_size=3).map(tuple)


@given(st.builds(Facts, st.text(), st.text(), st.none() | st.booleans(), st.none() | st.booleans(), OPTIONAL))
def test_words_never_fail(facts: Facts) -> None:
    words = facts.told(NOW.date())
    assert all(fact.text for fact in words)
    assert facts.record()["told"] is not None
