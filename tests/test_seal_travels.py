"""A seal on every way that it can travel: one recipient more, one less, forged, replayed, cut short, twice."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from headerguard import Baseline, Envelope, Guard, Message, read
from headerguard.config import parse as parse_config
from headerguard.finding import Finding, Severity
from headerguard.message import Stage
from headerguard.seal import LIFETIME, make_seal, read_seal

KEY = b"0123456789abcdef0123456789abcdef"
NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
JANE, JOE, AUDIT, COPY = "jane@client.example", "joe@client.example", "audit@shop.example", "copy@arxxwalls.com"
DATE = "Date: Sun, 01 Mar 2026 10:05:00 +0000"
SENT = ("Message-ID: <m1@shop.example>", DATE, "From: shop@shop.example", "Subject: Receipt")
HOP = "Received: from out.shop.example by mx.client.example; Sun, 01 Mar 2026 10:05:03 +0000"
SEALS = ("unsealed-recipient", "missing-sealed-recipient", "unbelieved-seal")

guard = Guard(seal_key=KEY)


def sealed(*recipients: str, blind: tuple[str, ...] = (), apart: bool = False, now: datetime = NOW) -> str:
    return guard.seal(recipients, blind, apart=apart, now=now)


def octets(*lines: str) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"


def found(message: Message, by: Guard = guard) -> list[Finding]:
    report = by.check(message)
    assert report.failures == ()
    return [finding for finding in report.findings if finding.rule in SEALS]


def told(message: Message) -> set[tuple[str, str]]:
    """What findings name that count by default: rule and subject; the subject of what is missing is a seal's id."""
    return {(f.rule, f.subject) for f in found(message) if f.severity >= Severity.MEDIUM}


def only(data: object, kind: str | None = None) -> Message:
    """The last message of a payload; recognised where no kind is given."""
    return list(read(data if isinstance(data, bytes) else json.dumps(data).encode(), kind))[-1]


# ---- the ways --------------------------------------------------------------------------------------------------------


class Way(NamedTuple):
    """How a seal reaches whoever checks it."""

    copy: Callable[[str, list[str]], Message]
    """The copy for a seal and the recipients that it shows."""
    whole: bool = True
    """Whether one such copy shows all recipients; else each recipient is in one of its own."""


def _field(*more: str, stage: str) -> Callable[[str, list[str]], Message]:
    return lambda seal, who: Message.from_bytes(
        octets(*more, *SENT, f"To: {', '.join(who)}", f"X-Seal: {seal}"), stage=stage
    )


def _single(*lines: str, kind: str | None = None) -> Callable[[str, list[str]], Message]:
    """A delivered copy, and what stands in it for the one recipient whose it is."""

    def copy(seal: str, who: list[str]) -> Message:
        address = who[-1]
        stamp = base64.b64encode(f"m1|1|2|{address}".encode()).decode()
        words = {"who": address, "verp": address.replace("@", "="), "stamp": stamp}
        found = [line.format(**words) for line in lines]
        return only(octets(*found, *SENT, f"To: {JANE}, {JOE}", f"X-Seal: {seal}"), kind)

    return copy


def _library(seal: str, who: list[str]) -> Message:
    """What the standard library serialises; it cuts a long word into encoded-words."""
    message = EmailMessage()
    message["From"], message["To"], message["Date"] = "shop@shop.example", ", ".join(who), DATE.partition(": ")[2]
    message["X-Shop-Message-Seal-Which-Says-Who-This-Is-For"] = seal
    return Message.from_bytes(message.as_bytes(), stage="submitted")


def _smtp(complete: bool) -> Callable[[str, list[str]], Message]:
    hops = () if complete else (HOP,)
    return lambda seal, who: Message.from_bytes(
        octets(*hops, *SENT, f"To: {JANE}, {JOE}", f"X-Seal: {seal}"), Envelope("b@shop.example", tuple(who), complete)
    )


