"""Expectations: what is recorded of a message, how files join, and what a guard makes of them."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headerguard import ConfigError, Envelope, Expectations, Finding, Guard, Message, Report
from headerguard.cli import main
from headerguard.config import parse
from headerguard.declared import Bound
from headerguard.expectation import RECORDED, observed
from headerguard.role import Role

SHOP = "From: Shop <no-reply@shop.example>"
JANE = "To: jane@client.example"
AUDIT = "Bcc: audit@shop.example"
TEMPLATE = "X-MC-Template: receipt"
STRANGER = "copy@arxxwalls.com"


def mail(*lines: str, envelope: Envelope | None = None) -> Message:
    return Message.from_bytes("".join(f"{line}\r\n" for line in lines).encode() + b"\r\n", envelope)


def recorded(*messages: Message, customers: list[str] | None = None, own: tuple[str, ...] = ()) -> Expectations:
    made = Expectations()
    bound = None if customers is None else Bound(customers)
    for message in messages:
        made.add("template:receipt", observed(message, bound, own, known=made.streams.get("template:receipt")))
    return made


def found(report: Report) -> set[tuple[str, str]]:
    return {(finding.rule, finding.subject) for finding in report.findings}


# ---- what is recorded


def test_a_message_is_recorded_by_role_and_never_with_its_customer() -> None:
    seen = observed(mail(SHOP, JANE, AUDIT))
    assert seen == {
        Role.FROM: frozenset({"no-reply@shop.example"}),
        Role.TO: 1,
        Role.BCC: frozenset({"audit@shop.example"}),
        **dict.fromkeys((Role.CC, Role.CONTROL, Role.ENVELOPE, Role.RECEIPT, Role.REPLY), frozenset()),
    }
    assert set(seen) == set(RECORDED)


@pytest.mark.parametrize(
    ("line", "role"),
    [
        ("Bcc: jane@client.example", Role.BCC),
        ("Cc: jane@client.example", Role.CC),
        ("Reply-To: Jane@CLIENT.example", Role.REPLY),
        ('X-SMTPAPI: {"to": ["jane@client.example"]}', Role.CONTROL),
    ],
)
def test_whom_the_test_names_is_a_customer_in_any_role(line: str, role: Role) -> None:
    assert observed(mail(SHOP, line), Bound(["jane@client.example"]))[role] == 1
    assert observed(mail(SHOP, line), Bound(["client.example"]))[role] == 1


def test_a_visible_recipient_is_fixed_where_all_of_the_role_are_at_own_domains() -> None:
    team = "To: ops@shop.example, dev@shop.example"
    assert observed(mail(SHOP, team), own_domains=["shop.example"])[Role.TO] == frozenset(
        {"ops@shop.example", "dev@shop.example"}
    )
    assert observed(mail(SHOP, team))[Role.TO] == 2
    assert observed(mail(SHOP, team + ", jane@client.example"), own_domains=["shop.example"])[Role.TO] == 3


def test_replies_to_the_domain_of_the_author_are_recorded_as_the_domain() -> None:
    seen = observed(mail(SHOP, JANE, "Reply-To: ticket+4711@shop.example, help@desk.example"))
    assert seen[Role.REPLY] == frozenset({"shop.example", "help@desk.example"})


def test_of_the_envelope_only_whom_no_field_names_is_recorded() -> None:
    envelope = Envelope("no-reply@shop.example", ("jane@client.example", "audit@shop.example", "journal@shop.example"))
    seen = observed(mail(SHOP, JANE, AUDIT, envelope=envelope))
    assert seen[Role.ENVELOPE] == frozenset({"journal@shop.example"})
    assert observed(mail(SHOP, envelope=envelope))[Role.ENVELOPE] == frozenset()


def test_an_open_role_counts_what_would_be_a_list_elsewhere() -> None:
    one, team = mail(SHOP, JANE), mail(SHOP, "To: ops@shop.example, dev@shop.example")
    made = recorded(one, team, own=("shop.example",))
    assert made.streams["template:receipt"][Role.TO] == 2


def test_an_address_that_no_file_could_hold_is_recorded_as_its_domain() -> None:
    seen = observed(mail(SHOP, JANE, 'Bcc: "a\\"b, c"@shop.example'))
    made = Expectations({"s": seen})
    assert Expectations.from_dict(made.as_dict()) == made
    assert seen[Role.BCC] == frozenset({'"a\\"b, c"@shop.example'})


def test_an_address_without_a_domain_is_counted() -> None:
    envelope = Envelope("no-reply@shop.example", ("jane@client.example", "postmaster"))
    assert observed(mail(SHOP, JANE, envelope=envelope))[Role.ENVELOPE] == 1


# ---- joining

PLACES = st.one_of(st.integers(0, 9), st.frozensets(st.sampled_from(["a@x.example", "b@y.example", "z.example"])))
STREAMS = st.dictionaries(
    st.sampled_from(["receipts", "template:welcome", "t.py::test_é"]),
    st.dictionaries(st.sampled_from(RECORDED), PLACES, min_size=1),
)
EXPECTATIONS = st.builds(Expectations, STREAMS)


@given(EXPECTATIONS, EXPECTATIONS, EXPECTATIONS)
def test_joining_is_commutative_associative_and_idempotent(a: Expectations, b: Expectations, c: Expectations) -> None:
    assert a.merge(b) == b.merge(a)
    assert a.merge(b).merge(c) == a.merge(b.merge(c))
    assert a.merge(a) == a == a.merge(Expectations())


@given(EXPECTATIONS)
def test_a_file_gives_back_what_was_written(made: Expectations) -> None:
    assert Expectations.from_dict(json.loads(json.dumps(made.as_dict()))) == made


@given(EXPECTATIONS, EXPECTATIONS)
def test_narrowing_drops_what_was_not_seen_and_adds_nothing(known: Expectations, seen: Expectations) -> None:
    narrow = known.narrowed(seen)
    assert narrow.streams.keys() == known.streams.keys() & seen.streams.keys()
    assert narrow.merge(known) == known
    assert known.narrowed(known) == known


def test_an_entry_for_a_domain_is_needed_where_anybody_of_it_stood_there() -> None:
    known = Expectations({"s": {Role.BCC: frozenset({"shop.example", "old.example"}), Role.TO: 4}})
    seen = Expectations({"s": {Role.BCC: frozenset({"audit@shop.example"}), Role.TO: 2}})
    assert known.narrowed(seen).streams["s"] == {Role.BCC: {"shop.example"}, Role.TO: 2}


# ---- the file


def test_the_file_is_sorted_and_reviewable(tmp_path: Path) -> None:
    made = Expectations({"b": {Role.TO: 1, Role.BCC: frozenset({"b@x.example", "a@x.example"})}, "a": {Role.TO: 2}})
    made.save(tmp_path / "e.json")
    text = (tmp_path / "e.json").read_text(encoding="utf-8")
    lines = (
        '{ "schema": 1, "streams": { "a": { "to": 2 }, "b": { "bcc": [ "a@x.example", "b@x.example" ], "to": 1 } } }'
    )
    assert text.split() == lines.split()
    assert text.endswith("}\n")
    assert Expectations.load(tmp_path / "e.json") == made


def test_what_stands_twice_after_a_merge_is_joined(tmp_path: Path) -> None:
    (tmp_path / "e.json").write_text(
        '{"schema": 1, "streams": {'
        '"s": {"bcc": ["a@x.example"], "to": 1, "cc": []},'
        '"s": {"bcc": ["b@x.example"], "to": 3, "cc": 2}}}'
    )
    assert Expectations.load(tmp_path / "e.json").streams == {
        "s": {Role.BCC: {"a@x.example", "b@x.example"}, Role.TO: 3, Role.CC: 2}
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON: line 1 column 2"),
        ("{\n<<<<<<< ours\n", "is not JSON: line 2 is a conflict of git; keep what both sides have"),
        ("[" * 100_000, "is not JSON: "),
        ("[]", "takes a table, not a list"),
        ("{}", "schema: is missing"),
        ('{"schema": 2}', "schema: 2 is newer than this program reads (1); record again, or update headerguard"),
        ('{"schema": "1"}', "schema: takes 1, not '1'; pass a file that pytest --headerguard-update wrote"),
        ('{"schema": true}', "schema: takes 1, not true"),
        ('{"schema": 1, "stream": {}}', "unknown key; did you mean 'streams'?"),
        ('{"schema": 1, "streams": {"s": 1}}', "streams.s: takes a table, not 1"),
        ('{"schema": 1, "streams": {"s": {"bbc": []}}}', "streams.s.bbc: unknown role; did you mean 'bcc'?"),
        ('{"schema": 1, "streams": {"s": {"bcc": "a@x.example"}}}', "streams.s.bcc: takes a list of addresses"),
        ('{"schema": 1, "streams": {"s": {"to": -1}}}', "takes a list of addresses and domains, or a number from 0"),
        ('{"schema": 1, "streams": {"s": {"bcc": ["a b"]}}}', "streams.s.bcc: takes an address or a domain, not 'a b'"),
    ],
)
def test_a_broken_file_is_one_clear_error(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "e.json"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        Expectations.load(file)
    assert said in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_file_that_is_no_text_or_not_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "e.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="it is not text in UTF-8"):
        Expectations.load(tmp_path / "e.json")
    with pytest.raises(ConfigError, match="No such file"):
        Expectations.load(tmp_path / "none.json")


# ---- what a guard makes of it


def judged(expected: Expectations, *lines: str, envelope: Envelope | None = None, **said: Any) -> set[tuple[str, str]]:
    return found(Guard(expectations=expected).check(mail(*lines, TEMPLATE, envelope=envelope), **said))


RECEIPT = recorded(mail(SHOP, JANE, AUDIT, "Reply-To: help@desk.example"), customers=["jane@client.example"])


@pytest.mark.parametrize(
    ("lines", "rule", "subject"),
    [
        ((SHOP, f"To: joe@other.example, {STRANGER}"), "surplus-recipient", STRANGER),
        ((SHOP, JANE, f"Cc: {STRANGER}"), "unexpected-recipient", STRANGER),
        ((SHOP, JANE, AUDIT, f"Bcc: {STRANGER}"), "unexpected-recipient", STRANGER),
        ((SHOP, JANE, f"Resent-Bcc: {STRANGER}"), "unexpected-recipient", STRANGER),
        ((SHOP, JANE, f"X-MC-BccAddress: {STRANGER}"), "unexpected-recipient", STRANGER),
        ((SHOP, JANE, f"Reply-To: {STRANGER}"), "unexpected-reply-path", STRANGER),
        ((SHOP, JANE, f"Disposition-Notification-To: {STRANGER}"), "unexpected-reply-path", STRANGER),
        ((f"From: {STRANGER}", JANE), "unexpected-author", STRANGER),
        ((f"From: {STRANGER}", JANE, "Reply-To: x@arxxwalls.com"), "unexpected-reply-path", "x@arxxwalls.com"),
    ],
)
def test_more_than_was_recorded_is_a_finding_on_message_one(lines: tuple[str, ...], rule: str, subject: str) -> None:
    assert (rule, subject) in judged(RECEIPT, *lines)


@pytest.mark.parametrize(
    "lines",
    [
        (SHOP, "To: somebody.else@other.example"),
        (SHOP, JANE, AUDIT, "Reply-To: help@desk.example"),
        (SHOP, JANE, "Reply-To: ticket+17@shop.example"),
        (SHOP,),
    ],
)
def test_what_was_recorded_is_none_and_other_customers_are_none(lines: tuple[str, ...]) -> None:
    assert judged(RECEIPT, *lines) == set()


def test_a_recipient_in_the_envelope_alone_is_judged_by_what_is_recorded() -> None:
    def of(*rcpt_to: str) -> set[str]:
        envelope = Envelope("no-reply@shop.example", rcpt_to, complete=True)
        findings = judged(RECEIPT, SHOP, JANE, envelope=envelope)
        return {subject for rule, subject in findings if rule in ("surplus-recipient", "unexpected-recipient")}

    assert of("jane@client.example", "audit@shop.example") == set()  # the server took the Bcc out
    assert of("jane@client.example", STRANGER) == {STRANGER}
    event = Message.from_items([], Envelope(None, ("joe@other.example",)))
    assert found(Guard(expectations=RECEIPT).check(event, stream="template:receipt")) == set()


def test_customers_who_were_recorded_in_bcc_may_stand_in_the_envelope_alone() -> None:
    blind = recorded(mail(SHOP, JANE, "Bcc: a@x.example, b@y.example"), customers=["a@x.example", "b@y.example"])
    envelope = Envelope("no-reply@shop.example", ("jane@client.example", "c@z.example", "d@w.example"), complete=True)
    findings = judged(blind, SHOP, JANE, envelope=envelope)
    assert not {"surplus-recipient", "unexpected-recipient"} & {rule for rule, _ in findings}
    more = Envelope("no-reply@shop.example", (*envelope.rcpt_to, STRANGER), complete=True)
    assert ("surplus-recipient", STRANGER) in judged(blind, SHOP, JANE, envelope=more)


def test_a_stream_that_nobody_recorded_is_told_once_a_day() -> None:
    guard = Guard(expectations=RECEIPT)

    def told(day: int, *more: str) -> list[Finding]:
        date = f"Date: {day:02d} Nov 2026 10:00:00 +0000"
        report = guard.observe(mail(SHOP, JANE, date, *more))
        return [finding for finding in report.findings if finding.rule == "unrecorded-stream"]

    gift = "X-MC-Template: gift"
    assert [len(told(day, gift)) for day in (1, 1, 2, 2, 2)] == [1, 0, 1, 0, 0]
    assert [len(told(3, f"Subject: {subject}")) for subject in ("one", "two", "three")] == [1, 0, 0]
    assert told(4, TEMPLATE) == []
    assert [str(finding.severity) for finding in told(5, gift)] == ["low"]
    without_file = Guard().check(mail(SHOP, JANE, gift))
    assert [finding for finding in without_file.findings if finding.rule == "unrecorded-stream"] == []


def test_a_finding_says_what_was_expected() -> None:
    (finding,) = Guard(expectations=RECEIPT).check(mail(SHOP, JANE, f"Bcc: {STRANGER}", TEMPLATE)).findings
    assert finding.expected == "bcc audit@shop.example"


def test_the_configuration_names_the_file_and_both_count(tmp_path: Path) -> None:
    RECEIPT.save(tmp_path / "mail.json")
    keys = {
        "expected": "mail.json",
        "streams": {"template:receipt": {"expected": {"bcc": ["second@shop.example"]}}},
    }
    guard = Guard(config=parse(keys, base=tmp_path))
    clean = mail(SHOP, JANE, "Bcc: audit@shop.example, second@shop.example", TEMPLATE)
    assert found(guard.check(clean)) == set()
    assert ("unexpected-recipient", STRANGER) in found(guard.check(mail(SHOP, JANE, f"Bcc: {STRANGER}", TEMPLATE)))
    with pytest.raises(ConfigError, match="No such file"):
        Guard(config=parse(keys, base=tmp_path / "elsewhere"))


# ---- the commands


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    RECEIPT.save("a.json")
    Expectations({"receipts": {Role.TO: 1}, "template:receipt": {Role.CC: 2}}).save("b.json")
    Path("good.eml").write_text(f"{SHOP}\n{JANE}\n{AUDIT}\n{TEMPLATE}\n\n")
    Path("bad.eml").write_text(f"{SHOP}\n{JANE}\nBcc: {STRANGER}\n{TEMPLATE}\n\n")
    Path("new.eml").write_text(f"{SHOP}\n{JANE}\nX-MC-Template: gift\n\n")
    return tmp_path


@pytest.mark.usefixtures("files")
def test_merge_joins_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["expect", "merge", "a.json", "b.json", "-o", "a.json"]) == 0
    assert capsys.readouterr().out == "a.json holds 2 streams\n"
    merged = Expectations.load("a.json")
    assert merged == RECEIPT.merge(Expectations.load("b.json"))
    assert merged.streams["template:receipt"][Role.CC] == 2


@pytest.mark.usefixtures("files")
def test_export_writes_what_the_configuration_takes(capsys: pytest.CaptureFixture[str]) -> None:
    RECEIPT.merge(Expectations({"t.py::test_a": {Role.TO: 1}})).save("a.json")
    assert main(["expect", "export", "a.json"]) == 0
    out, err = capsys.readouterr()
    config = parse(tomllib.loads(out))
    assert config.most == {"template:receipt": {Role.TO: 1}, "t.py::test_a": {Role.TO: 1}}
    assert config.expected["template:receipt"][Role.BCC].entries == ("audit@shop.example",)
    assert err.startswith("headerguard: stream 't.py::test_a' is named after its test")


@pytest.mark.usefixtures("files")
def test_check_holds_mail_against_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["expect", "check", "good.eml", "--expected", "a.json"]) == 0
    assert "0 with findings" in capsys.readouterr().out
    assert main(["expect", "check", "good.eml", "bad.eml", "new.eml", "--expected", "a.json"]) == 1
    out = capsys.readouterr().out
    assert "unexpected-recipient (high)" in out
    assert "unrecorded-stream (low)" in out
    assert main(["expect", "check", "new.eml", "--expected", "a.json"]) == 0
    assert main(["expect", "check", "good.eml"]) == 2
    assert "there are no expectations" in capsys.readouterr().err


@pytest.mark.usefixtures("files")
def test_a_file_that_cannot_be_written_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["expect", "merge", "a.json", "-o", "no/where.json"]) == 2
    assert "no/where.json: cannot be written: No such file" in capsys.readouterr().err
