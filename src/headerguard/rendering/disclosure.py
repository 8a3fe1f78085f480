"""What of the mail may be written out, and in which characters: redaction and escaping.

Mail is written by others. What stands in an address, a subject or a name goes to a terminal, a build log or
a browser, so nothing that such a reader would act on is ever passed through: no escape sequence, no line end,
no bidirectional or invisible character, no command of a build system.
"""

from __future__ import annotations

import binascii
import re
import shlex
from dataclasses import dataclass

from headerguard.address import Address
from headerguard.address_list import lex
from headerguard.header import decode_words

__all__ = ["REDACTIONS", "Disclosure", "argument", "cut", "encodable", "visible"]

REDACTIONS = ("none", "local")
"""What `redact=` may be: everything in full, or only the first character of each local part."""

_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t", "\\": r"\\"}
# Printable by Unicode, and yet nothing to be seen: fillers, joiners, variation selectors, blank braille.
_unseen = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U0001d159\U000e0100-\U000e01ef]"
).search
# Commands that a build system obeys wherever they stand in a line of its log (GitHub and Azure, TeamCity).
_build_command = re.compile(r"##(?=\[|vso\[|teamcity\[)", re.IGNORECASE).sub


def visible(text: str) -> str:
    r"""Write text on one line with every character that is not plainly visible as an escape, \x1b or \u202e.

    A backslash is doubled, so that an escape can be told from text that looks like one.
    """
    if not text.isprintable() or "\\" in text or _unseen(text):
        text = "".join(map(_escaped, text))
    return _build_command(r"#\\x23", text)


def _escaped(char: str) -> str:
    if char in _SHORT:
        return _SHORT[char]
    if char.isprintable() and not _unseen(char):
        return char
    number = ord(char)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def argument(text: str) -> str:
    """Write text as one word of a shell command, exact where it is all visible, and safe to paste whatever it holds."""
    plain = text.isprintable() and not _unseen(text)
    return _build_command("#''#", shlex.quote(text if plain else visible(text)))


def encodable(text: str) -> str:
    """Text that UTF-8 can hold: a lone surrogate (an undecodable octet of a path) becomes an escape."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def cut(text: str, limit: int) -> str:
    """The first `limit` characters of a text, and how many were left off. To be used after redaction."""
    left_off = len(text) - limit
    return text if left_off <= 0 else f"{text[:limit]}[... {left_off:,} characters more]"


# A local part as it may stand before an "@" in any text. Linear in time: possessive, from the head of a word.
_ATOM = r"[^\x00-\x20\"(),:;<>@\[\\\]\x7f]"
_LOCAL_PART = re.compile(
    rf'(?:(?<!{_ATOM})({_ATOM}){_ATOM}*+|"(?:\\(.)|([^"\\]))?(?:[^"\\]|\\.){{0,200}}+")[ \t\r\n]*+@',
    re.DOTALL,
)
# The same before an "@" that is itself encoded: quoted-printable, URL, HTML, JSON, full width.
_PLAIN = r"[^\x00-\x20\"%&(),:;<=>@\[\\\]\x7f\uff20]"
_CODED = re.compile(rf"(?<!{_PLAIN})({_PLAIN}){_PLAIN}*+(=40|%40|&#64;|\\u0040|\uff20)")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{8,}+={0,2}+")
_WRITTEN_ADDRESS = re.compile(rb"[\t\r\n -~]*@[\t\r\n -~]*")


@dataclass(frozen=True, slots=True)
class Disclosure:
    """How much of the addresses is written out. Paths are left alone: they say where to find a copy again."""

    redact: str = "none"
    """One of `REDACTIONS`."""

    def __post_init__(self) -> None:
        """Refuse what is not a redaction: a misspelt one would disclose everything."""
        if self.redact not in REDACTIONS:
            raise ValueError(f"{self.redact!r} is not a redaction: none or local")

    @property
    def full(self) -> bool:
        """Whether everything is written out."""
        return self.redact == "none"

    def address(self, address: Address) -> str:
        """An address."""
        if self.full:
            return str(address)
        hidden = f"{address.local_part[:1]}***"
        return f"{hidden}@{address.domain}" if address.domain else hidden

    def text(self, text: str) -> str:
        """A text that may hold addresses: a subject, a summary, the name of a stream."""
        if self.full:
            return text
        return _CODED.sub(r"\1***\2", _LOCAL_PART.sub(_first_character, text))

    def source(self, text: str) -> str:
        """Source octets. Redacted is what the address lexer finds, behind encoded-words and base64 too."""
        if self.full:
            return text
        parts, end = [], 0
        for box in sorted(lex(text).mailboxes, key=lambda box: (box.start, -box.end)):
            if box.start >= end:  # of readings that overlap, the one that starts first
                parts += [text[end : box.start], self.address(box.address)]
                end = box.end
        return self.text(_BASE64.sub(_without_address, decode_words("".join(parts) + text[end:])))


def _first_character(match: re.Match[str]) -> str:
    return f"{match[1] or match[2] or match[3] or ''}***@"


def _without_address(match: re.Match[str]) -> str:
    try:
        octets = binascii.a2b_base64(match[0] + "==")
    except binascii.Error:
        return match[0]
    return "***" if _WRITTEN_ADDRESS.fullmatch(octets) else match[0]
