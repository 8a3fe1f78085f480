"""The page of the sources: what each kind of copy shows and cannot show, from the tables themselves.

The page is kept under version control, as people read it where nothing is built; a test compares it with what is
written here, and building the documentation brings it up to date.
"""

from __future__ import annotations

from collections.abc import Iterator

from headerguard.sources import KINDS, Kind
from headerguard.sources.payload import PAYLOADS, Payload
from headerguard.sources.vantage import BLIND_SPOTS, OBTAINED

__all__ = ["page"]

_HEAD = """\
# Sources

Every kind of copy that `headerguard` reads, by the id that `--kind` and `read(kind=)` take. Without one a copy is
recognised where its own content allows it. Compressed files (gzip, bzip2, xz), ZIP and tar archives, JSON lines and
directories of any of these are read as they are, in constant memory. A kind of messages is read from whatever holds
them: single files, every mbox, a Maildir, batch SMTP and the callbacks of a milter; so `--kind exchange_journal` takes
the journal mailbox as it lies, and `--kind postfix_always_bcc` the archive mailbox. A journal report is recognised in
each of these.

A copy shows one stage of a message's way, and none shows all: what a kind cannot show is said here, and in
`Report.blind_spots` of every copy. Payloads need `headerguard[events]`, which `headerguard[cli]` brings.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_table(), *(line for kind, entry in KINDS.items() for line in _section(kind, entry))])


def _table() -> Iterator[str]:
    yield from ("| kind | stage | what it is |", "|---|---|---|")
    for kind, entry in KINDS.items():
        stage = entry.stage or "as the message shows"
        yield f"| [`{kind}`](#{kind.replace('_', '-')}) | {stage} | {entry.description} |"
    yield ""


def _section(kind: str, entry: Kind) -> Iterator[str]:
    payload = PAYLOADS.get(kind)
    yield from (f"({kind.replace('_', '-')})=", f"## {kind}", "", entry.description, "")
    yield from (f"*Obtain it:* {payload.obtained if payload else OBTAINED[kind]}", "")
    if payload is None:
        yield from (f"*Recognised:* {entry.recognised}", "")
    else:
        yield from (f"*Recognised:* where `{payload.detect}` is true.", "", *_shows(payload))
    if spots := payload.blind_spots if payload else BLIND_SPOTS.get(kind, ()):
        yield from ("*Blind to:*", "", *(f"- {spot}" for spot in spots), "")


def _shows(payload: Payload) -> Iterator[str]:
    yield from ("| role | where it stands |", "|---|---|")
    rows = [(str(role), found) for role, found in payload.roles]
    rows += [("bounce", (payload.mail_from,)), ("envelope", (payload.rcpt_to,))]
    rows += [("stream", tuple(found for _, found in payload.streams)), ("header", (payload.headers,))]
    rows += [("whole message", (payload.raw, payload.raw64))]
    for role, found in rows:
        if places := [f"`{text}`".replace("|", "\\|") for text in found if text]:
            yield f"| {role} | {', '.join(places)} |"
    yield ""
