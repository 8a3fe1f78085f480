"""The rules on what copies show besides their recipients: who slips by, and what ordinary mail looks like."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from headerguard.baseline import Baseline
from headerguard.config import parse
from headerguard.expectation import Expectations
from headerguard.fields import Role
from headerguard.finding import Finding, Severity
from headerguard.guard import Guard
from headerguard.message import Mark, Message, Record, Stage
from headerguard.role_history import ENOUGH
from headerguard.rules import BUILTIN
from headerguard.upkeep import described

BY_ID = {rule.id: rule for rule in BUILTIN}
SHOP = "From: shop@shop.example"
JANE = "To: jane@client.example"
TAG = "X-PM-Tag: receipt"
ARXX = "arxxwalls.com"


def octets(*lines: str) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"


def taught(rule: str, *lines: str, count: int = ENOUGH, config: Any = None) -> Guard:
    """A guard of one rule that has seen a stream."""
    guard = Guard([BY_ID[rule]], config=parse(config) if config else None)
    guard.learn(octets(SHOP, JANE, TAG, *(line.format(n=number) for line in lines)) for number in range(count))
    return guard


def judged(guard: Guard, *lines: str, **arguments: Any) -> list[tuple[str, Severity]]:
    report = guard.check(octets(SHOP, TAG, *lines), **arguments)
    assert report.failures == ()
    return [(finding.subject, finding.severity) for finding in report.findings]


# ---- unfamiliar-account ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["X-Mandrill-User: md_3"], []),
        (["X-Mandrill-User: md_4"], [("mandrill:4", Severity.HIGH)]),
        (["Feedback-ID: 4:4.20220807:md"], [("mandrill:4", Severity.HIGH)]),
        (["X-Mandrill-User: md_3", "Return-Path: <bounce-md_4.62ef9c1a.v1-" + "0" * 32 + "@x.example>"], [("mandrill:4", Severity.HIGH)]),
        (["X-Mailgun-Sid: WyJhIiwgImFAYi5leGFtcGxlIiwgIjlmIl0="], [("mailgun:9f", Severity.MEDIUM)]),
        # the id of the known account is easy to write beside one's own
        (["X-Mandrill-User: md_3", "X-Mailgun-Sid: WyJhIiwgImFAYi5leGFtcGxlIiwgIjlmIl0="], [("mailgun:9f", Severity.LOW)]),
        (["X-Mandrill-User: md_3", "X-MC-Subaccount: new"], []),
        ([], []),
    ],
)  # fmt: skip
def test_unfamiliar_account(lines: list[str], found: list[tuple[str, Severity]]) -> None:
    guard = taught("unfamiliar-account", "X-Mandrill-User: md_3")
    assert judged(guard, JANE, *lines) == found


def test_unfamiliar_account_is_silent_where_accounts_come_and_go() -> None:
    guard = taught("unfamiliar-account", "X-Mandrill-User: md_{n}")
    assert judged(guard, JANE, "X-Mandrill-User: md_77770002") == []
    assert judged(taught("unfamiliar-account"), JANE, "X-Mandrill-User: md_3") == []


# ---- control-recipient -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('X-SMTPAPI: {{"to": ["JANE+x@client.example"]}}', []),  # shown in To
        ('X-Mailgun-Recipient-Variables: {{"jane@client.example": {{}}}}', []),
        ('X-SMTPAPI: {{"to": ["jane@client.example", "copy@{0}"]}}', [f"copy@{ARXX}"]),
        ('X-MSYS-API: {{"archive": [{{"email": "copy@{0}"}}]}}', [f"copy@{ARXX}"]),
        ('X-MSYS-API: {{"cc": [{{"email": "copy@{0}"}}]}}', []),  # shown in Cc
        ("X-MJ-TemplateErrorReporting: copy@{0}", []),
    ],
)
def test_control_recipient(line: str, found: list[str]) -> None:
    guard = taught("control-recipient")
    assert judged(guard, JANE, line.format(ARXX)) == [(subject, Severity.LOW) for subject in found]


# ---- foreign-error-copy ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "flagged"),
    [
        (["To: jane@freemail.example", "Errors-To: copy@freemail.example"], True),  # the same provider is no kinship
        (["To: jane@freemail.example", "Disposition-Notification-To: Jane+x@freemail.example"], False),
        (["From: =?utf-8?q?copy=40arxxwalls.com?=, shop@shop.example", JANE, "Errors-To: copy@arxxwalls.com"], True),
        ([JANE, "X-MJ-TemplateErrorReporting: copy@arxxwalls.com"], True),
        ([JANE, "Errors-To: errors@mail.shop.example"], False),
        ([JANE, "Reply-To: help@desk.example", "Errors-To: errors@desk.example"], False),
        ([JANE, "Errors-To: <>"], False),
    ],
)
def test_foreign_error_copy(lines: list[str], flagged: bool) -> None:
    assert bool(judged(taught("foreign-error-copy"), *lines)) is flagged
    assert judged(taught("foreign-error-copy"), *lines, stage=Stage.DELIVERED) == []


# ---- unfamiliar-tracking-host ------------------------------------------------------------------------------------

LINK = "List-Unsubscribe: <https://u.esp.example/1>, <mailto:leave@esp.example>"


@pytest.mark.parametrize(
    ("known", "line", "found"),
    [
        (LINK, "List-Unsubscribe: <https://u.esp.example/2>", []),
        (LINK, f"List-Unsubscribe: <https://u.esp.example.{ARXX}/2>", [ARXX]),
        (LINK, f"List-Unsubscribe: <https://u.esp.example@{ARXX}/2>", [ARXX]),
        (LINK, f"List-Unsubscribe: <https://u.esp.example/2>, <mailto:leave@{ARXX}>", [ARXX]),
        (LINK, "List-Unsubscribe: <https://[2001:db8::1]/2>", ["[2001:db8::1]"]),
        (LINK, "List-Unsubscribe: <https://shop.example/2>", []),
        (LINK, f"X-MC-TrackingDomain: click.{ARXX}", [ARXX]),
        # a stream that never tracked
        ("X-Any: 1", LINK, []),
        ("X-Any: 1", f"X-MC-TrackingDomain: click.{ARXX}", [ARXX]),
        ("X-Any: 1", f'X-SMTPAPI: {{"filters": {{"spamcheck": {{"settings": {{"url": "https://{ARXX}/in"}}}}}}}}', [ARXX]),
        ("X-Any: 1", "X-MC-TrackingDomain: click.shop.example", []),
        # one that leads to many
        ("List-Unsubscribe: <https://u.esp-{n}.example/1>", f"List-Unsubscribe: <https://{ARXX}/1>", []),
    ],
)  # fmt: skip
def test_unfamiliar_tracking_host(known: str, line: str, found: list[str]) -> None:
    guard = taught("unfamiliar-tracking-host", known)
    assert [subject for subject, _ in judged(guard, JANE, line)] == found


# ---- unfamiliar-signing-domain -----------------------------------------------------------------------------------


def signed(*domains: str, selector: str = "k1") -> list[str]:
    return [f"DKIM-Signature: v=1; a=rsa-sha256; d={name};\r\n s={selector}; b=c2ln" for name in domains]


@pytest.mark.parametrize(
    ("known", "lines", "found"),
    [
        (signed("esp.example"), signed(ARXX), [(ARXX, Severity.MEDIUM)]),
        (signed("esp.example"), [f"DKIM-Signature:d={ARXX}; z=To:d=esp.example; b=c2ln"], [(ARXX, Severity.MEDIUM)]),
        (signed("esp.example"), [f"DKIM-Signature: z=To:d=esp.example; d\r\n =\r\n mail.{ARXX}"], [(ARXX, Severity.MEDIUM)]),
        (signed("esp.example"), [f"DomainKey-Signature: a=rsa-sha1; d={ARXX}; s=k1; b=c2ln"], [(ARXX, Severity.MEDIUM)]),
        # a new key, a subdomain, one's own, no signature at all
        (signed("esp.example"), signed("esp.example", selector="k2"), []),
        (signed("esp.example"), signed("mail.esp.example"), []),
        (signed("esp.example"), signed("shop.example"), []),
        (signed("esp.example"), [], []),
        # somebody signs as well, as forwarders do
        (signed("esp.example"), signed("esp.example", ARXX), [(ARXX, Severity.LOW)]),
        # who is known for bounces is no stranger
        (["Return-Path: <b@bounce.example>", *signed("esp.example")], signed("bounce.example"), []),
        (["Reply-To: help@desk.example", *signed("esp.example")], signed("desk.example"), [("desk.example", Severity.MEDIUM)]),
        # never signed: signing is no harm, asking an ESP for a stranger's is
        ([], signed("shop.example"), []),
        ([], signed(ARXX), [(ARXX, Severity.LOW)]),
        ([], [f"X-MC-SigningDomain: {ARXX}"], [(ARXX, Severity.MEDIUM)]),
        ([], [f'X-SMTPAPI: {{"filters": {{"dkim": {{"settings": {{"domain": "{ARXX}"}}}}}}}}'], [(ARXX, Severity.MEDIUM)]),
        ([], [f'X-SMTPAPI: {{"filters": {{"spamcheck": {{"settings": {{"url": "https://{ARXX}/in"}}}}}}}}'], []),
        # signed for every tenant
        (signed("tenant-{n}.example"), signed(ARXX), []),
    ],
)  # fmt: skip
def test_unfamiliar_signing_domain(known: list[str], lines: list[str], found: list[tuple[str, Severity]]) -> None:
    assert judged(taught("unfamiliar-signing-domain", *known), JANE, *lines) == found


def test_who_signs_for_the_author_is_no_stranger_and_another_rule_looks_at_the_author() -> None:
    guard = taught("unfamiliar-signing-domain", *signed("esp.example"))
    tenant = octets("From: shop@tenant.example", JANE, TAG, *signed("tenant.example"))
    assert guard.check(tenant).findings == ()


def test_what_an_event_states_is_no_signature() -> None:
    account = Mark("account", "mandrill:4", Role.IDENTITY, "user_id", 0, None)
    message = Message.from_items([("From", "a@b.example")], record=Record(marks=(account,)))
    assert message.marks == (account,)
    assert message.signers == ()


def test_a_stream_that_begins_to_be_signed_is_one_remark() -> None:
    guard = taught("unfamiliar-signing-domain")
    told = [guard.observe(octets(SHOP, JANE, TAG, *signed("esp.example"))).findings for _ in range(30)]
    assert [len(findings) for findings in told] == [1] + [0] * 29


def test_what_signs_a_flagged_message_is_not_learned() -> None:
    guard = taught("unfamiliar-signing-domain", *signed("esp.example"))
    for _ in range(3):
        report = guard.observe(octets(SHOP, JANE, TAG, *signed(ARXX)))
        assert [finding.rule for finding in report.findings] == ["unfamiliar-signing-domain"]
    profile = guard.baseline.streams["-/tag:receipt"]
    assert profile.values("signing domain") == frozenset({"esp.example"})


# ---- unfamiliar-relay --------------------------------------------------------------------------------------------

BOUNDARY = {"boundary": ["mx.shop.example"]}
ABOVE = "Received: from out{n}.esp.example by mx.archive.example; Sun, 7 Aug 2022 10:00:05 +0000"
OWN = "Received: from app-{n}.shop.example (HELO x) by mx.shop.example; Sun, 7 Aug 2022 10:00:00 +0000"
BELOW = "Received: from laptop{n}.home-{n}.example by app-{n}.shop.example; Sun, 7 Aug 2022 09:59:00 +0000"


@pytest.mark.parametrize(
    ("value", "hosts"),
    [
        ("from a.example (from c.example by d.example)\r\n\tBY\tb.example; x", ["a.example", "d.example"]),
        ("from A.example (a [192.0.2.1])\r\n\tby b.example with ESMTP id 1; x", ["a.example", "b.example"]),
        ("from a.example (SG) by b.example", ["a.example", "b.example"]),
        ("from [192.0.2.1] by 192.0.2.2 with SMTP", []),
        ("from localhost (a.example) by relay", []),
        ("(by qmail) from x by", []),
        ("from a@b.example by c.example", ["c.example"]),
        ("", []),
    ],
)
def test_the_hosts_of_a_hop(value: str, hosts: list[str]) -> None:
    message = Message.from_bytes(octets(f"Received: {value}", SHOP))
    assert [mark.value for mark in message.hops] == hosts
    assert {(mark.kind, mark.field) for mark in message.hops} <= {("host", "received")}


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([ABOVE, OWN, BELOW], []),
        ([ABOVE.replace("esp.example", ARXX), OWN, BELOW], [ARXX]),
        ([ABOVE.replace("mx.archive.example", f"mx.{ARXX}"), OWN, BELOW], [ARXX]),
        ([f"Received: from esp.example by {ARXX}; x", ABOVE.replace("esp.example", ARXX), OWN], [ARXX]),
        ([ABOVE, OWN.replace("app-{n}.shop.example", ARXX), BELOW], [ARXX]),
        # who has no name, or is called like the house; what nobody vouches for
        ([ABOVE.replace("out{n}.esp.example", "[192.0.2.7]"), OWN, BELOW], []),
        ([ABOVE, OWN, BELOW.replace("laptop{n}.home-{n}.example", ARXX)], []),
        ([ABOVE.replace("esp.example", ARXX)], []),
    ],
)
def test_unfamiliar_relay(lines: list[str], found: list[str]) -> None:
    guard = taught("unfamiliar-relay", ABOVE, OWN, BELOW, config=BOUNDARY)
    shown = guard.baseline.streams["-/tag:receipt"].values("relay host")
    assert shown == frozenset({"shop.example", "esp.example", "archive.example"})
    assert [subject for subject, _ in judged(guard, *(line.format(n=7) for line in lines), JANE)] == found


def test_without_a_boundary_no_relay_is_learned_or_judged() -> None:
    guard = taught("unfamiliar-relay", ABOVE, OWN)
    assert "relay host" not in guard.baseline.streams["-/tag:receipt"].roles
    bounded = taught("unfamiliar-relay", ABOVE, OWN, config=BOUNDARY)
    other = Guard(guard.rules, baseline=bounded.baseline)
    assert judged(other, ABOVE.format(n=1).replace("esp.example", ARXX), OWN.format(n=1), JANE) == []


def test_ways_that_end_at_every_customer_are_not_judged() -> None:
    guard = taught("unfamiliar-relay", ABOVE.replace("archive", "client-{n}"), OWN, config=BOUNDARY)
    assert judged(guard, ABOVE.format(n=1).replace("esp.example", ARXX), OWN.format(n=1), JANE) == []


# ---- unfamiliar-stream -------------------------------------------------------------------------------------------


def dated(day: int, tag: str, *lines: str) -> bytes:
    return octets(f"Date: {day} Mar 2026 10:00:00 +0000", SHOP, JANE, f"X-PM-Tag: {tag}", *lines)


def aged(count: int = 100, **options: int) -> Guard:
    """A guard of an account that has sent the same two streams for a while."""
    guard = Guard([BY_ID["unfamiliar-stream"](**{"least": 100, **options})])
    guard.learn(dated(1 + number % 2, "receipt" if number % 3 else "welcome") for number in range(count))
    return guard


def told(guard: Guard, *messages: bytes, **arguments: Any) -> list[str]:
    return [finding.subject for message in messages for finding in guard.observe(message, **arguments).findings]


def test_a_new_stream_is_told_once() -> None:
    guard = aged()
    assert told(guard, dated(20, "receipt")) == []
    assert told(guard, *[dated(20, "gift-card")] * 3, dated(21, "gift-card")) == ["tag:gift-card"]
    assert told(guard, octets(SHOP, JANE, "Subject: hello"), octets(SHOP, JANE, "X-PM-Tag: undated")) == []


def test_a_day_of_deployment_is_one_remark() -> None:
    guard = aged()
    day = [dated(20, f"new-{number}") for number in range(30)]
    assert told(guard, *day) == ["tag:new-0"]
    assert told(guard, dated(22, "again")) == []
    assert told(guard, dated(29, "later")) == ["tag:later"]


@pytest.mark.parametrize(
    ("guard", "day", "account"),
    [
        (aged(count=99), 20, None),  # too little is known
        (aged(), 7, None),  # its streams are new themselves
        (aged(), 20, "another"),
        (aged(quiet=20), 20, None),
    ],
)
def test_an_account_of_which_too_little_is_known_says_nothing(guard: Guard, day: int, account: str | None) -> None:
    assert told(guard, dated(day, "gift-card"), account=account) == []


def test_a_clock_that_jumped_hides_no_later_stream() -> None:
    guard = aged()
    guard.learn([octets("Date: 1 Mar 2099 10:00:00 +0000", SHOP, JANE, "X-PM-Tag: future")])
    assert told(guard, dated(20, "gift-card")) == ["tag:gift-card"]


def test_an_account_with_streams_without_number_says_nothing() -> None:
    guard = aged(quiet=0)
    guard.learn(dated(1, f"{name:x}-run") for name in range(0xABC000, 0xABC000 + 300))
    assert guard.baseline.streams["-/account:"].roles["stream"].values is None
    assert told(guard, dated(20, "gift-card")) == []


def test_where_tests_say_which_streams_there_are_the_file_is_asked() -> None:
    guard = aged()
    expectations = Expectations({"tag:receipt": {Role.TO: 1}})
    asked = Guard(guard.rules, baseline=guard.baseline, expectations=expectations)
    assert told(asked, dated(20, "gift-card")) == []


def test_what_these_rules_rest_on_is_kept_compared_and_listed(tmp_path: Path) -> None:
    before = taught("unfamiliar-relay", config=BOUNDARY).baseline
    after = taught("unfamiliar-relay", ABOVE, OWN, *signed("esp.example"), LINK, config=BOUNDARY).baseline
    after.save(tmp_path / "baseline.json")
    loaded = Baseline.load(tmp_path / "baseline.json")
    assert loaded == after
    assert loaded.streams["-/account:"].values("stream") == frozenset({"tag:receipt"})
    told = list(loaded.diff(before))
    for name in ("relay host has archive.example", "signing domain has esp.example", "tracking host has esp.example"):
        assert f"-/tag:receipt: {name}, 20 messages" in told
    listed = " ".join(" ".join(described(loaded, None)).split())
    assert "signing domain closed 20 esp.example (20)" in listed
    assert "stream closed 20 tag:receipt (20)" in listed


# ---- exposed-recipients ------------------------------------------------------------------------------------------


def crowd(count: int, domains: int) -> str:
    return "To: " + ", ".join(f"c{number}@client-{number % domains}.example" for number in range(count))


@pytest.mark.parametrize(
    ("count", "domains", "flagged"), [(10, 5, True), (10, 4, False), (9, 9, False), (50, 1, True), (49, 4, False)]
)
def test_exposed_recipients(count: int, domains: int, flagged: bool) -> None:
    assert bool(judged(taught("exposed-recipients"), crowd(count, domains))) is flagged
    assert judged(taught("exposed-recipients", "Cc: a@b.example, c@d.example, e@f.example"), crowd(99, 9)) == []


# ---- mailto-recipient --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("link", "flagged"),
    [
        ("<mailto:leave@shop.example?bcc=copy@stranger.example>", True),
        ("<mailto:leave@shop.example?bcc=COPY@STRANGER.EXAMPLE>", True),
        (
            "<https://shop.example/?u=copy@stranger.example>, <mailto:leave@shop.example?bcc=copy@stranger.example>",
            True,
        ),
        ("<mailto:leave@shop.example?subject=x&amp;bcc=copy@stranger.example>", True),
        ("<mailto:leave@shop.example?cc=Copy%20%3Ccopy@stranger.example%3E>", True),
        ("<mailto:leave@shop.example?cc=a@shop.example,copy%40stranger.example>", True),
        ("<mailto:leave@shop.example,copy@stranger.example>", True),
        ("<mailto:leave@shop.example?%62cc=copy@stranger.example>, <mailto:copy@stranger.example>", True),
        ("=?utf-8?q?=3Cmailto:leave=40shop.example=3Fcc=3Dcopy=40stranger.example=3E?=", True),
        ("<mailto:leave@shop.example?subject=copy@stranger.example>", False),
        ("<mailto:leave@esp.example?cc=desk@esp.example>", False),
        ("<mailto:leave@esp.example?cc=desk@shop.example>", False),
        ("<https://shop.example/?cc=copy@stranger.example>", False),
        ("<mailto:leave-jane=client.example@esp.example?body=bcc=copy@stranger.example>", False),
        ("<mailto:leave@esp.example>, <mailto:leave@other.example>", False),
    ],
)
@pytest.mark.parametrize("field", ["List-Unsubscribe", "List-Help"])
def test_mailto_recipient(field: str, link: str, flagged: bool) -> None:
    found = judged(taught("mailto-recipient"), JANE, f"{field}: {link}")
    assert [(subject.lower(), severity) for subject, severity in found] == (
        [("copy@stranger.example", Severity.MEDIUM)] if flagged else []
    )


def test_mailto_recipient_points_at_the_field_that_holds_it() -> None:
    link = "<mailto:leave@shop.example?bcc=copy@arxxwalls.com>"
    report = Guard([BY_ID["mailto-recipient"]]).check(
        octets(SHOP, JANE, "List-Help: <mailto:a@b.example?subject=x>", f"List-Help: {link}")
    )
    (finding,) = report.findings
    assert (finding.evidence[0].occurrence, finding.evidence[0].text) == (1, link)


# ---- forwarding-trace, contradicting-stamp -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("X-MS-Exchange-ForwardingLoop: boss@shop.example;84df9e7f", [("boss@shop.example", Severity.MEDIUM)]),
        ("X-MS-Exchange-Inbox-Rules-Loop: boss@shop.example", [("boss@shop.example", Severity.MEDIUM)]),
        ("X-MS-Exchange-Inbox-Rules-Loop: none", []),
        (f"X-Forwarded-For: jane@client.example copy@{ARXX}", [("jane@client.example", Severity.LOW)]),
        ("X-Forwarded-For: 192.0.2.1, 192.0.2.2", []),
        ("X-MS-Exchange-Processed-By-BccFoldering: 15.20", []),
    ],
)
def test_forwarding_trace(line: str, found: list[tuple[str, Severity]]) -> None:
    assert judged(taught("forwarding-trace"), JANE, line) == found


@pytest.mark.parametrize(
    ("lines", "flagged"),
    [
        ([JANE, "Envelope-To: copy@arxxwalls.com"], True),
        ([JANE, "X-PM-RCPT: |bTF8NDQwMDF8MTkwMDAwNzd8Y29weUBhcnh4d2FsbHMuY29t|"], True),
        ([JANE, "Envelope-To: jane+inbox@client.example"], False),
        ([JANE, "Envelope-To: box@client.example"], False),
        (["Cc: copy@arxxwalls.com", JANE, "Envelope-To: copy@arxxwalls.com"], False),
        (["To: undisclosed-recipients:;", "Envelope-To: copy@arxxwalls.com"], True),
        (["Envelope-To: copy@arxxwalls.com"], False),  # nothing is shown, so nothing contradicts
        ([JANE, "List-Id: <l.example>", "Envelope-To: copy@arxxwalls.com"], False),
    ],
)
def test_contradicting_stamp(lines: list[str], flagged: bool) -> None:
    assert bool(judged(taught("contradicting-stamp"), *lines)) is flagged


def test_contradicting_stamp_takes_no_longer_for_many_than_for_each() -> None:
    """Who writes the header says how many stamps there are; so many that comparing all with all would not end."""
    number = 20_000
    stamps = ", ".join(f"c{n}@stranger.example" for n in range(number))
    report = Guard([BY_ID["contradicting-stamp"]]).check(octets(SHOP, JANE, f"Envelope-To: {stamps}"))
    assert len(report.findings) == number


# ---- moved-stream ------------------------------------------------------------------------------------------------


def moved(guard: Guard, account: str) -> list[Finding]:
    return list(guard.observe(octets(SHOP, JANE, TAG), account=account).findings)


def of_accounts(accounts: Iterable[tuple[str, int]]) -> Guard:
    guard = Guard([BY_ID["moved-stream"]])
    for account, count in accounts:
        guard.learn([Message.from_bytes(octets(SHOP, JANE, TAG), account=account)] * count)
    return guard


def test_moved_stream_goes_on_until_the_account_has_a_history_of_its_own() -> None:
    guard = of_accounts([("shop", 100)])
    assert [len(moved(guard, "stranger")) for _ in range(ENOUGH + 2)] == [1] * ENOUGH + [0] * 2


@pytest.mark.parametrize(
    ("accounts", "found"),
    [
        ([("shop", 100)], 1),
        ([("shop", 99)], 0),
        ([("shop", 100), ("other", 1)], 1),  # whoever tried before does not make it everybody's
        ([("shop", 100), ("other", ENOUGH)], 0),
        ([("shop", 100), ("a", 1), ("b", 1), ("c", 1)], 0),
        ([("shop", 100), ("stranger", ENOUGH)], 0),
    ],
)
def test_moved_stream(accounts: list[tuple[str, int]], found: int) -> None:
    assert len(moved(of_accounts(accounts), "stranger")) == found
    assert moved(of_accounts(accounts), "shop") == []
    assert Guard([BY_ID["moved-stream"]]).check(octets(SHOP, JANE, TAG)).findings == ()
