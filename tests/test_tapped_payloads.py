"""A stranger in a payload is a recipient, and hidden where nothing shows it, in whatever odd way the payload names it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from headerguard import Guard, Message, read

COPY = "copy@arxxwalls.com"
JANE = "jane@client.example"


def only(payload: Any) -> Message:
    (message,) = read(json.dumps(payload).encode())
    return message


def test_who_was_delivered_to_is_a_recipient_though_no_list_of_recipients_says_so() -> None:
    event: dict[str, Any] = {
        "eventType": "Delivery",
        "mail": {
            "messageId": "1",
            "destination": ["jane@client.example"],
            "commonHeaders": {"from": ["shop@shop.example"], "to": ["jane@client.example"]},
        },
        "delivery": {"recipients": ["jane@client.example"]},
    }
    assert only(event).hidden == ()
    event["delivery"]["recipients"].append(COPY)
    assert only(event).hidden == (COPY,)
    details: dict[str, Any] = {
        "MessageID": "1",
        "To": [{"Email": "jane@client.example"}],
        "Recipients": ["jane@client.example"],
        "MessageEvents": [{"Type": "Delivered", "Recipient": COPY}],
    }
    assert only(details).hidden == (COPY,)
    details["MessageEvents"][0]["Type"] = "Opened"  # which anybody does who holds the message
    assert only(details).hidden == ()


def test_a_header_that_stands_beside_the_whole_message_is_read_too() -> None:
    raw = base64.urlsafe_b64encode(f"From: shop@shop.example\r\nTo: {JANE}\r\n\r\n".encode()).decode()
    listed = [{"name": "To", "value": JANE}, {"name": "Bcc", "value": COPY}]
    message = only({"threadId": "1", "labelIds": ["SENT"], "raw": raw, "payload": {"headers": listed}})
    assert message.hidden == (COPY,)
    assert [str(s.role) for s in message.sightings if str(s.address) == JANE] == ["to"]


@pytest.mark.parametrize(
    "bcc", [[{"emailAddress": {"name": COPY}}], {"emailAddress": {"address": COPY}}, {"x": [COPY]}]
)
def test_whoever_stands_below_a_member_that_is_called_bcc_is_one(bcc: Any) -> None:
    to = [{"emailAddress": {"address": JANE}}]
    assert only({"toRecipients": to, "bccRecipients": bcc}).hidden == (COPY,)
    assert only({"toRecipients": to, "subject": COPY}).hidden == ()


@pytest.mark.parametrize("name", ["Bcc ", "bcc\t", " BCC"])
def test_blanks_around_the_name_of_a_field_hide_nobody(name: str) -> None:
    headers = [{"name": "To", "value": JANE}, {"name": name, "value": COPY}]
    assert only({"internetMessageId": "<1@shop.example>", "internetMessageHeaders": headers}).hidden == (COPY,)


@pytest.mark.parametrize("kind", ["bcc", "bCC", " bcc", "hidden", ["bcc"], 1])
def test_a_type_of_recipient_that_mandrill_does_not_show_is_a_hidden_one(kind: Any) -> None:
    to = [{"email": JANE, "type": "to"}, {"email": "joe@client.example"}, {"email": COPY, "type": kind}]
    assert only({"message": {"to": to, "from_email": "shop@shop.example"}}).hidden == (COPY,)


def test_a_notification_whose_message_was_parsed_on_its_way_is_read() -> None:
    event = {"eventType": "Send", "mail": {"destination": [JANE, COPY], "commonHeaders": {"to": [JANE]}}}
    for message in (event, json.dumps(event)):
        assert only({"Type": "Notification", "TopicArn": "arn:aws:sns:x:1:y", "Message": message}).hidden == (COPY,)


def test_a_string_where_a_list_should_be_names_recipients() -> None:
    event = {"eventType": "Send", "mail": {"destination": f"{JANE}, {COPY}", "commonHeaders": {"to": JANE}}}
    assert only(event).hidden == (COPY,)
    content = f"To: {JANE}\r\n\r\n"
    assert only({"rcpt_tos": f"{JANE},{COPY}", "mail_from": "", "content": content}).hidden == (COPY,)


@pytest.mark.parametrize("encode", [lambda text: text, lambda text: base64.b64encode(text.encode()).decode()])
def test_a_whole_message_is_read_as_a_log_has_it(encode: Callable[[str], str]) -> None:
    data = encode(f"From: shop@shop.example\r\nTo: {JANE}\r\nBcc: {COPY}\r\n\r\n")
    assert only({"Content": {"Raw": {"Data": data}}, "Destination": {"ToAddresses": [JANE]}}).hidden == (COPY,)


@pytest.mark.parametrize("label", ["archive", "bcc"])
def test_a_copy_that_the_esp_labels_itself_is_a_hidden_one_however_it_is_called(label: str) -> None:
    def event(recipient: str, kind: str | None) -> Message:
        about = {"type": "delivery", "event_id": "1", "rcpt_to": recipient, "rcpt_type": kind, "template_id": "receipt"}
        return only({"msys": {"message_event": about}})

    guard = Guard()
    guard.learn(event(f"{i}@client-{i}.example", None) for i in range(20))
    assert guard.check(event(JANE, None)).findings == ()
    (finding,) = guard.check(event(COPY, label)).findings
    assert (finding.rule, finding.subject) == ("unfamiliar-blind-recipient", "arxxwalls.com")