def _journal(seal: str, who: list[str]) -> Message:
    lines = "".join(f"To: {address}\r\n" for address in who)
    return only(
        (
            "From: journal@shop.example\r\nTo: box@shop.example\r\nX-MS-Journal-Report:\r\n" + f"{DATE}\r\n"
            'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n'
            f"Sender: shop@shop.example\r\nMessage-Id: <m1@shop.example>\r\n{lines}\r\n"
            "--b\r\nContent-Type: message/rfc822\r\n\r\n"
        ).encode()
        + octets(*SENT, f"To: {', '.join(who)}", f"X-Seal: {seal}")
        + b"--b--\r\n"
    )


def _bounce(seal: str, who: list[str]) -> Message:
    return only(
        (
            "From: mailer-daemon@mx.example\r\nTo: b@shop.example\r\n" + f"{DATE}\r\n"
            'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n--b\r\n'
            "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
            f"Final-Recipient: rfc822; {who[-1]}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
            "--b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
        ).encode()
        + octets(*SENT, f"To: {JANE}, {JOE}", f"X-Seal: {seal}")
        + b"--b--\r\n",
        "delivery_status",
    )


def _ses(where: str) -> Callable[[str, list[str]], Message]:
    def copy(seal: str, who: list[str]) -> Message:
        mail: dict[str, Any] = {"timestamp": "2026-03-01T10:05:00Z", "messageId": "1", "destination": who}
        mail["source"], mail["tags"] = "shop@shop.example", {"ses:configuration-set": ["c"]}
        if where == "tags":
            mail["tags"]["seal"] = [seal]
        else:
            mail["headers"] = [{"name": "X-Seal", "value": seal}, {"name": "To", "value": f"{JANE}, {JOE}"}]
        event = {"eventType": "Send", "mail": mail, "send": {}}
        if where == "firehose":
            return only(event)
        return only({"Type": "Notification", "TopicArn": "arn:aws:sns:x", "Message": json.dumps(event)})

    return copy


def _ses_delivery(seal: str, who: list[str]) -> Message:
    mail = {"timestamp": "2026-03-01T10:05:00Z", "messageId": "1", "destination": [JANE, JOE], "tags": {"s": [seal]}}
    return only({"eventType": "Delivery", "mail": mail, "delivery": {"recipients": who}})


def _event(make: Callable[[str, str], object]) -> Callable[[str, list[str]], Message]:
    """An event on one recipient."""
    return lambda seal, who: only(make(seal, who[-1]))


