"""Copies of mail, wherever they lie: `read` gives their messages one by one, in constant memory on any size.

`KINDS` is the table of what can be read. A kind is named, or recognised: a directory by its folders, a file
by its first octets. Compressed files and archives are looked into (`containers`).
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from difflib import get_close_matches

from headerguard.errors import ConfigError, SourceError
from headerguard.message import Message, Stage
from headerguard.sources import (
    batch,
    delivery_status,
    journal,
    mailbox,
    outlook_msg,
    payload,
    postfix_log,
    rfc5322,
    transcript,
    vendor_copy,
)
from headerguard.sources.containers import look_inside
from headerguard.sources.vantage import BLIND_SPOTS
from headerguard.sources.window import (
    Items,
    MessageReader,
    Place,
    Progress,
    Readable,
    Reader,
    Window,
    read_path,
    read_plain,
    read_window,
    reason,
)

__all__ = ["KINDS", "Kind", "blind_spots", "read", "total"]


def blind_spots(kind: str | None) -> tuple[str, ...]:
    """What no copy of a kind can show, a sentence each, beside what the copy itself says of it."""
    return BLIND_SPOTS.get(kind or "", ())


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of copy: what it is, how it is told from others, and what reads it."""

    description: str
    """What it is, in one sentence."""
    recognised: str
    """How it is recognised, in one sentence."""
    reader: Reader | None
    """Reads one file of the kind; None for a kind that is a directory."""
    stage: Stage | None = None
    """What a copy of this kind shows; None leaves it to the message."""
    message: MessageReader | None = None
    """For a kind of messages: reads one, whatever holds it. All others take `journal.read_any`."""


_AS_EML = "By name only; unnamed, it is read as eml."


def _message(
    description: str,
    stage: Stage | None = None,
    message: MessageReader = read_plain,
    recognised: str = _AS_EML,
) -> Kind:
    """A kind of messages (RFC 5322) that differ in where they were made: single ones, or a mailbox of them."""
    return Kind(description, recognised, _read_messages, stage, message)


def _read_messages(window: Window, place: Place) -> Items:
    """Read a file of a kind of messages: what holds them, if anything does, says itself what it is."""
    reader = KINDS[_kind_of(window, _HOLDERS)].reader
    assert reader is not None
    return reader(window, place)


def _kind_of(window: Window, recognisers: tuple[Callable[[Window], str | None], ...]) -> str:
    return next(filter(None, (recogniser(window) for recogniser in recognisers)), "eml")


