"""A file that is read in any order: that of a window, or what it shows, kept in a temporary file meanwhile."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from headerguard.sources.compressed import Octets, UnreadableError
from headerguard.sources.window import CHUNK, Seekable, Window

__all__ = ["SPOOL", "anywhere", "spooled"]

SPOOL = 1 << 30
"""Octets of a file that cannot seek that are kept in an anonymous temporary file at most (1 GiB)."""
_SPOOL_MEMORY = 4 << 20
"""Octets of it that stay in memory (4 MiB)."""


@contextmanager
def anywhere(window: Window, what: str) -> Iterator[tuple[Seekable, int]]:
    """The file of a window and its size; afterwards all of it counts as dealt with. Raises OSError like `spooled`."""
    if (file := window.whole()) is None:
        with spooled(window, what) as spool:
            yield spool
        return
    here = file.seek(0, os.SEEK_CUR)
    size = file.seek(0, os.SEEK_END)
    try:
        yield file, size
    finally:
        window.count(max(0, size - here))


@contextmanager
def spooled(window: Window, what: str) -> Iterator[tuple[Seekable, int]]:
    """A temporary file with what a window shows, and its size. Raises OSError where that is too much, or does not fit.

    `what` names it in the error.
    """
    with tempfile.SpooledTemporaryFile(_SPOOL_MEMORY) as file:
        yield file, _copy(window, file, what)


def _copy(window: Window, file: IO[bytes], what: str) -> int:
    octets, size = Octets(window), 0
    while step := octets.read(CHUNK):
        size += len(step)
        if size > SPOOL:
            raise UnreadableError(f"{what} of more than {SPOOL >> 20} MiB must be given by its path")
        file.write(step)
    return size
