"""The tokens of an address list: words, comments, literals and the specials (RFC 5322 section 3.2).

One pass, linear in the input whatever it holds. What has no partner (a quote, a parenthesis, a bracket) is a token of
its own and hides nothing.
"""

from __future__ import annotations

import re

__all__ = ["DOMAIN", "DOT_ATOM", "SKIPPED", "WORDS", "Token", "tokenize"]

Token = tuple[str, int, int]
"""Kind, first character, one past the last. The kind of a special is the character itself."""

DOT_ATOM = r"[^\x00-\x20\"(),:;<>@\[\\\]\x7f]"
"""A character of an atom, dots included, 8-bit octets too (RFC 6532)."""
DOMAIN = r"[A-Za-z0-9_-]++(?:\.[A-Za-z0-9_-]++)*+"
"""A domain that every reader takes for one."""
SKIPPED = frozenset(("blank", "comment"))
"""Kinds that separate and say nothing (CFWS)."""
WORDS = frozenset(("atom", "quoted", "escape", "control"))
"""Kinds that a local part is made of."""

_TOKEN = re.compile(rf"([ \t\r\n]++)|({DOT_ATOM}++)|(\"(?:[^\"\\]|\\.)*+\")|(\\(?:\r\n|.))|(.)", re.DOTALL)
_KINDS = ("", "blank", "atom", "quoted", "escape", "")
_WITHOUT_QUOTES = re.compile(rf"([ \t\r\n]++)|({DOT_ATOM}++)|.", re.DOTALL)
_LITERAL = re.compile(r"\[[^\[\]\\@]*+\]")  # the grammar allows "@"; no host has one, and an address could hide there
_PARENTHESIS = re.compile(r'\\.|["()]', re.DOTALL)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)


def tokenize(text: str, start: int, end: int, *, quotes: bool = True, comments: bool = True) -> list[Token]:
    """Cut a text into tokens. Without `quotes`, quotes and backslashes are only delimiters; so are parentheses
    without `comments`.

    Kinds: blank, atom, quoted, comment, literal, escape (a quoted-pair outside quotes), control, stray (a delimiter
    without its partner), and the specials ``< > , ; : @``.
    """
    partners = _comments(text, start, end, quotes) if comments and text.find("(", start, end) >= 0 else {}
    match = (_TOKEN if quotes else _WITHOUT_QUOTES).match
    tokens: list[Token] = []
    after_at = False
    while start < end and (found := match(text, start, end)):
        kind, stop = _KINDS[found.lastindex or 0], found.end()
        if not kind:
            kind, stop = _special(text, start, end, after_at, partners)
        tokens.append((kind, start, stop))
        if kind not in SKIPPED:
            after_at = kind == "@"
        start = stop
    return tokens


def _special(text: str, at: int, end: int, after_at: bool, partners: dict[int, int]) -> tuple[str, int]:
    """Kind and end of what starts with one of the specials."""
    char = text[at]
    if char in "<>,;:@":
        return char, at + 1
    if char == "(" and at in partners:
        return "comment", partners[at] + 1
    if char == "[" and after_at and (literal := _LITERAL.match(text, at, end)):
        return "literal", literal.end()
    return "control" if char < " " or char == "\x7f" else "stray", at + 1


def _comments(text: str, start: int, end: int, quotes: bool) -> dict[int, int]:
    """Partner of each parenthesis that has one, in one pass (RFC 5322 section 3.2.2)."""
    partners: dict[int, int] = {}
    stack: list[int] = []
    while found := _PARENTHESIS.search(text, start, end):
        char, start = found[0], found.end()
        if char == "(":
            stack.append(found.start())
        elif char == ")" and stack:
            partners[stack.pop()] = found.start()
        elif char == '"' and quotes and not stack and (quoted := _QUOTED.match(text, found.start(), end)):
            start = quoted.end()
    return partners
