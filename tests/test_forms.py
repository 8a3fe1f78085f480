"""Forms that webhooks post, as they lie in a file."""

from __future__ import annotations

import json
import re
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headerguard import Message, read
from headerguard.errors import SourceError
from headerguard.sources import form

EVENTS = [
    {"event": "send", "_id": "m1", "msg": {"email": "jane@client.example", "_id": "m1", "sender": "shop@shop.example"}},
    {"event": "send", "_id": "m2", "msg": {"email": "copy@arxxwalls.com", "_id": "m2", "sender": "shop@shop.example"}},
]
INBOUND = {
    "headers": "Received: by mx.example\nTo: Jane <jane@client.example>\nCc: mei@client.example\n",
    "envelope": json.dumps({"to": ["copy@arxxwalls.com"], "from": "bounces@shop.example"}),
    "from": "Shop <shop@shop.example>",
    "to": "Jane <jane@client.example>",
    "subject": "Hello & welcome = \u00fc",
    "charsets": '{"to":"UTF-8"}',
}


def collect(octets: bytes, kind: str | None = None) -> tuple[list[Message], list[str]]:
    errors: list[SourceError] = []
    messages = list(read(octets, kind, on_error=errors.append))
    return messages, [text for error in errors for text in error.errors]


def addresses(message: Message) -> set[str]:
    return {str(sighting.address) for sighting in message.sightings}


def kinds(messages: list[Message]) -> list[str]:
    return [message.origin.kind for message in messages if message.origin]


def test_a_form_of_no_kind_loses_no_address() -> None:
    (message,), errors = collect(urlencode(INBOUND).encode())
    assert errors == []
    assert kinds([message]) == ["json"]
    assert addresses(message) == {
        "jane@client.example",
        "mei@client.example",
        "copy@arxxwalls.com",
        "bounces@shop.example",
        "shop@shop.example",
    }


def test_what_else_stands_in_a_form_is_mentioned_by_the_first_message() -> None:
    octets = urlencode({"mandrill_events": json.dumps(EVENTS), "note": "ask owner@shop.example"}).encode()
    messages, errors = collect(octets)
    assert (kinds(messages), errors) == (["mandrill_webhook"] * 2, [])
    assert ["owner@shop.example" in addresses(message) for message in messages] == [True, False]


def test_a_repeated_field_loses_nothing() -> None:
    (message,), _ = collect(b"event=opened&recipient=jane%40client.example&recipient=copy@arxxwalls.com&token=t")
    assert kinds([message]) == ["mailgun_webhook"]
    assert addresses(message) == {"jane@client.example", "copy@arxxwalls.com"}
    assert {str(s.role) for s in message.sightings} == {"envelope"}


def test_forms_one_a_line_of_which_one_is_broken() -> None:
    good = urlencode({"mandrill_events": json.dumps(EVENTS)}).encode()
    lines = (good, urlencode({"mandrill_events": json.dumps(EVENTS)[:-10]}).encode(), b"", b"%%%&&=;=%zz", good)
    messages, errors = collect(b"\r\n".join(lines))
    assert [kind for kind in kinds(messages) if kind != "json"] == ["mandrill_webhook"] * 5
    assert len(errors) == 1
    assert re.match(r"input: record 2: is no JSON: .+ at character \d+$", errors[0])


def test_a_form_that_is_too_much_is_told_and_the_next_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form, "LIMIT", 1 << 20)
    monkeypatch.setattr(form, "MOST", 1_000)
    one = b"event=opened&recipient=jane%40client.example&token=t"
    long = b"event=opened&recipient=" + b"x" * (3 << 20)
    messages, errors = collect(b"\n".join((one, long, one + b"&a" * 1_001, one + b"%40" * 1_001, one)))
    assert [addresses(message) for message in messages] == [{"jane@client.example"}] * 2
    assert errors == [
        "input: record 1: longer than 1 MiB",
        "input: record 2: holds more than 1,000 fields or addresses",
        "input: record 3: holds more than 1,000 fields or addresses",
    ]


@pytest.mark.parametrize(
    "octets",
    [
        b"Subject: a=b&c=d\n\nbody",
        b"From: a@b.example\nX: to=c%40d.example&e=f\n\n",
        b"a=b\nTo: jane@client.example\n\n",
        b"dGhpcyBpcyBubyBmb3Jt=\n=",
        b"a b=c%40d.example&e=f",
        b"",
    ],
)
def test_what_is_no_form_is_not_read_as_one(octets: bytes) -> None:
    messages, _ = collect(octets)
    assert kinds(messages) in ([], ["eml"])


@given(
    octets=st.binary(max_size=60), before=st.sampled_from([b"a=%40&", b"mandrill_events=%5B", b"event=a&recipient="])
)
def test_a_form_of_anything_never_raises(octets: bytes, before: bytes) -> None:
    for kind in (None, "mandrill_webhook", "mailgun_webhook"):
        messages, errors = collect(before + octets, kind)
        assert messages or errors
