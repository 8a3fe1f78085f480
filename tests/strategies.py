"""What property tests draw from: header blocks, addresses, and the ways in which people and software spell a list.

A spelling is text with one character per octet, as the lexers see it.
"""

from __future__ import annotations

import string
from dataclasses import dataclass

from hypothesis import strategies as st

__all__ = [
    "LEGAL",
    "Spelled",
    "address_texts",
    "addresses",
    "blocks",
    "destination_names",
    "hostile_texts",
    "lists",
    "plain_lists",
    "spelled",
]

# ---- header blocks -------------------------------------------------------------------------------------------

_PIECES = (
    b"\r\n",
    b"\n",
    b"\r",
    b":",
    b" ",
    b"\t",
    b"\x00",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xc3\xa9",
    b"To",
    b"Bcc",
    b"Subject",
    b"From ",
    b">From ",
    b"a@b.example",
    b"<",
    b">",
    b'"',
    b"(",
    b")",
    b",",
    b";",
    b"\\",
    b"=?utf-8?q?=0D=0A?=",
    b"=?utf-8?b?YUBi?=",
    b"\x0b",
)


def blocks() -> st.SearchStrategy[bytes]:
    """Octets that look like a header more often than chance would have it, and any octets at all."""
    likely = st.lists(st.sampled_from(_PIECES) | st.binary(max_size=3), max_size=40).map(b"".join)
    return likely | st.binary(max_size=200)


# ---- addresses -----------------------------------------------------------------------------------------------

# atext (RFC 5322 section 3.2.3) without what some server splits at: "|" is a pipe, "%" and "!" are routes.
_ATEXT = string.ascii_letters + string.digits + "#$&*+-/=?^_`{}~'"
_DESTINATIONS = ("To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc")


def destination_names() -> st.SearchStrategy[str]:
    """A destination field (RFC 5322 sections 3.6.3 and 3.6.6) in some case."""
    return st.sampled_from(_DESTINATIONS).flatmap(
        lambda name: st.sampled_from((name, name.lower(), name.upper(), name.swapcase()))
    )


def _labels() -> st.SearchStrategy[str]:
    return st.from_regex(r"\A[a-z0-9](?:[a-z0-9-]{0,6}[a-z0-9])?\Z")


def _domains() -> st.SearchStrategy[str]:
    return st.builds(
        lambda labels, top: ".".join((*labels, top)),
        st.lists(_labels(), min_size=1, max_size=3),
        st.sampled_from(("example", "test", "invalid", "com", "co.uk")),
    )


def address_texts() -> st.SearchStrategy[str]:
    """Addr-specs of a dot-atom and a host name (RFC 5322 section 3.4.1), in the form that compares."""
    word = st.text(_ATEXT, min_size=1, max_size=6).filter(lambda w: w[0] != "'" and "=?" not in w)
    local = st.lists(word, min_size=1, max_size=3).map(".".join)
    return st.builds("{}@{}".format, local, _domains())


addresses = address_texts


@dataclass(frozen=True)
class Spelled:
    """A list as somebody wrote it, and the addr-specs that he meant."""

    text: str
    meant: tuple[str, ...]


def _phrases() -> st.SearchStrategy[str]:
    atoms = st.lists(st.text(string.ascii_letters + "-'", min_size=1, max_size=6), min_size=1, max_size=3)
    quoted = st.text(string.ascii_letters + " ,;:<>()@.'", max_size=12).map('"{}"'.format)
    escaped = st.sampled_from((r'"a \"b\" c"', r'"back\\slash"'))
    encoded = st.sampled_from(("=?utf-8?q?J=C3=B6rg?=", "=?utf-8?b?SsO2cmc=?=", "=?iso-8859-1*de?Q?J=F6rg=2C_A?="))
    return st.one_of(atoms.map(" ".join), quoted, escaped, encoded)


LEGAL = (
    "{a}",
    "<{a}>",
    "{n} <{a}>",
    "{n}<{a}>",
    "{n}\r\n <{a}>",
    "{n}\n\t<{a}>",
    "{a} (a comment)",
    "(before) {a}",
    "{n} (a (nested) comment) <{a}>",
    "(Doe, Jane) {a}",
    "{n} <{l}@{d}> (after; all)",
    "<@relay.test,@other.test:{a}>",
    "{l} @ {d}",
    "<{l}@(a host){d}>",
    "Team: {a};",
    "Team: {n} <{a}>, ;",
    '"Team, all": {a};',
    '"{l}"@{d}',
    '{n} <"{l}"@{d}>',
)
"""Spellings that RFC 5322 allows, section 4.4 included: {a} address, {l} local part, {d} domain, {n} display name."""

