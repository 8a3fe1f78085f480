"""What is known of a copy besides its header: its stage, its envelope, where it lies, what its source states of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from headerguard.address import Address
from headerguard.sighting import Mark, Sighting

__all__ = ["Envelope", "Origin", "Record", "Stage", "in_utc"]


class Stage(StrEnum):
    """What a copy shows: where on its way the message was when the copy was made."""

    SUBMITTED = "submitted"
    DELIVERED = "delivered"
    EVENT = "event"
    ARCHIVE = "archive"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Envelope:
    """The SMTP envelope (RFC 5321 section 2.3.1) as far as it was observed."""

    mail_from: str | None = None
    """The reverse-path; "" is the null path; None was not observed."""
    rcpt_to: tuple[str, ...] = ()
    """The forward-paths of this transaction: bare, in angle brackets, or whole mailboxes."""
    complete: bool | None = None
    """Whether `rcpt_to` is the whole logical message: servers and ESPs split it, only the submitter knows."""
    queue_id: str | None = None
    """The id that the server gave it."""
    observed: datetime | None = None
    """When; aware, or taken as UTC."""

    def __post_init__(self) -> None:
        """Take any iterable of recipients, and a single one as one. Raises TypeError for a path that is no text."""
        rcpt_to: str | Iterable[str] = self.rcpt_to
        paths = (rcpt_to,) if isinstance(rcpt_to, str | bytes) else tuple(rcpt_to)
        object.__setattr__(self, "rcpt_to", tuple(_path(path, "rcpt_to") for path in paths))
        if self.mail_from is not None:
            object.__setattr__(self, "mail_from", _path(self.mail_from, "mail_from"))


@dataclass(frozen=True, slots=True)
class Origin:
    """How to find this copy again; never a machine name."""

    kind: str
    """Id of the source kind."""
    path: str | None = None
    """The path as the caller gave it."""
    index: int | None = None
    """Number of the record in its container, from 0."""
    line: int | None = None
    """Line of the file that is about this copy, from 1: where a test hands it over."""


def _path(path: object, field: str) -> str:
    """A path of the envelope as text; SMTP libraries hand over octets too."""
    if isinstance(path, bytes):
        return path.decode("utf-8", "surrogateescape")
    if not isinstance(path, str):
        raise TypeError(f"Envelope.{field} takes text, not {type(path).__name__}")
    return path


@dataclass(frozen=True, slots=True)
class Record:
    """What the source of a copy states outside its header and envelope: an event, a journal report, a log."""

    sightings: tuple[Sighting, ...] = ()
    """The addresses that it names; the field is a path inside the record."""
    marks: tuple[Mark, ...] = ()
    """The hosts and accounts that it names."""
    streams: tuple[tuple[str, str], ...] = ()
    """Kind and value of each name that it gives the stream, strongest first (see `stream.Level`)."""
    ids: tuple[str, ...] = ()
    """Its ids of the message, the caller's own first."""
    originals: Mapping[str, Address] = field(default_factory=dict)
    """Address key of a recipient to the address before it was expanded or forwarded."""
    date: datetime | None = None
    """When the message was sent, or this was written; aware."""
    subject: str = ""
    """The subject, where the copy has no header."""
    whole: bool = True
    """Whether it names every recipient that its To, Cc and Bcc can hold; an event on one recipient does not."""
    shown: bool = True
    """Whether its To and Cc are what recipients see; not so in a journal report, which has the message besides."""
    blind_spots: tuple[str, ...] = ()
    """What this record cannot show, a sentence each."""


def in_utc(moment: datetime) -> datetime:
    """A time in UTC, which one without a zone is taken as. Raises OverflowError past the years 1 to 9999."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
