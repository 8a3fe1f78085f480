"""JSON Lines: the two records, their schemas, and that they say what the report says."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from email.message import EmailMessage
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from headerguard.address_list import Tier
from headerguard.fields import Role
from headerguard.finding import Evidence, Failure, Finding, History, Report, Severity, Skipped
from headerguard.message import Envelope, Message, Origin, Stage
from headerguard.rendering import render, stream
from headerguard.rendering.disclosure import Disclosure, encodable
from headerguard.rendering.records import dumps, fingerprint, report_record, show_record
from test_render import RECEIPT, at, clean, copied, hostile_reports, receipt, simple


def _schema(name: str) -> Any:
    return json.loads((files("headerguard.rendering") / "schemas" / name).read_text(encoding="utf-8"))


REPORT, MESSAGE = _schema("report-1.json"), _schema("message-1.json")


def _check(schema: Any, record: object) -> None:
    assert [error.message for error in Draft202012Validator(schema).iter_errors(record)] == []


def record_of(report: Report, redact: str = "none") -> Any:
    record = json.loads(render(report, "json", redact=redact))
    _check(REPORT, record)
    return record


# ---- schemas


@pytest.mark.parametrize("schema", [REPORT, MESSAGE])
def test_the_schemas_are_schemas(schema: Any) -> None:
    Draft202012Validator.check_schema(schema)


def test_the_schemas_know_every_name_there_is() -> None:
    assert MESSAGE["$defs"]["role"]["enum"] == [str(role) for role in Role]
    assert MESSAGE["$defs"]["tier"]["enum"] == [str(tier) for tier in Tier]
    assert MESSAGE["properties"]["stage"]["enum"] == [str(stage) for stage in Stage]
    assert REPORT["$defs"]["stage"]["enum"] == [str(stage) for stage in Stage]
    assert REPORT["$defs"]["finding"]["properties"]["severity"]["enum"] == [str(severity) for severity in Severity]


def _objects(schema: Any) -> Any:
    if isinstance(schema, dict):
        if "properties" in schema and "type" in schema:
            yield schema
        for value in schema.values():
            yield from _objects(value)


@pytest.mark.parametrize("schema", [REPORT, MESSAGE])
def test_every_field_of_every_object_is_required(schema: Any) -> None:
    for described in _objects(schema):
        assert sorted(described["required"]) == sorted(described["properties"])
        assert described["additionalProperties"] is False


# ---- a report


def test_a_report_field_by_field() -> None:
    message = Message.from_bytes(
        RECEIPT.replace(
            b"\r\n\r\n", b"\r\nDate: Tue, 1 Dec 2026 11:00:00 +0100\r\nMessage-ID: <1@shop.example>\r\n\r\n"
        ),
        account="shop",
        origin=Origin("mboxrd", "archive.mbox", 17),
    )
    finding = Finding(
        "unfamiliar-blind-recipient",
        "arxxwalls.com",
        Severity.HIGH,
        "a hidden copy",
        (at(message, "copy@arxxwalls.com", "bcc", "bcc[1]", "new"),),
        account="shop",
        stream="receipts",
        layer="application",
        p_value=3.2e-5,
        prior=True,
        history=History(1904, date(2026, 3, 1), date(2026, 11, 22), ("audit@shop.example",), "arxwalls.com"),
    )
    report = Report(message, (finding,), (Skipped("a", "b"),), (Failure("c", "d"),), (), ("e",), ("f",))
    assert record_of(report) == {
        "schema": "headerguard.report/1",
        "origin": {"kind": "mboxrd", "path": "archive.mbox", "index": 17},
        "account": "shop",
        "stream": "receipts",
        "stage": "submitted",
        "date": "2026-12-01T10:00:00Z",
        "correlation": ["1@shop.example"],
        "findings": [
            {
                "rule": "unfamiliar-blind-recipient",
                "subject": "arxxwalls.com",
                "severity": "high",
                "summary": "a hidden copy",
                "p_value": 3.2e-5,
                "prior": True,
                "layer": "application",
                "account": "shop",
                "stream": "receipts",
                "fingerprint": hashlib.sha256(b'["shop","unfamiliar-blind-recipient","arxxwalls.com"]').hexdigest(),
                "evidence": [
                    {
                        "place": "bcc[1]",
                        "field": "bcc",
                        "occurrence": 0,
                        "text": "copy@arxxwalls.com",
                        "span": [101, 119],
                        "note": "new",
                    }
                ],
                "history": {
                    "messages": 1904,
                    "first_day": "2026-03-01",
                    "last_day": "2026-11-22",
                    "known": ["audit@shop.example"],
                    "nearest": "arxwalls.com",
                },
            }
        ],
        "allowed": [],
        "skipped": [{"rule": "a", "reason": "b"}],
        "failures": [{"rule": "c", "error": "d"}],
        "blind_spots": ["e"],
        "notes": ["f"],
        "incidents": [],
        "complete": False,
    }


def test_an_allowed_finding_is_told_apart() -> None:
    record = record_of(Report(clean().message, allowed=(simple("to"),)))
    assert record["findings"] == []
    assert [finding["subject"] for finding in record["allowed"]] == ["to"]
    assert record["complete"] is True


def test_the_span_cuts_the_evidence_out_of_the_message() -> None:
    (piece,) = record_of(receipt())["findings"][0]["evidence"]
    start, end = piece["span"]
    assert RECEIPT[start:end].decode() == piece["text"]


def test_a_record_is_a_line_with_its_keys_in_order() -> None:
    pieces = list(stream([receipt(), clean(), receipt()], "json"))
    assert len(pieces) == 3
    for piece in pieces:
        assert piece.endswith("\n")
        assert piece.count("\n") == 1
        assert json.dumps(json.loads(piece), sort_keys=True, separators=(",", ":")) + "\n" == piece
    assert pieces[0] == pieces[2]


@pytest.mark.parametrize("p_value", [float("nan"), float("inf"), -0.1, 1.1])
def test_what_is_no_probability_is_left_out(p_value: float) -> None:
    finding = Finding("some-rule", "to", Severity.LOW, "odd", (), p_value=p_value)
    assert record_of(Report(clean().message, (finding,)))["findings"][0]["p_value"] is None


def test_evidence_is_cut_at_4096_characters() -> None:
    piece = Evidence("x", "x", 0, "y" * 1_000_000, None)
    finding = Finding("some-rule", "x", Severity.LOW, "odd", (piece,))
    text = record_of(Report(clean().message, (finding,)))["findings"][0]["evidence"][0]["text"]
    assert text == "y" * 4_096 + "[... 995,904 characters more]"


@given(hostile_reports(), st.sampled_from(("none", "local")))
def test_hostile_text_stays_inside_its_line(report: Report, redact: str) -> None:
    line = render(report, "json", redact=redact)
    assert line.isascii()
    assert line.isprintable()
    record = record_of(report, redact)
    if redact == "none":
        for told, finding in zip(record["findings"], report.findings, strict=True):
            assert told["subject"] == encodable(finding.subject)
            assert told["summary"] == encodable(finding.summary)
            assert told["evidence"][0]["note"] == encodable(finding.evidence[0].note)
        assert record["account"] == encodable(report.message.account or "")


def test_delete_is_escaped_though_it_is_ascii() -> None:
    line = dumps({"a": "\x7f\x1b"})
    assert line == '{"a":"\\u007f\\u001b"}'
    assert json.loads(line) == {"a": "\x7f\x1b"}


# ---- identity


def test_a_fingerprint_ignores_all_but_account_rule_and_subject() -> None:
    finding = copied(Message.from_bytes(RECEIPT))
    other = Finding(finding.rule, finding.subject, Severity.LOW, "something else", (), stream="welcome", p_value=0.1)
    assert fingerprint(finding) == fingerprint(other)
    changed = [
        Finding("other-rule", finding.subject, finding.severity, finding.summary, ()),
        Finding(finding.rule, "other.example", finding.severity, finding.summary, ()),
        Finding(finding.rule, finding.subject, finding.severity, finding.summary, (), account="shop"),
    ]
    assert len({fingerprint(f) for f in (finding, *changed)}) == 4


def test_a_fingerprint_survives_redaction() -> None:
    report = Report(clean().message, (simple("jane@client.example"),))
    plain, redacted = (record_of(report, redact)["findings"][0] for redact in ("none", "local"))
    assert redacted["subject"] == "j***@client.example"
    assert plain["fingerprint"] == redacted["fingerprint"]


# ---- a message


def shown(message: Message, **options: Any) -> Any:
    record = show_record(message, **options)
    _check(MESSAGE, record)
    return json.loads(dumps(record))


def test_a_message_field_by_field() -> None:
    message = Message.from_bytes(
        "From: Shop <a@shop.example>\r\nTo: jane@b\u00fccher.example\r\nBcc: <x@mail.evil.co.uk\r\n"
        "Subject: Your receipt\r\n\r\n".encode(),
        Envelope("", ("y@evil.com",), True, "4Q", datetime(2026, 12, 1, 10, tzinfo=UTC)),
        "submitted",
        "shop",
        origin=Origin("eml", "a.eml"),
    )
    record = shown(message, blind_spots=("one",))
    assert [
        (s["address"], s["unicode"], s["registrable_domain"], s["role"], s["field"], s["tier"], s["hidden"])
        for s in record["sightings"]
    ] == [
        ("y@evil.com", "y@evil.com", "evil.com", "envelope", "rcpt to", "plain", True),
        ("a@shop.example", "a@shop.example", "shop.example", "from", "from", "plain", False),
        ("jane@xn--bcher-kva.example", "jane@b\u00fccher.example", "xn--bcher-kva.example", "to", "to", "plain", False),
        ("x@mail.evil.co.uk", "x@mail.evil.co.uk", "evil.co.uk", "bcc", "bcc", "recovered", True),
    ]
    assert [(s["span"], s["occurrence"], s["display_name"]) for s in record["sightings"]][:2] == [
        (None, 0, None),
        ([12, 26], 0, "Shop"),
    ]
    assert record["envelope"] == {
        "mail_from": "",
        "rcpt_to": ["y@evil.com"],
        "complete": True,
        "queue_id": "4Q",
        "observed": "2026-12-01T10:00:00Z",
    }
    assert record["recipients"][0] == {
        "address": "y@evil.com",
        "original": None,
        "roles": ["envelope"],
        "tier": "plain",
        "hidden": True,
    }
    assert record["hidden"] == ["y@evil.com", "x@mail.evil.co.uk"]
    assert [defect["name"] for defect in record["defects"]] == [str(defect.name) for defect in message.defects] != []
    assert (record["subject"], record["stage"], record["account"]) == ("Your receipt", "submitted", "shop")
    assert record["origin"] == {"kind": "eml", "path": "a.eml", "index": None}
    assert record["blind_spots"] == ["one"]


def test_the_sender_is_never_called_hidden_even_if_also_copied() -> None:
    record = shown(Message.from_bytes(b"From: a@x.example\r\nTo: b@x.example\r\nBcc: a@x.example\r\n\r\n"))
    assert [(s["role"], s["hidden"]) for s in record["sightings"]] == [("from", False), ("to", False), ("bcc", True)]


def test_every_address_of_a_message_is_shown() -> None:
    message = Message.from_bytes(RECEIPT, Envelope("b@x.example", ("c@x.example",)))
    record = shown(message)
    assert [s["address"] for s in record["sightings"]] == [str(s.address) for s in message.sightings]


def test_an_envelope_that_was_not_observed_is_told_from_an_empty_one() -> None:
    assert shown(Message.from_bytes(RECEIPT))["envelope"] is None
    assert shown(Message.from_bytes(RECEIPT, Envelope()))["envelope"]["rcpt_to"] == []


def test_a_message_without_octets_has_no_spans() -> None:
    mail = EmailMessage()
    mail["To"] = "b@client.example"
    assert [s["span"] for s in shown(Message.from_email(mail))["sightings"]] == [None]


def test_a_shown_message_can_be_redacted() -> None:
    message = Message.from_bytes(
        b'From: jane@x.example\r\nTo: "jane@y.example" <jane@y.example>\r\nSubject: jane@z.example\r\n\r\n',
        Envelope("jane@x.example", ("<jane@y.example>",), queue_id="jane@q"),
        account="jane@a.example",
    )
    assert "jane" in dumps(shown(message))
    assert "jane" not in dumps(shown(message, redact="local"))
    with pytest.raises(ValueError, match="is not a redaction"):
        show_record(message, redact="all")


@given(hostile_reports(), st.sampled_from(("none", "local")))
def test_any_message_can_be_shown(report: Report, redact: str) -> None:
    record = show_record(report.message, redact=redact, blind_spots=report.blind_spots)
    _check(MESSAGE, record)
    line = dumps(record)
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line) == record


def test_a_record_of_a_report_can_be_had_without_rendering() -> None:
    assert dumps(report_record(receipt(), Disclosure())) == render(receipt(), "json")
