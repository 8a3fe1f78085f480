"""What went over SMTP, written down: batch SMTP, and the callbacks that a milter got.

Batch SMTP is the client's side of sessions in a file (RFC 2442; Exim writes it with use_bsmtp, its specification,
"Batched SMTP"). Callbacks of libmilter come as JSON objects, one a callback: {"cb": "envrcpt", "args": ["<a@b>"]}.
Both give a message with its envelope for each transaction (RFC 5321 section 3.3).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from headerguard.errors import SourceError
from headerguard.header import encode_octets
from headerguard.message import Message
from headerguard.sources import rfc5322
from headerguard.sources.body import Body, unquoted
from headerguard.sources.json_values import BrokenValueError, values
from headerguard.sources.path import cut, further
from headerguard.sources.rfc5322 import block_end, has_field
from headerguard.sources.transaction import FULL, SEVERAL, Transaction
from headerguard.sources.window import CHUNK, Items, Place, Window

__all__ = ["BSMTP", "MILTER", "read_bsmtp", "read_milter", "recognise_bsmtp", "recognise_milter"]

BSMTP, MILTER = "exim_bsmtp", "milter_events"
LINE = 1 << 14
"""Octets of a command that are read at most (16 KiB); RFC 5321 section 4.5.3.1 asks for 512, extensions for more."""
_HEAD = 1 << 12
"""Octets in which the first callback, or the first MAIL after a greeting, must turn up (4 KiB)."""

# ---- batch SMTP ------------------------------------------------------------------------------------------------------

_IDLE = r"HELO|EHLO|LHLO|RSET|QUIT|NOOP|HELP|VRFY|EXPN|ETRN|AUTH|STARTTLS|VERB|TICK|XFORWARD|XCLIENT"
"""Commands without an address that receives anything; VERB and TICK are those of BSMTP on BITNET, the last of Postfix.
"""
_GREETING = re.compile(rb"(?:(?:" + _IDLE.encode() + rb"|\d{3})(?:[ \t-][^\r\n]*)?)?\r?\n", re.IGNORECASE)
"""A line before the first MAIL: such a command, the reply of a server (RFC 5321 section 4.2), or an empty one."""
_BOM = b"\xef\xbb\xbf"
_FROM = re.compile(rb"MAIL FROM:", re.IGNORECASE)
_COMMAND = re.compile(rf"MAIL FROM:|RCPT TO:|(?:DATA|BDAT|{_IDLE})(?=[ \t]|\Z)", re.IGNORECASE)
_ANEW = frozenset(("MAIL FROM:", "RSET", "QUIT", "HELO", "EHLO", "LHLO"))
"""Commands that end a transaction (RFC 5321 sections 4.1.1.5 and 4.1.4)."""
# A writer with CRLF may leave LF "." LF in a body. To take it for the end makes a phantom; not to could lose messages.
_END = re.compile(rb"\n\.\r?(?:\n|\Z)")
_STUFFED = re.compile(rb"^\.", re.MULTILINE)
_TOO_LONG = "-" * LINE


def recognise_bsmtp(window: Window) -> str | None:
    """A file that starts with MAIL FROM, or with a greeting, a reply to it and the like, and then MAIL FROM."""
    window.hold(_HEAD)
    at = len(_BOM) if window.data.startswith(_BOM) else 0
    while match := _GREETING.match(window.data, at, _HEAD):
        at = match.end()
    return BSMTP if _FROM.match(window.data, at) else None


def read_bsmtp(window: Window, place: Place) -> Items:
    """Read every transaction: its message with the envelope, and an error for one that has no message."""
    window.step = CHUNK
    nothing = True
    for item in _Batch(window, place).read():
        nothing = False
        yield item
    if nothing:
        yield place.error("holds no SMTP transaction")


class _Batch:
    """A batch, read command by command; the line of the last one lies at the start of the window."""

    def __init__(self, window: Window, place: Place) -> None:
        self.window, self.place = window, place
        window.hold(len(_BOM))
        self.end = len(_BOM) if window.data.startswith(_BOM) else 0
        self.open: Transaction | None = None
        self.index = 0
        self.lost = False

    def read(self) -> Items:
        """Every message of the batch."""
        while (line := self._line()) is not None:
            command = _COMMAND.match(line)
            word = command[0].upper() if command else ""
            if word == "BDAT":
                yield self._error("BDAT is not read, nor anything after it")
                self.window.finish()
                return
            if word in _ANEW:
                yield from self._dropped()
            yield from self._command(word, line)
        yield from self._dropped()

    def _command(self, word: str, line: str) -> Items:
        rest = line[len(word) :]
        if word == "MAIL FROM:":
            yield from self._sender(rest)
        elif word == "RCPT TO:":
            yield from self._recipient(rest)
        elif word == "DATA":
            yield from self._message()
        elif not word and line.strip() and not self.lost:  # of lines that are lost together, the first says so
            yield self._error("a line that is too long" if line is _TOO_LONG else "a line that is no SMTP command")
        self.lost = not word and (self.lost or bool(line.strip()))

    def _sender(self, rest: str) -> Items:
        found = cut(rest, bare=True)
        self.open = Transaction(found[0] if found else None)
        if found is None:
            yield self._error("MAIL FROM without a path")

    def _recipient(self, rest: str) -> Items:
        self.open = self.open or Transaction()
        found = cut(rest, bare=True)
        if found is None:
            yield self._error("RCPT TO without a path")
        elif not self.open.add(*found):
            yield self._error(FULL)
        elif further(found[1]):
            yield self._error(SEVERAL)

    def _message(self) -> Items:
        """The message that follows DATA; the line end of DATA is the first that a "." can follow."""
        transaction, self.open = self.open or Transaction(), None
        end, whole = block_end(self.window, self.end, _ended)
        block = bytes(self.window.data[self.end : end])
        message = Message.from_bytes(
            _STUFFED.sub(b"", block),
            transaction.envelope(),
            self.place.stage,
            origin=self.place.origin(self.index),
            record=transaction.record(),
        )
        body = Body(self.window, end, _past_message)
        yield from self.place.reader(message, unquoted(body, _STUFFED), self.place)
        if not transaction.recipients:
            yield self._error("DATA without a recipient")
        if not has_field(block, 0, len(block)):
            yield self._error("its message has no header field")
        if not whole and len(block) >= rfc5322.LIMIT:
            yield self._error(rfc5322.TOO_LONG)
        if not body.leave():
            yield self._error("no line with a dot ends its message; what is there was read")
        self.end = 0
        self.index += 1

    def _line(self) -> str | None:
        """The next line without its end; None at the end of the copy."""
        window = self.window
        window.release(self.end)
        window.hold(LINE)
        self.end = window.data.find(b"\n", 0, LINE) + 1
        if self.end:
            return window.data[: self.end].decode("utf-8", "surrogateescape").rstrip("\r\n")
        if len(window.data) >= LINE:
            self._skip_line()
            return _TOO_LONG
        self.end = len(window.data)
        return window.data.decode("utf-8", "surrogateescape") if window.data else None

    def _skip_line(self) -> None:
        window = self.window
        while (end := window.data.find(b"\n")) < 0 and window.data:
            window.release(len(window.data))
            window.hold(1)
        window.release(end + 1)

    def _dropped(self) -> Items:
        """Say that a transaction stopped before its message."""
        if self.open is not None:
            count, self.open = len(self.open.recipients), None
            yield self._error(f"no DATA follows MAIL FROM and {count} RCPT TO")
            self.index += 1

    def _error(self, problem: str) -> SourceError:
        return self.place.error(problem, self.index)


def _ended(window: Window, low: int, high: int) -> int:
    """Index of the "." that ends a message between two indexes, -1 for none."""
    match = _END.search(window.data, low - 1, high)
    return match.start() + 1 if match and _is_whole(match, window) else -1


def _past_message(window: Window, low: int, high: int) -> tuple[int, int] | None:
    """Where a message ends, and what is behind the line that ends it starts; the line may lie on both sides of high."""
    match = _END.search(window.data, low)
    return (match.start() + 1, match.end()) if match and _is_whole(match, window) else None


def _is_whole(match: re.Match[bytes], window: Window) -> bool:
    """Whether a line that may end a message has its end, or the copy has."""
    return match[0].endswith(b"\n") or (window.ended and match.end() == len(window.data))


# ---- the callbacks of a milter ---------------------------------------------------------------------------------------

_NAMES = [
    *("connect", "helo", "envfrom", "envrcpt", "data", "header", "eoh", "body", "eom", "abort", "close"),
    *("unknown", "negotiate"),
]
"""Those of smfiDesc in libmilter (mfapi.h), as pymilter calls its methods; in any case."""
_CALLBACK = re.compile(
    rb'(?:\xef\xbb\xbf)?\s*(?:\[\s*)?\{(?:[^{}"]|"(?:[^"\\]|\\.)*+")*?"cb"\s*:\s*'
    rb'"(?i:' + "|".join(_NAMES).encode() + rb')"',
    re.DOTALL,
)
_OUTSIDE = frozenset(("connect", "helo", "close"))
"""Callbacks that stand outside of transactions."""
_BEHIND_HEADER = frozenset(("eoh", "body", "eom"))
_NO_MORE = object()
_ADDED_LATER = "a milter sees no recipient that its mail server adds afterwards, and no Bcc that it took out before"
_NO_HEADER = "no header callback: who of the recipients is shown to the others cannot be told"
_NO_END = "no eoh callback: the last fields of the header may be missing"


def recognise_milter(window: Window) -> str | None:
    """JSON of which the first object is a callback."""
    window.hold(_HEAD)
    return MILTER if _CALLBACK.match(window.data, 0, _HEAD) else None


def read_milter(window: Window, place: Place) -> Items:
    """Read every transaction: an array holds one or more, and a later array or object goes on."""
    nothing = True
    for item in _Callbacks(window, place).read():
        nothing = False
        yield item
    if nothing:
        yield place.error("holds no SMTP transaction")


class _Callbacks:
    """The callbacks of a milter, one after the other."""

    def __init__(self, window: Window, place: Place) -> None:
        self.events, self.place = _events(window), place
        self.back: list[Any] = []
        self.open: Transaction | None = None
        self.index = 0

    def read(self) -> Items:
        """Every message among them."""
        lost = False
        for event in iter(self._next, _NO_MORE):
            name = _name(event)
            if name:
                yield from self._callback(name, event)
            elif not lost:  # of values that are lost together, the first says so
                yield self._error(str(event) if isinstance(event, BrokenValueError) else "a value that is no callback")
            lost = not name
        yield from self._finished()

    def _callback(self, name: str, event: dict[str, Any]) -> Items:
        if self.open and name in _BEHIND_HEADER:
            self.open.headed = True
            self.back.append(event)
            yield from self._finished()
        elif name in _OUTSIDE:
            yield from self._finished()
        elif name == "abort":
            yield from self._finished(aborted=True)
        elif name == "envfrom":
            yield from self._finished()
            yield from self._path(name, event)
        elif name == "envrcpt":
            if self.open and (self.open.items or self.open.headed):  # out of order, so of the next transaction
                yield from self._finished()
            yield from self._path(name, event)
        elif name == "header":
            if self.open and self.open.headed:
                yield from self._finished()
            yield from self._header(event)

    def _path(self, name: str, event: dict[str, Any]) -> Items:
        arguments = _arguments(event)
        found = cut(arguments[0], bare=True) if arguments else None
        if name == "envfrom":
            self.open = Transaction(found[0] if found else None)
        self.open = self.open or Transaction()
        if found is None:
            yield self._error(f"{name} without a path")
        elif name == "envrcpt":
            yield from self._recipient(self.open, found[0], " ".join((found[1], *arguments[1:])))

    def _recipient(self, transaction: Transaction, path: str, parameters: str) -> Items:
        if not transaction.add(path, parameters):
            yield self._error(FULL)
        elif further(parameters):
            yield self._error(SEVERAL)

    def _header(self, event: dict[str, Any]) -> Items:
        self.open = self.open or Transaction()
        pair = [event["name"], event["value"]] if "name" in event and "value" in event else _arguments(event)
        if len(pair) != 2 or not all(isinstance(text, str) for text in pair):
            yield self._error("header without a name and a value")
        elif not self.open.field(*pair):
            yield self._error(FULL)

    def _finished(self, *, aborted: bool = False) -> Items:
        """The message of the open transaction; an error where it stopped before there was one."""
        transaction, self.open = self.open, None
        if transaction is None:
            return
        bare = not transaction.items and not transaction.headed
        if bare and (aborted or not transaction.recipients):
            yield self._error(f"no header follows envfrom and {len(transaction.recipients)} envrcpt")
        else:
            spot = _NO_HEADER if bare else "" if transaction.headed else _NO_END
            message = Message.from_items(
                transaction.items,
                transaction.envelope(),
                self.place.stage,
                origin=self.place.origin(self.index),
                record=transaction.record(*filter(None, (spot, _ADDED_LATER))),
            )
            yield from self.place.reader(message, self._body(), self.place)
        self.index += 1

    def _next(self) -> Any:
        """The next callback, or what stands in its place."""
        return self.back.pop() if self.back else next(self.events, _NO_MORE)

    def _body(self) -> Iterator[bytes]:
        """The body, which body callbacks hold piece by piece; what comes after them is put back."""
        for event in iter(self._next, _NO_MORE):
            name = _name(event)
            if name == "body":
                yield from map(encode_octets, _arguments(event)[:1])
            elif name != "eoh":
                self.back.append(event)
                return

    def _error(self, problem: str) -> SourceError:
        return self.place.error(problem, self.index)


def _events(window: Window) -> Iterator[Any]:
    """Every callback; of a value that is no JSON what is wrong, and the callbacks that it holds."""
    for value in values(window):
        if isinstance(value, BrokenValueError):
            yield value
            yield from (event for event, _ in value.rescued() if "cb" in event)
        elif isinstance(value, list):
            yield from value
        else:
            yield value


def _name(event: Any) -> str:
    """The name of a callback; "" for what is none that a milter gets."""
    name = event.get("cb") if isinstance(event, dict) else None
    return name.lower() if isinstance(name, str) and name.lower() in _NAMES else ""


def _arguments(event: dict[str, Any]) -> list[str]:
    given = event.get("args")
    found = given if isinstance(given, list) else [given]
    return [text for text in found if isinstance(text, str)]
