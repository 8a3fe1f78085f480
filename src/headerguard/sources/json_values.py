"""JSON without end: the values of an array, of JSON lines or of objects one after the other, in constant memory.

The values are told apart by brackets and quotes alone, so that one that is no JSON costs itself and not the others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from headerguard.sources.window import CHUNK, Window

__all__ = ["LIMIT", "MOST", "BrokenValueError", "Folded", "decoded", "folded", "looks_like_json", "values"]

LIMIT = 64 << 20
"""Octets of one value that are read at most (64 MiB); the largest message that an ESP takes has 54 in base64."""
MOST = 1 << 20
"""Addresses that one value may hold at most (a million); objects and arrays four times as many. Each costs memory."""


class BrokenValueError(ValueError):
    """A value that is no JSON: what is wrong with it, and which of its objects can be read all the same."""

    def __init__(self, problem: str, text: str = "") -> None:
        """Keep the text, from which `rescued` takes what can be saved."""
        super().__init__(problem)
        self.text = text

    def rescued(self) -> Iterator[tuple[dict[str, Any], bool]]:
        """Every object in the text that is whole, outermost first, and whether it has a line of its own.

        In time linear in the text: when enough was tried in vain, only objects that open a line are looked at.
        """
        at, sign, work = 0, "{", 4 * len(self.text)
        while (at := self.text.find(sign, at)) >= 0:
            at += len(sign) - 1
            value, end = self._object(at)
            if value is None:
                work -= end - at
                at += 1
            else:
                yield value, self.text[at - 1 : at] == "\n"
                at = end
            if work <= 0:
                if len(sign) == 2:
                    return
                sign, work = "\n{", 4 * len(self.text)

    def _object(self, at: int) -> tuple[dict[str, Any] | None, int]:
        """The object that starts at a place, or None; and where it ends, or how far it was looked at."""
        size = least = 1 << 10
        while True:  # in a part of the text, as the decoder counts the lines of all that it is given for each error
            part = self.text[at : at + size]
            try:
                value, end = _DECODER.raw_decode(part)
                return value, at + end
            except json.JSONDecodeError as error:
                if len(part) < size or not (error.pos > size - 16 or "Unterminated" in error.msg):
                    return None, at + (error.pos + 1 if size == least else len(part))
            except (ValueError, RecursionError):
                return None, at + len(part)
            size *= 4


def looks_like_json(window: Window) -> bool:
    """Whether the first octets open an array or an object."""
    window.hold(64)
    return _START.match(window.data) is not None


_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*[\[{]")


def decoded(text: str) -> Any:
    """The value that a text is, or a BrokenValueError that says why it is none."""
    try:
        return json.loads(text, object_pairs_hook=_pairs)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else _place(error)
        return BrokenValueError(f"is no JSON: {reason}", text)


def values(window: Window, *, whole: bool = False) -> Iterator[Any]:
    """Every value, decoded, or a BrokenValueError in its place; the elements of an array one by one unless `whole`."""
    for octets in _Splitter(window, whole).split():
        if octets is None:
            yield BrokenValueError(f"longer than {LIMIT >> 20} MiB")
        elif octets.count(b"@") + octets.count(b"\\u0040") > MOST:
            yield BrokenValueError(f"holds more than {MOST:,} addresses")
        elif octets.count(b"{") + octets.count(b"[") > 4 * MOST:
            yield BrokenValueError(f"holds more than {4 * MOST:,} objects")
        else:
            yield decoded(octets.decode("utf-8", "surrogateescape"))


def _place(error: ValueError) -> str:
    if not isinstance(error, json.JSONDecodeError):
        return str(error)
    return f"{error.msg.removesuffix(' at')} at character {error.pos}"


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; where a key is repeated, readers differ on which value counts, so the others are kept, too."""
    found = dict(pairs)
    if len(found) < len(pairs):
        found["(repeated)"] = [value for key, value in pairs if found[key] is not value]
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs)


class Folded(dict[str, Any]):
    """An object whose members are found in any case: a library writes "toAddresses" where another has "ToAddresses"."""

    def get(self, key: str, default: Any = None) -> Any:
        """A member by its name, else the first whose name differs by case alone."""
        name = key if key in self else self.names.get(key.lower())
        return default if name is None else self[name]

    @cached_property
    def names(self) -> dict[str, str]:
        """The names of its members, by their lower case."""
        return {name.lower(): name for name in reversed(self)}


def folded(value: Any) -> Any:
    """A copy of a value in which members are found in any case; the value itself where it cannot be copied."""
    try:
        return json.loads(json.dumps(value), object_pairs_hook=Folded)
    except (ValueError, RecursionError):
        return value


# ---- splitting -------------------------------------------------------------------------------------------------------