EVENT = int(NOW.timestamp()) + 300
CUSTOM = json.dumps
WAYS: dict[str, Way] = {
    "field of a submitted copy": Way(_field(stage="submitted")),
    "field of a delivered copy": Way(_field(HOP, stage="delivered")),
    "field of an archived copy": Way(_field(HOP, stage="archive")),
    "field of a copy of no known stage": Way(_field(stage="unknown")),
    "field that the standard library cut": Way(_library),
    "field, with the whole envelope": Way(_smtp(complete=True)),
    "field, with a part of the envelope": Way(_smtp(complete=False), whole=False),
    "X-SMTPAPI": Way(lambda seal, who: Message.from_bytes(octets(
        *SENT, f"To: {', '.join(who)}", f'X-SMTPAPI: {{"unique_args": {{"intent": "{seal}"}}}}'))),
    "X-MC-Metadata": Way(lambda seal, who: Message.from_bytes(octets(
        *SENT, f"To: {', '.join(who)}", f'X-MC-Metadata: {{ "intent": "{seal}" }}'))),
    "X-SES-MESSAGE-TAGS": Way(lambda seal, who: Message.from_bytes(octets(
        *SENT, f"To: {', '.join(who)}", f"X-SES-MESSAGE-TAGS: template=a, intent={seal}"))),
    "X-Original-To": Way(_single(HOP, "X-Original-To: {who}"), whole=False),
    "Delivered-To": Way(_single("Delivered-To: {who}", HOP), whole=False),
    "Envelope-To": Way(_single("Envelope-To: {who}", HOP), whole=False),
    "Received for": Way(_single("Received: from a by b for <{who}>; Sun, 01 Mar 2026 10:05:03 +0000"), whole=False),
    "VERP": Way(_single("Return-Path: <bounces+1-abcdef-{verp}@em.shop.example>", HOP), whole=False),
    "X-PM-RCPT": Way(_single(HOP, "X-PM-RCPT: |{stamp}|"), whole=False),
    "always_bcc": Way(lambda seal, who: only(octets(
        "X-Original-To: archive@shop.example", "Delivered-To: archive@shop.example", HOP, *SENT,
        f"To: {', '.join(who)}", f"X-Seal: {seal}"), "postfix_always_bcc")),
    "journal": Way(_journal),
    "bounce": Way(_bounce, whole=False),
    "SES headers": Way(_ses("headers")),
    "SES tags": Way(_ses("tags")),
    "SES by Firehose": Way(_ses("firehose")),
    "SES delivery": Way(_ses_delivery, whole=False),
    "SendGrid": Way(_event(lambda seal, who: [
        {"event": "delivered", "email": who, "sg_event_id": "1", "timestamp": EVENT, "intent": seal}]), whole=False),
    "Mandrill": Way(_event(lambda seal, who: [
        {"event": "send", "_id": "1", "ts": EVENT, "msg": {"email": who, "_id": "1", "ts": EVENT,
         "metadata": {"intent": seal}}}]), whole=False),
    "Postmark": Way(_event(lambda seal, who: {
        "RecordType": "Delivery", "MessageID": "1", "Recipient": who, "DeliveredAt": "2026-03-01T10:05:00Z",
        "Metadata": {"intent": seal}}), whole=False),
    "Postmark details": Way(lambda seal, who: only({
        "MessageID": "1", "Recipients": who, "To": [{"Email": JANE}, {"Email": JOE}], "Cc": [], "Bcc": [],
        "From": "shop@shop.example", "ReceivedAt": "2026-03-01T10:05:00Z", "MessageEvents": [{"Type": "Delivered"}],
        "Metadata": {"intent": seal}})),
    "Mailgun": Way(_event(lambda seal, who: {"signature": {}, "event-data": {
        "event": "delivered", "recipient": who, "timestamp": EVENT, "user-variables": {"intent": seal},
        "message": {"headers": {"message-id": "m1@shop.example"}}}}), whole=False),
    "Mailgun events API": Way(_event(lambda seal, who: {"items": [{
        "event": "delivered", "recipient": who, "timestamp": EVENT, "user-variables": CUSTOM({"intent": seal}),
        "message": {"headers": {"message-id": "m1@shop.example"}}}]}), whole=False),
    "SparkPost": Way(_event(lambda seal, who: [{"msys": {"message_event": {
        "type": "delivery", "event_id": "1", "rcpt_to": who, "timestamp": str(EVENT), "rcpt_meta": {"intent": seal},
        "message_id": "1"}}}]), whole=False),
    "Mailjet CustomID": Way(_event(lambda seal, who: [
        {"event": "sent", "email": who, "MessageID": 1, "time": EVENT, "CustomID": seal, "Payload": ""}]), whole=False),
    "Mailjet EventPayload": Way(_event(lambda seal, who: [
        {"event": "sent", "email": who, "MessageID": 1, "time": EVENT, "Payload": CUSTOM({"intent": seal})}]),
        whole=False),
    "Brevo tags": Way(_event(lambda seal, who: {
        "event": "delivered", "email": who, "message-id": "<m1@shop.example>", "ts_event": EVENT, "tags": [seal]}),
        whole=False),
    "Brevo X-Mailin-custom": Way(_event(lambda seal, who: {
        "event": "delivered", "email": who, "message-id": "<m1@shop.example>", "ts_event": EVENT,
        "X-Mailin-custom": f"intent:{seal}|shop:1"}), whole=False),
    "Resend": Way(lambda seal, who: only({"type": "email.sent", "created_at": "2026-03-01T10:05:00Z", "data": {
        "email_id": "1", "created_at": "2026-03-01T10:05:00Z", "from": "shop@shop.example", "to": who,
        "tags": {"intent": seal}}})),
    "Resend headers": Way(lambda seal, who: only({"type": "email.sent", "created_at": "2026-03-01T10:05:00Z", "data": {
        "email_id": "1", "created_at": "2026-03-01T10:05:00Z", "from": "shop@shop.example", "to": who,
        "headers": [{"name": "X-Seal", "value": seal}]}})),
    "MailerSend": Way(_event(lambda seal, who: {"type": "activity.sent", "created_at": "2026-03-01T10:05:00Z", "data": {
        "email": {"recipient": {"email": who}, "message": {"id": "1"}, "from": "shop@shop.example", "tags": [seal]}}}),
        whole=False),
    "Postal": Way(_event(lambda seal, who: {"event": "MessageSent", "timestamp": EVENT, "payload": {"message": {
        "id": 1, "to": who, "from": "shop@shop.example", "message_id": "m1@shop.example", "tag": seal}}}), whole=False),
    "SendGrid request": Way(lambda seal, who: only({
        "personalizations": [{"to": [{"email": address} for address in who]}], "from": {"email": "shop@shop.example"},
        "custom_args": {"intent": seal}, "content": [{"type": "text/plain", "value": "hg1-AAd9kHhJchbCAAAA"}]})),
    "Django outbox": Way(lambda seal, who: only({
        "from_email": "shop@shop.example", "to": [JANE, JOE], "cc": [], "bcc": [], "reply_to": [], "subject": "s",
        "body": "b", "extra_headers": {"X-Seal": seal}, "recipients": who}, "django_locmem")),
}  # fmt: skip
EVERY = pytest.mark.parametrize("way", [pytest.param(way, id=name) for name, way in WAYS.items()])


