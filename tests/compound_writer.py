"""Writes OLE compound files (MS-CFB) and the messages that Outlook saves in them (MS-OXMSG), so that tests have some."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from datetime import UTC, datetime

__all__ = ["Tree", "compound", "properties", "saved"]

Tree = Mapping[str, "bytes | Tree"]
"""Names to streams, and to storages."""

_END, _FREE, _FAT, _DIFAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD, 0xFFFFFFFC


class _Writer:
    """Lays out the sectors of a compound file."""

    def __init__(self, sector: int) -> None:
        self.sector = sector
        self.sectors: list[bytes] = []
        self.table: list[int] = []
        self.mini = bytearray()
        self.mini_table: list[int] = []
        self.entries: list[list[object]] = []

    def chain(self, octets: bytes) -> int:
        """Add the sectors of some octets; the first of them."""
        start = len(self.sectors)
        for at in range(0, len(octets), self.sector):
            self.sectors.append(octets[at : at + self.sector].ljust(self.sector, b"\0"))
            self.table.append(len(self.sectors))
        if not octets:
            return _END
        self.table[-1] = _END
        return start

    def mini_chain(self, octets: bytes) -> int:
        start = len(self.mini_table)
        for at in range(0, len(octets), 64):
            self.mini += octets[at : at + 64].ljust(64, b"\0")
            self.mini_table.append(len(self.mini_table) + 1)
        if not octets:
            return _END
        self.mini_table[-1] = _END
        return start

    def add(self, name: str, what: bytes | Tree, kind: int) -> int:
        """Add an entry and all that it holds; its number."""
        number = len(self.entries)
        entry: list[object] = [name, kind, _FREE, _FREE, _FREE, 0, 0]
        self.entries.append(entry)
        if isinstance(what, bytes):
            entry[5] = self.chain(what) if len(what) >= 4_096 else self.mini_chain(what)
            entry[6] = len(what)
        else:
            numbers = [
                self.add(inner, held, 2 if isinstance(held, bytes) else 1)
                for inner, held in sorted(what.items(), key=lambda item: (len(item[0]), item[0].upper()))
            ]
            entry[4] = self.balanced(numbers)
        return number

    def balanced(self, numbers: list[int]) -> int:
        """Put entries into a binary tree; the one at its top."""
        if not numbers:
            return _FREE
        middle = len(numbers) // 2
        entry = self.entries[numbers[middle]]
        entry[2], entry[3] = self.balanced(numbers[:middle]), self.balanced(numbers[middle + 1 :])
        return numbers[middle]

    def directory(self) -> bytes:
        return b"".join(
            struct.pack(
                "<64sHBB3L16sL2QLQ",
                str(name).encode("utf-16-le"),
                2 * len(str(name)) + 2,
                kind,
                1,
                left,
                right,
                child,
                b"",
                0,
                0,
                0,
                start,
                size,
            )
            for name, kind, left, right, child, start, size in self.entries
        )


def _table(numbers: list[int]) -> bytes:
    return struct.pack(f"<{len(numbers)}L", *numbers)


def compound(tree: Tree, sector: int = 512) -> bytes:
    """A compound file; sectors have 512 octets (version 3) or 4,096 (version 4)."""
    writer = _Writer(sector)
    writer.add("Root Entry", tree, 5)
    writer.entries[0][5:] = [writer.chain(bytes(writer.mini)), len(writer.mini)]
    mini = _table(writer.mini_table)
    mini += b"\xff" * (-len(mini) % sector)
    mini_start = writer.chain(mini)
    directory = writer.directory()
    directory_start = writer.chain(directory + bytes(-len(directory) % sector))
    each, fats, difats = sector // 4, 0, 0
    while len(writer.sectors) + fats + difats > fats * each:
        fats += 1
        difats = max(0, -(-(fats - 109) // (each - 1)))
    first = len(writer.sectors)
    places = list(range(first, first + fats))
    table = _table(writer.table + [_FAT] * fats + [_DIFAT] * difats)
    writer.sectors += [table[at : at + sector].ljust(sector, b"\xff") for at in range(0, fats * sector, sector)]
    for number in range(difats):
        inside = places[109 + number * (each - 1) :][: each - 1]
        more = len(writer.sectors) + 1 if number < difats - 1 else _END
        writer.sectors.append(_table([*inside, *[_FREE] * (each - 1 - len(inside)), more]))
    version = (3, 9) if sector == 512 else (4, 12)
    header = struct.pack(
        "<8s16s6H10L",
        bytes.fromhex("d0cf11e0a1b11ae1"),
        b"",
        0x3E,
        version[0],
        0xFFFE,
        version[1],
        6,
        0,
        0,
        0 if sector == 512 else len(directory) // sector + 1,
        fats,
        directory_start,
        0,
        4_096,
        mini_start,
        len(mini) // sector,
        first + fats if difats else _END,
        difats,
    )
    header += _table((places + [_FREE] * 109)[:109])
    return header.ljust(sector, b"\0") + b"".join(writer.sectors)


# ---- messages


def properties(values: Mapping[int, object], head: int, page: str = "") -> dict[str, bytes]:
    """The streams that hold properties, by number: text, octets, integers and dates. Text is UTF-16 but for a `page`."""
    streams: dict[str, bytes] = {}
    fixed = bytes(head)
    for number, value in values.items():
        kind, packed = 0x0003, b""
        if isinstance(value, str):
            kind = 0x001E if page else 0x001F
            packed = value.encode(page or "utf-16-le", "surrogatepass")
        elif isinstance(value, bytes):
            kind, packed = 0x0102, value
        elif isinstance(value, datetime):
            ticks = round((value - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10_000_000
            kind, head_value = 0x0040, struct.pack("<Q", ticks)
        else:
            assert isinstance(value, int)
            head_value = struct.pack("<Lxxxx", value)
        if kind in (0x001E, 0x001F, 0x0102):
            streams[f"__substg1.0_{number:04X}{kind:04X}"] = packed
            head_value = struct.pack("<Lxxxx", len(packed) + {0x001E: 1, 0x001F: 2}.get(kind, 0))
        fixed += struct.pack("<HHL", kind, number, 6) + head_value
    streams["__properties_version1.0"] = fixed
    return streams


def saved(
    values: Mapping[int, object],
    rows: list[dict[int, object]],
    page: str = "",
    more: Tree | None = None,
    sector: int = 512,
) -> bytes:
    """A message as Outlook saves it, with a row for each recipient."""
    tree: dict[str, bytes | Tree] = {**properties(values, 32, page), "__nameid_version1.0": {}}
    for number, row in enumerate(rows):
        tree[f"__recip_version1.0_#{number:08X}"] = properties(row, 8, page)
    return compound({**tree, **(more or {})}, sector)
