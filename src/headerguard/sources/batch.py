"""A batch of payloads: what a file, a form or a queue holds, each read as the kind that it is of.

One broken payload costs itself: it is an error in its place, and the next is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from headerguard.errors import SourceError
from headerguard.message import Message
from headerguard.sources.expression import every, first
from headerguard.sources.form import forms, looks_like_form
from headerguard.sources.json_values import BrokenValueError, decoded, looks_like_json, values
from headerguard.sources.payload import GENERIC, PAYLOADS, as_kind, kind_of
from headerguard.sources.statement import Found, message_of, passages
from headerguard.sources.window import Items, Place, Window

__all__ = ["read_payload", "recognise"]

_CARRIERS = (
    "mandrill_events",  # the form that Mandrill posts
    "Records[?eventSource=='aws:sqs'].body",  # Amazon SQS, as AWS Lambda gets it
    "Messages[?ReceiptHandle].Body",  # Amazon SQS, as ReceiveMessage gives it
    "Records[].Sns",  # Amazon SNS, as AWS Lambda gets it
    '"detail-type" && [detail]',  # Amazon EventBridge
)
"""Where what carries payloads of any kind holds them, as objects or as strings of JSON."""
_CARRYING = frozenset(("mandrill_events", "Records", "Messages", "detail"))
"""A member of each."""
_DEEPEST = 8
"""How many of these may carry one another: SES in SNS in SQS are two."""


def recognise(window: Window) -> str | None:
    """GENERIC for a file of JSON or of forms, as each payload in it is recognised by itself."""
    return GENERIC if looks_like_json(window) or looks_like_form(window) else None


def read_payload(window: Window, place: Place) -> Items:
    """Read every payload in a file; where the kind is GENERIC each is recognised by itself."""
    index, empty = 0, True
    for value in forms(window) if looks_like_form(window) else values(window):
        empty, around = False, list[Found]()
        for item in chain(_opened(value, place, index, around, 0), _rest(around, place, index)):
            yield item
            index += 1
    if empty:
        yield place.error("holds no JSON")


def _rest(around: list[Found], place: Place, index: int) -> Iterator[Message]:
    """A message of what stood around payloads where there turned out to be none."""
    if around and place.kind == GENERIC:
        yield message_of(GENERIC, None, around, place, index)


def _opened(value: Any, place: Place, index: int, around: list[Found], depth: int) -> Iterator[Message | SourceError]:
    """The messages of a value, of those that it carries, and an error for each that is broken.

    The first message takes what was found `around` it.
    """
    if isinstance(value, BrokenValueError):
        yield place.error(str(value), index)
        inner: Iterable[Any] = _rescued(value, place)
        index += 1
    elif depth < _DEEPEST and (carried := _carried(value)):
        around += () if isinstance(value, str) else passages(value, frozenset(map(id, carried)))
        inner = (decoded(item) if isinstance(item, str) else item for item in carried)
    else:
        yield from _read(value, place, index, around)
        return
    for item in inner:
        for found in _opened(item, place, index, around, depth + 1):
            yield found
            index += 1


def _rescued(broken: BrokenValueError, place: Place) -> Iterator[dict[str, Any]]:
    """What can be saved of a broken value: objects of a kind or with such in them, and of JSON lines any."""
    for value, own_line in broken.rescued():
        kind, _ = kind_of(value)
        if _carried(value) or (place.kind in (GENERIC, kind) and (own_line or kind != GENERIC)):
            yield value


def _carried(value: Any) -> list[Any]:
    """The values that a value carries; none where it stands for itself."""
    if isinstance(value, list):
        return value if any(isinstance(item, dict | list) for item in value) else []
    if isinstance(value, str) and value[:1] in ("{", "["):
        inner = decoded(value)
        return [inner] if isinstance(inner, dict | list) else []
    if not isinstance(value, dict) or _CARRYING.isdisjoint(value):
        return []
    return next(filter(None, (every(found, value) for found in _CARRIERS)), [])


def _read(value: Any, place: Place, index: int, around: list[Found]) -> Iterator[Message | SourceError]:
    """The messages of a value that stands for itself."""
    kind, value = kind_of(value) if place.kind == GENERIC else as_kind(place.kind, value)
    if place.kind not in (GENERIC, kind):
        yield place.error(f"is not of the kind {place.kind}: it is {_what(kind, value)}", index)
        return
    for record in _records(kind, value, around):
        if isinstance(record, dict) or kind == GENERIC:
            yield message_of(kind, record, tuple(around), place, index)
            around.clear()
        else:
            yield place.error(f"is no record of the kind {kind}: it is {_what(GENERIC, record)}", index)
        index += 1


def _records(kind: str, value: Any, around: list[Found]) -> list[Any]:
    """The records of a payload; what stands around them is added."""
    if kind == GENERIC:
        return [value]
    payload = PAYLOADS[kind]
    if payload.unwrap and isinstance(text := first(payload.unwrap, value), str | dict):
        inner = decoded(text) if isinstance(text, str) else text
        if isinstance(inner, dict):
            around += passages(value, frozenset((id(text),)))
            value = inner
    records = every(payload.records, value)
    inside = {id(record) for record in records}
    if len(records) == 1 and isinstance(records[0], dict):  # the table may wrap a payload to look like another
        inside.update(map(id, records[0].values()))
    around += passages(value, frozenset(inside))
    return records


def _what(kind: str, value: Any) -> str:
    """What a value is, without what it says."""
    if kind != GENERIC:
        return kind
    if isinstance(value, dict):
        names = (name[:40] for name in map(ascii, value) if "@" not in name and "%40" not in name)  # some are addresses
        return f"an object with {', '.join(sorted(names)[:5]) or 'no members'}"
    return "an array" if isinstance(value, list) else "no object"