@EVERY
def test_what_was_asked_for_is_silent(way: Way) -> None:
    seal = sealed(JANE, JOE)
    shown = [[JANE, JOE]] if way.whole else [[JANE], [JOE]]
    for who in shown:
        message = way.copy(seal, who)
        assert message.seals == (seal,)
        assert found(message) == []


@EVERY
def test_one_more_is_flagged_from_that_copy(way: Way) -> None:
    assert ("unsealed-recipient", COPY) in told(way.copy(sealed(JANE, JOE), [JANE, JOE, COPY]))


@EVERY
def test_one_less_is_flagged_from_that_copy_where_it_shows_all(way: Way) -> None:
    expected = {"missing-sealed-recipient"} if way.whole else set()
    assert {rule for rule, _ in told(way.copy(sealed(JANE, JOE), [JANE]))} == expected
    assert told(way.copy(sealed(JANE, JOE, apart=True), [JANE])) == set()


@pytest.mark.parametrize("way", [pytest.param(way, id=name) for name, way in WAYS.items() if not way.whole])
def test_one_less_is_told_by_the_reconciliation_where_a_copy_shows_one(way: Way) -> None:
    seals = sealed(JANE, JOE, AUDIT)
    one, both = [way.copy(seals, [who]) for who in (JANE, JOE)], [way.copy(seals, [who]) for who in (JANE, JOE, AUDIT)]
    unmet = [f.rule for f in guard.reconcile(one).findings if f.rule == "undelivered-request"]
    assert unmet == ["undelivered-request"]
    trace = ("X-Original-To", "Delivered-To", "Received for")  # which tell of a hop, not of a delivery
    if WAYS.get(next((name for name in trace if WAYS[name] is way), "")) is None:
        assert [f for f in guard.reconcile(both).findings if f.rule == "undelivered-request"] == []


@EVERY
def test_a_forged_seal_is_not_believed(way: Way) -> None:
    forged = make_seal(b"another key of some length", [JANE, JOE, COPY], now=NOW)
    assert ("unbelieved-seal", "seal") in told(way.copy(forged, [JANE, JOE]))


@EVERY
def test_a_seal_that_was_cut_short_is_not_believed(way: Way) -> None:
    assert ("unbelieved-seal", "seal") in told(way.copy(sealed(JANE, JOE, COPY)[:-1], [JANE, JOE]))
    assert ("unbelieved-seal", "seal") in told(way.copy(sealed(JANE, JOE, COPY)[:24], [JANE, JOE]))


@EVERY
def test_a_seal_beside_another_is_not_believed(way: Way) -> None:
    assert ("unbelieved-seal", "seal") in told(way.copy(f"{sealed(JANE, JOE)} {sealed(COPY)}", [JANE, JOE]))


