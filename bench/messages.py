"""Outbound messages to measure with: three kinds, twenty streams, a thousand known domains, now and then a stranger.

  a  small and transactional: 2 to 4 KB of header, 10 KB of body
  b  the same and an attachment of 1 MiB
  c  a mailing: 50 recipients in To

The same seed gives the same octets. Where the shared research data lies beside the working copy, its generator takes
the place of the one here, so that figures can be compared; both make messages of the same shape.
"""

from __future__ import annotations

import base64
import importlib.util
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from email.header import Header
from pathlib import Path
from typing import Any, NamedTuple, Protocol

__all__ = ["KINDS", "STREAMS", "Generator", "Made", "SharedGenerator", "Source", "fixtures", "generator", "shared_data"]

KINDS = ("a", "b", "c")
SEED = 20240607
STREAMS = 20
KNOWN = 1000


class Made(NamedTuple):
    """One message."""

    octets: bytes
    """The whole message."""
    head: int
    """Octets of its header block, the empty line included."""
    mail_from: str
    """Reverse-path of its envelope."""
    rcpt_to: tuple[str, ...]
    """Forward-paths of its envelope."""
    stranger: str | None = None
    """The domain that nobody knows, if one was planted."""

    @property
    def header(self) -> bytes:
        """The header block alone."""
        return self.octets[: self.head]


class Source(Protocol):
    """What makes messages."""

    name: str
    """What to call it in the output."""

    def clean(self, kind: str) -> Made:
        """The next message without a stranger."""

    def planted(self, kind: str) -> Made:
        """The next message with one."""


# ---- a generator of our own


_WORDS = ("account", "booking", "change", "customer", "delivery", "document", "feedback", "invoice", "label", "meeting",
"notice", "order", "parcel", "payment", "project", "receipt", "refund", "renewal", "report", "review", "schedule",
"service", "statement", "status", "survey", "team", "ticket", "update", "voucher")  # fmt: skip
_GIVEN = ("Alma", "Bruno", "Cleo", "Dora", "Emil", "Finn", "Greta", "Henri", "Ida", "Jonas", "Kim", "Lena", "Zoé")
_FAMILY = ("Abel", "Berg", "Cruz", "Dahl", "Engel", "Frei", "Graf", "Holm", "Jung", "Kraus", "Lind", "Maier", "Würz")
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True)
class _Stream:
    """One routine mail."""

    name: str
    domain: str
    template: str
    subject: str
    replies: bool
    listed: bool


