"""Payloads that nobody documents: wrong types anywhere, cut off, in batches with broken ones. Nothing raises, and no
address is lost that stands where one can be read.
"""

from __future__ import annotations

import copy
import json
import re
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headerguard import Message, read
from headerguard.errors import SourceError
from headerguard.sources.payload import PAYLOADS

SAMPLES = [
    (path.stem, sample["payload"])
    for path in sorted((Path(__file__).parent / "samples").glob("*.json"))
    for sample in json.loads(path.read_text(encoding="utf-8")).values()
    if "payload" in sample
]
ADDRESS = re.compile(r"[a-z0-9.-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+")
LOST = "lost@hidden.example"
BODY = "body@shop.example"
"""The one address that stands in the bodies of the samples."""


def nested(depth: int, inside: Any) -> Any:
    for _ in range(depth):
        inside = [inside]
    return inside


ODD = [
    None,
    True,
    0,
    -1.5,
    10**400,
    1e300,
    "",
    "\ud800",
    "{",
    '["',
    f'{{"a": ["{LOST}"]}}',
    LOST,
    f"Somebody <{LOST}>",
    f"A <a@hidden.example>, {LOST}; b@",
    "9999-12-31T23:59:59-14:00",
    "arn:aws:ses:a:b:c",
    [],
    {},
    [LOST, None, 7],
    [["Name", LOST], [[LOST]]],
    {"email": LOST, "name": None},
    {"Address": LOST, "name": 1, "value": [LOST]},
    {"address": {"email": [LOST]}},
    {"k" * 5_000: LOST, LOST: 1, "": {"To": LOST}},
    nested(300, LOST),
]
"""What may stand anywhere in a payload."""


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every node."""
    yield path
    for key, member in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield from places(member, (*path, key))


PLACES = [(kind, payload, path) for kind, payload in SAMPLES for path in places(payload) if path]


def replaced(payload: Any, path: tuple[Any, ...], odd: Any) -> Any:
    """A payload with another value in one place."""
    found = node = copy.deepcopy(payload)
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = odd
    return found


def spelled(value: Any) -> Iterator[str]:
    """Every string in a value, and in JSON that a string holds."""
    if isinstance(value, dict):
        yield from value
    for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from spelled(member)
    if isinstance(value, str):
        try:
            inner = json.loads(value)
        except ValueError:
            inner = None
        yield from spelled(inner) if isinstance(inner, dict | list) else (value,)


def collect(octets: bytes, kind: str | None = None) -> tuple[list[Message], list[SourceError]]:
    errors: list[SourceError] = []
    return list(read(octets, kind, on_error=errors.append)), errors


def shown(messages: list[Message]) -> set[str]:
    """Every address and id that messages show, everything else about them looked at, too."""
    found = set()
    for message in messages:
        assert (message.stage, message.hidden, message.levels, message.accounts, message.seals) is not None
        assert (message.subject, message.defects, message.marks) is not None
        assert message.date is None or message.date.tzinfo is not None
        found |= {str(sighting.address) for sighting in message.sightings} | set(message.correlation)
    return found


def words(*groups: tuple[str, ...]) -> set[str]:
    """The names in some expressions."""
    return {word.lower() for group in groups for text in group for word in re.findall(r"[\w-]+", text)}


def is_told(kind: str, path: tuple[Any, ...], odd: Any) -> bool:
    """Whether a place is one of bodies, or of ids and holds what has the form of one: addresses in them are none."""
    payload = PAYLOADS[kind]
    steps = {str(step).lower() for step in path}
    if not steps.isdisjoint(words(payload.bodies, (payload.raw, payload.raw64))):
        return True
    return not steps.isdisjoint(words(payload.ids)) and not (isinstance(odd, str) and " " in odd)


@settings(max_examples=600)
@given(place=st.sampled_from(PLACES), odd=st.sampled_from(ODD), named=st.booleans())
@example(place=next(p for p in PLACES if p[2] == ("mail_from",)), odd=f"A <a@b.example>, {LOST}", named=True)
@example(place=next(p for p in PLACES if p[2] == ("message-id",)), odd=f"A <{LOST}>", named=False)
@example(place=next(p for p in PLACES if p[2][-3:] == ("headers", 4, "value")), odd=f"A <{LOST}>", named=False)
@example(
    place=next(p for p in PLACES if p[0] == "brevo_event" and p[2] == ("message-id",)), odd=f"A <{LOST}>", named=True
)
@example(place=next(p for p in PLACES if p[2] == ("Message",)), odd=f"to {LOST}", named=True)
def test_anything_anywhere_loses_no_address(place: tuple[str, Any, tuple[Any, ...]], odd: Any, named: bool) -> None:
    kind, payload, path = place
    damaged = replaced(payload, path, odd)
    wanted = {address for text in spelled(damaged) for address in ADDRESS.findall(text.lower())} - {BODY}
    if is_told(kind, path, odd):
        wanted = {address for address in wanted if not address.endswith("@hidden.example")}
    messages, errors = collect(json.dumps(damaged).encode(), kind if named else None)
    assert messages or errors
    assert errors or wanted <= shown(messages)


@given(chosen=st.sampled_from(SAMPLES), where=st.floats(0, 1), what=st.binary(max_size=3), named=st.booleans())
@example(chosen=SAMPLES[0], where=1.0, what=b"", named=True)
def test_octets_of_any_kind_never_raise(chosen: tuple[str, Any], where: float, what: bytes, named: bool) -> None:
    kind, payload = chosen
    octets = json.dumps(payload).encode()
    at = int(where * len(octets))
    for damaged in (octets[:at], octets[:at] + what, octets[:at] + what + octets[at + len(what) :]):
        messages, errors = collect(damaged, kind if named else None)
        assert shown(messages) or errors or LOST not in damaged.decode("latin-1")


@pytest.mark.parametrize("broken", ['{"event": "sent", "email": ', '{"a" 1}', "nul", '{"a": "\n', '"', "[1, {]"])
def test_a_broken_record_of_a_batch_costs_itself_alone(broken: str) -> None:
    for kind, payload in SAMPLES:
        one = json.dumps(payload)
        alone, _ = collect(one.encode())
        for batch in (f"{one}\n{broken}\n{one}\n", f"[{one},\n{broken},\n{one}]"):
            messages, errors = collect(batch.encode())
            assert [
                message.origin.kind for message in messages if message.origin and message.origin.kind != "json"
            ] == [kind] * 2 * len(alone)
            assert all(re.match(r"input: record \d+: is no JSON: .+", str(error)) for error in errors)
            assert errors or broken == "[1, {]"


@pytest.mark.parametrize(("kind", "payload"), SAMPLES)
def test_what_is_whole_in_a_broken_record_is_saved_if_it_is_of_a_kind(kind: str, payload: Any) -> None:
    one = json.dumps(payload)
    alone, _ = collect(one.encode())
    for named in (None, kind):
        messages, (error,) = collect(f'{{"a": {one}, "b": {{"c": "a@b.example"}}'.encode(), named)
        assert [message.origin.kind for message in messages if message.origin] == [kind] * len(alone)
        assert "is no JSON" in str(error)
    other = "gmail_message" if kind == "graph_message" else "graph_message"
    messages, errors = collect(f'{{"a": {one}'.encode(), other)
    assert messages == []
    assert errors


@pytest.mark.parametrize("kind", PAYLOADS)
def test_a_record_of_another_kind_is_an_error_and_the_others_are_read(kind: str) -> None:
    sample = next(payload for other, payload in SAMPLES if other == kind)
    batch = json.dumps([sample, {"unknown": "a@b.example"}, 7, None, "x@y.example", sample])
    messages, errors = collect(batch.encode(), kind)
    alone, _ = collect(json.dumps(sample).encode(), kind)
    assert len(messages) == 2 * len(alone)
    problems = [str(error).partition(": record ")[2] for error in errors]
    first = len(alone)
    said = f"is not of the kind {kind}: it is"
    assert problems == [
        f"{first}: {said} an object with 'unknown'",
        f"{first + 1}: {said} no object",
        f"{first + 2}: {said} no object",
        f"{first + 3}: {said} no object",
    ]


def test_records_that_are_none_are_told() -> None:
    rows = next(payload for kind, payload in SAMPLES if kind == "ses_mailmanager_search_row" and "Rows" in payload)
    messages, errors = collect(json.dumps({"Rows": [rows["Rows"][0], "a@b.example", 7, rows["Rows"][0]]}).encode())
    assert len(messages) == 2
    assert [str(error) for error in errors] == [
        "input: record 1: is no record of the kind ses_mailmanager_search_row: it is no object",
        "input: record 2: is no record of the kind ses_mailmanager_search_row: it is no object",
    ]


@pytest.mark.parametrize("name", [LOST, LOST.replace("@", "%40"), f"x {LOST}"])
def test_an_error_about_a_payload_tells_no_address(name: str) -> None:
    messages, errors = collect(json.dumps({name: 1, "b": 2}).encode(), "ses_event_sns")
    assert messages == []
    assert str(errors[0]) == "input: record 0: is not of the kind ses_event_sns: it is an object with 'b'"


def test_what_carries_itself_ends() -> None:
    value: Any = {"event": "sent", "email": LOST, "MessageID": 1}
    for _ in range(12):
        value = {"mandrill_events": json.dumps([value]), "note": "note@hidden.example"}
    messages, errors = collect(json.dumps(value).encode())
    assert {LOST, "note@hidden.example"} <= shown(messages)
    assert errors == []


def test_a_seal_is_found_anywhere_but_in_a_body() -> None:
    seal = "hg1-AA" + "B" * 50
    (message,) = read(json.dumps({"event": "sent", "email": LOST, "MessageID": 1, "Payload": f"x {seal}"}).encode())
    assert message.seals == (seal,)


def test_payloads_are_read_one_by_one() -> None:
    """A thousand events of 16 KiB each, of which never more than a few chunks are held."""
    event = json.dumps({"event": "sent", "email": "jane@client.example", "MessageID": 1, "note": "x" * 16_000}).encode()
    octets = b"[" + b",\n".join([event] * 1_000) + b"]"
    tracemalloc.start()
    try:
        count = sum(1 for _ in read(octets))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 1_000
    assert peak < len(octets) // 2
