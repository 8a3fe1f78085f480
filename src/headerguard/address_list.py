"""The address list: the lexer that finds every address a mail server or reader might act on.

It follows RFC 5322 section 3.4 with the obsolete syntax of section 4.4, and goes on where real servers do: semicolons
separate (Outlook, Postfix), commas may be missing, quotes and brackets may be unbalanced. Each address comes with a
tier: plain (the grammar says so), recovered (something is broken, the address is clear), candidate (some reader may
take it). Nothing that holds an `@` is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from headerguard.addr_spec import AddrSpecs, Spec
from headerguard.address import Address
from headerguard.header import DefectName, decode_octets, decode_words, decoded_words, encode_octets
from headerguard.tokens import DOMAIN, DOT_ATOM, SKIPPED, tokenize

__all__ = ["Mailbox", "Reading", "Tier", "is_plain", "lex", "lex_text", "parse", "parse_all"]


class Tier(StrEnum):
    """How sure it is that a server acts on an address."""

    PLAIN = "plain"
    RECOVERED = "recovered"
    CANDIDATE = "candidate"


class Mailbox(NamedTuple):
    """One address of a list, with its place."""

    address: Address
    """The addr-spec."""
    tier: Tier
    """How sure the reading is."""
    start: int
    """First character of the addr-spec in the text."""
    end: int
    """One past its last character."""
    name: str | None = None
    """Display name for people (RFC 2047 decoded), or None."""
    mentioned: bool = False
    """True: it stands in a display name or comment, where no server looks for a recipient."""


class Reading(NamedTuple):
    """All that an address list holds."""

    mailboxes: list[Mailbox]
    """In the order of the text."""
    defects: list[tuple[DefectName, int, int]]
    """What is odd, with start and end in the text."""


# A member that the grammar and every known server read alike. Possessive, so a failed match costs no second look.
_MEMBER = (
    rf"[ \t\r\n]*+(?:({DOT_ATOM}++)@({DOMAIN})"
    rf"|((?:{DOT_ATOM}++|\"(?:[^\"\\\x00]|\\[^\x00])*+\"|[ \t\r\n]++)*+)<({DOT_ATOM}++)@({DOMAIN})>)[ \t\r\n]*+"
)
_match_member = re.compile(_MEMBER + r"(?:,|\Z)").match
# The same without captures: a list that no reader can take in another way.
_match_plain_list = re.compile(
    rf"(?:[ \t\r\n]*+(?:{DOT_ATOM}++@{DOMAIN}"
    rf"|(?:{DOT_ATOM}++|\"(?:[^\"\\\x00@])*+\"|[ \t\r\n]++)*+<{DOT_ATOM}++@{DOMAIN}>)[ \t\r\n]*+(?:,|\Z))*+"
    r"[ \t\r\n]*+\Z"
).match


def is_plain(text: str, start: int, end: int) -> bool:
    """Whether no reader can differ on a list, and no display name in it holds an address or a line end."""
    if _match_plain_list(text, start, end) is None:
        return False
    if text.find("=?", start, end) < 0:
        return True
    if _ENCODED_LOCAL_PART.search(text, start, end):
        return False  # an encoded-word in a local part: readers differ on whether it says something
    rest = _HARMLESS_WORD.sub(" ", text[start:end])
    return not any("@" in word or "\r" in word or "\n" in word for word in decoded_words(rest, 0, len(rest)))


_HARMLESS_WORD = re.compile(
    r"=\?(?:utf-8|us-ascii|iso-8859-1|windows-1252)\?q\?(?:[!-<>A-~]|=(?!40|0[AaDd]))*+\?=", re.IGNORECASE
)
"""An encoded-word (RFC 2047) in the usual charsets that says neither "@" nor a line end, told without decoding it."""
_ENCODED_LOCAL_PART = re.compile(rf"\?={DOT_ATOM}{{0,512}}+@")  # bounded, so that a row of "?=" stays linear


_new = tuple.__new__  # half the cost of the generated constructors, which counts here
_PLAIN = Tier.PLAIN  # a member is looked up by way of its class at three times the cost of a name


def lex(text: str, start: int = 0, end: int | None = None) -> Reading:
    """Find every address of an address list. `text` holds one character per octet; positions refer to it."""
    end = len(text) if end is None else end
    mailboxes: list[Mailbox] = []
    position = start
    while position < end and (match := _match_member(text, position, end)):
        local, domain, raw, angled, angled_domain = match.groups()
        if raw is None:
            name, first, last = None, match.start(1), match.end(2)
        else:
            name = _display_name(raw.strip(" \t\r\n")) if raw else None
            local, domain, first, last = angled, angled_domain, match.start(4), match.end(5)
        address = _new(Address, (local if local.isascii() else decode_octets(local), domain.lower()))
        mailboxes.append(_new(Mailbox, (address, _PLAIN, first, last, name, False)))
        if name and "@" in name:
            mailboxes += _shown(raw, match.start(3), match.end(3), address, mentioned=True)
        if "=?" in local:
            mailboxes += _shown(text[first:last], first, last, address)
        position = match.end()
    if position >= end:
        return Reading(mailboxes, [])
    rest = _Lexer(text, position, end)
    rest.run()
    mailboxes += rest.mailboxes
    return Reading(mailboxes, rest.defects)


def lex_text(text: str) -> Reading:
    """The same for text that was decoded, in which one character may stand for several octets."""
    return lex(text if text.isascii() else encode_octets(text).decode("latin-1"))


def parse(text: str) -> Address | None:
    """The first address of a string that people wrote: bare, in angle brackets, or a whole mailbox; None for none.

    A path without a domain ("<postmaster>", RFC 5321 section 4.1.1.3) gives an address with an empty domain.
    """
    found = parse_all(text)
    return min(found, key=lambda box: list(Tier).index(box.tier)).address if found else None


def parse_all(text: str) -> list[Mailbox]:
    """Every address of such a string, as one entry of an envelope can hold several where somebody joined them."""
    octets = text if text.isascii() else encode_octets(text).decode("latin-1")
    found = [box for box in lex(octets).mailboxes if not box.mentioned]
    bare = octets.strip(" \t\r\n<>")
    if not found and bare and "@" not in bare:
        return [Mailbox(Address(decode_octets(bare), ""), Tier.PLAIN, 0, len(octets))]
    return found


# An escape is taken first, so that a quote without a partner is looked at once.
_QUOTED_OR_ESCAPED = re.compile(r'\\(.)|"((?:[^"\\]|\\.)*+)"', re.DOTALL)


def _display_name(raw: str) -> str:
    """A display name as people read it."""
    if not raw:
        return ""
    if raw[0] == '"' and raw[-1] == '"' and raw.count('"') == 2 and "\\" not in raw:
        raw = raw[1:-1]
    elif '"' in raw or "\\" in raw:
        raw = _QUOTED_OR_ESCAPED.sub(lambda m: m[1] or re.sub(r"\\(.)", r"\1", m[2] or "", flags=re.DOTALL), raw)
    if "\n" in raw:
        raw = re.sub(r"\r?\n", "", raw)
    return raw if "=?" not in raw and raw.isascii() else decode_words(decode_octets(raw))


def _shown(raw: str, start: int, end: int, own: Address, *, mentioned: bool = False) -> Iterator[Mailbox]:
    """Addresses, other than its own, that a reader sees who decodes a text first: a display name, or an addr-spec whose
    local part is an encoded-word, which RFC 2047 section 5 forbids and some servers split at."""
    shown = decode_words(raw)
    if "@" not in shown:
        return
    for box in _Lexer(shown, 0, len(shown), quotes=False, comments=False).found():
        if box.address.key != own.key:
            yield box._replace(tier=Tier.CANDIDATE, start=start, end=end, name=None, mentioned=mentioned)


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


_ROUTED = re.compile(
    r'[ \t\r\n<"]*+(?:([\w.-]+\.[A-Za-z]{2,})!([^\s<>"!]+)|([^\s<>"%]+)%([\w.-]+\.[A-Za-z]{2,}))[ \t\r\n>"]*+',
    re.ASCII,
)


def _routed(raw: str) -> Iterator[Address]:
    """The old ways to write another host, which Postfix rewrites by default: host!user and user%host."""
    if len(raw) <= 1024 and (found := _ROUTED.fullmatch(raw)):
        yield Address(found[2], found[1].lower()) if found[1] else Address(found[3], found[4].lower())


class _Lexer:
    """Reads what is not plain, member by member. A second look takes quotes, or comments too, for mere delimiters."""

    def __init__(self, text: str, start: int, end: int, *, quotes: bool = True, comments: bool = True) -> None:
        self.text, self.start, self.end = text, start, end
        self.first_look = quotes and comments
        self.tokens = tokenize(text, start, end, quotes=quotes, comments=comments)
        self.specs = AddrSpecs(text, self.tokens, gluing=self.first_look)
        self.mailboxes: list[Mailbox] = []
        self.defects: list[tuple[DefectName, int, int]] = []

    def run(self) -> None:
        """Read the whole text: members, then every `@` that no member accounts for."""
        self._members()
        if self.first_look:
            self._control_defect()
            self._sweep()
        self.mailboxes.sort(key=lambda box: box.start)

    def found(self) -> list[Mailbox]:
        """Run and give the addresses."""
        self.run()
        return self.mailboxes

    # -- members

    def _control_defect(self) -> None:
        for kind, start, end in self.tokens:
            if kind == "control":
                self.defects.append((DefectName.CONTROL_CHARACTER, start, end))
                return

    def _members(self) -> None:
        """Split at commas, semicolons and group colons; each member speaks for itself."""
        tokens, count = self.tokens, len(self.tokens)
        first = segment = i = 0
        naked: list[Spec] = []
        angle: list[Spec] = []
        odd = False
        while i < count:
            kind = tokens[i][0]
            if kind == "<":
                naked += self.specs.find(segment, i)
                inside = self._after_route(i + 1)
                i = self._angle_end(inside)
                angle += self.specs.find(inside, i, angle=True)
                closed = i < count and tokens[i][0] == ">"
                odd |= not closed
                i = segment = i + closed
            elif kind in ",;:":
                naked += self.specs.find(segment, i)
                if kind == ":":
                    self._group_name(naked + angle)
                else:
                    self._member(first, i, naked, angle, odd)
                naked, angle, odd = [], [], False
                i += 1
                first = segment = i
            elif kind == ">":
                naked += self.specs.find(segment, i, odd=True)
                odd = True
                i += 1
                segment = i
            else:
                odd |= kind == "stray"
                i += 1
        naked += self.specs.find(segment, count)
        self._member(first, count, naked, angle, odd)

    def _after_route(self, i: int) -> int:
        """Step over a source route "@a,@b:" and a scheme "mailto:" (RFC 5322 section 4.4 obs-route; RFC 6068)."""
        tokens, count = self.tokens, len(self.tokens)
        k = i
        while k < count and tokens[k][0] in SKIPPED:
            k += 1
        if k < count and tokens[k][0] == "@":
            k = self._route_end(k)
        elif k + 1 < count and tokens[k][0] == "atom":
            k += 1
        if k < count and tokens[k][0] == ":":
            self.specs.used.update(start for kind, start, _ in tokens[i:k] if kind == "@")
            return k + 1
        return i

    def _route_end(self, k: int) -> int:
        """The colon of the route that starts at `k`, or `k`: every `@` of a route follows nothing or a comma."""
        before = ","
        for i in range(k, len(self.tokens)):
            kind = self.tokens[i][0]
            if kind in "<>;:":
                return i
            if kind == "@" and before != ",":
                return k
            if kind not in SKIPPED:
                before = kind
        return k

    def _angle_end(self, i: int) -> int:
        while i < len(self.tokens) and self.tokens[i][0] not in "<>,;":
            i += 1
        return i

    def _member(self, first: int, last: int, naked: list[Spec], angle: list[Spec], odd: bool) -> None:
        """Give the addresses of one member their tiers."""
        if not naked and not angle:
            self._wordy_member(first, last)
            return
        start, end = self.tokens[first][1], self.tokens[last - 1][2]
        clear = [s for s in (angle or naked) if not s.candidate]
        if len(clear) > 1:
            self.defects.append((DefectName.MISSING_COMMA, start, end))
            odd = True
        elif angle and naked:
            self.defects.append((DefectName.AMBIGUOUS_MEMBER, start, end))
        elif odd:
            self.defects.append((DefectName.UNBALANCED, start, end))
        elif not angle and self._other_words(first, last, clear):
            self.defects.append((DefectName.AMBIGUOUS_MEMBER, start, end))
            odd = True
        tier = Tier.RECOVERED if odd else Tier.PLAIN
        raw = self._raw_name(first, angle[0].start) if angle else ""
        name = _display_name(raw) if raw else None
        for spec in angle or naked:
            self._add(spec, Tier.CANDIDATE if spec.candidate else tier, name)
        if "=?" in raw:
            self.mailboxes += _shown(raw, start, angle[0].start, angle[0].address, mentioned=True)
        if angle:
            for spec in naked:
                self._add(spec, Tier.CANDIDATE)

    def _add(self, spec: Spec, tier: Tier, name: str | None = None) -> None:
        if tier is Tier.PLAIN and _CONTROL.search(self.text, spec.start, spec.end):
            tier = Tier.RECOVERED
        self.mailboxes.append(Mailbox(spec.address, tier, spec.start, spec.end, name))
        if self.first_look and "=?" in spec.address.local_part and not spec.candidate:
            self.mailboxes += _shown(self.text[spec.start : spec.end], spec.start, spec.end, spec.address)

    def _other_words(self, first: int, last: int, specs: list[Spec]) -> bool:
        """Whether a member without brackets holds words beside its address."""
        start, end = (specs[0].start, specs[0].end) if specs else (0, 0)
        return any(kind not in SKIPPED and (at < start or at >= end) for kind, at, _ in self.tokens[first:last])

    def _wordy_member(self, first: int, last: int) -> None:
        """A member without an addr-spec: nothing, a bare word, or a mailbox that somebody put into an encoded-word."""
        if all(token[0] in SKIPPED for token in self.tokens[first:last]):
            return
        start, end = self.tokens[first][1], self.tokens[last - 1][2]
        raw = self.text[start:end]
        shown = decode_words(raw)
        if self.first_look and shown != raw and "@" in shown:
            inner = _Lexer(shown, 0, len(shown)).found()
        elif self.first_look and "@" in raw and '"' in raw:  # a server that drops the quotes delivers to it
            inner = _Lexer(shown, 0, len(shown), quotes=False).found()
        else:
            inner = [Mailbox(address, Tier.CANDIDATE, start, end) for address in _routed(raw)]
        for box in inner:
            self.mailboxes.append(box._replace(tier=Tier.CANDIDATE, start=start, end=end))
        self.defects.append((DefectName.ENCODED_ADDRESS if inner else DefectName.NO_ADDRESS, start, end))

    def _group_name(self, specs: Iterable[Spec]) -> None:
        """An addr-spec where a group name should be: some readers take it (RFC 5322 section 3.4)."""
        for spec in specs:
            self._add(spec, Tier.CANDIDATE)
            self.defects.append((DefectName.AMBIGUOUS_MEMBER, spec.start, spec.end))

    def _raw_name(self, first: int, before: int) -> str:
        words = []
        for i in range(first, len(self.tokens)):
            kind, start, end = self.tokens[i]
            if kind == "<" or start >= before:
                break
            if kind != "comment":
                words.append(self.text[start:end])
        return "".join(words).strip(" \t\r\n")

    # -- what is left

    def _sweep(self) -> None:
        """Look again, without quotes and comments, for every `@` that no member took.

        Where a delimiter has no partner, quotes may have been paired wrongly: then once more with comments alone.
        """
        text, start, end = self.text, self.start, self.end
        if text.count("@", start, end) <= len(self.specs.used):
            return
        balanced = all(token[0] != "stray" for token in self.tokens)
        boxes = _Lexer(text, start, end, quotes=False, comments=False).found()
        if not balanced and text.find("(", start, end) >= 0:
            boxes = sorted(boxes + _Lexer(text, start, end, quotes=False).found(), key=lambda box: box.start)
        shown = [(token[1], token[2]) for token in self.tokens if token[0] in ("quoted", "comment")]
        taken = {box.address.key for box in self.mailboxes if balanced or not box.mentioned}
        k = 0
        for box in boxes:
            if text.find("@", box.start, box.end) in self.specs.used or box.address.key in taken:
                continue
            while k < len(shown) and shown[k][1] <= box.start:
                k += 1
            mentioned = balanced and k < len(shown) and shown[k][0] <= box.start < shown[k][1]
            self.mailboxes.append(box._replace(tier=Tier.CANDIDATE, name=None, mentioned=mentioned))
            self.defects.append((DefectName.EMBEDDED_ADDRESS, box.start, box.end))
            taken.add(box.address.key)