class Generator:
    """Makes messages of the three kinds out of nothing but a seed."""

    name = "own generator"

    def __init__(self, seed: int = SEED) -> None:
        self.random = random.Random(seed)
        pick = self.random
        self.known = [f"{_WORDS[i % len(_WORDS)]}{i}.{pick.choice(('example', 'test'))}" for i in range(KNOWN)]
        self.weights = [1 / (i + 3) for i in range(KNOWN)]
        self.streams = [
            _Stream(
                f"routine{i:02}",
                self.known[i],
                self._token(12),
                " ".join(pick.choices(_WORDS, k=4)).capitalize(),
                replies=i % 3 > 0,
                listed=pick.random() < 0.5,
            )
            for i in range(STREAMS)
        ]
        self.number = 0

    def clean(self, kind: str) -> Made:
        """A message to known domains only."""
        return self._message(kind, stranger=None)

    def planted(self, kind: str) -> Made:
        """A message that names a stranger: in Bcc, or in the place of a recipient in To."""
        return self._message(kind, stranger=f"ar{self._token(3)}walls{self.number}.test")

    def _token(self, length: int) -> str:
        return "".join(self.random.choices(_LETTERS, k=length))

    def _base64(self, size: int) -> str:
        return base64.b64encode(self.random.randbytes(size)).decode()

    def _mailbox(self, domain: str) -> tuple[str, str]:
        """A mailbox as it is written, and its address."""
        pick = self.random
        given, family = pick.choice(_GIVEN), pick.choice(_FAMILY)
        word = f"{given}.{family}".encode("ascii", "ignore").decode().lower()
        address = f"{word}{pick.randrange(1000)}@{domain}"
        style = pick.random()
        if style < 0.35:
            return address, address
        if not (given + family).isascii() or style > 0.9:
            return f"{Header(f'{given} {family}', 'utf-8').encode()} <{address}>", address
        return (f"{given} {family} <{address}>" if style < 0.75 else f'"{family}, {given}" <{address}>'), address

    def _message(self, kind: str, stranger: str | None) -> Made:
        pick, stream = self.random, self.random.choice(self.streams)
        self.number += 1
        size = 50 if kind == "c" else pick.choice((1, 1, 1, 2))
        to = [self._mailbox(domain) for domain in pick.choices(self.known, self.weights, k=size)]
        cc = [self._mailbox(pick.choice(self.known))] if kind != "c" and pick.random() < 0.3 else []
        bcc = []
        if stranger and kind != "c" and pick.random() < 0.4:
            bcc = [self._mailbox(stranger)]
        elif stranger:
            to[pick.randrange(size)] = self._mailbox(stranger)
        mail_from = f"bounce+{self._token(18)}@bounces.{stream.domain}"
        fields = [
            ("Return-Path", f"<{mail_from}>"),
            *self._trace(stream, to[0][1]),
            ("From", f'"{stream.name.capitalize()} Team" <no-reply@{stream.domain}>'),
            ("To", ", ".join(written for written, _ in to)),
            *[(name, box[0]) for name, boxes in (("Cc", cc), ("Bcc", bcc)) for box in boxes],
            *self._rest(kind, stream),
        ]
        header = "\r\n".join(_folded(name, value) for name, value in fields) + "\r\n\r\n"
        rcpt_to = tuple(address for _, address in (*to, *cc, *bcc))
        octets = header.encode("ascii") + self._body(kind)
        return Made(octets, len(header), mail_from, rcpt_to, stranger)

    def _trace(self, stream: _Stream, recipient: str) -> Iterator[tuple[str, str]]:
        """Received fields and signatures."""
        pick = self.random
        for hop in range(pick.choice((2, 3, 4))):
            host = f"{self._token(8)}.internal"
            yield (
                "Received",
                f"from {host} ({host} [10.{pick.randrange(256)}.{pick.randrange(256)}.{hop}]) by "
                f"mta{hop}.mail.{stream.domain} (Postfix) with ESMTPS id {self._token(11).upper()} for <{recipient}>; "
                f"Fri, 7 Jun 2024 {pick.randrange(24):02}:{pick.randrange(60):02}:00 +0000 (UTC)",
            )
        for _ in range(pick.choice((1, 2))):
            signature = " ".join(self._base64(45) for _ in range(6))
            signed = "From:To:Cc:Subject:Date:Message-ID:MIME-Version:Content-Type"
            yield (
                "DKIM-Signature",
                f"v=1; a=rsa-sha256; c=relaxed/relaxed; d={stream.domain}; s={self._token(5)}; h={signed}; "
                f"bh={self._base64(32)}; b={signature}",
            )

    def _rest(self, kind: str, stream: _Stream) -> Iterator[tuple[str, str]]:
        """Everything behind the recipients."""
        pick, domain = self.random, stream.domain
        if stream.replies:
            yield "Reply-To", f"support@{domain}"
        subject = f"{stream.subject} #{self.number}"
        yield "Subject", Header(f"{subject} größer", "utf-8").encode() if pick.random() < 0.25 else subject
        yield "Date", f"Fri, 7 Jun 2024 {pick.randrange(24):02}:{pick.randrange(60):02}:00 +0000"
        yield "Message-ID", f"<{self._token(24)}.{self.number}@mail.{domain}>"
        yield "MIME-Version", "1.0"
        if kind == "c" or stream.listed:
            yield "List-Id", f"{stream.name} <{stream.name}.{domain}>"
            yield "List-Unsubscribe", f"<mailto:off+{self._token(20)}@{domain}>, <https://{domain}/u/{self._token(40)}>"
            yield "List-Unsubscribe-Post", "List-Unsubscribe=One-Click"
            yield "Precedence", "bulk"
        yield "Feedback-ID", f"{self._token(8)}:{self._token(6)}:{stream.name}:esp"
        yield "X-Template-Id", stream.template
        for number in range(pick.randrange(4, 12)):
            yield f"X-Esp-{pick.choice(_WORDS).capitalize()}-{number}", self._base64(pick.randrange(20, 90))
        yield "Auto-Submitted", "auto-generated"
        yield "Content-Type", f'multipart/{"mixed" if kind == "b" else "alternative"}; boundary="=_{self._token(30)}"'

    def _body(self, kind: str) -> bytes:
        """Text of about 10 KB, and for b an attachment. Nothing reads it, so its structure is not spelt out."""
        pick = self.random
        text = "\r\n".join(" ".join(pick.choices(_WORDS, k=10)) for _ in range(120)).encode("ascii")
        if kind != "b":
            return text
        return text + b"\r\n" + base64.encodebytes(pick.randbytes(1 << 20)).replace(b"\n", b"\r\n")


