"""Compressed files (gzip, bzip2, xz) read forward in constant memory, as far as they are no denser than mail can be.

The modules of the standard library that open such files are not used: they drop the octets that come before damage.
"""

from __future__ import annotations

import bz2
import lzma
import re
import zlib
from collections.abc import Callable
from typing import NamedTuple, Protocol

from headerguard.sources.window import CHUNK, Readable, Window, reason

__all__ = [
    "DENSE",
    "FREE",
    "FREE_IN_ALL",
    "LZMA_MEMORY",
    "RATIO",
    "Gauge",
    "Inflater",
    "Octets",
    "Packing",
    "Part",
    "Unpacked",
    "UnreadableError",
    "packing",
]

RATIO = 200
"""Octets that one compressed octet may become: text reaches 20, deflate 1,032, the others tens of thousands."""
FREE = 64 << 20
"""Octets that come out of a compressed file before its ratio counts (64 MiB)."""
FREE_IN_ALL = 1 << 30
"""Octets that come out of all that a file holds before its ratio counts (1 GiB)."""
DENSE = f"compressed more than {RATIO} to 1; not read further"
LZMA_MEMORY = 128 << 20
"""Octets that LZMA may use (128 MiB): `xz -9` asks for 65 MiB, and a file may claim 4 GiB."""
_STEP = 1 << 16
"""Octets read at a time from what is compressed (64 KiB)."""


class UnreadableError(OSError):
    """Why a file inside another cannot be read on, in words for people."""


class Gauge:
    """Weighs what comes out of compressed octets against them."""

    def __init__(self, free: int, whole: Gauge | None = None) -> None:
        """Let `free` octets out unweighed; `whole` weighs what comes out of the same file on disk altogether."""
        self._free, self._whole, self._taken, self._given = free, whole, 0, 0

    def take(self, size: int, *, from_disk: bool) -> None:
        """Count compressed octets; for the whole file only those that lie on the disk as they are."""
        self._taken += size
        if self._whole is not None and from_disk:
            self._whole.take(size, from_disk=True)

    def give(self, size: int) -> None:
        """Count octets that came out. Raises OSError where they are too many."""
        self._given += size
        if self._given > max(self._free, RATIO * self._taken):
            raise UnreadableError(DENSE)
        if self._whole is not None:
            self._whole.give(size)


class Octets:
    """The octets of a window as a file that reads forward."""

    def __init__(self, window: Window) -> None:
        """Take the octets from where the window stands."""
        self._window = window

    def read(self, size: int, /) -> bytes:
        """Give `size` octets or what there is before the end; a failure stays in the window."""
        size = min(size, CHUNK)
        self._window.hold(size)
        octets = bytes(self._window.data[:size])
        self._window.release(len(octets))
        return octets

    def skip(self, size: int) -> bool:
        """Move on by `size` octets; False when the end comes first."""
        if size > CHUNK and self._window.peek(size - 1, 1):
            self._window.skip(size)
            return True
        while size > 0 and (octets := self.read(size)):
            size -= len(octets)
        return size == 0


