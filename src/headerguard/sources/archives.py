"""Archives (ZIP, tar): their members one by one, in constant memory, without unpacking them anywhere.

They are read here and not by zipfile and tarfile, because these keep the whole directory of an archive in memory,
and zipfile unpacks a step of bzip2 or LZMA at once, however much that is.
"""

from __future__ import annotations

import bz2
import lzma
import os
import re
import stat
import struct
import tarfile
import zlib
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Any, NamedTuple

from headerguard.sources.compressed import (
    FREE,
    LZMA_MEMORY,
    Gauge,
    Inflater,
    Octets,
    Packing,
    Part,
    Unpacked,
    UnreadableError,
)
from headerguard.sources.spool import spooled
from headerguard.sources.window import CHUNK, Readable, Seekable, Window, reason

__all__ = ["Member", "Members", "archive", "tar_members", "zip_members"]

_LONG = 1 << 20
"""Octets that an extended header of tar may have (1 MiB)."""


class Member(NamedTuple):
    """A file in an archive; to be read before the next member is asked for."""

    name: str
    """Its name as the archive has it: a label, never to be opened."""
    open: Callable[[], Readable]
    """Gives its octets. Raises UnreadableError where they cannot be had."""
    packed: bool = False
    """Whether the archive compressed it by itself."""


Members = Generator[Member | str, None, None]
"""What an archive gives, in order: its files, and a sentence on what is wrong with itself."""


# ---- tar

_BLOCK = 512
_PAX = re.compile(rb"(\d{1,9}) ([^=\n]+)=")


def archive(window: Window) -> str:
    """What archive a window shows, "zip" or "tar"; "" when none."""
    if window.data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    window.hold(_BLOCK)
    head = bytes(window.data[:_BLOCK])
    # A sender can write the numbers of a tar header into a mail. No mail is without line ends and full of zeros.
    return "tar" if b"\n" not in head and head.count(0) > 9 and _tar_header(head) else ""


def _tar_header(block: bytes) -> tarfile.TarInfo | None:
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "backslashreplace")
    except (tarfile.TarError, ValueError):
        return None
    return info if info.size >= 0 else None


def tar_members(window: Window) -> Members:
    """The members of a tar archive (POSIX.1-2001 pax, and the GNU and older formats) in their order."""
    window.step = CHUNK >> 4
    octets = Octets(window)
    said: dict[bytes, bytes] = {}
    while any(block := octets.read(_BLOCK)):
        info = _tar_header(block)
        if info is None:
            if len(block) == _BLOCK or not window.failure:
                yield _DAMAGED_TAR if len(block) == _BLOCK else _CUT
            return
        if info.type in _EXTENDED:
            if info.size > _LONG:
                yield f"cannot be read to its end: a tar header is longer than {_LONG >> 20} MiB"
                return
            header = octets.read(info.size)
            said |= _extended(info, header)
            whole = len(header) == info.size and octets.skip(-info.size % _BLOCK)
        else:
            whole = yield from _tar_member(octets, info, block, said)
            said = {}
        if not whole:
            if not window.failure:  # which whoever reads the window says
                yield _CUT
            return


_DAMAGED_TAR = "cannot be read to its end: a tar header is damaged"
_CUT = "cannot be read to its end: the archive is cut off"
_EXTENDED = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, b"X")


def _extended(info: tarfile.TarInfo, octets: bytes) -> dict[bytes, bytes]:
    """What an extended header says about the member after it: path and size, and whether it has holes."""
    if info.type == tarfile.GNUTYPE_LONGNAME:
        return {b"path": octets.rstrip(b"\0")}
    if info.type in (tarfile.GNUTYPE_LONGLINK, tarfile.XGLTYPE):
        return {}
    said, at = {}, 0
    while match := _PAX.match(octets, at):
        end = at + max(int(match[1]), match.end() - at + 1)
        said[match[2]] = octets[match.end() : end - 1]
        at = end
    return said


def _tar_member(
    octets: Octets, info: tarfile.TarInfo, block: bytes, said: dict[bytes, bytes]
) -> Generator[Member | str, None, bool]:
    """Give one member, and move on to the header after it; False where the archive ends first."""
    more = block[482] if info.type == tarfile.GNUTYPE_SPARSE else 0
    while more:
        block = octets.read(_BLOCK)
        more = block[504] if len(block) == _BLOCK else 0
    size = int(said[b"size"]) if re.fullmatch(rb"\d{1,18}", said.get(b"size", b"")) else info.size
    if not info.isreg() and info.type in tarfile.SUPPORTED_TYPES:
        return True  # links have no octets, whatever their size says
    part = Part(octets, size)
    if info.isreg():
        name = said[b"path"].decode("utf-8", "backslashreplace") if b"path" in said else info.name
        holes = info.type == tarfile.GNUTYPE_SPARSE or any(key.startswith(b"GNU.sparse.") for key in said)
        if size or not name.endswith("/"):
            yield Member(name, partial(_tar_file, part, holes))
    whole = octets.skip(part.left)
    octets.skip(-size % _BLOCK)
    return whole