KINDS: dict[str, Kind] = {
    "maildir": Kind(
        "A Maildir with its subfolders: one file a message.",
        "A directory that holds the directories cur, new and tmp.",
        None,
    ),
    "mbox": Kind(
        "A mailbox in one file, in any variant of mbox (RFC 4155); the messages say which.",
        "A file whose first line is a From_ line.",
        mailbox.read_variant,
    ),
    "mboxo": Kind(
        'An mbox that quotes "From " in bodies as ">From ".',
        "An mbox that is neither of the other two.",
        mailbox.read_mbox,
    ),
    "mboxrd": Kind(
        'An mbox that gives "From ", ">From ", ">>From " and so on in bodies one more ">".',
        'An mbox with a line that starts with ">>From " in its first 64 KiB.',
        mailbox.read_mbox,
    ),
    "mboxcl2": Kind(
        "An mbox that quotes nothing in bodies and says their length in Content-Length.",
        "An mbox whose first Content-Length leads to a second message that has one, too.",
        mailbox.read_mboxcl2,
    ),
    "eml": Kind(
        "One message as it travels (RFC 5322), such as an .eml file.",
        "A file with a header field before its first empty line that is nothing else in this table.",
        rfc5322.read,
        message=read_plain,
    ),
    "postfix_always_bcc": _message(
        "A message in the archive mailbox of Postfix (always_bcc and its maps).",
        Stage.ARCHIVE,
        vendor_copy.read_archived,
    ),
    "exim_shadow_transport": _message("A message that Exim's shadow transport or an unseen router copied."),
    "imap_sent": _message("A message from an IMAP Sent folder (FETCH BODY[])."),
    "google_routing_copy": _message("A copy made by a Google Workspace routing rule."),
    "mailchimp_delivered": _message("A message that Mailchimp delivered to a seed mailbox.", Stage.DELIVERED),
    "mailgun_delivered": _message("A message that Mailgun delivered to a seed mailbox.", Stage.DELIVERED),
    "mandrill_delivered": _message(
        "A message that Mandrill delivered to a seed mailbox.", Stage.DELIVERED, vendor_copy.read_single
    ),
    "postmark_delivered": _message("A message that Postmark delivered to a seed mailbox.", Stage.DELIVERED),
    "sendgrid_delivered": _message("A message that SendGrid delivered to a seed mailbox.", Stage.DELIVERED),
    "ses_delivered": _message("A message that Amazon SES delivered to a seed mailbox.", Stage.DELIVERED),
    "sparkpost_delivered": _message("A message that SparkPost delivered to a seed mailbox.", Stage.DELIVERED),
    "brevo_submitted": _message("A message on its way to Brevo.", Stage.SUBMITTED, vendor_copy.read_submitted),
    "mailgun_submitted": _message("A message on its way to Mailgun.", Stage.SUBMITTED),
    "mailjet_submitted": _message("A message on its way to Mailjet.", Stage.SUBMITTED),
    "mandrill_submitted": _message("A message on its way to Mandrill.", Stage.SUBMITTED),
    "postmark_submitted": _message("A message on its way to Postmark.", Stage.SUBMITTED, vendor_copy.read_submitted),
    "sendgrid_submitted": _message("A message on its way to SendGrid.", Stage.SUBMITTED),
    "ses_submitted": _message("A message on its way to Amazon SES.", Stage.SUBMITTED, vendor_copy.read_submitted),
    "sparkpost_submitted": _message("A message on its way to SparkPost.", Stage.SUBMITTED),
    "resent_block": _message("A message that was sent again with Resent- fields (RFC 5322 section 3.6.6)."),
    "m365_autoforward": _message("A copy that Microsoft 365 forwarding or an inbox rule made."),
}
KINDS |= {
    journal.KIND: _message(
        "A journal report of Exchange Server or Microsoft 365: the message, and everybody who really received it.",
        Stage.ARCHIVE,
        journal.read,
        "A message with an X-MS-Journal-Report field, or with Content-Identifier: exjournalreport.",
    ),
    delivery_status.KIND: _message(
        "A bounce, receipt or complaint (RFC 6522): the message that it is about, and who was written to.",
        Stage.EVENT,
        delivery_status.read,
        "By name only: much ordinary mail encloses another.",
    ),
    transcript.BSMTP: Kind(
        "Batch SMTP (RFC 2442), such as Exim writes with use_bsmtp: messages with their envelopes.",
        "A file that starts with MAIL FROM, or with HELO and the like and then MAIL FROM.",
        transcript.read_bsmtp,
    ),
    transcript.MILTER: Kind(
        "The callbacks that a milter got, as JSON: messages with their envelopes.",
        'JSON of which the first object has the name of a callback under "cb".',
        transcript.read_milter,
    ),
    outlook_msg.KIND: Kind(
        "A message as Outlook saves it (.msg): its recipients with Bcc, and its header where it has one.",
        "An OLE compound file that holds the properties of a message.",
        outlook_msg.read,
    ),
    postfix_log.KIND: Kind(
        "A log of Postfix: sender and recipients of each queue id.",
        "A file that starts as syslog writes, with a line of Postfix in its first 64 KiB.",
        postfix_log.read,
        Stage.EVENT,
    ),
}
KINDS |= {
    kind: Kind(found.description, f"Of JSON, that for which {found.detect} is true.", batch.read_payload, found.stage)
    for kind, found in payload.PAYLOADS.items()
}
KINDS[payload.GENERIC] = Kind(
    "Any JSON: every address in it is mentioned, and nothing is known of its role.",
    "A file that opens an array or an object, or is a form; each value in it that is of no other kind.",
    batch.read_payload,
)
"""Every kind of copy that `read` reads, by id."""

