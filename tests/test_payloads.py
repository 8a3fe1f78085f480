"""Payloads of ESPs and test servers: every kind in every form that its vendor documents, and whatever else comes.

tests/samples holds a file a kind: its forms, each a payload and what a correct reader finds in it. Adding a kind is an
entry of the table and a file there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headerguard import Message, read
from headerguard.errors import SourceError
from headerguard.sources.expression import first
from headerguard.sources.payload import PAYLOADS

SAMPLES = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parent / "samples").glob("*.json"))
}
FORMS = [(kind, form) for kind, forms in SAMPLES.items() for form in forms]
"""Every form of every kind."""


def octets(sample: dict[str, Any]) -> bytes:
    """A sample as it lies in a file: a form that was posted, or JSON."""
    return sample["form"].encode() if "form" in sample else json.dumps(sample["payload"]).encode()


def collect(source: bytes, kind: str | None = None) -> tuple[list[Message], list[SourceError]]:
    errors: list[SourceError] = []
    return list(read(source, kind, on_error=errors.append)), errors


def only(values: Iterator[Any]) -> Any:
    (value,) = dict.fromkeys(values)
    return value


def found(messages: list[Message]) -> dict[str, Any]:
    """What was read, as a sample says it."""
    roles: dict[str, set[str]] = {}
    for message in messages:
        for sighting in message.sightings:
            roles.setdefault(str(sighting.role), set()).add(str(sighting.address))
    marks = [mark for message in messages if message.record for mark in message.record.marks]
    return {
        "messages": len(messages),
        "stage": only(str(message.stage) for message in messages),
        "stream": only(message.stream for message in messages),
        "ids": only(message.correlation for message in messages),
        "accounts": only(message.accounts for message in messages),
        "hidden": {address for message in messages for address in message.hidden},
        "roles": roles,
        "hosts": {mark.value for mark in marks if mark.kind == "host"},
        "settings": {mark.value for mark in marks if mark.kind == "setting"},
    }


def expected(sample: dict[str, Any], times: int = 1) -> dict[str, Any]:
    """What a correct reader finds."""
    said = sample["expect"]
    return {
        "messages": said["messages"] * times,
        "stage": said["stage"],
        "stream": said["stream"],
        "ids": tuple(said["ids"]),
        "accounts": tuple(said["accounts"]),
        "hidden": set(said["hidden"]),
        "roles": {role: set(addresses) for role, addresses in said["roles"].items()},
        "hosts": set(said.get("hosts", ())),
        "settings": set(said.get("settings", ())),
    }


def test_every_kind_of_the_table_has_a_sample() -> None:
    assert sorted(SAMPLES) == sorted(PAYLOADS)


@pytest.mark.parametrize(("kind", "form"), FORMS)
def test_a_sample_is_read_as_the_kind_that_was_named(kind: str, form: str) -> None:
    sample = SAMPLES[kind][form]
    messages, errors = collect(octets(sample), kind)
    assert (found(messages), errors) == (expected(sample), [])
    assert {message.origin.kind for message in messages if message.origin} == {kind}


@pytest.mark.parametrize(("kind", "form"), FORMS)
def test_a_sample_is_recognised(kind: str, form: str) -> None:
    sample = SAMPLES[kind][form]
    messages, errors = collect(octets(sample))
    assert {message.origin.kind for message in messages if message.origin} == {kind}
    assert (found(messages), errors) == (expected(sample), [])
    assert [message.origin.index for message in messages if message.origin] == list(range(len(messages)))


@pytest.mark.parametrize(("kind", "form"), FORMS)
def test_a_sample_is_recognised_among_others(kind: str, form: str) -> None:
    sample = SAMPLES[kind][form]
    one = octets(sample)
    if "form" in sample:
        containers = [one + b"\n" + one + b"\r\n"]
    else:
        pretty = json.dumps(sample["payload"], indent=2).encode()
        containers = [b"[%s,%s]" % (one, one), b"[\n%s,\n%s\n]\n" % (pretty, pretty), one + b"\n" + one, one + one]
        containers += [
            b"[[%s],[%s]]" % (one, one),
            b"[%s]\n[%s]\n" % (one, one),
            json.dumps([one.decode()] * 2).encode(),
        ]
    for container in containers:
        messages, errors = collect(container)
        assert (found(messages), errors) == (expected(sample, 2), [])


@pytest.mark.parametrize(("kind", "form"), FORMS)
def test_no_other_kind_is_read_out_of_a_sample(kind: str, form: str) -> None:
    """Named wrongly it is an error that says what it is, or read by a kind that describes it, too."""
    sample = SAMPLES[kind][form]
    for other in set(SAMPLES) - {kind}:
        messages, errors = collect(octets(sample), other)
        assert bool(messages) != bool(errors)
        for error in errors:
            assert f"is not of the kind {other}: it is {kind}" in str(error)


@pytest.mark.parametrize("kind", PAYLOADS)
def test_every_expression_of_a_kind_can_be_read(kind: str) -> None:
    """An expression that is wrong in itself would be found only by the payload that needs it."""
    payload = PAYLOADS[kind]
    listed = [*payload.ids, *payload.date, *payload.subject, *payload.bodies, *(found for _, found in payload.streams)]
    for group in (payload.roles, payload.accounts, payload.settings, payload.hosts):
        listed += [expression for _, found in group for expression in found]
    single = ("detect", "records", "unwrap", "headers", "raw", "raw64", "mail_from", "rcpt_to", "truncated", "labelled")
    listed += [getattr(payload, name) for name in single]
    assert all(isinstance(first(text, {}), list | str | dict | bool | None) for text in listed)


def test_a_header_that_is_truncated_is_a_blind_spot() -> None:
    for sample in SAMPLES["ses_event_firehose"].values():
        (message,) = read(json.dumps(sample["payload"]).encode())
        assert message.record is not None
        cut = [spot for spot in message.record.blind_spots if "truncated" in spot]
        assert len(cut) == ("blind_spot" in sample["expect"])
