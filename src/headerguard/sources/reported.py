"""Messages of which some are reports on another: a journal report is read as the message that it is about.

Bounces are so only where they are called so: much ordinary mail encloses another.
"""

from __future__ import annotations

from collections.abc import Iterable

from headerguard.message import Message
from headerguard.sources import journal
from headerguard.sources.window import Items, Place, read_plain

__all__ = ["read"]


def read(message: Message, body: Iterable[bytes], place: Place) -> Items:
    """Read one message, wherever it lies."""
    reader = journal.read if journal.is_journal(message.header) else read_plain
    return reader(message, body, place)
