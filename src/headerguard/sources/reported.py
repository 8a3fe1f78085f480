"""Files that hold one report on another message: journal reports by themselves, bounces where they are called so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from headerguard.sources import journal, rfc5322
from headerguard.sources.delivery_status import read_delivery_status
from headerguard.sources.rfc5322 import block_end, not_mail
from headerguard.sources.window import CHUNK, FIRST, Items, Place, Window

__all__ = ["read", "read_bounce", "read_report", "recognise"]

_HINT = re.compile(rb"journal", re.IGNORECASE)
"""What stands in the header of every journal report; looked for first, as it costs next to nothing."""


def recognise(window: Window) -> str | None:
    """The kind of a journal report; None for any other file."""
    window.hold(FIRST)
    if not _HINT.search(window.data) or not_mail(window):
        return None
    end, _ = block_end(window, 0)
    return journal.KIND if journal.is_journal(bytes(window.data[:end])) else None


def read(window: Window, place: Place) -> Items:
    """Read one message; a journal report as the message that it is about."""
    if recognise(window):
        return read_report(window, place._replace(kind=journal.KIND))
    return rfc5322.read(window, place)


def read_report(window: Window, place: Place) -> Items:
    """Read one journal report."""
    return _read(journal.read_journal, window, place)


def read_bounce(window: Window, place: Place) -> Items:
    """Read one report of RFC 6522: a delivery status, a receipt, a complaint."""
    return _read(read_delivery_status, window, place)


def _read(reader: Callable[[bytes, Iterable[bytes], Place], Items], window: Window, place: Place) -> Items:
    if problem := not_mail(window):
        if window.data or not window.failure:
            yield place.error(f"not a mail message ({problem})")
        return
    end, _ = block_end(window, 0)
    header = bytes(window.data[:end])
    window.release(end)
    yield from reader(header, _body(window), place)
    window.finish()


def _body(window: Window) -> Iterator[bytes]:
    """What follows, piece by piece."""
    while True:
        window.hold(1)
        piece = bytes(window.data[:CHUNK])
        if not piece:
            return
        window.release(len(piece))
        yield piece
