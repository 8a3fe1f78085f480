"""JSON without end: the values of an array, of JSON lines or of objects one after the other, in constant memory.

The values are told apart by brackets and quotes alone, so that one that is no JSON costs itself and not the others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from headerguard.sources.window import CHUNK, Window

__all__ = ["LIMIT", "BrokenValueError", "looks_like_json", "values"]

LIMIT = 16 << 20
"""Octets of one value that are read at most (16 MiB); the largest message that an ESP takes has 40 with its body."""

_IN_STRING = re.compile(rb'["\\\n]')
_IN_VALUE = re.compile(rb'["{}\[\]\n]')
_BETWEEN = re.compile(rb"[^\s,\x1e]")
_SCALAR_END = re.compile(rb"[\s,\]\[{}\"\x1e]")
_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*[\[{]")


class BrokenValueError(ValueError):
    """A value that is no JSON: what is wrong with it, and which of its objects can be read all the same."""

    def __init__(self, problem: str, text: str = "") -> None:
        """Keep the text, from which `rescued` takes what can be saved."""
        super().__init__(problem)
        self.text = text

    def rescued(self) -> Iterator[dict[str, Any]]:
        """Every object in the text that is whole, outermost first, in time linear in the text."""
        decoder, at, work = json.JSONDecoder(), 0, 4 * len(self.text)
        while work > 0 and (at := self.text.find("{", at)) >= 0:
            try:
                value, end = decoder.raw_decode(self.text, at)
            except json.JSONDecodeError as error:
                work -= max(1, error.pos - at)
                at += 1
            except (ValueError, RecursionError):
                return
            else:
                work -= end - at
                at = end
                yield value


def looks_like_json(window: Window) -> bool:
    """Whether the first octets open an array or an object."""
    window.hold(64)
    return _START.match(window.data) is not None


def values(window: Window, *, whole: bool = False) -> Iterator[Any]:
    """Every value, decoded, or a BrokenValueError in its place; the elements of an array one by one unless `whole`."""
    for octets in _Splitter(window, whole).split():
        if octets is None:
            yield BrokenValueError(f"longer than {LIMIT >> 20} MiB")
            continue
        text = octets.decode("utf-8", "surrogateescape")
        try:
            yield json.loads(text, object_pairs_hook=_pairs)
        except (ValueError, RecursionError) as error:
            reason = "nested too deeply" if isinstance(error, RecursionError) else _place(error)
            yield BrokenValueError(f"is no JSON: {reason}", text)


def _place(error: ValueError) -> str:
    return f"{error.msg} at character {error.pos}" if isinstance(error, json.JSONDecodeError) else str(error)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; where a key is repeated, readers differ on which value counts, so the others are kept, too."""
    found = dict(pairs)
    if len(found) < len(pairs):
        found["(repeated)"] = [value for key, value in pairs if found[key] is not value]
    return found


class _Splitter:
    """Cuts octets into values. Between two chunks it remembers where it stands."""

    def __init__(self, window: Window, whole: bool) -> None:
        self.window, self.whole = window, whole
        self.array = self.in_string = self.escaped = self.scalar = self.too_long = self.second_line = False
        self.depth = 0
        self.value = bytearray()

    def split(self) -> Iterator[bytes | None]:
        """The octets of each value; None for one that is too long."""
        window = self.window
        window.step = CHUNK
        window.hold(3)
        if window.data.startswith(b"\xef\xbb\xbf"):
            window.release(3)
        while True:
            window.hold(1)
            chunk = bytes(window.data)
            window.release(len(chunk))
            if not chunk:
                break
            yield from self._chunk(chunk)
        if self.value or self.too_long:
            yield self._taken()

    def _chunk(self, chunk: bytes) -> Iterator[bytes | None]:
        start = at = 0
        while at < len(chunk):
            inside = self.depth or self.in_string or self.scalar or self.escaped
            if not inside:
                found = _BETWEEN.search(chunk, at)
                if found is None:
                    return
                start = at = found.start()
                at = self._open(chunk, at)
                if not (self.depth or self.in_string or self.scalar):
                    start = at
                continue
            at, ended = self._advance(chunk, at)
            if ended:
                self._keep(chunk[start:at])
                yield self._taken()
                start = at
        if self.depth or self.in_string or self.scalar or self.escaped:
            self._keep(chunk[start:])

    def _open(self, chunk: bytes, at: int) -> int:
        """Step into what starts here."""
        first = chunk[at : at + 1]
        if first == b"[" and not self.array and not self.whole:
            self.array = True
        elif first == b"]":
            self.array = False
        elif first in b"{[":
            self.depth, self.second_line = 1, False
        elif first == b'"':
            self.in_string = True
        elif first != b"}":
            self.scalar = True
        return at + 1

    def _advance(self, chunk: bytes, at: int) -> tuple[int, bool]:
        """Go on to the next octet that matters: where to, and whether the value ends there."""
        if self.escaped:
            self.escaped = False
            return at + 1, False
        if self.in_string:
            found = _IN_STRING.search(chunk, at)
            if found is None:
                return len(chunk), False
            if found[0] == b"\\":
                self.escaped = found.end() == len(chunk)
                return found.end() + (not self.escaped), False
            self.in_string = False  # a line end inside a string is no JSON; what follows may be
            return found.end(), self.depth == 0
        if self.scalar:
            found = _SCALAR_END.search(chunk, at)
            self.scalar = found is None
            return (len(chunk), False) if found is None else (found.start(), True)
        return self._structure(chunk, at)

    def _structure(self, chunk: bytes, at: int) -> tuple[int, bool]:
        found = _IN_VALUE.search(chunk, at)
        if found is None:
            return len(chunk), False
        mark, end = found[0], found.end()
        if mark == b'"':
            self.in_string = True
        elif mark in b"{[":
            self.depth += 1
        elif mark == b"\n":
            # JSON lines: a record of one line that is not closed ends where the next line opens one.
            if not self.second_line and not self.array and chunk[end : end + 1] == b"{":
                self.depth = 0
                return end, True
            self.second_line = True
        else:
            self.depth -= 1
        return end, self.depth == 0

    def _keep(self, octets: bytes) -> None:
        if self.too_long or len(self.value) + len(octets) > LIMIT:
            self.too_long = True
            self.value.clear()
        else:
            self.value += octets

    def _taken(self) -> bytes | None:
        octets = None if self.too_long else bytes(self.value)
        self.value, self.too_long = bytearray(), False
        return octets