def _tar_file(part: Part, holes: bool) -> Readable:
    """Open a member. Raises UnreadableError where its octets are not all there."""
    if holes:
        raise UnreadableError("it is stored with holes (a sparse file), which is not read")
    return part


# ---- ZIP

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_ENTRY = struct.Struct("<4s4B4H3L5H2L")
_LOCAL = struct.Struct("<4s2B4H3L2H")
_NO_DIRECTORY = "cannot be read: the ZIP archive is cut off or damaged, its directory was not found"
_DAMAGED = "cannot be read to its end: the directory of the ZIP archive is damaged"
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_UTF8 = 0x800
_END_MARK = 0x2
_FULL = 0xFFFFFFFF
_NOTHING = 32
"""Octets that nothing takes at most when it is compressed or encrypted."""


_LZMA = 14
_METHODS = {
    8: Packing("deflate", re.compile(b""), lambda: Inflater(-15)),
    12: Packing("bzip2", re.compile(b""), bz2.BZ2Decompressor),
    _LZMA: Packing("LZMA", re.compile(b""), lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, LZMA_MEMORY)),
}
"""How members are compressed (APPNOTE.TXT of PKWARE, section 4.4.5)."""


class _Entry(NamedTuple):
    """What the directory of a ZIP archive says about a member."""

    name: str
    flags: int
    method: int
    checksum: int
    packed: int
    """Octets in the archive."""
    size: int
    """Octets that come out."""
    offset: int
    """Where its local header starts."""
    is_file: bool
    """Whether it has octets of its own: a directory has none, and what is called one and has some is a file."""


class _Dealt:
    """Tells a window what was read of its file past it; never more than there is."""

    def __init__(self, window: Window, left: int) -> None:
        self._window, self.left = window, left

    def count(self, size: int) -> None:
        """Count octets as dealt with."""
        self._window.count(min(size, self.left))
        self.left -= min(size, self.left)


def zip_members(window: Window, gauge: Gauge, *, from_disk: bool) -> Members:
    """The members of a ZIP archive in the order of its directory, which stands at its end."""
    if (file := window.whole()) is not None:
        here = file.seek(0, os.SEEK_CUR)
        size = file.seek(0, os.SEEK_END)
        dealt = _Dealt(window, max(0, size - here))
        yield from _zip_members(file, size, dealt, gauge, from_disk)
        dealt.count(dealt.left)
        return
    try:
        with spooled(window, "a ZIP archive") as (spool, size):
            yield from _zip_members(spool, size, _Dealt(window, 0), gauge, from_disk)
    except OSError as error:
        yield f"cannot be read: {reason(error)}"


def _zip_members(file: Seekable, size: int, dealt: _Dealt, gauge: Gauge, from_disk: bool) -> Members:
    """Every file that the directory names; each counts as dealt with when the next is asked for."""
    claimed = 0
    try:
        for entry in _entries(file, size):
            claimed += entry.packed
            if claimed > size:
                yield "its members lie on one another; not read further"
                return
            before = dealt.left
            if entry.is_file:
                yield Member(entry.name, partial(_zip_file, file, entry, dealt, gauge, from_disk), entry.method != 0)
            dealt.count(max(0, entry.packed - (before - dealt.left)))
    except UnreadableError as error:
        yield str(error)


def _zip_file(file: Seekable, entry: _Entry, dealt: _Dealt, gauge: Gauge, from_disk: bool) -> Readable:
    """Open a member. Raises UnreadableError where its octets cannot be had."""
    packing = _METHODS.get(entry.method)
    if entry.flags & _ENCRYPTED:
        raise UnreadableError("it is encrypted; not read")
    if packing is None and entry.method:
        raise UnreadableError(f"it is compressed with ZIP method {entry.method}, which is not supported")
    raw = _stored(file, entry, dealt)
    if packing is None:
        return _Checked(raw, entry.checksum)
    start = _alone(raw, entry) if entry.method == _LZMA else b""
    octets = Unpacked(raw, packing, Gauge(FREE, gauge), from_disk=from_disk, start=start, parts=False)
    return _Checked(octets, entry.checksum)


class _Slice:
    """Octets of a file that others move about in, from `at` on."""

    def __init__(self, file: Seekable, at: int, dealt: _Dealt) -> None:
        self._file, self._at, self._dealt = file, at, dealt

    def read(self, size: int, /) -> bytes:
        """Give at most `size` octets."""
        self._file.seek(self._at, os.SEEK_SET)
        octets = self._file.read(size)
        self._at += len(octets)
        self._dealt.count(len(octets))
        return octets


