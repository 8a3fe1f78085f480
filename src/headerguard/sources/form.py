"""Forms as webhooks post them (application/x-www-form-urlencoded, URL Standard section 5): one a line, as objects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from headerguard.sources.json_values import LIMIT, MOST, BrokenValueError
from headerguard.sources.window import Window

__all__ = ["forms", "looks_like_form"]

_HEAD = 4_096
"""Octets in which a form must show that it is one (4 KiB)."""
_NAME = rb"[\w.%+*\[\]~-]{1,256}="
# Beside what must be written as it is (URL Standard, section 5.2) what many writers leave.
_FORM = re.compile(_NAME + rb"(?=[^\s&]*(?:%|@|&" + _NAME + rb"))[\w*.%+=&~!'(),;:@/?$\[\]-]*(?=[\r\n]|\Z)", re.ASCII)


def looks_like_form(window: Window) -> bool:
    """Whether the first octets are a form: names and values with nothing between them that a form must escape."""
    window.hold(_HEAD)
    return _FORM.match(window.data, 0, _HEAD) is not None


def forms(window: Window) -> Iterator[Any]:
    """Every form, as an object of its fields, of lists where one is repeated; a BrokenValueError in its place."""
    for line in _lines(window):
        if line is None:
            yield BrokenValueError(f"longer than {LIMIT >> 20} MiB")
        elif line.count(b"&") + line.count(b"@") + line.count(b"%40") > MOST:
            yield BrokenValueError(f"holds more than {MOST:,} fields or addresses")
        elif text := line.decode("utf-8", "surrogateescape").strip():
            yield _fields(text)


def _fields(text: str) -> dict[str, Any]:
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True, errors="surrogateescape"):
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _lines(window: Window) -> Iterator[bytes | None]:
    """Every line; None for one that is too long."""
    too_long, searched = False, 0
    while True:
        end = window.data.find(b"\n", searched)
        if end >= 0:
            yield None if too_long else bytes(window.data[:end])
            window.release(end + 1)
            too_long, searched = False, 0
        elif window.ended:
            break
        else:
            if len(window.data) > LIMIT:
                too_long = True
                window.release(len(window.data))
            searched = len(window.data)
            window.hold(searched + 1)
    if window.data or too_long:
        yield None if too_long else bytes(window.data)
