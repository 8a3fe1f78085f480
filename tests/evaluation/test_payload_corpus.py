"""Real payloads of ESPs: each is read by the source it belongs to, and no address in any is lost."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator
from typing import Any

import pytest

from headerguard import Message, read
from needs import shared

ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`|~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")

BELONGS = {
    "amazon_ses_webhooks": "ses_event_",
    "brevo_webhooks": "brevo_event",
    "mailersend_webhooks": "mailersend_event",
    "mailgun_webhooks": "mailgun_",
    "mailjet_webhooks": "mailjet_event",
    "mandrill_webhooks": "mandrill_webhook",
    "postal_webhooks": "postal_event",
    "postmark_webhooks": "postmark_webhook",
    "resend_webhooks": "resend_event",
    "sendgrid_webhooks": "sendgrid_event_webhook",
    "sparkpost_webhooks": "sparkpost_event",
}
"""Which kind the payloads of a test module of the vendor's client are; all others are of no kind of their own."""


def payloads(name: str) -> Iterator[tuple[str, bytes]]:
    """Every JSON payload of an archive."""
    with tarfile.open(shared(f"corpus/{name}/{name}.tar.xz")) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.name.endswith((".json", ".raw")) else None
            if file is not None:
                yield member.name, file.read()


ALL = ("esp-events-anymail", "ses-sns-fxrelay")


def spelled(value: Any) -> Iterator[str]:
    """Every string in a JSON value, and in JSON that a string holds."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield key
            yield from spelled(member)
    elif isinstance(value, list):
        for member in value:
            yield from spelled(member)
    elif isinstance(value, str):
        try:
            inner = json.loads(value)
        except ValueError:
            inner = None
        if isinstance(inner, dict | list):
            yield from spelled(inner)
        else:
            yield value


@pytest.mark.parametrize("name", ALL)
def test_every_payload_is_of_the_kind_it_belongs_to(name: str) -> None:
    wrong, count = [], 0
    for file, octets in payloads(name):
        kinds = {message.origin.kind for message in read(octets) if message.origin}
        module = re.sub(r"_L\d+.*", "", file)
        sns = json.loads(octets).get("TopicArn") is not None if octets.lstrip().startswith(b"{") else False
        expected = "ses_event_sns" if sns else BELONGS.get(module, "json")
        count += 1
        if not all(kind.startswith(expected) for kind in kinds):
            wrong.append((file, kinds))
    assert count > 5
    assert len(wrong) <= count * 0.05, wrong


@pytest.mark.parametrize("name", ALL)
def test_no_address_of_a_payload_is_lost(name: str) -> None:
    """But the left-hand side of message ids, which are in no message a mailbox."""
    lost = []
    for file, octets in payloads(name):
        messages: list[Message] = list(read(octets))
        seen = {str(s.address).lower() for message in messages for s in message.sightings}
        ids = " ".join(str(text) for message in messages for text in message.correlation).lower()
        for text in spelled(json.loads(octets)):
            for address in ADDRESS.findall(text):
                if address.lower() not in seen and address.lower() not in ids:
                    lost.append((file, address, text[:60]))
    assert lost == []