_BROKEN = (
    "mailto:{a}",
    "<mailto:{a}>",
    "{n} <{a}",
    "{n} {a}>",
    "{n} {a}",
    '"{l} <{a}>',
    "<<{a}>>",
    "{a}.",
    "<{a}.>",
    "[{a}]",
    "'{a}'",
    "({a}",
    "Team: {a}",
    "{n} <{a}> trailing words",
    "<{a}>>",
    "{a}>",
    "< {a} >",
    "{l}@@{d}",
    "{n} <>{a}",
    "=?utf-8?q?{q}?=",
    "\x01{a}",
    "\x00{a}",
    "{a}\x00",
)
"""Spellings that it does not allow and mail holds."""


def _broken(text: str) -> bool:
    return text in _BROKEN


def spelled(legal_only: bool = False) -> st.SearchStrategy[Spelled]:
    """One address in one spelling."""

    def fill(template: str, address: str, name: str) -> Spelled:
        local, _, domain = address.rpartition("@")
        quoted = "".join(f"={ord(char):02X}" for char in address)
        return Spelled(template.format(a=address, l=local, d=domain, n=name, q=quoted), (address,))

    templates = LEGAL if legal_only else LEGAL + _BROKEN
    return st.builds(fill, st.sampled_from(templates), address_texts(), _phrases())


def lists(legal_only: bool = False) -> st.SearchStrategy[Spelled]:
    """Several addresses in one field, with the separators that mail holds."""
    separators: tuple[str, ...] = (", ", ",", ",\r\n ", ", ,", ",\n\t")
    if not legal_only:
        separators += ("; ", ";", " , ;")

    def join(members: list[Spelled], separator: str) -> Spelled:
        text = separator.join(member.text for member in members)
        return Spelled(text, tuple(address for member in members for address in member.meant))

    return st.builds(join, st.lists(spelled(legal_only), min_size=1, max_size=4), st.sampled_from(separators))


_FRAGMENTS = (
    "a@b.example",
    "c|d@e.example",
    "<f@g.example>",
    "@",
    "<",
    ">",
    '"',
    "\\",
    "(",
    ")",
    "[",
    "]",
    ",",
    ";",
    ":",
    ".",
    " ",
    "\t",
    "\r\n ",
    "\n ",
    "\r",
    "\x00",
    "\x01",
    "'",
    "|",
    "=?utf-8?q?x=40y.example?=",
    "=?utf-8?q?=0D=0ABcc=3A?=",
    "=?utf-8?b?YUBi?=",
    "=?utf-8?q?a?=",
    "\xe9",
    "\xc3\xa9",
    "\xff",
    "jane",
    "example",
    "mailto:",
)


def hostile_texts() -> st.SearchStrategy[str]:
    """Address lists as an attacker would write them, one character per octet."""
    odd = st.text(st.characters(max_codepoint=255), max_size=4)
    return st.lists(st.sampled_from(_FRAGMENTS) | odd, max_size=14).map("".join)


def plain_lists() -> st.SearchStrategy[str]:
    """Lists of the kind that nearly all mail holds, sometimes with one thing that is less plain than it looks."""
    name = st.sampled_from(
        ("", "Jane ", "Jane Doe ", '"Doe, Jane" ', '"a"b ', "=?utf-8?q?J=C3=B6rg?= ", "=?utf-8?q?=0DBcc=3A?= ", "\r\n ")
    )
    local = st.sampled_from(("jane", "j.d", "j|d", "'j'", "j=d", "=?utf-8?q?j?=", "j%d", "j!d", "\xc3\xa9", "-", "."))
    domain = st.sampled_from(("x.example", "b-c.test", "x", "_", "192.0.2.1", "x..example"))
    bare = st.builds("{}@{}".format, local, domain)
    angle = st.builds("{}<{}@{}>".format, name, local, domain)
    return st.lists(bare | angle, min_size=1, max_size=4).flatmap(
        lambda members: st.sampled_from((", ", ",", ",\r\n\t", " ,")).map(lambda between: between.join(members))
    )
