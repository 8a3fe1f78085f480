"""Addresses: what an addr-spec is, and the lexer that finds every one a mail server or reader might act on.

The lexer follows RFC 5322 section 3.4 with the obsolete syntax of section 4.4, and goes on where real servers do:
semicolons separate (Outlook, Postfix), commas may be missing, quotes and brackets may be unbalanced. Each address comes
with a tier: plain (the grammar says so), recovered (something is broken, the address is clear), candidate (some reader
may take it). Nothing that holds an `@` is dropped.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from headerguard.header import DefectName, decode_octets, decode_words, decoded_words, encode_octets

if TYPE_CHECKING:
    from tldextract import TLDExtract

__all__ = [
    "BUNDLED",
    "Address",
    "Mailbox",
    "Reading",
    "SuffixList",
    "Tier",
    "is_plain",
    "lex",
    "parse",
    "parse_all",
    "to_a_label",
]


class Tier(StrEnum):
    """How sure it is that a server acts on an address."""

    PLAIN = "plain"
    RECOVERED = "recovered"
    CANDIDATE = "candidate"


class Address(NamedTuple):
    """An addr-spec (RFC 5321 section 4.1.2, RFC 5322 section 3.4.1); `str()` writes it out."""

    local_part: str
    """The local part with quotes and quoted-pairs resolved, otherwise exactly as written."""
    domain: str
    """Lower-case A-label form (RFC 5890), without trailing dot; a literal has brackets; "" for a bare local part."""

    def __str__(self) -> str:
        """Write the addr-spec, quoting the local part where RFC 5322 needs it."""
        local = self.local_part
        if not local or _NEEDS_QUOTES.search(local):
            local = '"' + re.sub(r'(["\\])', r"\\\1", local) + '"'
        return f"{local}@{self.domain}" if self.domain else local

    @property
    def key(self) -> str:
        """The form that compares: local part folded in ASCII only, domain as A-label, nothing else folded."""
        local = self.local_part
        return f"{local.lower() if local.isascii() else local.translate(_ASCII_LOWER)}@{self.domain}"

    @property
    def registrable_domain(self) -> str:
        """The registrable domain by the bundled list; see `SuffixList.registrable_domain`."""
        return BUNDLED.registrable_domain(self.domain)

    @property
    def unicode(self) -> str:
        """The addr-spec with the domain as U-labels, for people only: two different domains can look alike."""
        return f"{str(self).rpartition('@')[0]}@{_to_u_label(self.domain)}"

    @property
    def refusal(self) -> str | None:
        """Why email-validator would refuse this address, or None. A fact for people: it never decides what is seen."""
        from email_validator import EmailNotValidError, validate_email

        try:
            validate_email(
                str(self),
                check_deliverability=False,
                test_environment=True,
                allow_quoted_local=True,
                allow_domain_literal=True,
            )
        except EmailNotValidError as error:
            return str(error)
        except (ValueError, IndexError, UnicodeError) as error:
            return f"{type(error).__name__}: {error}"
        return None


_NEEDS_QUOTES = re.compile(r'[\x00-\x20"(),:;<>@\[\\\]\x7f]')
_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


# ---- domains ---------------------------------------------------------------------------------------------------------


class SuffixList:
    """The Public Suffix List (publicsuffix.org), read once, without network and without a cache on disk."""

    def __init__(self, path: str | None = None) -> None:
        """Use the list file at `path`, or the one bundled with tldextract."""
        self.path = path
        self._lock = threading.Lock()
        self._extract: TLDExtract | None = None
        self._known: dict[tuple[str, bool], str] = {}

    def _extractor(self) -> TLDExtract:
        with self._lock:  # the lazy build of tldextract is not locked: eight threads would build it eight times
            if self._extract is None:
                from tldextract import TLDExtract

                urls = ("file:",) if self.path else ()
                extract = TLDExtract(suffix_list_urls=urls, cache_dir=None, fallback_to_snapshot=not self.path)
                extract("warm.example", session=self._session())
                self._extract = extract
        return self._extract

    def _session(self) -> Any:
        return _OneFile(self.path) if self.path else None

    def registrable_domain(self, domain: str, *, private: bool = True) -> str:
        """The public suffix and one label more, never empty.

        With `private` the private section counts too (`shop.github.io`), without it only the ICANN section. A top level
        that is not listed counts as a public suffix (the list's prevailing rule); a public suffix, a bare host or a
        literal is its own.
        """
        known = self._known.get((domain, private))
        if known is None:
            known = self._look_up(domain, private)
            if len(self._known) >= 65_536:
                self._known.clear()
            self._known[domain, private] = known
        return known

    def _look_up(self, domain: str, private: bool) -> str:
        if "." not in domain or len(domain) > 1024 or domain.startswith("[") or domain.rpartition(".")[2].isdigit():
            return domain
        found = self._extractor()(domain, include_psl_private_domains=private)
        if found.suffix:
            return f"{found.domain}.{found.suffix}" if found.domain else domain
        return ".".join(domain.rsplit(".", 2)[-2:])

    @property
    def date(self) -> str | None:
        """The day the list was made ("2025-04-07"), as its own VERSION line says; None where it has none."""
        import importlib.resources

        try:
            if self.path:
                with open(self.path, encoding="utf-8") as file:
                    head = file.read(2000)
            else:
                snapshot = importlib.resources.files("tldextract").joinpath(".tld_set_snapshot")
                with snapshot.open(encoding="utf-8") as file:
                    head = file.read(2000)
        except OSError:
            return None
        version = re.search(r"VERSION: (\d{4}-\d\d-\d\d)", head)
        return version[1] if version else None


class _OneFile:
    """What tldextract takes for a session, and which only ever gives the list file: no adapter, no open handle left."""

    def __init__(self, path: str) -> None:
        with open(path, encoding="utf-8") as file:
            self.text = file.read()

    def get(self, url: str, timeout: float | None = None) -> Any:
        """The one answer there is."""
        return self

    def raise_for_status(self) -> None:
        """It was read."""


BUNDLED = SuffixList()
"""The list that comes with tldextract."""


_HOST = re.compile(r"[a-z0-9._-]+")


@lru_cache(maxsize=4096)
def to_a_label(domain: str) -> str:
    """A domain as lower-case A-labels (UTS #46 non-transitional, else IDNA 2003, else UTF-8 as it stands)."""
    domain = domain.lower()
    if domain.isascii():
        return domain.removesuffix(".")
    if len(domain) <= 1024:  # longer than any domain (RFC 1035: 255), and both codecs are slow on long labels
        import idna

        try:
            return idna.encode(domain, uts46=True).decode("ascii").removesuffix(".")
        except (idna.IDNAError, UnicodeError, IndexError, ValueError):
            pass
        try:
            mapped = domain.encode("idna").decode("ascii").lower()
        except UnicodeError:
            mapped = ""
        if _HOST.fullmatch(mapped):  # the old mapping makes blanks of some characters
            return mapped.removesuffix(".")
    return domain.removesuffix(".")


def _to_u_label(domain: str) -> str:
    if "xn--" not in domain:
        return domain
    import idna

    try:
        return idna.decode(domain)
    except (idna.IDNAError, UnicodeError):
        return domain


# ---- the lexer -------------------------------------------------------------------------------------------------------


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


_ATOM = r"[^\x00-\x20\"(),.:;<>@\[\\\]\x7f]"
_DOT_ATOM = r"[^\x00-\x20\"(),:;<>@\[\\\]\x7f]"
_DOMAIN = r"[A-Za-z0-9_-]++(?:\.[A-Za-z0-9_-]++)*+"
# A member that the grammar and every known server read alike. Possessive, so a failed match costs no second look.
_MEMBER = (
    rf"[ \t\r\n]*+(?:({_DOT_ATOM}++)@({_DOMAIN})"
    rf"|((?:{_DOT_ATOM}++|\"(?:[^\"\\\x00]|\\[^\x00])*+\"|[ \t\r\n]++)*+)<({_DOT_ATOM}++)@({_DOMAIN})>)[ \t\r\n]*+"
)
_match_member = re.compile(_MEMBER + r"(?:,|\Z)").match
# The same without captures: a list that no reader can take in another way.
_match_plain_list = re.compile(
    rf"(?:[ \t\r\n]*+(?:{_DOT_ATOM}++@{_DOMAIN}"
    rf"|(?:{_DOT_ATOM}++|\"(?:[^\"\\\x00@])*+\"|[ \t\r\n]++)*+<{_DOT_ATOM}++@{_DOMAIN}>)[ \t\r\n]*+(?:,|\Z))*+"
    r"[ \t\r\n]*+\Z"
).match


def is_plain(text: str, start: int, end: int) -> bool:
    """Whether no reader can differ on a list, and no display name in it holds an address or a line end."""
    if _match_plain_list(text, start, end) is None:
        return False
    if text.find("=?", start, end) < 0:
        return True
    return not any("@" in word or "\r" in word or "\n" in word for word in decoded_words(text, start, end))


_new = tuple.__new__  # half the cost of the generated constructors, which counts here


def lex(text: str, start: int = 0, end: int | None = None) -> Reading:
    """Find every address of an address list. `text` holds one character per octet; positions refer to it."""
    end = len(text) if end is None else end
    mailboxes: list[Mailbox] = []
    position = start
    while position < end and (match := _match_member(text, position, end)):
        if match.lastindex == 2:
            (local, domain), name = match.group(1, 2), None
            first, last = match.start(1), match.end(2)
        else:
            raw, local, domain = match.group(3, 4, 5)
            name = _display_name(raw.strip(" \t\r\n")) if raw else None
            first, last = match.start(4), match.end(5)
        address = _new(Address, (local if local.isascii() else decode_octets(local), domain.lower()))
        mailboxes.append(_new(Mailbox, (address, Tier.PLAIN, first, last, name, False)))
        if name and "@" in name:
            mailboxes += _mentions(raw, match.start(3), match.end(3), address)
        position = match.end()
    if position >= end:
        return Reading(mailboxes, [])
    rest = _Lexer(text, position, end)
    rest.run()
    mailboxes += rest.mailboxes
    return Reading(mailboxes, rest.defects)


def parse(text: str) -> Address | None:
    """The first address of a string that people wrote: bare, in angle brackets, or a whole mailbox; None for none.

    A path without a domain ("<postmaster>", RFC 5321 section 4.1.1.3) gives an address with an empty domain.
    """
    found = parse_all(text)
    return min(found, key=lambda box: list(Tier).index(box.tier)).address if found else None


def parse_all(text: str) -> list[Mailbox]:
    """Every address of such a string, as one entry of an envelope can hold several where somebody joined them."""
    octets = encode_octets(text).decode("latin-1")
    found = [box for box in lex(octets).mailboxes if not box.mentioned]
    bare = octets.strip(" \t\r\n<>")
    if not found and bare and "@" not in bare:
        return [Mailbox(Address(decode_octets(bare), ""), Tier.PLAIN, 0, len(octets))]
    return found


def _display_name(raw: str) -> str:
    """A display name as people read it."""
    if not raw:
        return ""
    if raw[0] == '"' and raw[-1] == '"' and raw.count('"') == 2 and "\\" not in raw:
        raw = raw[1:-1]
    elif '"' in raw:
        raw = re.sub(r'"((?:[^"\\]|\\.)*)"', lambda m: re.sub(r"\\(.)", r"\1", m[1]), raw, flags=re.DOTALL)
    if "\n" in raw:
        raw = re.sub(r"\r?\n", "", raw)
    return decode_words(decode_octets(raw))


def _mentions(raw: str, start: int, end: int, own: Address) -> Iterator[Mailbox]:
    """Addresses in a display name or comment, other than the one it belongs to."""
    shown = decode_words(raw)
    if "@" not in shown:
        return
    for box in _Lexer(shown, 0, len(shown), structural=False).found():
        if box.address.key != own.key:
            yield box._replace(tier=Tier.CANDIDATE, start=start, end=end, name=None, mentioned=True)


_TOKEN = re.compile(rf"([ \t\r\n]++)|({_DOT_ATOM}++)|(\"(?:[^\"\\]|\\.)*+\")|(\\(?:\r\n|.))|(.)", re.DOTALL)
_KINDS = ("", "blank", "atom", "quoted", "escape", "")
_LITERAL = re.compile(r"\[[^\[\]\\]*+\]")
_PARENTHESIS = re.compile(r'\\.|["()]', re.DOTALL)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NOT_DOMAIN = re.compile(r"[^A-Za-z0-9._\-\x80-\U0010ffff]")
_FOLD = re.compile(r"\r?\n(?=[ \t])")
_LDH = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")
_SKIPPED = frozenset(("blank", "comment"))
_WORDS = frozenset(("atom", "quoted", "escape", "control"))

_Token = tuple[str, int, int]  # kind, start, end


class _Spec(NamedTuple):
    """An addr-spec inside a member, before the member as a whole decides its tier."""

    address: Address
    start: int
    end: int
    candidate: bool


class _Lexer:
    """The full tokenizer, for what is not plain. Without `structural`, quotes and parentheses are only delimiters."""

    def __init__(self, text: str, start: int, end: int, *, structural: bool = True) -> None:
        self.text, self.start, self.end, self.structural = text, start, end, structural
        self.mailboxes: list[Mailbox] = []
        self.defects: list[tuple[DefectName, int, int]] = []
        self.used: set[int] = set()
        self.balanced = True

    def run(self) -> None:
        """Read the whole text: members, then every `@` that no member accounts for."""
        self.tokens = self._tokenize()
        self._members()
        if self.structural:
            self._control_defect()
            self._sweep()
        self.mailboxes.sort(key=lambda box: box.start)

    def found(self) -> list[Mailbox]:
        """Run and give the addresses."""
        self.run()
        return self.mailboxes

    # -- tokens

    def _tokenize(self) -> list[_Token]:
        text, end, match = self.text, self.end, _TOKEN.match
        partners = self._comments() if self.structural and "(" in text[self.start : end] else {}
        tokens: list[_Token] = []
        position, after_at = self.start, False
        while position < end and (found := match(text, position, end)):
            kind, stop = _KINDS[found.lastindex or 0], found.end()
            if not kind or (kind in ("quoted", "escape") and not self.structural):
                kind, stop = self._special(position, after_at, partners)
            tokens.append((kind, position, stop))
            if kind not in _SKIPPED:
                after_at = kind == "@"
            position = stop
        return tokens

    def _special(self, position: int, after_at: bool, partners: dict[int, int]) -> tuple[str, int]:
        """Kind and end of what starts with one of the specials."""
        char = self.text[position]
        if char in "<>,;:@":
            return char, position + 1
        if char == "(" and position in partners:
            return "comment", partners[position] + 1
        if char == "[" and after_at and (literal := _LITERAL.match(self.text, position, self.end)):
            return "literal", literal.end()
        if char < " " or char == "\x7f":
            return "control", position + 1
        self.balanced = False
        return "stray", position + 1

    def _comments(self) -> dict[int, int]:
        """Partner of each parenthesis that has one, in one pass (RFC 5322 section 3.2.2)."""
        partners: dict[int, int] = {}
        stack: list[int] = []
        position = self.start
        while found := _PARENTHESIS.search(self.text, position, self.end):
            char, position = found[0], found.end()
            if char == "(":
                stack.append(found.start())
            elif char == ")" and stack:
                partners[stack.pop()] = found.start()
            elif char == '"' and not stack and (quoted := _QUOTED.match(self.text, found.start(), self.end)):
                position = quoted.end()
        return partners

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
        naked: list[_Spec] = []
        angle: list[_Spec] = []
        odd = False
        while i < count:
            kind = tokens[i][0]
            if kind == "<":
                naked += self._specs(segment, i)
                inside = self._after_route(i + 1)
                i = self._angle_end(inside)
                angle += self._specs(inside, i, angle=True)
                closed = i < count and tokens[i][0] == ">"
                odd |= not closed
                i = segment = i + closed
            elif kind in ",;:":
                naked += self._specs(segment, i)
                if kind == ":":
                    self._group_name(naked + angle)
                else:
                    self._member(first, i, naked, angle, odd)
                naked, angle, odd = [], [], False
                i += 1
                first = segment = i
            elif kind == ">":
                naked += self._specs(segment, i, odd=True)
                odd = True
                i += 1
                segment = i
            else:
                odd |= kind == "stray"
                i += 1
        naked += self._specs(segment, count)
        self._member(first, count, naked, angle, odd)

    def _after_route(self, i: int) -> int:
        """Step over a source route "@a,@b:" and a scheme "mailto:" (RFC 5322 section 4.4 obs-route; RFC 6068)."""
        tokens, count = self.tokens, len(self.tokens)
        k = i
        while k < count and tokens[k][0] in _SKIPPED:
            k += 1
        if k < count and tokens[k][0] == "@":
            k = self._route_end(k)
        elif k + 1 < count and tokens[k][0] == "atom":
            k += 1
        if k < count and tokens[k][0] == ":":
            self.used.update(start for kind, start, _ in tokens[i:k] if kind == "@")
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
            if kind not in _SKIPPED:
                before = kind
        return k

    def _angle_end(self, i: int) -> int:
        while i < len(self.tokens) and self.tokens[i][0] not in "<>,;":
            i += 1
        return i

    def _member(self, first: int, last: int, naked: list[_Spec], angle: list[_Spec], odd: bool) -> None:
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
        for spec in angle or naked:
            self._add(spec, Tier.CANDIDATE if spec.candidate else tier, _display_name(raw) if raw else None)
        if "=?" in raw:
            self.mailboxes += _mentions(raw, start, angle[0].start, angle[0].address)
        if angle:
            for spec in naked:
                self._add(spec, Tier.CANDIDATE)

    def _add(self, spec: _Spec, tier: Tier, name: str | None = None) -> None:
        if tier is Tier.PLAIN and _CONTROL.search(self.text, spec.start, spec.end):
            tier = Tier.RECOVERED
        self.mailboxes.append(Mailbox(spec.address, tier, spec.start, spec.end, name))

    def _other_words(self, first: int, last: int, specs: list[_Spec]) -> bool:
        """Whether a member without brackets holds words beside its address."""
        start, end = (specs[0].start, specs[0].end) if specs else (0, 0)
        return any(kind not in _SKIPPED and (at < start or at >= end) for kind, at, _ in self.tokens[first:last])

    def _wordy_member(self, first: int, last: int) -> None:
        """A member without an addr-spec: nothing, a bare word, or a mailbox that somebody put into an encoded-word."""
        if all(token[0] in _SKIPPED for token in self.tokens[first:last]):
            return
        start, end = self.tokens[first][1], self.tokens[last - 1][2]
        raw = self.text[start:end]
        shown = decode_words(raw)
        if self.structural and shown != raw and "@" in shown:
            inner = _Lexer(shown, 0, len(shown)).found()
            for box in inner:
                self.mailboxes.append(box._replace(tier=Tier.CANDIDATE, start=start, end=end))
            if inner:
                self.defects.append((DefectName.ENCODED_ADDRESS, start, end))
                return
        self.defects.append((DefectName.NO_ADDRESS, start, end))

    def _group_name(self, specs: Iterable[_Spec]) -> None:
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

    # -- addr-specs

    def _specs(self, first: int, last: int, *, angle: bool = False, odd: bool = False) -> list[_Spec]:
        """Every addr-spec among tokens[first:last], one for each `@`, and what other readers would make of it."""
        specs: list[_Spec] = []
        head: _Spec | None = None  # first spec of a chain a@b@c
        tail: list[_Token] = []  # domain of its last
        for i in range(first, last):
            kind, at, _ = self.tokens[i]
            escaped = kind == "escape" and self.text[at + 1] == "@"
            if kind != "@" and not escaped:
                continue
            local, domain = self._local(i, first, escaped), self._domain(i, last)
            if not escaped:
                self.used.add(at)
            if domain and not local and i > first and self.tokens[i - 1][0] == "@":
                specs += self._doubled(i, first, domain)
            if local and domain and self._value(domain).strip("."):
                found = list(self._readings(local, domain, escaped))
                if head and tail[0][1] == local[0][1]:
                    tail = domain
                    if (after := _NOT_DOMAIN.split(self._value(local))[-1]) != self._value(local):
                        specs.append(_Spec(_address(after, self._value(domain)), local[0][1], domain[-1][2], True))
                else:
                    specs += self._chain(head, tail)
                    head, tail = found[0], domain
                specs += found
                if self.tokens[i - 1][0] == "stray" and not escaped:
                    raw = self.text[local[0][1] : at]
                    specs.append(_Spec(_address(raw, self._value(domain)), local[0][1], domain[-1][2], True))
        specs += self._chain(head, tail)
        if self.structural and specs and (odd or last - first > 3) and (odd or angle or self._is_odd(first, last)):
            specs += self._glued(first, last, {s.address for s in specs})
        return specs

    def _is_odd(self, first: int, last: int) -> bool:
        """Whether a segment holds what servers glue together instead of splitting."""
        return any(kind in ("stray", "escape", "comment", "quoted") for kind, _, _ in self.tokens[first:last])

    def _local(self, at: int, first: int, escaped: bool = False) -> list[_Token]:
        """Tokens of the local part left of `@`, in order: words joined by dots, blanks and comments around the dots.

        Left of an escaped `@` they end at the one before, so that a row of them stays linear.
        """
        taken: list[_Token] = []
        gap = False
        for k in range(at - 1, first - 1, -1):
            token = self.tokens[k]
            if token[0] in _SKIPPED:
                gap = True
            elif token[0] in _WORDS:
                if escaped and token[0] == "escape" and self.text[token[1] + 1] == "@":
                    break
                if taken and gap and not (self._dot_at_end(token) or self.text[taken[-1][1]] == "."):
                    break
                taken.append(token)
                gap = False
            elif token[0] == "stray" and not taken and not gap:
                continue
            else:
                break
        taken.reverse()
        return taken

    def _domain(self, at: int, last: int) -> list[_Token]:
        """Tokens of the domain right of `@`: a literal, or atoms joined by dots."""
        taken: list[_Token] = []
        gap = False
        for k in range(at + 1, last):
            token = self.tokens[k]
            if token[0] in _SKIPPED:
                gap = True
            elif token[0] == "literal" and not taken:
                return [token]
            elif token[0] == "atom" or (token[0] == "escape" and self.text[token[1] + 1] in _LDH):
                if taken and gap and not (self._dot_at_end(taken[-1]) or self.text[token[1]] == "."):
                    break
                taken.append(token)
                gap = False
            elif token[0] != "control" or gap:
                break
        return taken

    def _dot_at_end(self, token: _Token) -> bool:
        return token[0] == "atom" and self.text[token[2] - 1] == "."

    def _readings(self, local: list[_Token], domain: list[_Token], escaped: bool) -> Iterator[_Spec]:
        """The reading of the grammar first, then those of servers that join or cut elsewhere."""
        text = self.text
        host = self._value(domain)
        cut = None if domain[0][0] == "literal" else _NOT_DOMAIN.search(host)
        if cut and cut.start():
            stop = domain[0][1] + cut.start() if len(domain) == 1 else domain[-1][2]
            yield self._spec(local, host[: cut.start()], stop, escaped)
            if text[local[0][1]] == "'" == cut[0]:
                yield _Spec(_address(self._value(local)[1:], host[: cut.start()]), local[0][1], stop, True)
        yield self._spec(local, host, domain[-1][2], escaped or bool(cut and cut.start()))
        if len(local) > 1 or (local[0][0] == "quoted" and self._value(local) != self._value(local).strip()):
            yield _Spec(_address(self._value(local[-1:]).strip(), host), local[-1][1], domain[-1][2], True)
        if len(domain) > 1 and domain[0][2] != domain[1][1]:
            yield self._spec(local, text[domain[0][1] : domain[0][2]], domain[0][2], True)
        if any(token[0] == "control" for token in local):
            yield _Spec(_address(text[local[0][1] : local[-1][2]], host), local[0][1], domain[-1][2], True)

    def _spec(self, local: list[_Token], host: str, end: int, candidate: bool) -> _Spec:
        return _Spec(_address(self._value(local), host), local[0][1], end, candidate)

    def _value(self, words: list[_Token]) -> str:
        """The local part that words spell: quotes and quoted-pairs resolved, control characters left out."""
        parts = []
        for kind, start, end in words:
            if kind == "quoted":
                parts.append(re.sub(r"\\(.)", r"\1", _FOLD.sub("", self.text[start + 1 : end - 1]), flags=re.DOTALL))
            elif kind == "escape":
                parts.append(self.text[start + 1 : end].replace("\r", ""))
            elif kind != "control":
                parts.append(self.text[start:end])
        return "".join(parts)

    def _doubled(self, at: int, first: int, domain: list[_Token]) -> Iterator[_Spec]:
        """`user@@host`: some readers see one `@`, some put the other into the local part."""
        start = at
        while start > first and self.tokens[start - 1][0] == "@":
            start -= 1
        if local := self._local(start, first):
            value, host = self._value(local), self._value(domain)
            for reading in (value, value + "@" * (at - start)):
                yield _Spec(_address(reading, host), local[0][1], domain[-1][2], True)

    def _chain(self, head: _Spec | None, domain: list[_Token]) -> Iterator[_Spec]:
        """`a@b@c` as servers read it that split at the last `@`."""
        if head and domain[-1][2] > head.end:
            raw = _FOLD.sub("", self.text[head.start : domain[0][1]]).rstrip("@ \t\r\n")
            yield _Spec(_address(raw, self._value(domain)), head.start, domain[-1][2], True)

    def _glued(self, first: int, last: int, known: set[Address]) -> Iterator[_Spec]:
        """Where a member is odd, and inside brackets, Postfix joins words over blanks: `<a b@x>` goes to ab@x."""
        ats = [i for i in range(first, last) if self.tokens[i][0] == "@"]
        for i, after in zip(ats, [*ats[1:], last], strict=False):
            left = [token for token in self.tokens[first:i] if token[0] in _WORDS]
            right = [token for token in self.tokens[i + 1 : after] if token[0] in _WORDS or token[0] == "literal"]
            host = re.sub(r"[ \t\r\n]", "", self._value(right))
            if left and host.strip("."):
                address = _address(self._value(left), host)
                if address not in known:
                    yield _Spec(address, left[0][1], right[-1][2], True)
            first = i + 1

    # -- what is left

    def _sweep(self) -> None:
        """Look once more, without quotes and comments, for every `@` that no member took."""
        text = self.text
        if text.count("@", self.start, self.end) <= len(self.used):
            return
        shown = [(start, end) for kind, start, end in self.tokens if kind in ("quoted", "comment")]
        taken = {box.address.key for box in self.mailboxes}
        k = 0
        for box in _Lexer(text, self.start, self.end, structural=False).found():
            if text.find("@", box.start, box.end) in self.used or box.address.key in taken:
                continue
            while k < len(shown) and shown[k][1] <= box.start:
                k += 1
            mentioned = self.balanced and k < len(shown) and shown[k][0] <= box.start < shown[k][1]
            self.mailboxes.append(box._replace(tier=Tier.CANDIDATE, name=None, mentioned=mentioned))
            self.defects.append((DefectName.EMBEDDED_ADDRESS, box.start, box.end))


def _address(local: str, domain: str) -> Address:
    """An address from the octets of its parts."""
    if local.isascii() and domain.isascii():
        return Address(local, domain.lower().removesuffix("."))
    return Address(decode_octets(local), to_a_label(decode_octets(domain)))