class _Checked:
    """A file whose checksum is compared when it ends."""

    def __init__(self, file: Readable, checksum: int) -> None:
        self._file, self._checksum, self._so_far = file, checksum, 0

    def read(self, size: int, /) -> bytes:
        """Give at most `size` octets. Raises OSError at an end that should not be there."""
        octets = self._file.read(size)
        self._so_far = zlib.crc32(octets, self._so_far)
        if not octets and self._so_far != self._checksum:
            raise UnreadableError("its checksum is wrong")
        return octets


def _stored(file: Seekable, entry: _Entry, dealt: _Dealt) -> Part:
    """The octets of a member as they lie in the archive."""
    head = _LOCAL.unpack(_exactly(file, entry.offset, _LOCAL.size))
    if head[0] != b"PK\x03\x04":
        raise UnreadableError("cannot be read: the directory leads to no member")
    return Part(_Slice(file, entry.offset + _LOCAL.size + head[-2] + head[-1], dealt), entry.packed)


def _alone(part: Part, entry: _Entry) -> bytes:
    """The header of an LZMA file for the one that a ZIP archive has (APPNOTE.TXT, section 5.8.8)."""
    head = part.read(4)
    properties = part.read(int.from_bytes(head[2:], "little"))
    return properties + struct.pack("<q", -1 if entry.flags & _END_MARK else entry.size)


def _exactly(file: Seekable, at: int, size: int) -> bytes:
    """Octets of a file. Raises OSError where there are fewer."""
    try:
        file.seek(at, os.SEEK_SET)
        octets = file.read(size)
    except (OSError, ValueError, OverflowError) as error:
        raise UnreadableError(f"cannot be read: {reason(error)}") from None
    if len(octets) < size:
        raise UnreadableError("cannot be read: it lies past the end of the archive")
    return octets


def _directory(file: Seekable, size: int) -> tuple[int, int, int]:
    """Where the directory starts and ends, and how far members are from where it says. Raises OSError for none."""
    start = max(0, size - _END.size - 0xFFFF)
    tail = _exactly(file, start, size - start)
    at = tail.rfind(b"PK\x05\x06", 0, max(0, len(tail) - _END.size + 4))
    if at < 0:
        raise UnreadableError(_NO_DIRECTORY)
    *_, length, offset, _ = _END.unpack_from(tail, at)
    end = start + at
    if at >= _LOCATOR.size and (locator := _LOCATOR.unpack_from(tail, at - _LOCATOR.size))[0] == b"PK\x06\x07":
        for end64 in (end - _LOCATOR.size - _END64.size, locator[2]):
            if 0 <= end64 <= size - _END64.size:
                record = _END64.unpack(_exactly(file, end64, _END64.size))
                if record[0] == b"PK\x06\x06":
                    length, offset, end = record[-2], record[-1], end64
                    break
    if length > end:
        raise UnreadableError(_NO_DIRECTORY)
    return end - length, end, end - length - offset


def _entries(file: Seekable, size: int) -> Iterator[_Entry]:
    """Every entry of the directory, one at a time. Raises OSError where it is damaged."""
    at, end, shift = _directory(file, size)
    while at < end:
        if end - at < _ENTRY.size:
            raise UnreadableError(_DAMAGED)
        fields = _ENTRY.unpack(_exactly(file, at, _ENTRY.size))
        lengths = fields[12:15]
        at += _ENTRY.size
        if fields[0] != b"PK\x01\x02" or at + sum(lengths) > end:
            raise UnreadableError(_DAMAGED)
        yield _entry(fields, _exactly(file, at, lengths[0] + lengths[1]), shift)
        at += sum(lengths)


def _entry(fields: tuple[Any, ...], rest: bytes, shift: int) -> _Entry:
    """One entry: its fields, then its name and what is added to it."""
    _, _, system, _, _, flags, method, _, _, checksum, packed, size, name_length, *_, attributes, offset = fields
    name = rest[:name_length].decode("utf-8" if flags & _UTF8 else "cp437", "backslashreplace")
    wide = iter(_wide(rest[name_length:]))
    size, packed, offset = (next(wide, value) if value == _FULL else value for value in (size, packed, offset))
    mode = stat.S_IFMT(attributes >> 16) if system == 3 else 0
    is_directory = name.endswith("/") or mode == stat.S_IFDIR
    is_file = bool(size or checksum or packed > _NOTHING) if is_directory else mode in (0, stat.S_IFREG)
    return _Entry(name, flags, method, checksum, packed, size, offset + shift, is_file)


def _wide(extra: bytes) -> tuple[int, ...]:
    """The numbers that need 64 bits (APPNOTE.TXT, section 4.5.3)."""
    at = 0
    while at + 4 <= len(extra):
        number, length = struct.unpack_from("<2H", extra, at)
        if number == 1:
            return tuple(value for (value,) in struct.iter_unpack("<Q", extra[at + 4 : at + 4 + length // 8 * 8]))
        at += 4 + length
    return ()
