"""Headers that get longer in one respect only, each made to hurt: what a lexer loops over, repeats or backtracks in.

A shape makes a message of n units. `largest` is the n that is worth looking at: units of some octets go to 100,000,
single octets to a million. Fields stay below the limit from which a header is not kept whole, or are all beyond it, as
one more field costs another sum there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from headerguard import Envelope

__all__ = ["ROUTINE", "SHAPES", "Scene", "Shape"]


class Scene(NamedTuple):
    """A message and how it is checked."""

    octets: bytes
    envelope: Envelope | None = None
    declared: Mapping[str, Any] = MappingProxyType({})

    @property
    def size(self) -> int:
        """Octets of the message, its envelope and what was declared."""
        extra = (*(self.envelope.rcpt_to if self.envelope else ()), *self.declared.get("recipients", ()))
        return len(self.octets) + sum(map(len, extra))


class Shape(NamedTuple):
    """One way in which a message can grow."""

    name: str
    make: Callable[[int], Scene]
    largest: int


_HEAD = b"From: Shop <shop@shop.example>\r\nReply-To: help@shop.example\r\nSubject: Your receipt\r\n"
ROUTINE = b"Return-Path: <b@esp.example>\r\n" + _HEAD + b"To: jane@client.example\r\nBcc: audit@shop.example\r\n\r\n"
"""What the learned baseline has seen many times: all of its roles are closed."""

_UNITS, _OCTETS, _FIELDS = 100_000, 1_000_000, 12_000
_PADDING = b"X-Padding: " + b"x" * (1 << 20) + b"\r\n"


def _repeated(field: bytes, unit: bytes, before: bytes = b"", after: bytes = b"") -> Callable[[int], Scene]:
    """One field whose value repeats a unit."""
    return lambda n: Scene(_HEAD + field + b": " + before + unit * n + after + b"\r\n\r\n")


def _numbered(field: bytes, unit: str, before: bytes = b"", after: bytes = b"") -> Callable[[int], Scene]:
    """One field whose value repeats a unit with the number of the unit in it."""
    return lambda n: Scene(_HEAD + field + b": " + before + _count(unit, n) + after + b"\r\n\r\n")


def _fields(line: str, before: bytes = b"") -> Callable[[int], Scene]:
    """Many fields, each with its number in it."""
    return lambda n: Scene(before + _HEAD + _count(line + "\r\n", n) + b"\r\n")


def _count(unit: str, n: int) -> bytes:
    return "".join([unit.format(i) for i in range(n)]).encode("utf-8", "surrogateescape")


def _enveloped(unit: str, complete: bool) -> Callable[[int], Scene]:
    """Many recipients in the envelope alone."""
    return lambda n: Scene(
        _HEAD + b"To: jane@client.example\r\n\r\n",
        Envelope("b@esp.example", tuple(unit.format(i) for i in range(n)), complete=complete),
    )


def _declared(n: int) -> Scene:
    """Many declared recipients that are absent, and as many that nobody declared."""
    there = _numbered(b"To", "a{}@client.example,\r\n ")(n).octets
    return Scene(there, None, {"recipients": [f"b{i}@client.example" for i in range(n)], "missing": True})


def _lists() -> Iterator[tuple[str, Callable[[int], Scene]]]:
    """Address lists of n members that somebody might really send."""
    yield "bare addresses", _numbered(b"To", "user{0}@client.example,\r\n ")
    yield "one domain each", _numbered(b"To", "user@client{0}.example,\r\n ")
    yield "display names", _numbered(b"To", "User {0} <user{0}@client.example>,\r\n ")
    yield "quoted names", _numbered(b"To", '"User, {0}" <user{0}@client.example>,\r\n ')
    yield "encoded names", _numbered(b"To", "=?utf-8?q?User_=C3=B6_{0}?= <user{0}@client.example>,\r\n ")
    yield "8-bit names", _numbered(b"To", "Üser {0} <user{0}@client.example>,\r\n ")
    yield "8-bit domains", _numbered(b"To", "user{0}@clïent{0}.example,\r\n ")
    yield "comments", _numbered(b"To", "user{0}@client.example (User {0}),\r\n ")
    yield (
        "all of them after an odd one",
        _numbered(b"To", "User {0} <user{0}@client.example>,\r\n ", b"(c) a@b.example, "),
    )
    yield "bare addresses after an odd one", _numbered(b"To", "user{0}@client.example,\r\n ", b"(c) a@b.example, ")
    yield "quoted local parts", _numbered(b"To", '"user {0}"@client.example,\r\n ')
    yield "literals", _numbered(b"To", "user{0}@[192.0.2.1],\r\n ")
    yield "semicolons", _numbered(b"To", "user{0}@client.example;\r\n ")
    yield "groups", _numbered(b"To", "team {0}: user{0}@client.example;\r\n ")
    yield "group in group", _repeated(b"To", b"a:")
    yield "no commas", _numbered(b"To", "<user{0}@client.example>\r\n ")
    yield "no commas, bare", _numbered(b"To", "user{0}@client.example\r\n ")
    yield "Bcc", _numbered(b"Bcc", "user{0}@client.example,\r\n ")
    yield "Bcc, one domain each", _numbered(b"Bcc", "user@client{0}.example,\r\n ")
    yield "Bcc, one domain each, odd", _numbered(b"Bcc", "(c) user@client{0}.example,\r\n ")
    yield "Reply-To, one domain each", _numbered(b"Reply-To", "user@client{0}.example,\r\n ")
    yield "From", _numbered(b"From", "user{0}@client.example,\r\n ")
    yield "envelope", _enveloped("user{0}@client.example", complete=False)
    yield "envelope, complete, one domain each", _enveloped("User <user@client{0}.example>", complete=True)
    yield "declared recipients", _declared


def _addresses() -> Iterator[tuple[str, Callable[[int], Scene]]]:
    """Address lists that nobody would send."""
    yield "a@a@a@", _repeated(b"To", b"a@", b"", b"a.example")
    yield "a@b@c, a@b@c", _repeated(b"To", b"a@b@c.example, ")
    yield "row of @", _repeated(b"To", b"@", b"a", b"b.example")
    yield "a@@b", _repeated(b"To", b"a@@b ")
    yield "escaped @", _repeated(b"To", b"a\\@", b"", b"b.example")
    yield "escaped and plain @", _repeated(b"To", b"a\\@b@")
    yield "escaped @ after comments", _repeated(b"To", b"(c)\\@")
    yield "escapes", _repeated(b"To", b"\\a", b"", b"@b.example")
    yield "route", _repeated(b"To", b"@a.example,", b"<", b":a@b.example>")
    yield "routes", _repeated(b"To", b"<@a.example,@b.example:a@b.example>,")
    yield "open routes", _repeated(b"To", b"<@a.example,")
    yield "route without end", _repeated(b"To", b"@a,", b"<")
    yield "mailto", _repeated(b"To", b"<mailto:a@b.example>,")
    yield "colons in brackets", _repeated(b"To", b"<a:")
    yield "open brackets", _repeated(b"To", b"<", b"", b"a@b.example")
    yield "closed brackets", _repeated(b"To", b">", b"a@b.example")
    yield "empty brackets", _repeated(b"To", b"<>", b"", b"a@b.example")
    yield "brackets after a long name", lambda n: _repeated(b"To", b"<a@b.example>", b"x " * n)(n)
    yield "brackets after many quotes", lambda n: _repeated(b"To", b"<a@b.example>", b'"x" ' * n)(n)
    yield "brackets after many encoded-words", lambda n: _repeated(b"To", b"<a@b.example>", b"=?utf-8?q?x?= " * n)(n)
    yield "words before a bracket", _repeated(b"To", b"word ", b"", b"<a@b.example>")
    yield "words after a bracket", _repeated(b"To", b"word ", b"<a@b.example> ")
    yield "words around @", _repeated(b"To", b"a @ b ")
    yield "words inside brackets", _repeated(b"To", b"a ", b"<", b"@b.example>")
    yield "square brackets", _repeated(b"To", b"[", b"a@", b"b.example")
    yield "literals left open", _repeated(b"To", b"a@[")
    yield "strays before @", _repeated(b"To", b"[", b"", b"@b.example")
    yield "strays and @", _repeated(b"To", b"]@b ")
    yield "open parentheses", _repeated(b"To", b"(", b"", b"a@b.example")
    yield "nested comment", lambda n: _repeated(b"To", b"(", b"", b")" * n + b"a@b.example")(n)
    yield "closed parentheses", _repeated(b"To", b")", b"a@b.example")
    yield "comments in a local part", _repeated(b"To", b"a(c).", b"", b"a@b.example")
    yield "comments in a domain", _repeated(b"To", b"b(c).", b"a@", b"example")
    yield "comments and words", _repeated(b"To", b"(c)a ", b"", b"@b.example")
    yield "addresses in comments", _numbered(b"To", "(a{0}@b.example)", b"", b"a@b.example")
    yield "addresses in one comment", _numbered(b"To", "a{0}@b.example ", b"(", b") a@b.example")
    yield "quotes", _repeated(b"To", b'""', b"", b"a@b.example")
    yield "quotes, odd number", _repeated(b"To", b'""', b'"', b"a@b.example")
    yield "quotes and words", _repeated(b"To", b'"a" b ', b"", b"<a@b.example>")
    yield "escaped quotes in quotes", _repeated(b"To", b'\\"', b'"', b'a@b.example" <a@b.example>')
    yield "escaped quotes left open", _repeated(b"To", b'\\"', b'"', b"<a@b.example>")
    yield "escaped quotes left open with @", _repeated(b"To", b'\\"', b'"', b"a@b.example")
    yield "escaped quotes in a comment", _repeated(b"To", b'\\"', b"(", b"a@b.example) <a@b.example>")
    yield "escaped quotes", _repeated(b"To", b'\\"', b"", b" <a@b.example>")
    yield "backslashes", _repeated(b"To", b"\\", b"", b" a@b.example")
    yield "backslashes in quotes", _repeated(b"To", b"\\", b'"', b'@" a@b.example')
    yield "quoted words in a local part", _repeated(b"To", b'"a".', b"", b"a@b.example")
    yield "dots", _repeated(b"To", b".", b"a", b"@b.example")
    yield "dots with blanks", _repeated(b"To", b"a . ", b"", b"a@b.example")
    yield "dots with blanks in a domain", _repeated(b"To", b"b . ", b"a@", b"example")
    yield "labels", _repeated(b"To", b"b.", b"a@", b"example")
    yield "pipes", _repeated(b"To", b"a|", b"", b"a@b.example")
    yield "percent signs", _repeated(b"To", b"a%", b"", b"a@b.example")
    yield "apostrophes", _repeated(b"To", b"'a@b.example' ")
    yield "commas", _repeated(b"To", b",", b"", b"a@b.example")
    yield "bare words", _repeated(b"To", b"word, ")
    yield "domains that are cut", _repeated(b"To", b"a@b!c ")
    yield "blanks", _repeated(b"To", b" ", b"", b"a@b.example")
    yield "blanks between", _repeated(b"To", b" ", b"a@b.example", b"b@c.example")
    yield "folded blanks", _repeated(b"To", b"\r\n ", b"", b"a@b.example")
    yield "NULs", _repeated(b"To", b"\0", b"", b"a@b.example")
    yield "NULs in a local part", _repeated(b"To", b"a\0", b"", b"a@b.example")
    yield "controls in a domain", _repeated(b"To", b"b\1", b"a@", b"b.example")
    yield "DELs", _repeated(b"To", b"\x7f", b"a@b.example")
    yield "undecodable octets", _repeated(b"To", b"\xff", b"", b"a@b.example")
    yield "undecodable domain", _repeated(b"To", b"\xff", b"a@", b".example")
    yield "undecodable domains", lambda n: Scene(_HEAD + b"To: " + b"".join(b"a@\xff%d.x," % i for i in range(n)))
    yield "long 8-bit domains", _long_domains
    yield "one word", _repeated(b"To", b"x")
    yield "long local part", _repeated(b"To", b"x", b"", b"@b.example")
    yield "long domain", _repeated(b"To", b"x", b"a@", b".example")
    yield "long quoted local part", _repeated(b"To", b"x ", b'"', b'"@b.example')
    yield "long name", _repeated(b"To", b"x ", b'"', b'" <a@b.example>')
    yield "Return-Path with blanks", lambda n: Scene(b"Return-Path: " + b" " * n + b"<a@b.example>\r\n" + _HEAD)
    yield "Errors-To with folded blanks", lambda n: Scene(_HEAD + b"Errors-To: " + b"\r\n " * n + b"x\r\n")
    yield "mentions in names", _numbered(b"To", '"a{0}@b.example" <user{0}@client.example>,\r\n ')
    yield "mentions in one name", _numbered(b"To", "a{0}@b.example ", b'"', b'" <user@client.example>')
    yield "same mention in names", _repeated(b"To", b'"a@b.example" <user@client.example>,\r\n ')


def _long_domains(n: int) -> Scene:
    """Domains of 300 different letters each, for the encoders of international names."""
    units = [f"a@{''.join(chr(0x4E00 + (i + k) % 20000) for k in range(300))}.example,\r\n " for i in range(n)]
    return Scene(_HEAD + b"To: " + "".join(units).encode() + b"\r\n")


_CHARSETS = ("utf-7", "utf-8", "utf-16", "iso-2022-jp", "iso-2022-kr", "hz-gb-2312", "gb18030", "big5", "euc-jp")


def _words() -> Iterator[tuple[str, Callable[[int], Scene]]]:
    """Encoded-words."""
    for field in (b"To", b"Subject"):
        where = field.decode()
        yield f"encoded-words in {where}", _repeated(field, b"=?utf-8?q?a?= ", b"", b"<a@b.example>")
        yield f"encoded-words left open in {where}", _repeated(field, b"=?utf-8?q?a", b"", b" <a@b.example>")
        yield f"=? in {where}", _repeated(field, b"=?", b"", b" <a@b.example>")
        yield f"?= with blanks in {where}", _repeated(field, b"?=  ", b"=?utf-8?q?a", b" <a@b.example>")
        yield f"long encoded-word in {where}", _repeated(field, b"=41", b"=?utf-8?q?", b"?= <a@b.example>")
    yield "blanks between encoded-words", _repeated(b"Subject", b" ", b"=?utf-8?q?a?=", b"=?utf-8?q?a?=")
    for charset in _CHARSETS:
        word = f"=?{charset}?q?".encode()
        yield f"long word in {charset}, broken", _repeated(b"To", b"=FF=1B~+", word, b"?= <a@b.example>")
    yield "base64", _repeated(b"To", b"YUBi", b"=?utf-8?b?", b"?= <a@b.example>")
    yield "encoded addresses", _repeated(b"To", b"=?utf-8?q?a=40b.example?=, ")
    yield "encoded addresses in one word", _repeated(b"To", b"a=40b.example=2C", b"=?utf-8?q?", b"?=")
    yield "encoded mentions", _repeated(b"To", b"=?utf-8?q?a=40b.example?= <user@client.example>, ")
    yield "encoded quotes", _repeated(b"To", b"=5C=22", b"=?utf-8?q?=22", b"a=40b.example=22?= <c@d.example>")
    yield "encoded line ends", _repeated(b"Subject", b"=0D=0ABcc=3A_a=40b.example", b"=?utf-8?q?", b"?=")


def _many_fields() -> Iterator[tuple[str, Callable[[int], Scene]]]:
    """Headers of n fields."""
    yield "short fields", lambda n: Scene(b"A: b\r\n" * n + _HEAD)
    yield "short To fields", lambda n: Scene(b"To: a@b\r\n" * n + _HEAD)
    yield "other fields", _fields("X-Other-{0}: some value of no interest")
    yield "same other field", _fields("X-Other: some value of no interest")
    yield "folded lines", _repeated(b"X-Other", b"\r\n some value")
    yield "To fields", _fields("To: user{0}@client.example")
    yield "Bcc fields", _fields("Bcc: user@client{0}.example")
    yield "Bcc fields, odd", _fields("Bcc: (c) user@client{0}.example")
    yield "Bcc fields with a blank before the colon", _fields("Bcc : user@client{0}.example")
    yield "From fields", _fields("From: user{0}@client.example")
    yield "Resent-To fields", _fields("Resent-To: user{0}@client.example")
    yield "control fields", _fields("X-MC-BccAddress: user@client{0}.example")
    yield "Return-Path fields", _fields("Return-Path: <user@client{0}.example>")
    yield "receipt fields", _fields("Disposition-Notification-To: user@client{0}.example")
    yield "Received fields", _fields("Received: from a by b with ESMTP id {0} for <user{0}@client.example>; date")
    yield "X-Original-To fields", _fields("X-Original-To: user{0}@client.example")
    yield "Subject fields", _fields("Subject: number {0}")
    yield "Subject fields with words", _fields("Subject: =?utf-8?q?number_{0}?=")
    yield "List-Id fields", _fields("List-Id: number {0} <list.example>")
    yield "template fields", _fields("X-Template-Id: number {0}")
    yield "lines without colon", _fields("no colon in line {0}")
    yield "lines without name", _fields(": user{0}@client.example")
    yield "damaged names", _fields("X Y Bcc: user@client{0}.example")
    yield "mbox lines", _fields(">From user{0}@client.example")
    yield "byte order marks", lambda n: Scene(_HEAD + b"\xef\xbb\xbfBcc: a@b.example\r\n" * n)
    yield "NULs in fields", _fields("To: user{0}\0@client.example")
    yield "undecodable fields", lambda n: Scene(_HEAD + b"To: \xff@b.example\r\n" * n)
    yield "bare CR in fields", _fields("To: user{0}@client.example\rBcc: copy@client{0}.example")
    yield "injected lines", _fields("Subject: a\r\n Bcc: user{0}@client.example")
    yield "message ids", _fields("Message-ID: <{0}@client.example>")


def _fields_past_the_limit() -> Iterator[tuple[str, Callable[[int], Scene]]]:
    """Headers that are not kept whole, but for the fields of the catalogue."""
    yield "other fields past the limit", _fields("X-Other-{0}: some value of no interest", _PADDING)
    yield "To fields past the limit", _fields("To: user{0}@client.example", _PADDING)
    yield "Bcc fields past the limit", _fields("Bcc: user@client{0}.example", _PADDING)
    yield (
        "Received fields past the limit",
        _fields("Received: from a by b for <user{0}@client.example>; date", _PADDING),
    )
    yield "damaged names past the limit", _fields("X Y Bcc: user@client{0}.example", _PADDING)
    yield "bare CR past the limit", _fields("To: user{0}@client.example\rBcc: copy@client{0}.example", _PADDING)


def _octets() -> Iterator[tuple[str, Callable[[int], Scene]]]:
    """Long values outside of address lists, and octets that end lines or do not."""
    yield "bare CRs", _repeated(b"Subject", b"\r", b"", b"x")
    yield "fields behind bare CRs", _numbered(b"Subject", "\rBcc: user@client{0}.example")
    yield "names behind bare CRs", _repeated(b"Subject", b"\rx")
    yield "long name behind a bare CR", _repeated(b"Subject", b"x", b"\r")
    yield "blanks behind a bare CR", _repeated(b"Subject", b" ", b"\r", b"x")
    yield "blanks behind a name behind a bare CR", _repeated(b"Subject", b" ", b"\rBcc", b"x")
    yield "bare CRs in To", _repeated(b"To", b"\ra@b.example,")
    yield "bare CRs in a word in To", _repeated(b"To", b"a\r", b"", b"@b.example")
    yield "injection without @", _repeated(b"Subject", b"x", b"a\r\n Bcc: ")
    yield "injections without @", _repeated(b"Subject", b"\r\n Bcc: x")
    yield "injection after blanks", _repeated(b"Subject", b" ", b"a\r\n ", b"Bcc")
    yield "injection with blanks before the colon", _repeated(b"Subject", b" ", b"a\r\n Bcc", b"x")
    yield "blank lines in Subject", _repeated(b"Subject", b"\r\n ", b"a", b"a")
    yield "subject of @", _repeated(b"Subject", b"a@")
    yield "subject of words", _repeated(b"Subject", b"word ")
    yield "subject of digits", _repeated(b"Subject", b"1")
    yield "subject of quotes", _repeated(b"Subject", b'"')
    yield "undecodable subject", _repeated(b"Subject", b"\xff")
    yield "long name of a field", lambda n: Scene(_HEAD + b"X" * n + b": a\r\n")
    yield "long damaged name", lambda n: Scene(_HEAD + b"X " * n + b"Bcc: a@b.example\r\n")
    yield "blanks before the colon", lambda n: Scene(_HEAD + b"Bcc" + b" " * n + b": a@b.example\r\n")
    yield "colons", lambda n: Scene(_HEAD + b":" * n + b"\r\n")
    yield "empty lines first", lambda n: Scene(b"\r\n" * n + _HEAD)
    yield "empty lines first, LF", lambda n: Scene(b"\n" * n + _HEAD)
    yield "CRs first", lambda n: Scene(b"\r" * n + _HEAD)
    yield "LF and CR by turns", lambda n: Scene(_HEAD + b"X: a\n\r " * n)
    yield "no line end", lambda n: Scene(b"x" * n)
    yield "blank lines only", lambda n: Scene(b" \r\n" * n)
    yield "Received with for", _repeated(b"Received", b" for x", b"a")
    yield "Received with open brackets", _repeated(b"Received", b" for <a", b"a")
    yield "Received with blanks", _repeated(b"Received", b" ", b"a for", b"<a@b.example>")
    yield "List-Id of brackets", _repeated(b"List-Id", b"<")
    yield "template of blanks", _repeated(b"X-Template-Id", b" ", b"a", b"a")
    yield "folded template", _repeated(b"X-Template-Id", b"\r\n ", b"a", b"a")
    yield "tags", _repeated(b"X-MC-Tags", b"a,")
    yield "date of digits", _repeated(b"Date", b"1")
    yield "date of parentheses", _repeated(b"Date", b"(")
    yield "date of words", _repeated(b"Date", b"Fri, 7 ")


_PACKED: tuple[tuple[bytes, tuple[bytes, ...]], ...] = (
    (b"X-SMTPAPI", (b"{", b"[", b'{"to":', b'{"to":1,"to":', b'"a@b.example",', b"\\u0040", b"a@", b"=?", b"%40")),
    (b"X-Mailgun-Recipient-Variables", (b'{"a@b.example":',)),
    (b"X-PM-RCPT", (b"|", b"YUBi", b"=", b"a@")),
    (b"X-MSFBL", (b"|", b"W1tb")),
    (b"Return-Path", (b"=", b"-a=b", b"SRS0=a=b=c=", b"prvs=1234=")),
    (b"DKIM-Signature", (b";", b"i=", b"i=a@b.example;", b"z=a=40b|", b"=40", b"d=b.example;")),
    (b"Authentication-Results", (b"a=", b'smtp.auth="', b"smtp.rcptto=a@b.example ", b"a")),
    (
        b"List-Unsubscribe",
        (b"<mailto:", b"<a:", b"<mailto:a@b.example>,", b"mailto:", b"http://", b"&bcc=a@b.example", b"<"),
    ),
    (b"Feedback-ID", (b":",)),
    (b"X-SES-SOURCE-ARN", (b"arn:", b"/")),
    (b"X-MC-TrackingDomain", (b"b.", b"b.example,", b"http://")),
    (b"Message-ID", (b"@", b"@b.example>")),
    (b"X-Made-Up", (b"@", b"a@", b"a@b.example ", b"a=", b"%40", b'"@', b"\xc3\xbc@")),
)
"""Fields that pack something, and units that hurt their grammar."""


def _packed() -> Iterator[tuple[str, Callable[[int], Scene]]]:
    """Values of fields that pack an address: as they are, and behind a beginning that a grammar goes into."""
    for field, units in _PACKED:
        for unit in units:
            yield f"{field.decode()} of {unit.decode()}", _repeated(field, unit, b"", b" a@b.example")
    yield "SendGrid path of =", _repeated(b"Return-Path", b"=", b"<bounces+1-a-", b"@b.example>")
    yield "forwarded path of =", _repeated(b"Return-Path", b"=", b"<SRS0=a=b=c=", b"@b.example>")
    yield "recipients in a mailto", _repeated(b"List-Unsubscribe", b",a@b.example", b"<mailto:a@b.example?bcc=x", b">")
    yield "parameters of a mailto", _repeated(b"List-Unsubscribe", b"&cc=a@b.example", b"<mailto:a@b.example?", b">")
    yield "recipients of a batch", _numbered(b"X-SMTPAPI", '"user{0}@client.example",', b'{"to": [', b'""]}')
    yield "nested lists of a batch", lambda n: _repeated(b"X-SMTPAPI", b"[", b"", b'"a@b.example"' + b"]" * n)(n)
    yield "fields that nobody knows", _fields("X-Other-{0}: user{0}@client.example")


_LARGEST = {"short fields": _UNITS, "short To fields": _UNITS}
"""What is short enough to go further than its neighbours."""


def _all() -> Iterator[Shape]:
    for makers, largest in (
        (_lists, _UNITS),
        (_many_fields, _FIELDS),
        (_fields_past_the_limit, _UNITS),
        (_addresses, _OCTETS),
        (_words, _UNITS),
        (_octets, _OCTETS),
        (_packed, _UNITS),
    ):
        for name, make in makers():
            yield Shape(name, make, _LARGEST.get(name, largest))


SHAPES: tuple[Shape, ...] = tuple(_all())
"""Every shape."""