_HOLDERS: tuple[Callable[[Window], str | None], ...] = (
    mailbox.recognise,
    transcript.recognise_bsmtp,
    transcript.recognise_milter,
)
"""Of files that hold messages of any kind; one a family, as in the table after it."""
_RECOGNISERS = (*_HOLDERS, outlook_msg.recognise, postfix_log.recognise, batch.recognise)
"""Asked in this order for the kind of a file; what none of them knows is read as "eml"."""


_NAMES_AND_OCTETS = (str, os.PathLike, bytes, bytearray, memoryview)


def read(
    path_or_file: str | os.PathLike[str] | bytes | Readable,
    kind: str | None = None,
    stage: Stage | str | None = None,
    on_error: Callable[[SourceError], None] | None = None,
    progress: Progress | None = None,
) -> Generator[Message, None, None]:
    """Give every message of a copy: a path, an open binary file (it need not seek), or the octets themselves.

    `kind` is an id of `KINDS`; None recognises it, for each file of a directory by itself. A kind of messages is
    read from single files, and from the mailboxes and SMTP transcripts that hold them. In a directory that is
    no Maildir every regular file is read, by name, hidden ones aside. A file that is compressed (gzip,
    bzip2, xz) is read as what comes out of it, and an archive (tar, compressed or not; ZIP) as a directory of
    its members. `stage` says what the copies show; None leaves it to the kind and the message. `progress` takes
    numbers of octets as they are dealt with, compressed ones as they lie on the disk, in all `total` at most.

    What cannot be read is a SourceError that goes to `on_error`, and reading goes on; without `on_error` one
    that lists them all is raised after the last message. Raises ConfigError at once for an unknown kind or
    stage. A generator that is closed early closes the files it opened; a file that was given stays open.
    """
    if kind is not None and kind not in KINDS:
        raise ConfigError(_unknown("kind", kind, list(KINDS)))
    if stage is not None and stage not in list(Stage):
        raise ConfigError(_unknown("stage", str(stage), [str(known) for known in Stage]))
    if not isinstance(path_or_file, _NAMES_AND_OCTETS) and not hasattr(path_or_file, "read"):
        raise TypeError(f"read takes a path, a binary file or bytes, not {type(path_or_file).__name__}")
    said = KINDS[kind].stage if kind and stage is None else stage
    message = KINDS[kind].message if kind else None
    place = Place(kind or "eml", None, None if said is None else Stage(said), message or journal.read_any)
    return _messages(_items(path_or_file, kind, place, progress), on_error)


def total(path: str | os.PathLike[str]) -> int:
    """Octets that reading a path will deal with at most; 0 where none can be told, as for a pipe.

    In a directory every file that `read` would open counts, and the tree is walked for it.
    """
    name = os.fsdecode(path)
    place = Place("eml", None, None)
    return sum(_size(found) for found in _files(name, place) if isinstance(found, str))


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except (OSError, ValueError):
        return 0


