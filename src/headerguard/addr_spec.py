"""The addr-specs among the tokens of one member, and what servers and other readers would make of them.

The reading of the grammar comes first. The others are candidates: servers split at another `@`, join words over blanks
or leave quotes away, and an address that one of them delivers to must not be missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from headerguard.address import Address, to_a_label
from headerguard.header import decode_octets
from headerguard.tokens import SKIPPED, WORDS, Token

__all__ = ["AddrSpecs", "Spec"]

_NOT_DOMAIN = re.compile(r"[^A-Za-z0-9._\-\x80-\U0010ffff]")
_FOLD = re.compile(r"\r?\n(?=[ \t])")
_LINE_END = re.compile(r"[\r\n]+")
_LDH = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")


class Spec(NamedTuple):
    """An addr-spec inside a member, before the member as a whole decides its tier."""

    address: Address
    start: int
    end: int
    candidate: bool


class AddrSpecs:
    """Finds the addr-specs of a token list, segment by segment, and notes every `@` that it accounts for."""

    def __init__(self, text: str, tokens: list[Token], *, gluing: bool) -> None:
        """Take a text and its tokens; without `gluing` no words are joined over blanks."""
        self.text, self.tokens, self.gluing = text, tokens, gluing
        self.used: set[int] = set()

    def find(self, first: int, last: int, *, angle: bool = False, odd: bool = False) -> list[Spec]:
        """Every addr-spec among tokens[first:last], one for each `@`, and what other readers would make of it."""
        specs: list[Spec] = []
        head: Spec | None = None  # first spec of a chain a@b@c
        tail: list[Token] = []  # domain of its last
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
            if local and domain:
                found = list(self._readings(local, domain, escaped))
                if head and tail[0][1] == local[0][1]:
                    tail = domain
                    if (after := _NOT_DOMAIN.split(self._value(local))[-1]) != self._value(local):
                        specs.append(Spec(_address(after, self._value(domain)), local[0][1], domain[-1][2], True))
                else:
                    specs += self._chain(head, tail)
                    head, tail = found[0], domain
                specs += found
                if self.tokens[i - 1][0] == "stray" and not escaped:
                    raw = _LINE_END.sub("", self.text[local[0][1] : at])
                    specs.append(Spec(_address(raw, self._value(domain)), local[0][1], domain[-1][2], True))
        specs += self._chain(head, tail)
        if self.gluing and specs and (odd or last - first > 3) and (odd or angle or self._is_odd(first, last)):
            specs += self._glued(first, last, {s.address for s in specs})
        return [spec for spec in specs if spec.address.domain]

    def _is_odd(self, first: int, last: int) -> bool:
        """Whether a segment holds what servers glue together instead of splitting."""
        return any(kind in ("stray", "escape", "comment", "quoted") for kind, _, _ in self.tokens[first:last])

    def _local(self, at: int, first: int, escaped: bool = False) -> list[Token]:
        """Tokens of the local part left of `@`, in order: words joined by dots, blanks and comments around the dots.

        Left of an escaped `@` they end at the one before, so that a row of them stays linear.
        """
        taken: list[Token] = []
        gap = False
        for k in range(at - 1, first - 1, -1):
            token = self.tokens[k]
            if token[0] in SKIPPED:
                gap = True
            elif token[0] in WORDS:
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

    def _domain(self, at: int, last: int) -> list[Token]:
        """Tokens of the domain right of `@`: a literal, atoms joined by dots, or a quoted one, which Postfix takes."""
        taken: list[Token] = []
        gap = False
        for k in range(at + 1, last):
            token = self.tokens[k]
            if token[0] in SKIPPED:
                gap = True
            elif token[0] in ("literal", "quoted") and not taken:
                return [token]
            elif token[0] == "stray" and not taken and not gap:
                continue
            elif token[0] == "atom" or (token[0] == "escape" and self.text[token[1] + 1] in _LDH):
                if taken and gap and not (self._dot_at_end(taken[-1]) or self.text[token[1]] == "."):
                    break
                taken.append(token)
                gap = False
            elif token[0] != "control" or gap:
                break
        return taken

    def _dot_at_end(self, token: Token) -> bool:
        return token[0] == "atom" and self.text[token[2] - 1] == "."

    def _readings(self, local: list[Token], domain: list[Token], escaped: bool) -> Iterator[Spec]:
        """The reading of the grammar first, then those of servers that join or cut elsewhere."""
        text = self.text
        host = self._value(domain)
        escaped = escaped or domain[0][0] == "quoted"
        cut = None if domain[0][0] == "literal" else _NOT_DOMAIN.search(host)
        if cut and cut.start():
            stop = domain[0][1] + cut.start() if len(domain) == 1 else domain[-1][2]
            yield self._spec(local, host[: cut.start()], stop, escaped)
            if text[local[0][1]] == "'" == cut[0]:
                yield Spec(_address(self._value(local)[1:], host[: cut.start()]), local[0][1], stop, True)
        yield self._spec(local, host, domain[-1][2], escaped or bool(cut and cut.start()))
        if len(local) > 1 or (local[0][0] == "quoted" and self._value(local) != self._value(local).strip()):
            yield Spec(_address(self._value(local[-1:]).strip(), host), local[-1][1], domain[-1][2], True)
        if len(domain) > 1 and domain[0][2] != domain[1][1]:
            yield self._spec(local, text[domain[0][1] : domain[0][2]], domain[0][2], True)
        if any(token[0] == "control" for token in local):
            raw = _LINE_END.sub("", text[local[0][1] : local[-1][2]])
            yield Spec(_address(raw, host), local[0][1], domain[-1][2], True)

    def _spec(self, local: list[Token], host: str, end: int, candidate: bool) -> Spec:
        return Spec(_address(self._value(local), host), local[0][1], end, candidate)

    def _value(self, words: list[Token]) -> str:
        """The local part that words spell: quotes and quoted-pairs resolved, control characters left out."""
        parts = []
        for kind, start, end in words:
            if kind == "quoted":
                parts.append(re.sub(r"\\(.)", r"\1", _FOLD.sub("", self.text[start + 1 : end - 1]), flags=re.DOTALL))
            elif kind == "escape":
                parts.append(self.text[start + 1 : end].replace("\r", ""))
            elif kind == "literal":
                parts.append(re.sub(r"[ \t\r\n]", "", self.text[start:end]))
            elif kind != "control":
                parts.append(self.text[start:end])
        return "".join(parts)

    def _doubled(self, at: int, first: int, domain: list[Token]) -> Iterator[Spec]:
        """`user@@host`: some readers see one `@`, some put the other into the local part."""
        start = at
        while start > first and self.tokens[start - 1][0] == "@":
            start -= 1
        if local := self._local(start, first):
            value, host = self._value(local), self._value(domain)
            for reading in (value, value + "@" * (at - start)):
                yield Spec(_address(reading, host), local[0][1], domain[-1][2], True)

    def _chain(self, head: Spec | None, domain: list[Token]) -> Iterator[Spec]:
        """`a@b@c` as servers read it that split at the last `@`."""
        if head and domain[-1][2] > head.end:
            raw = _LINE_END.sub("", self.text[head.start : domain[0][1]]).rstrip("@ \t")
            yield Spec(_address(raw, self._value(domain)), head.start, domain[-1][2], True)

    def _glued(self, first: int, last: int, known: set[Address]) -> Iterator[Spec]:
        """Where a member is odd, and inside brackets, Postfix joins words over blanks: `<a b@x>` goes to ab@x."""
        ats = [i for i in range(first, last) if self.tokens[i][0] == "@"]
        for i, after in zip(ats, [*ats[1:], last], strict=False):
            left = [token for token in self.tokens[first:i] if token[0] in WORDS]
            right = [token for token in self.tokens[i + 1 : after] if token[0] in WORDS or token[0] == "literal"]
            host = re.sub(r"[ \t\r\n]", "", self._value(right))
            if left and host:
                address = _address(self._value(left), host)
                if address not in known:
                    yield Spec(address, left[0][1], right[-1][2], True)
            first = i + 1


def _address(local: str, domain: str) -> Address:
    """An address from the octets of its parts, whatever the line ends of the copy."""
    local = local.replace("\r\n", "\n")
    if local.isascii() and domain.isascii():
        return Address(local, domain.lower().rstrip("."))
    return Address(decode_octets(local), to_a_label(decode_octets(domain)))