class Part:
    """The next `size` octets of a file."""

    def __init__(self, file: Readable, size: int) -> None:
        """Take them from where the file stands."""
        self._file, self.left = file, size

    def read(self, size: int, /) -> bytes:
        """Give at most `size` octets. Raises OSError where the file ends before its part does."""
        try:
            octets = self._file.read(min(size, self.left)) if self.left else b""
        except OSError as error:
            raise UnreadableError(reason(error)) from None
        if not octets and self.left:
            self.left = 0
            raise UnreadableError("the archive ends inside it")
        self.left -= len(octets)
        return octets


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class Inflater:
    """zlib with the interface of bz2 and lzma. Octets that came before damage are given before it is raised."""

    def __init__(self, wbits: int) -> None:
        """Unpack what zlib calls `wbits`: 31 is gzip, -15 bare deflate."""
        self._zlib, self._tail = zlib.decompressobj(wbits), b""

    @property
    def eof(self) -> bool:
        """Whether the end mark was met."""
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        """Whether all octets given were used."""
        return not self._tail

    @property
    def unused_data(self) -> bytes:
        """What followed the end mark."""
        return self._zlib.unused_data + self._tail if self._zlib.eof else b""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Give at most `max_length` octets, which must not be 0. Raises zlib.error for damage at once ahead."""
        data, self._tail = self._tail + data, b""
        before = self._zlib.copy()
        try:
            octets = self._zlib.decompress(data, max_length)
            self._tail = self._zlib.unconsumed_tail
        except zlib.error:
            # zlib drops what a call unpacked before it met the damage; half of the octets may end before it.
            if len(data) < 2:
                raise
            self._zlib = before
            octets = self.decompress(data[: len(data) // 2], max_length)
            self._tail += data[len(data) // 2 :]
        return octets


class Packing(NamedTuple):
    """A format of compressed files."""

    name: str
    first: re.Pattern[bytes]
    """The first octets of a file, or of a part of one: parts may follow one another (RFC 1952 section 2.2)."""
    decompressor: Callable[[], _Decompressor]


_PACKINGS = (
    Packing("gzip", re.compile(rb"\x1f\x8b\x08"), lambda: Inflater(31)),
    Packing("bzip2", re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"), bz2.BZ2Decompressor),
    Packing("xz", re.compile(rb"\xfd7zXZ\x00"), lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, LZMA_MEMORY)),
)
_FIRST = 10
"""Octets in which a part of a compressed file shows what it is."""


def packing(window: Window) -> Packing | None:
    """How a window shows that its file is compressed; None when it does not."""
    window.hold(_FIRST)
    return next((known for known in _PACKINGS if known.first.match(window.data)), None)


class Unpacked:
    """What comes out of a compressed file, read forward."""

    def __init__(
        self,
        file: Readable,
        packing: Packing,
        gauge: Gauge,
        *,
        from_disk: bool,
        start: bytes = b"",
        parts: bool = True,
    ) -> None:
        """Unpack `start` and then `file`; with `parts`, as many as follow one another."""
        self._file, self._packing, self._gauge, self._from_disk = file, packing, gauge, from_disk
        self._decompressor, self._octets, self._parts = packing.decompressor(), start, parts

    def read(self, size: int, /) -> bytes:
        """Give at most `size` octets. Raises OSError for damage and for octets that are too dense."""
        try:
            octets = self._next(size)
        except UnreadableError:
            raise
        except (zlib.error, lzma.LZMAError, OSError, ValueError, EOFError) as error:
            what = str(error).rpartition(": ")[2]
            raise UnreadableError(f"its {self._packing.name} data is damaged ({what})") from None
        self._gauge.give(len(octets))
        return octets

    def _next(self, size: int) -> bytes:
        """The next octets that come out; none at the end."""
        while not self._decompressor.eof or self._next_part():
            ended = False
            if not self._octets and self._decompressor.needs_input:
                ended = not self._more()
            octets, self._octets = self._decompressor.decompress(self._octets, size), b""
            if octets:
                return octets
            if ended and not self._decompressor.eof:
                raise UnreadableError(f"its {self._packing.name} data is cut off")
        return b""

    def _more(self) -> bool:
        """Read on; False at the end."""
        octets = self._file.read(_STEP)
        self._gauge.take(len(octets), from_disk=self._from_disk)
        self._octets += octets
        return bool(octets)

    def _next_part(self) -> bool:
        """Start on the part that follows the one that has ended; zeros between them mean nothing."""
        if not self._parts:
            return False
        self._octets = self._decompressor.unused_data.lstrip(b"\0")
        while len(self._octets) < _FIRST and self._more():
            self._octets = self._octets.lstrip(b"\0")
        if not self._octets:
            self._parts = False
            return False
        if not self._packing.first.match(self._octets):
            self._parts = False
            raise UnreadableError(f"what follows its {self._packing.name} data is none")
        self._decompressor = self._packing.decompressor()
        return True
