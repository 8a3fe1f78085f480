"""What has to hold for any octets at all, one function a target. No fuzzing engine is needed to call them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from email import policy
from email.parser import BytesHeaderParser
from functools import cache
from io import BytesIO
from xml.etree import ElementTree
from zlib import crc32

from headerguard import (
    Baseline,
    Defect,
    DefectName,
    Envelope,
    Guard,
    Message,
    Report,
    Severity,
    SourceError,
    Tier,
    read,
)
from headerguard.address_list import Mailbox, is_plain, lex, parse
from headerguard.fields import CATALOGUE
from headerguard.header import Header, header_length
from headerguard.rendering import FORMATS, render
from headerguard.sources import KINDS

__all__ = ["TARGETS", "WAYS", "BrokenError", "address", "check", "header", "message", "source"]


class BrokenError(AssertionError):
    """A property that does not hold."""


def expect(holds: bool, what: str, *details: object) -> None:
    """Raise BrokenError unless a property holds; `details` are what differs."""
    if not holds:
        raise BrokenError("; ".join((what, *map(repr, details)))[:2000])


# ---- header


def header(octets: bytes) -> None:
    """The header block: where it ends, its fields, and that nothing of it is lost."""
    _cut(octets)
    found = Header(octets)
    expect(b"".join(field.octets for field in found.fields) == octets, "fields joined are the block")
    expect(len(found.fields) == len(found.lines), "a field for each line")
    for field in found.fields:
        start = field.start or 0
        expect(octets[start : field.end] == field.octets, "span of a field", field)
        expect(isinstance(field.text, str), "text of a field")
        if field.name.isascii() and start < 200:
            expect(found.all(field.name.upper()) == found.all(field.name.lower()), "names have no case", field.name)
    _defects_lie_inside(found.defects, len(octets))
    expect(found.names == {line.name for line in found.lines}, "names are those of the lines")
    repr(found)
    kept = Header(octets, limit=24, keep=("to", "bcc"))
    expect(set(kept.lines) <= set(found.lines), "a limit adds no line")
    expect(all(line.start < 24 or line.name in ("to", "bcc") for line in kept.lines), "past the limit what is kept")
    lost = [line for line in found.lines if line.name in ("to", "bcc") and line not in kept.lines]
    expect(not lost, "past the limit nothing is lost that is kept", lost)


_END_OF_HEADER = re.compile(rb"\n\r?\n")


def _cut(octets: bytes) -> None:
    length = header_length(octets)
    empty = re.match(rb"(?:\r?\n)*", octets)
    start = empty.end() if empty else 0
    found = _END_OF_HEADER.search(octets, start)
    expect(length == (found.start() + 1 if found else len(octets)), "end of the header", length)
    expect(header_length(octets[:length]) == length, "a header alone is cut nowhere", length)
    expect(header_length(bytearray(octets)) == header_length(memoryview(octets)) == length, "any kind of buffer")
    if start == 0:
        for pad in (16_384 - len(octets) // 2, 16_383 - length):
            long = b"X:" + b"a" * max(pad - 3, 0) + b"\n" + octets
            inside = _END_OF_HEADER.search(long)
            expect(header_length(long) == (inside.start() + 1 if inside else len(long)), "end past a window", pad)


def _defects_lie_inside(defects: Iterable[Defect], size: int) -> None:
    for defect in defects:
        inside = defect.span is None or 0 <= defect.span[0] <= defect.span[1] <= size
        expect(inside, "a defect lies inside", defect)


# ---- address


def address(octets: bytes) -> None:
    """An address list: spans, tiers, and that the short way and the long way read it alike."""
    text = octets.decode("latin-1")
    reading = lex(text)
    _mailboxes_lie_inside(text, reading.mailboxes)
    for name, start, end in reading.defects:
        expect(0 <= start <= end <= len(text), "a defect lies inside", name, start, end)
    long = lex("(c)" + text)
    plain = is_plain(text, 0, len(text))
    if plain:
        expect(not reading.defects, "a plain list has no defect", reading.defects)
        expect(all(box.tier is Tier.PLAIN and not box.mentioned for box in reading.mailboxes), "a plain list is plain")
        expect(_plainest(reading.mailboxes) == _plainest(long.mailboxes, 3), "short and long way", reading, long)
    known = {box.address.key for box in reading.mailboxes}
    for clear in _CLEAR.finditer(text):
        expect(clear[0] in known, "a clear address is found", clear[0], reading)
    shifted = lex("\x00" * 7 + text + "\x00" * 5, 7, 7 + len(text))
    expect([_moved(box, -7) for box in shifted.mailboxes] == reading.mailboxes, "the same anywhere in a text")
    _strings(octets, reading.mailboxes)


# Words that every reader takes for an address, wherever they stand.
_CLEAR = re.compile(r"(?:\A|(?<=[ \t\r\n,;<>]))[a-z0-9]++@[a-z0-9]++(?:\.[a-z0-9]++)++(?=[ \t\r\n,;<>]|\Z)")


def _plainest(boxes: Iterable[Mailbox], shift: int = 0) -> list[tuple[str, int, int]]:
    return [(str(b.address), b.start - shift, b.end - shift) for b in boxes if b.tier is Tier.PLAIN]


def _moved(box: Mailbox, by: int) -> Mailbox:
    return box._replace(start=box.start + by, end=box.end + by)


def _mailboxes_lie_inside(text: str, boxes: Iterable[Mailbox]) -> None:
    last = 0
    for box in boxes:
        expect(0 <= box.start < box.end <= len(text), "a span lies inside", box)
        if box.tier is Tier.PLAIN:
            expect(_holds_letters(text[box.start : box.end], box.address.local_part), "a plain span holds it", box)
            expect(box.start >= last, "plain spans stand in order", box)
            last = box.end


def _holds_letters(source: str, local_part: str) -> bool:
    """Whether the ASCII letters of a local part occur in the source in this order."""
    remaining = iter(source)
    return all(char in remaining for char in local_part if char.isascii() and char.isalpha())


def _strings(octets: bytes, boxes: list[Mailbox]) -> None:
    """What is made of an address can be written, compared and read again."""
    for box in boxes[:8]:
        found = box.address
        expect(bool(found.registrable_domain) or not found.domain, "a registrable domain is never empty", found)
        expect(isinstance(found.unicode, str) and isinstance(found.key, str), "strings", found)
        if box.tier is Tier.PLAIN:
            again = parse(str(found))
            expect(again is not None and again.key == found.key, "written and read again", found, again)
    for box in boxes[:2]:
        expect(box.address.refusal is None or isinstance(box.address.refusal, str), "refusal")
    parse(octets.decode("utf-8", "surrogateescape"))


# ---- message

_LISTS = frozenset(name for name, entry in CATALOGUE.items() if entry.grammar in ("address-list", "path"))


def message(octets: bytes) -> None:
    """A message: every view of it, and that line ends and buffers make no difference."""
    found = Message.from_bytes(octets)
    size = len(found.header.text)
    for sighting in found.sightings:
        expect(sighting.span is not None, "a copy with octets has spans", sighting)
        start, end = sighting.span or (0, 0)
        expect(0 <= start < end <= size, "a span lies inside", sighting)
        if sighting.tier is Tier.PLAIN and sighting.field in _LISTS:  # elsewhere it may be packed in any way
            source = found.header.text[start:end]
            expect(_holds_letters(source, sighting.address.local_part), "a plain span holds it", sighting)
    _defects_lie_inside(found.defects, size)
    _views(found)
    expect(_who(Message.from_bytes(memoryview(octets))) == _who(found), "any kind of buffer")
    _line_ends(octets[:size])
    limited = Message.from_bytes(octets, limit=48)
    if not any(defect.name is DefectName.BARE_CR for defect in found.header.defects):
        lost = _who(found) - _who(limited)
        expect(all(role == "mentioned" for _, role, _ in lost), "a limit hides nothing but what is mentioned", lost)
    parsed = Message.from_email(BytesHeaderParser(policy=policy.compat32).parsebytes(octets))
    expect(all(s.span is None for s in parsed.sightings), "a parsed copy has no spans")
    _views(parsed)
    _views(Message.from_bytes(octets, envelope(octets), stage="delivered", account="shop"))


def _views(found: Message) -> None:
    named = {str(recipient.address) for recipient in found.recipients}
    expect(set(found.hidden) <= named, "who is hidden is a recipient")
    expect(bool(found.levels) and all(level.key for level in found.levels), "at least one level")
    strings = (found.subject, found.author, found.stream or "", repr(found), *found.correlation)
    expect(all(isinstance(s, str) for s in strings), "strings")
    expect(found.date is None or found.date.tzinfo is not None, "a date is aware")
    for recipient in found.recipients:
        expect(bool(recipient.roles) and recipient.tier in Tier, "a recipient has a role")


def _who(found: Message) -> Counter[tuple[str, str, str]]:
    return Counter((str(s.address), str(s.role), str(s.tier)) for s in found.sightings)


def _line_ends(block: bytes) -> None:
    lf = block.replace(b"\r\n", b"\n")
    if b"\r" not in lf:
        first, second = _who(Message.from_bytes(lf)), _who(Message.from_bytes(lf.replace(b"\n", b"\r\n")))
        expect(first == second, "LF and CRLF give the same", first - second, second - first)


def envelope(octets: bytes) -> Envelope:
    """An envelope out of what follows the header: the first line is the reverse-path, others are recipients."""
    lines = octets[header_length(octets) :].decode("latin-1").split("\n")[1:9]
    return Envelope(lines[0] if lines else None, tuple(lines[1:]), complete=len(lines) % 2 == 0)


# ---- check


@cache
def _learned() -> Baseline:
    """Two streams with closed roles, so that the rules that judge by history run."""
    routine = b"From: Shop <shop@shop.example>\nTo: jane@client.example\nReply-To: help@shop.example\n"
    template = routine + b"X-Template-Id: receipt\nBcc: audit@shop.example\nReturn-Path: <b@esp.example>\n"
    subject = routine + b"Subject: Your order 1234\nDate: Fri, 7 Jun 2024 10:00:00 +0000\n"
    guard = Guard()
    return guard.learn([template, subject] * 30)


@cache
def _guard(learned: bool) -> Guard:
    """Checking learns nothing, so one guard of a kind does."""
    return Guard(baseline=_learned()) if learned else Guard()


def check(octets: bytes) -> None:
    """A check: no rule fails, evidence points into the message, and every format writes the report.

    A message is looked at in one way more than the usual one, told by its octets; see `WAYS`.
    """
    turn = crc32(octets)
    _judged(_guard(True).check(octets, envelope(octets)), octets)
    WAYS[turn % len(WAYS)](octets, turn)


def _first(octets: bytes, turn: int) -> None:
    """With nothing known."""
    report = _guard(False).check(octets)
    _judged(report, octets)
    _written(report, turn)


def _declared(octets: bytes, turn: int) -> None:
    """With what the application asked for."""
    report = _guard(True).check(
        octets, stage="submitted", recipients=["jane@client.example", "shop.example"], blind=[], missing=True
    )
    _judged(report, octets)
    _written(report, turn)


def _parsed(octets: bytes, turn: int) -> None:
    """As a message object of the standard library."""
    report = _guard(True).check(BytesHeaderParser(policy=policy.compat32).parsebytes(octets))
    _judged(report, None)
    _written(report, turn)


def _observed(octets: bytes, turn: int) -> None:
    """Learned as well."""
    guard = Guard(baseline=Baseline())
    for _ in range(2):
        expect(not guard.observe(octets, envelope(octets)).failures, "a rule fails while observing")
    expect(guard.baseline.merge(Baseline()) == guard.baseline, "merging nothing changes nothing")
    _written(guard.check(octets), turn)


WAYS: tuple[Callable[[bytes, int], None], ...] = (_first, _declared, _parsed, _observed)
"""The ways in which `check` looks at a message."""


def _judged(report: Report, octets: bytes | None) -> None:
    expect(not report.failures, "a rule fails", report.failures)
    expect(report.worst is None or report.worst in Severity, "a severity")
    for finding in report.findings:
        expect(bool(finding.evidence) and bool(finding.subject), "a finding has evidence and a subject", finding)
        for evidence in finding.evidence:
            expect(octets is not None or evidence.span is None, "no span without octets", evidence)
            if evidence.span is not None and octets is not None:
                start, end = evidence.span
                expect(0 <= start <= end <= len(octets), "evidence lies inside", evidence)
                source = octets[start:end].decode("utf-8", "replace")
                expect(evidence.text == source, "evidence is the source", evidence, source)


_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def _written(report: Report, turn: int) -> None:
    """Text and JSON always; one more format and a redaction by turns."""
    for name in {"text", "json", FORMATS[turn % len(FORMATS)]}:
        for redact in ("none", "local") if turn % 3 else ("none",):
            written = render(report, name, redact=redact)
            expect(_CONTROL.search(written) is None, "no control character is written", name, written)
            if name == "json":
                expect(all(isinstance(json.loads(line), dict) for line in written.splitlines()), "JSON Lines")
            elif name == "sarif":
                json.loads(written)
            elif name == "junit":
                ElementTree.fromstring(written)


# ---- source


class _Trickle:
    """A file that gives few octets at a time, and no more than once."""

    def __init__(self, octets: bytes, most: int) -> None:
        self.file, self.most = BytesIO(octets), most

    def read(self, size: int) -> bytes:
        """At most as many as were asked for, and as it gives at a time."""
        return self.file.read(min(size, self.most))


def source(octets: bytes) -> None:
    """A copy of any kind: nothing raises, errors are single lines, and a slow file gives what a fast one gives."""
    turn = crc32(octets)
    kind = (None, *_FILES)[turn % (1 + len(_FILES))]
    at_once, problems = _read(octets, kind)
    slowly, others = _read(_Trickle(octets, 1 + turn % 97), kind)
    expect(at_once == slowly, "a slow file gives the same messages", kind, at_once, slowly)
    expect(problems == others, "a slow file has the same problems", kind, problems, others)
    expect(bool(at_once or problems), "nothing is read in silence", kind)


_FILES = tuple(kind for kind, found in KINDS.items() if found.reader is not None)


def _read(octets: bytes | _Trickle, kind: str | None) -> tuple[list[object], list[str]]:
    errors: list[SourceError] = []
    found: list[object] = []
    for message in read(octets, kind, on_error=errors.append):
        _views(message)
        expect(not _guard(True).check(message).failures, "a rule fails", kind)
        found.append((message.origin, message.stage, _who(message), message.hidden, message.correlation))
    problems = [problem for error in errors for problem in error.errors]
    for problem in problems:
        expect(problem.isprintable() and len(problem) < 1000, "a problem is a line", problem)
    return found, problems


TARGETS: dict[str, Callable[[bytes], None]] = {
    "header": header,
    "address": address,
    "message": message,
    "check": check,
    "source": source,
}
"""Every target by name."""
