"""The body of a message, wherever a header block ends: octets that stream by, and are passed over by who needs none."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from headerguard.sources.multipart import LINE
from headerguard.sources.window import AHEAD, CHUNK, Window

__all__ = ["Body", "Ending", "unquoted"]

_KEEP = 8
"""Octets looked at twice, so that what ends a body is found where two pieces meet."""

Ending = Callable[[Window, int, int], tuple[int, int] | None]
"""Gives where a body ends and what follows it starts, if it ends between two indexes of a window; see AHEAD."""


class Body:
    """The body that starts at an index of a window, piece by piece, as far as anybody asks; then `leave` it."""

    __slots__ = ("_end", "_ending", "_left", "_low", "_met", "_start", "_window")

    def __init__(self, window: Window, start: int, ending: Ending | tuple[int, int] | None = None) -> None:
        """A body that ends where `ending` says or finds, or with the copy."""
        self._window = window
        self._end = ending if isinstance(ending, tuple) else None
        self._ending = None if isinstance(ending, tuple) else ending
        self._start, self._low = start, max(start - 1, 0)  # the line end before a body may be part of what ends it
        self._left = self._met = False

    def __iter__(self) -> Iterator[bytes]:
        """Read on from where the last piece ended."""
        while not self._left:
            end, on = self._next()
            piece = bytes(self._window.data[self._start : end])
            self._move(on)
            yield piece

    def leave(self) -> bool:
        """Move the window to what follows the body; False where the copy ends without what ends a body."""
        if self._end is not None:
            if not self._left:
                self._window.skip(self._end[1])
                self._left = self._met = True
            self._window.hold(1)
        while not self._left:
            self._move(self._next()[1])
        return self._met

    def _next(self) -> tuple[int, int]:
        """Where the next piece ends, and where the window is to start then."""
        window = self._window
        if self._end is not None:
            end = min(self._end[0], self._start + CHUNK)
            on = self._end[1] if end == self._end[0] else end
            window.hold(on)
            self._left = self._met = end == self._end[0]
            return end, on
        window.hold(self._low + CHUNK + AHEAD)
        high = len(window.data) if window.ended else len(window.data) - AHEAD
        if self._ending is not None and (found := self._ending(window, self._low, high)) is not None:
            self._left = self._met = True
            return found
        if window.ended:
            self._left = True
            return len(window.data), len(window.data)
        end = max(self._low, high - _KEEP)
        return end, end

    def _move(self, on: int) -> None:
        self._window.release(on)
        self._start = self._low = 0
        if self._end is not None:
            self._end = (self._end[0] - on, self._end[1] - on)


def unquoted(body: Iterable[bytes], quoted: re.Pattern[bytes]) -> Iterator[bytes]:
    """A body without what `quoted` matches at the start of a line: it is there for the sake of the container."""
    rest, fresh = b"", True
    for piece in body:
        held = rest + piece
        end = held.rfind(b"\n") + 1
        if not end and len(held) < LINE:
            rest = held
            continue
        yield _unquoted(held[: end or len(held)], quoted, fresh)
        rest, fresh = held[end:] if end else b"", end > 0
    yield _unquoted(rest, quoted, fresh)


def _unquoted(octets: bytes, quoted: re.Pattern[bytes], fresh: bool) -> bytes:
    """Octets that end as a line does, unless that is very long; not fresh ones start inside of one."""
    start = 0 if fresh else octets.find(b"\n") + 1 or len(octets)
    return octets[:start] + quoted.sub(b"", octets[start:])