@EVERY
def test_a_seal_from_another_time_is_not_believed(way: Way) -> None:
    early = sealed(JANE, JOE, now=NOW + timedelta(days=2))
    old = sealed(JANE, JOE, now=NOW - LIFETIME - timedelta(days=1))
    if not way.copy(old, [JANE, JOE]).dates:
        pytest.skip("this payload has no date, and the guard gets no time")
    assert ("unbelieved-seal", "seal") in told(way.copy(early, [JANE, JOE]))
    about_one = (record := way.copy(old, [JANE]).record) is not None and not record.whole
    expected = set() if about_one else {("unbelieved-seal", "seal")}
    assert told(way.copy(old, [JANE, JOE])) == expected


@EVERY
def test_a_seal_of_another_message_vouches_for_nobody_here(way: Way) -> None:
    assert ("unsealed-recipient", JANE) in told(way.copy(sealed("other@client.example"), [JANE]))


# ---- what one copy can and cannot tell ------------------------------------------------------------------------------


def test_a_blind_recipient_is_missed_where_the_whole_envelope_or_a_request_shows_all() -> None:
    seal = sealed(JANE, blind=(AUDIT,))
    lines = octets(*SENT, f"To: {JANE}", f"X-Seal: {seal}")
    assert told(Message.from_bytes(lines)) == set()
    assert told(Message.from_bytes(lines, Envelope("", (JANE, AUDIT), True))) == set()
    assert {rule for rule, _ in told(Message.from_bytes(lines, Envelope("", (JANE,), True)))} == {
        "missing-sealed-recipient"
    }
    request = {"From": "shop@shop.example", "To": JANE, "TextBody": "b", "Metadata": {"intent": seal}}
    assert {rule for rule, _ in told(only(request))} == {"missing-sealed-recipient"}
    assert told(only({**request, "Bcc": AUDIT})) == set()


def test_who_is_named_but_not_in_the_whole_envelope_is_missed() -> None:
    lines = octets(*SENT, f"To: {JANE}, {JOE}", f"X-Seal: {sealed(JANE, JOE)}")
    (finding,) = found(Message.from_bytes(lines, Envelope("", (JANE,), True)))
    assert (finding.rule, finding.severity) == ("missing-sealed-recipient", Severity.MEDIUM)
    assert "1 recipient of seal" in finding.summary


def test_a_copy_that_came_by_way_of_who_was_asked_for_weighs_little() -> None:
    seal = sealed(JANE, JOE)
    lines = ("Delivered-To: home@other.example", f"X-Original-To: {JANE}", HOP, *SENT, f"To: {JANE}, {JOE}")
    (finding,) = found(Message.from_bytes(octets(*lines, f"X-Seal: {seal}")))
    assert (finding.subject, finding.severity) == ("home@other.example", Severity.LOW)
    assert "by way of" in finding.summary


def test_declared_hidden_copies_are_no_strangers() -> None:
    config = parse_config({"streams": {"receipts": {"expected": {"archive": ["arxxwalls.com"]}}}})
    by = Guard(seal_key=KEY, config=config)
    message = Message.from_bytes(octets(*SENT, f"To: {JANE}", f"X-Seal: {sealed(JANE)}"), Envelope("", (JANE, COPY)))
    assert found(message)
    assert [f for f in by.check(message, stream="receipts").findings if f.rule in SEALS] == []
    assert [f for f in by.check(message, stream="offers").findings if f.rule in SEALS] != []


def test_a_replay_with_its_old_date_is_told_by_the_last_hop_and_the_envelope() -> None:
    seal = sealed(JANE)
    late = NOW + LIFETIME + timedelta(days=1)
    hop = f"Received: from a by b; {late:%a, %d %b %Y %H:%M:%S} +0000"
    assert told(Message.from_bytes(octets(hop, *SENT, f"To: {JANE}", f"X-Seal: {seal}"))) == {
        ("unbelieved-seal", "seal")
    }
    lines = octets(*SENT, f"To: {JANE}", f"X-Seal: {seal}")
    for observed in (late, late.replace(tzinfo=None)):
        assert told(Message.from_bytes(lines, Envelope("", (JANE,), observed=observed)))
    assert told(Message.from_bytes(lines, Envelope("", (JANE,), observed=NOW))) == set()