def _folded(name: str, value: str) -> str:
    """A field folded at 76 columns; the encoded-words of the standard library come folded already."""
    lines, line = [], f"{name}:"
    for word in value.split():
        if len(line) + len(word) > 75 and line != f"{name}:":
            lines.append(line)
            line = "\t" + word
        else:
            line += " " + word
    return "\r\n".join((*lines, line))


# ---- the shared one


class SharedGenerator:
    """The generator of the research data. It plants strangers by chance, so what does not fit is thrown away."""

    name = "shared generator"

    def __init__(self, path: Path, seed: int = SEED) -> None:
        spec = importlib.util.spec_from_file_location("gen_messages", path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} cannot be loaded")
        module: Any = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self.random = random.Random(seed)
        self._build: Any = module.build
        self.known: list[str] = module.make_known(self.random, KNOWN)
        self.streams: list[Any] = module.make_streams(self.random, self.known)
        self.weights = [1 / (i + 3) for i in range(KNOWN)]
        self.number = 0

    def clean(self, kind: str) -> Made:
        """The next message without a stranger."""
        return next(made for made in self._all(kind) if made.stranger is None)

    def planted(self, kind: str) -> Made:
        """The next message with one; b is made as a, since the attachment is of no interest there."""
        return next(made for made in self._all("a" if kind == "b" else kind) if made.stranger)

    def _all(self, kind: str) -> Iterator[Made]:
        while True:
            self.number += 1
            octets, envelope, odd, head = self._build(
                self.random, kind, self.number, self.known, self.streams, self.weights
            )
            yield Made(octets, head, envelope["mail_from"], tuple(envelope["rcpt_to"]), odd)


def shared_data() -> Path | None:
    """The shared research data, if it lies beside the working copy or where HEADERGUARD_SHARED says."""
    named = os.environ.get("HEADERGUARD_SHARED")
    path = Path(named) if named else Path(__file__).resolve().parents[2] / "shared"
    return path if path.is_dir() else None


def generator(seed: int = SEED) -> Source:
    """The shared generator if it is there, else our own."""
    shared = shared_data()
    path = shared / "tools" / "gen_messages.py" if shared else None
    return SharedGenerator(path, seed) if path and path.exists() else Generator(seed)


def fixtures() -> list[bytes]:
    """Messages of the test suites of other parsers, out of the shared research data; none without it."""
    shared = shared_data()
    paths = sorted((shared / "corpus" / "parser-fixtures").glob("*.eml")) if shared else []
    return [path.read_bytes() for path in paths]
