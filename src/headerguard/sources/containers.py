"""Compressed files and archives: gzip, bzip2, xz, ZIP and tar, looked into without unpacking them anywhere.

What a file is, its first octets say, never its name. One archive is opened, compressed as a whole or not, and in
it compressed files; what lies deeper is an error. Nothing is kept but a few steps of octets, whatever the size of a
file and whatever it claims: names are labels that no file is opened by, and what unpacks to far more than mail does
is given up.
"""

from __future__ import annotations

from contextlib import closing
from typing import NamedTuple

from headerguard.sources.archives import Member, archive, tar_members, zip_members
from headerguard.sources.compressed import (
    DENSE,
    FREE,
    FREE_IN_ALL,
    Gauge,
    Octets,
    Unpacked,
    UnreadableError,
    packing,
)
from headerguard.sources.window import Items, Place, Readable, Reader, Window

__all__ = ["NESTED", "look_inside"]

NESTED = "archives inside archives are not read"


class _Layer(NamedTuple):
    """What reads the octets of a window, and what they were taken out of."""

    reader: Reader
    gauge: Gauge
    """Of the whole file on disk."""
    archived: bool = False
    """Whether they are a member of an archive."""
    packed: bool = False
    """Whether they came out of a compressed file, that member or the whole."""
    from_disk: bool = True
    """Whether they lie on the disk as they are."""


def look_inside(reader: Reader) -> Reader:
    """A reader that gives the mail in compressed files and archives, and reads all else as `reader` does.

    Members are named "archive.zip/folder/name". Directories, links, devices and hidden members are skipped, and so is
    what macOS adds; a Maildir keeps its folders that start with a dot.
    """
    return lambda window, place: _open(window, place, _Layer(reader, Gauge(FREE_IN_ALL)))


def _open(window: Window, place: Place, layer: _Layer) -> Items:
    """Read what a window shows: as what it holds, or as it is."""
    packed = packing(window)
    kind = "" if packed else archive(window)
    if not packed and not kind:
        yield from layer.reader(window, place)
        return
    if (packed and layer.packed) or (kind and layer.archived):
        yield place.error(NESTED)
    elif packed:
        gauge = Gauge(FREE, layer.gauge)
        file = Unpacked(Octets(window), packed, gauge, from_disk=layer.from_disk)
        yield from _inner(file, place, layer._replace(packed=True, from_disk=False))
    else:
        yield from _members(kind, window, place, layer)
    window.finish()


def _members(kind: str, window: Window, place: Place, layer: _Layer) -> Items:
    """Read the members of an archive, each as a file of its own."""
    found = False
    members = zip_members(window, layer.gauge, from_disk=layer.from_disk) if kind == "zip" else tar_members(window)
    with closing(members):
        for member in members:
            if isinstance(member, str):
                found = True
                yield place.error(member)
            elif here := _member(member.name, place):
                found = True
                from_disk = layer.from_disk and not member.packed
                yield from _opened(member, here, layer._replace(archived=True, packed=False, from_disk=from_disk))
    if not found and not window.failure:
        yield place.error("the archive holds no mail")


def _opened(member: Member, place: Place, layer: _Layer) -> Items:
    """Read one member, or say why not."""
    try:
        file = member.open()
    except UnreadableError as error:
        yield place.error(str(error))
        return
    yield from _inner(file, place, layer)


def _inner(file: Readable, place: Place, layer: _Layer) -> Items:
    """Read a file that is inside another."""
    window = Window(file)
    yield from _open(window, place, layer)
    if window.failure:
        whole = window.failure == DENSE
        yield place.error(window.failure if whole else f"cannot be read to its end: {window.failure}")


def _member(name: str, place: Place) -> Place | None:
    """The place of a member of an archive, None for one to skip.

    "archive/../name" would be the name of another file, and "archive//name" perhaps of one, so that these parts are
    written otherwise.
    """
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if not parts or parts[0] == "__MACOSX" or _hidden(parts[-1]):
        return None
    if any(map(_hidden, parts[:-1])) and (len(parts) < 3 or parts[-2] not in ("cur", "new")):
        return None
    safe = ["_.._" if part == ".." else part for part in parts]
    return place._replace(path="/".join(safe if place.path is None else [place.path, *safe]))


def _hidden(part: str) -> bool:
    return part.startswith(".") and part != ".."