def _unknown(what: str, given: str, known: list[str]) -> str:
    """A sentence on a name that does not exist, with the one that was meant, or all of them."""
    near = get_close_matches(given, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"
    return f"{given!r} is not a known {what}; {hint}"


def _messages(items: Items, on_error: Callable[[SourceError], None] | None) -> Generator[Message, None, None]:
    """The messages among the items; the errors to whom they belong."""
    errors: list[str] = []
    with closing(items):
        for item in items:
            if isinstance(item, Message):
                yield item
            elif on_error is not None:
                on_error(item)
            else:
                errors += item.errors
    if errors:
        raise SourceError(errors)


def _items(
    source: str | os.PathLike[str] | bytes | Readable,
    kind: str | None,
    place: Place,
    progress: Progress | None,
) -> Items:
    """Open what was given, whatever it is."""
    reader = _reader(kind)
    if isinstance(source, str | os.PathLike):
        yield from _path(os.fsdecode(source), kind, reader, place, progress)
    elif reader is None:
        yield place.error(f"a {kind} is a directory, and this is not the name of one")
    elif isinstance(source, bytes | bytearray | memoryview):
        file = io.BytesIO(source)
        yield from read_window(Window(file, progress, owned=file), reader, place)
    else:
        name = getattr(source, "name", None)
        named = place._replace(path=name) if isinstance(name, str) and not name.startswith("<") else place
        yield from read_window(Window(source, progress), reader, named)


def _reader(kind: str | None) -> Reader | None:
    """What reads a file of a kind, and such files where they are compressed or in an archive."""
    reader = _recognised if kind is None else KINDS[kind].reader
    return None if reader is None else look_inside(reader)


def _path(path: str, kind: str | None, reader: Reader | None, place: Place, progress: Progress | None) -> Items:
    """Read what a path names: a file, a Maildir, or a directory of files."""
    if not os.path.isdir(path):
        if reader is None and os.path.lexists(path):
            yield place._replace(path=path).error("not a Maildir: it is not a directory")
        else:
            yield from read_path(path, reader or rfc5322.read, place, progress)
        return
    count = 0
    for item in _directory(path, kind, reader, place, progress):
        count += isinstance(item, Message)
        yield item
    if count == 0:
        yield place._replace(path=path).error("the directory holds no mail")


def _directory(path: str, kind: str | None, reader: Reader | None, place: Place, progress: Progress | None) -> Items:
    """Read what a directory holds: as the Maildir it is, or every file in it."""
    for found in _walk(path, kind, place):
        if isinstance(found, SourceError):
            yield found
        elif found[1]:
            yield from mailbox.read_maildir(found[0], place if kind else place._replace(kind="maildir"), progress)
        else:
            assert reader is not None  # a walk for Maildirs gives no files
            yield from read_path(found[0], reader, place, progress)


def _walk(path: str, kind: str | None, place: Place) -> Iterator[tuple[str, bool] | SourceError]:
    """Every file under a directory, in the order of names, and every Maildir (True) in place of its files.

    Hidden entries are skipped, symbolic links to directories not followed. A directory that cannot be listed
    is an error in its place.
    """
    if kind == "maildir":
        yield path, True
        return
    stack = [(path, True)]
    while stack:
        here, is_directory = stack.pop()
        if not is_directory:
            yield here, False
        elif (kind is None or KINDS[kind].message is not None) and mailbox.is_maildir(here):
            yield here, True
        else:
            try:
                stack += reversed(_entries(here))
            except OSError as error:
                yield place._replace(path=here).error(f"cannot be listed: {reason(error)}")


def _entries(path: str) -> list[tuple[str, bool]]:
    """The files and directories (True) in a directory, sorted by name."""
    with os.scandir(path) as found:
        entries = sorted((entry for entry in found if not entry.name.startswith(".")), key=lambda entry: entry.name)
    kinds = ((entry.path, entry.is_dir(follow_symlinks=False), entry) for entry in entries)
    return [(path, is_directory) for path, is_directory, entry in kinds if is_directory or _is_file(entry)]


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a regular file, or a link to nothing: opening that says so."""
    try:
        return entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path))
    except OSError:
        return True


def _files(path: str, place: Place) -> Iterator[str | SourceError]:
    """Every file that `read` opens for a path."""
    if not os.path.isdir(path):
        yield path
        return
    for found in _walk(path, None, place):
        if isinstance(found, SourceError):
            yield found
        elif found[1]:
            yield from mailbox.maildir_files(found[0], place)
        else:
            yield found[0]


def _recognised(window: Window, place: Place) -> Items:
    """Read a file as what it turns out to be."""
    kind = _kind_of(window, _RECOGNISERS)
    reader = KINDS[kind].reader
    assert reader is not None  # what is recognised in octets is no directory
    return reader(window, place if kind == place.kind else place._replace(kind=kind))