def test_the_same_seal_on_another_message_is_believed_and_told_by_the_reconciliation() -> None:
    seal = sealed(JANE)
    one, other = (
        Message.from_bytes(octets(f"Message-ID: <m{n}@shop.example>", DATE, f"To: {JANE}", f"X-Seal: {seal}"))
        for n in (1, 2)
    )
    assert found(one) == found(other) == []
    assert [f.rule for f in guard.reconcile([one, other]).findings] == ["replayed-seal"]
    assert guard.reconcile([one, one]).findings == ()


def test_the_text_of_a_message_is_not_searched_for_seals() -> None:
    event = {"email": JANE, "event": "delivered", "sg_event_id": "1", "intent": sealed(JANE)}
    request = {
        "From": "s@shop.example",
        "To": JANE,
        "TextBody": "hg1-AAd9kHhJchbCAAAA",
        "Metadata": {"i": sealed(JANE)},
    }
    assert told(only(event)) == told(only(request)) == set()


def test_a_seal_is_of_the_narrowest_alphabet() -> None:
    seal = sealed(*(f"c{n}@client.example" for n in range(27)))
    assert set(seal) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
    assert len(seal) <= 256
    assert read_seal(KEY, seal) is not None


@pytest.mark.parametrize("text", ["hg1-", "hg1-AA", "hg1.shop.example", "hg1-aardvark-mail.shop.example"])
def test_a_host_that_is_called_so_is_no_seal(text: str) -> None:
    lines = octets(f"Received: from {text} by b", DATE, f"To: {JANE}")
    assert Message.from_bytes(lines, stage=Stage.DELIVERED).seals == ()


# ---- a seal that is not there ---------------------------------------------------------------------------------------


def missing(message: Message, by: Guard, **how: Any) -> list[str]:
    return [f.summary for f in by.check(message, **how).findings if f.rule == "missing-seal"]


def plain(*more: str, stage: str = "submitted") -> Message:
    return Message.from_bytes(octets(*SENT, f"To: {JANE}", *more), stage=stage)


def test_a_stream_that_is_declared_to_be_sealed_misses_a_seal_at_those_stages() -> None:
    config = parse_config({"streams": {"receipts": {"sealed": ["submitted", "event"]}}})
    by = Guard(seal_key=KEY, config=config)
    assert missing(plain(), by, stream="receipts") == [
        "the copy carries no seal, and stream 'receipts' is declared to carry one"
    ]
    assert missing(plain(), by, stream="offers") == missing(plain(stage="delivered"), by, stream="receipts") == []
    assert missing(plain(f"X-Seal: {sealed(JANE)}"), by, stream="receipts") == []
    event = {"email": JANE, "event": "delivered", "sg_event_id": "1"}
    assert len(missing(only(event), by, stream="receipts")) == 1
    assert missing(only({**event, "intent": sealed(JANE)}), by, stream="receipts") == []


def test_a_stream_that_was_always_sealed_misses_a_seal_for_good() -> None:
    by = Guard(seal_key=KEY)
    for _ in range(20):
        by.observe(plain(f"X-Seal: {sealed(JANE)}"))
    for _ in range(3):  # what is flagged does not become a habit
        report = by.observe(plain())
        assert [f.rule for f in report.findings] == ["missing-seal"]
    assert missing(plain(stage="delivered"), by) == []
    by.learn([plain()])  # a person says that this is right
    assert missing(plain(), by) == []


def test_too_few_sealed_messages_make_no_habit() -> None:
    by = Guard(seal_key=KEY)
    by.learn([plain(f"X-Seal: {sealed(JANE)}")] * 19)
    assert missing(plain(), by) == []


def test_what_was_always_sealed_is_so_in_the_file_and_in_what_is_merged(tmp_path: Path) -> None:
    by = Guard(seal_key=KEY)
    by.learn([plain(f"X-Seal: {sealed(JANE)}")] * 10)
    by.baseline.save(tmp_path / "baseline.json")
    half = Baseline.load(tmp_path / "baseline.json")
    assert len(missing(plain(), Guard(baseline=half.merge(by.baseline)))) == 1
    assert missing(plain(), Guard(baseline=half.merge(by.baseline, Guard().learn([plain()])))) == []
