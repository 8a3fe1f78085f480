"""The transaction: what SMTP said of one message before its body (RFC 5321 section 3.3), collected step by step."""

from __future__ import annotations

from headerguard.address import Address
from headerguard.message import Envelope, Record
from headerguard.sources.path import further, original, originals, reverse_path

__all__ = ["FULL", "LIMIT", "SEVERAL", "Transaction"]

LIMIT = 64 << 20
"""Octets of envelope and header fields of one transaction that are kept at most (64 MiB), objects included."""
_OBJECT = 256
"""Octets that a recipient or a field costs besides its text."""
FULL = f"its envelope or header is longer than {LIMIT >> 20} MiB; the rest of it was not read"
SEVERAL = "more than one path for one recipient; all were read"


class Transaction:
    """The envelope, and where they come one by one the fields, of a transaction as far as it was read."""

    def __init__(self, sender: str | None = None) -> None:
        """Start one: a sender, None for one that was not read."""
        self.sender = sender
        self.recipients: list[str] = []
        self.firsts: list[tuple[str, Address | None]] = []
        self.items: list[tuple[str, object]] = []
        self.headed = self.full = False
        self.cost = 0

    def add(self, path: str, parameters: str) -> bool:
        """Take a recipient; False for the first that is too much."""
        if refused := self._refused(path, parameters):
            return refused == "again"
        self.recipients.append(path)
        if parameters and (first := original(parameters)) is not None:
            self.firsts.append((path, first))
        return all(self.add(more, "") for more in further(parameters))

    def field(self, name: str, value: str) -> bool:
        """Take a header field; False for the first that is too much."""
        if refused := self._refused(name, value):
            return refused == "again"
        self.items.append((name, value))
        return True

    def _refused(self, *texts: str) -> str:
        """Whether there is no room for some texts, and that was said already."""
        if self.full:
            return "again"
        self.cost += _OBJECT + sum(map(len, texts))
        self.full = self.cost > LIMIT
        return "first" if self.full else ""

    def envelope(self) -> Envelope | None:
        """The envelope; one without recipients would claim that nobody receives the message."""
        return Envelope(self.sender, tuple(self.recipients)) if self.recipients else None

    def record(self, *spots: str) -> Record | None:
        """What there is to say besides; None for nothing."""
        stated = () if self.recipients else reverse_path(self.sender, "mail from")
        first = originals(self.firsts)
        return Record(stated, originals=first, blind_spots=spots) if stated or first or spots else None