_STRING = rb'"(?:[^"\\\n]++|\\[^\n])*+"'
# A line end is passed over unless what follows it may be the next of some JSON lines, or is not there yet.
_FLAT = rb'(?:[^"{}\[\]\n]++|' + _STRING + rb"|\n(?![\[{]|\Z))*+"
_BETWEEN = re.compile(rb"[^\s,\x1e]")
_SCALAR_END = re.compile(rb"[\s,\]\[{}\"\x1e]")
_IN_STRING = re.compile(rb'(?:[^"\\\n]++|\\[^\n])*+')
# Whole strings, and objects and arrays without others in them, are passed over at once: a recipient costs one step.
_IN_VALUE = re.compile(
    rb'(?:[^"{}\[\]\n]++|' + _STRING + rb"|\n(?![\[{]|\Z)|\{" + _FLAT + rb"\}|\[" + _FLAT + rb"\])*+"
)
_OPENED = {ord("}"): ord("{"), ord("]"): ord("[")}
_QUOTE, _BACKSLASH, _LINE_END, _COLON, _OBJECT, _ARRAY = b'"\\\n:{['


class _Splitter:
    """Cuts octets into values. Between two chunks it remembers where it stands."""

    def __init__(self, window: Window, whole: bool) -> None:
        self.window, self.whole = window, whole
        self.array = False
        """Whether it is among the elements of an array, which are values each."""
        self.in_string = self.escaped = self.scalar = self.line_end = self.too_long = False
        """What the octets so far end in."""
        self.broken = False
        """Whether the value is no JSON for certain."""
        self.opened = bytearray()
        """The brackets that are open in the value."""
        self.last = 0
        """The last octet before this chunk that is no blank."""
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
            if shown := chunk.rstrip():
                self.last = shown[-1]
        if self.value or self.too_long:
            yield self._taken()

    def _inside(self) -> bool:
        return bool(self.opened) or self.in_string or self.scalar

    def _chunk(self, chunk: bytes) -> Iterator[bytes | None]:
        start = at = 0
        while at < len(chunk):
            if self._inside():
                at, ended = self._advance(chunk, at)
                if ended:
                    self._keep(chunk[start:at])
                    yield self._taken()
                    start = at
                continue
            found = _BETWEEN.search(chunk, at)
            if found is None:
                return
            start, at = found.start(), found.end()
            self._open(chunk[start])
            if not self._inside():
                start = at
        if self._inside():
            self._keep(chunk[start:])

    def _open(self, first: int) -> None:
        """Step into what starts with an octet."""
        self.broken = self.line_end = self.escaped = False
        if first == _ARRAY and not self.array and not self.whole:
            self.array = True
        elif first == ord("]"):
            self.array = False
        elif first in (_OBJECT, _ARRAY):
            self.opened.append(first)
        elif first == _QUOTE:
            self.in_string = True
        elif first != ord("}"):
            self.scalar = True

    def _advance(self, chunk: bytes, at: int) -> tuple[int, bool]:
        """Go on to the next octet that matters: where to, and whether the value ends there."""
        if self.scalar:
            found = _SCALAR_END.search(chunk, at)
            self.scalar = found is None
            return (len(chunk), False) if found is None else (found.start(), True)
        if self.in_string:
            return self._string(chunk, at)
        if self.line_end:
            self.line_end = False
            if chunk[at] in (_OBJECT, _ARRAY) and self._starts_anew(chunk, at):
                self.opened.clear()
                return at, True
        return self._structure(chunk, at)

    def _string(self, chunk: bytes, at: int) -> tuple[int, bool]:
        """Go to the end of a string. It has one at a line end, too: there it is no JSON, but what follows may be."""
        if self.escaped and chunk[at] != _LINE_END:
            at += 1
        self.escaped = False
        found = _IN_STRING.match(chunk, at)
        assert found is not None  # it matches nothing, too
        at = found.end()
        if at == len(chunk):
            return at, False
        mark = chunk[at]
        if mark == _BACKSLASH:  # what it escapes is in the next chunk, or is a line end
            self.escaped = True
            return at + 1, False
        self.in_string = False
        if mark == _LINE_END:
            self.broken = self.line_end = True
        return at + 1, not self.opened

    def _structure(self, chunk: bytes, at: int) -> tuple[int, bool]:
        found = _IN_VALUE.match(chunk, at)
        assert found is not None  # it matches nothing, too
        at = found.end()
        if at == len(chunk):
            return at, False
        mark = chunk[at]
        if mark == _QUOTE:
            self.in_string = True
        elif mark == _LINE_END:
            self.line_end = True
        elif mark in (_OBJECT, _ARRAY):
            self.opened.append(mark)
        else:
            return self._closed(at, mark)
        return at + 1, False

    def _closed(self, at: int, mark: int) -> tuple[int, bool]:
        """Close the bracket that a mark closes, and those that were left open in it."""
        which = self.opened.rfind(_OPENED[mark])
        if which >= 0:
            del self.opened[which:]
        elif self.array and mark == ord("]"):  # it closes the array around the value, which was never closed
            self.opened.clear()
            return at, True
        return at + 1, not self.opened

    def _starts_anew(self, chunk: bytes, at: int) -> bool:
        """Whether what opens a line is the next of some JSON lines, as JSON cannot go on so: the last was cut off."""
        before = at - 1
        while before >= 0 and chunk[before] in b" \t\r\n":
            before -= 1
        last = chunk[before] if before >= 0 else self.last
        return self.broken or not (last == _COLON if self.opened[-1] == _OBJECT else last in b"[,")

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
