"""OLE compound files: storages and streams inside one file, found by tables of sectors (MS-CFB).

Read here and not by olefile: there (0.47) a directory that hangs in one line raises RecursionError, the time to open
the streams grows with the square of their number, and sectors that many streams claim are read for each of them. Here
nothing is read that nobody asks for, a table is never larger than the file allows, and all streams together give no
more octets than the file has.
"""

from __future__ import annotations

import os
import struct
import sys
from array import array
from collections.abc import Iterator
from typing import NamedTuple

from headerguard.sources.compressed import UnreadableError
from headerguard.sources.window import Seekable, reason

__all__ = ["MAGIC", "Compound", "Entry"]

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""The first octets of a compound file (MS-CFB section 2.2)."""
DIRECTORY = 64 << 20
"""Octets of a directory that are read at most (64 MiB): some 500,000 storages and streams."""

_HEADER = struct.Struct("<8s16s6H10L")
_ENTRY = struct.Struct("<64sHBB3L16sL2Q2LL")
_MINI, _CUTOFF = 64, 4_096
"""Octets of a mini sector, and of the smallest stream that is not made of them (MS-CFB section 2.2)."""
_LAST = 0xFFFFFFFA
"""Numbers above it are marks and no sectors (MS-CFB section 2.1)."""
_END = 0xFFFFFFFE
_STORAGE, _STREAM, _ROOT = 1, 2, 5
_DAMAGED = "its compound file is damaged"
_PAST_END = f"{_DAMAGED}: it is cut off, or leads past its end"


class Entry(NamedTuple):
    """A storage or a stream, as the directory has it."""

    name: str
    is_stream: bool
    child: int
    """Number of the entry at the top of what a storage holds."""
    start: int
    size: int


class Compound:
    """A compound file. Everything raises UnreadableError where the file is no such thing, or is damaged there."""

    def __init__(self, file: Seekable, size: int) -> None:
        """Read the tables of a file of so many octets."""
        self._file, self._left = file, size
        header = _HEADER.unpack(self._octets(0, _HEADER.size))
        order, shift, mini = header[4:7]
        if header[0] != MAGIC or order != 0xFFFE or shift not in (9, 12) or mini != 6:
            raise UnreadableError(f"{_DAMAGED}: its header is none")
        self._sector = 1 << shift
        self._count = max(0, -(-size // self._sector) - 1)
        self._sectors = self._numbers(self._tables(header[-2]), self._count)
        directory, mini_table = header[11], header[14]
        self._directory = self._joined(directory, self._sectors, DIRECTORY + 1)
        if len(self._directory) > DIRECTORY:
            raise UnreadableError(f"its directory is longer than {DIRECTORY >> 20} MiB; not read")
        self._seen = bytearray(len(self._directory) // _ENTRY.size)
        self._root = self._entry(0)
        self._mini_place = array("I", self._chain(self._root.start, self._sectors)) if self._root.size else array("I")
        places = len(self._mini_place) * self._sector // _MINI
        self._mini_sectors = self._numbers(self._chain(mini_table, self._sectors), places) if places else array("I")

    # ---- what is in it

    def entries(self, storage: Entry | None = None) -> Iterator[Entry]:
        """What a storage holds, or the root; each entry once in the life of this object, whatever refers to it."""
        above: list[int] = []
        here = (storage or self._root).child
        while above or here <= _LAST:
            if here <= _LAST and here < len(self._seen) and not self._seen[here]:
                self._seen[here] = 1
                above.append(here)
                here = self._links(here)[0]
            elif here <= _LAST:
                raise UnreadableError(f"{_DAMAGED}: its directory goes round in a circle, or leads nowhere")
            else:
                number = above.pop()
                here = self._links(number)[1]
                yield self._entry(number)

    def read(self, entry: Entry, most: int) -> bytes:
        """The first octets of a stream."""
        size = min(entry.size, most)
        if not size:
            return b""
        if entry.size >= _CUTOFF:
            octets = self._joined(entry.start, self._sectors, size)
        else:
            octets = b"".join(self._mini(entry.start, size))[:size]
        if len(octets) < size:
            raise UnreadableError(f"{_DAMAGED}: a stream ends before it should")
        return octets

    # ---- sectors

    def _octets(self, at: int, size: int) -> bytes:
        try:
            self._file.seek(at, os.SEEK_SET)
            octets = self._file.read(size)
        except (OSError, ValueError, OverflowError) as error:
            raise UnreadableError(f"cannot be read: {reason(error)}") from None
        if len(octets) < size:
            raise UnreadableError(_PAST_END)
        return octets

    def _taken(self, size: int) -> None:
        """Count octets; in a sound file no sector belongs to two streams."""
        self._left -= size
        if self._left < 0:
            raise UnreadableError(f"{_DAMAGED}: its streams lie on one another")

    def _tables(self, start: int) -> Iterator[int]:
        """The sectors of the table of sectors: 109 in the header, more in a chain of sectors of their own."""
        yield from struct.unpack("<109L", self._octets(_HEADER.size, 436))
        while start <= _LAST:
            *numbers, start = _numbers(self._at(start))
            yield from numbers

    def _at(self, number: int) -> bytes:
        """A sector; the last one of a file may be shorter."""
        if number >= self._count:
            raise UnreadableError(_PAST_END)
        self._taken(self._sector)
        try:
            return self._octets((number + 1) * self._sector, self._sector)
        except UnreadableError:
            if number < self._count - 1:
                raise
            self._file.seek((number + 1) * self._sector, os.SEEK_SET)
            return self._file.read(self._sector)

    def _numbers(self, sectors: Iterator[int], count: int) -> array[int]:
        """A table of numbers out of sectors, as many as can mean anything."""
        found = array("I")
        for number in sectors:
            if len(found) >= count or number > _LAST:
                break
            found.extend(_numbers(self._at(number)))
        return found[:count]

    def _chain(self, start: int, table: array[int]) -> Iterator[int]:
        """The numbers of a chain of sectors."""
        for _ in range(len(table)):
            if start == _END:
                return
            if start >= len(table):
                raise UnreadableError(_PAST_END)
            yield start
            start = table[start]
        if start != _END:
            raise UnreadableError(f"{_DAMAGED}: a chain of sectors goes round in a circle")

    def _joined(self, start: int, table: array[int], size: int) -> bytes:
        """The octets of a chain, `size` at most."""
        found = bytearray()
        for number in self._chain(start, table):
            found += self._at(number)
            if len(found) >= size:
                break
        return bytes(found[:size])

    def _mini(self, start: int, size: int) -> Iterator[bytes]:
        """The mini sectors of a chain, as many as a size takes."""
        each = self._sector // _MINI
        for number in self._chain(start, self._mini_sectors):
            self._taken(_MINI)
            sector = self._mini_place[number // each]
            yield self._octets((sector + 1) * self._sector + number % each * _MINI, _MINI)
            size -= _MINI
            if size <= 0:
                return

    # ---- the directory

    def _links(self, number: int) -> tuple[int, int]:
        left, right = struct.unpack_from("<2L", self._directory, number * _ENTRY.size + 68)
        return left, right

    def _entry(self, number: int) -> Entry:
        if number >= len(self._seen):
            raise UnreadableError(f"{_DAMAGED}: it has no directory")
        name, length, kind, _, _, _, child, _, _, _, _, start, low, high = _ENTRY.unpack_from(
            self._directory, number * _ENTRY.size
        )
        size = low if self._sector == 512 else low | high << 32  # version 3 leaves the upper half undefined
        text = name[: max(0, min(length, 64) - 2)].decode("utf-16-le", "replace")
        return Entry(text, kind == _STREAM, child if kind in (_STORAGE, _ROOT) else _LAST + 1, start, size)


def _numbers(sector: bytes) -> array[int]:
    found = array("I", sector[: len(sector) // 4 * 4])
    if sys.byteorder == "big":
        found.byteswap()
    return found
