"""The paths of an envelope in a field (RFC 5321 section 4.1.2), and what a reverse-path encodes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from headerguard.address_list import Reading, lex
from headerguard.grammar.name import Name, account_of
from headerguard.role import Role

__all__ = ["lasting_path", "read_path", "return_path"]

_NULL_PATH = re.compile(r"[ \t\r\n]*+<?[ \t\r\n]*+>?[ \t\r\n]*+")


def read_path(text: str, start: int, end: int) -> Reading:
    """A path (RFC 5321 section 4.1.2); the null path "<>" holds nothing and is nothing odd."""
    if _NULL_PATH.fullmatch(text, start, end):
        return Reading([], [])
    return lex(text, start, end)


# ---- what it encodes

_RECIPIENT = r"(?P<local>[^@]{1,255})=(?P<domain>[^=@]{1,255})"
_MANDRILL_PATH = re.compile(r"bounce-md_(?P<account>\d{1,20})\.[0-9a-f]{8}\.v1-[0-9a-f]{32}@", re.IGNORECASE)
_SENDGRID_PATH = re.compile(rf"bounces\+(?P<account>\d{{1,20}})-[0-9a-f]{{1,40}}-{_RECIPIENT}@", re.IGNORECASE)
_MAILCHIMP_PATH = re.compile(
    rf"bounce-mc\.\w{{1,10}}_(?P<account>\d{{1,20}})\.[^-@]{{1,64}}-(?:{_RECIPIENT})?@", re.IGNORECASE
)
_VERP = re.compile(r"(?P<head>[^@]{1,256})=(?P<domain>[\w.-]{1,255}\.(?=[\w-]{0,62}[^\W\d_])[\w-]{2,63})@")
_MARKER = frozenset(("b", "bnc", "bounce", "bounces", "errors", "owner", "request", "return", "returns", "verp"))
"""Words behind which a return path encodes a recipient (ezmlm, Mailman, mlmmj, qmail, Majordomo)."""
_STAMP = re.compile(r"(?=[^\W_]*\d)[0-9a-f.]+|[0-9a-f]{8,}", re.IGNORECASE)
"""A number, or an id in hexadecimal digits, such as stands before a recipient; one in 2,500 of eight has no number."""
_STAMPED = r"[^=@]{1,64}=[^=@]{1,16}=(?P<domain>[^=@]{1,255})=(?P<local>[^@]{1,255})@"
_SRS = re.compile(rf"SRS(?:0[-+=]|1[-+=][^=@]{{1,64}}=[^=@]{{1,255}}=[-+=]?){_STAMPED}", re.IGNORECASE)
_BATV = re.compile(
    r"prvs=(?:[0-9a-z]{4,20}=(?P<local>[^@]{1,255})|(?P<old>[^@/]{1,255})/[0-9a-z]{4,20})@(?P<domain>[^>\s@]{1,255})",
    re.IGNORECASE,
)


def return_path(value: str) -> Iterator[Name]:
    """What a reverse-path encodes: the recipient (VERP), the author behind a forwarder (SRS) or a tag (BATV).

    SRS: the Sender Rewriting Scheme paper (Wong, 2004). BATV: draft-levine-smtp-batv. VERP: Bernstein, 1997; the forms
    of Mandrill, Mailchimp and SendGrid as seen in delivered mail. The local part may hold "=": the last one before what
    can be a domain separates. What is behind a forwarder or a tag may encode a recipient in turn.
    """
    path = value.strip().lstrip("<")
    while found := _SRS.match(path) or _BATV.match(path):
        local = found["local"] or found["old"]
        yield Name("address", f"{local}@{found['domain']}", Role.IDENTITY)
        path = f"{local}@{found['domain']}"
    for vendor, pattern in _PATHS:
        if found := pattern.match(path):
            named = found.groupdict()
            yield from account_of(vendor, named.get("account"))
            if named.get("local"):
                yield Name("address", f"{named['local']}@{named['domain']}", Role.ENVELOPE)
            return
    if found := _VERP.match(path):
        for local, role in _encoded(found["head"]):
            yield Name("address", f"{local}@{found['domain']}", role)


def lasting_path(path: str) -> str:
    """What of a reverse-path (or of an address for replies) is the same from one message to the next.

    The author behind a tag (BATV); an SRS path without the author that it hides; else without the recipient that it
    encodes, and numbers, hashes and other words that hold a digit, or are too long for a word, as "#". What is longer
    than a path can be (RFC 5321 section 4.5.3.1.3) stays as it is.
    """
    if len(path) > _LONGEST:
        return path
    local, at, domain = path.rpartition("@")
    while found := _BATV.fullmatch(path):
        local, domain = found["local"] or found["old"], found["domain"]
        path = f"{local}@{domain}"
    if _SRS.match(path):
        return f"srs#@{domain}"
    if "=" in local:
        for name in return_path(path):
            if name.role is Role.ENVELOPE:
                local = local.replace("=".join(name.value.rsplit("@", 1)), "#")
    return _SEVERAL.sub("#", _TOKEN.sub("#", local)) + at + domain


_LONGEST = 320
_TOKEN = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[^\W_]*\d[^\W_]*|[^\W_]{20,}", re.IGNORECASE)
"""A UUID, a word with a digit in it, a word that is none."""
_SEVERAL = re.compile(r"#(?:[^\w@]{0,3}_?#)+")

_PATHS = (("mandrill", _MANDRILL_PATH), ("sendgrid", _SENDGRID_PATH), ("mailchimp", _MAILCHIMP_PATH))


def _encoded(head: str) -> Iterator[tuple[str, Role]]:
    """The local part that a return path encodes before "=": all behind a plus, or behind a known word and its stamps.

    Without either it is what follows the last hyphen, or the whole; the other reading is mentioned.
    """
    before, plus, behind = head.partition("+")
    words = before.split("-")
    first = 1 if words[0].lower() == "owner" else 0  # owner-list: the name of the list follows
    marker = next((number for number, word in enumerate(words) if word.lower() in _MARKER and number >= first), None)
    start = len(words) if marker is None else marker + 1
    while start < len(words) and (_STAMP.fullmatch(words[start]) or words[start].lower() in _MARKER):
        start += 1
    stamped = marker is not None and (marker > 0 or start > 1)
    if start < len(words) and (stamped or not plus):  # list-return-17-jane+tag, but owner-list+jane
        yield "-".join(words[start:]) + plus + behind, Role.ENVELOPE
    elif plus:
        words = behind.split("-")
        first = 1 if len(words) > 2 and words[0].lower() in _MARKER and _STAMP.fullmatch(words[1]) else 0  # mlmmj
        start = next(
            (n for n, word in enumerate(words[:-1]) if n >= first and not _STAMP.fullmatch(word)), len(words) - 1
        )
        yield "-".join(words[start:]), Role.ENVELOPE
    else:
        yield words[-1], Role.ENVELOPE
        if len(words) > 1:
            yield head, Role.MENTIONED
