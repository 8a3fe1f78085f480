"""Intent that travels: who a message is for, in a short value that says nothing to anybody without the key.

A seal goes into an ESP metadata key or a header field. Any later copy or event that carries it is checked against what
the application asked for, with no history at all. It holds the hour it was made in, a random id, a keyed hash of each
recipient (HMAC-SHA-256, RFC 2104, cut to 48 bits and salted with the id, so that an address cannot be followed from
message to message) and a keyed hash of all that. 38 characters and 8 for each recipient, letters, digits, "-" and "_"
alone: the tags of Amazon SES and Resend take nothing else. Postmark, with the narrowest limit known (80 characters),
has room for five recipients, those tags (256) for 27, a line of a header (RFC 5322 section 2.1.1) for over a hundred.

A seal vouches for recipients and for nothing else. One that is copied to another message says of the recipients there
that nobody asked for them; one that is copied to another message for the same recipients is believed in a single copy,
as it then says what is true, and told by a reconciliation, which sees one seal under several Message-IDs.
"""

from __future__ import annotations

import base64
import hmac
import os
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from headerguard.address import Address, normalized
from headerguard.address_list import parse
from headerguard.errors import ConfigError

__all__ = [
    "LIFETIME",
    "PREFIX",
    "SHORT",
    "Seal",
    "believe",
    "fold",
    "make_key",
    "make_seal",
    "read_key",
    "read_seal",
    "seals_in",
]

LIFETIME = timedelta(days=7)
"""How long after it was made a seal is believed; queues give up after five days (RFC 5321 section 4.5.4.1)."""
_EARLY = timedelta(hours=25)
"""How far a copy may be dated before its seal: clocks and time zones are wrong."""
_EVER = timedelta(days=36_500)
SHORT = 6
"""Octets of the hash of a recipient."""
_WHOLE = 12
PREFIX = "hg1-"
"""What every seal begins with."""
_ID, _MAC = 12, 16
_SEAL = re.compile(r"hg1-AA[A-Za-z0-9_-]{4,}")
"""A seal, or what is left of one that was cut short: the hours until the year 2089 begin with 20 zero bits."""


@dataclass(frozen=True, slots=True)
class Seal:
    """A seal that the key vouches for."""

    id: str
    """Its own id: the same in every copy of one logical message."""
    made: datetime
    """The hour it was made in, UTC."""
    apart: bool
    """Whether each recipient gets a copy of its own, so that a single copy need not show the others."""
    shown: frozenset[bytes]
    """Hashes of the recipients that everybody may see."""
    blind: frozenset[bytes]
    """Hashes of the blind recipients."""
    key: bytes

    def __repr__(self) -> str:
        """Keep the key out of logs."""
        return f"<Seal {self.id}>"

    def hash(self, address: Address | str) -> bytes:
        """What the seal would hold for an address, or an address key."""
        return _hash(self.key, self.id, address if isinstance(address, str) else address.key)

    def allows(self, address: Address | str) -> bool:
        """Whether the application asked for this recipient, or address key."""
        digest = self.hash(address)
        return digest in self.shown or digest in self.blind

    def is_blind(self, address: Address) -> bool:
        """Whether the application asked for it as a blind recipient."""
        return self.hash(address) in self.blind

    def means(self, address: Address) -> bool:
        """Whether a recipient differs from one asked for only by case or Unicode compatibility (CVE-2019-19844)."""
        return not self.allows(address) and self.allows(fold(address.key))

    def is_current(self, date: datetime, lifetime: timedelta = LIFETIME) -> bool:
        """Whether a copy of that date can belong to it."""
        return self.made - _EARLY <= date <= self.made + lifetime


def fold(text: str) -> str:
    """Case and compatibility folded (UAX #15 NFKC, full case folding), and dotless i as i."""
    if text.isascii():
        return text.lower()
    return normalized("NFKC", normalized("NFKC", text).casefold()).replace("\N{LATIN SMALL LETTER DOTLESS I}", "i")


def read_key(path: str | None) -> bytes | None:
    """The key in a file; None where there is none yet. Raises ConfigError."""
    if path is None:
        return None
    try:
        with open(path, "rb") as file:
            key = file.read(4_096).strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    if len(key) < 16:
        raise ConfigError(f"{path}: is no key: it holds fewer than 16 octets")
    return key


def make_key(path: str | None) -> bytes:
    """Make a key and keep it for its owner alone to read; one that another process made meanwhile is taken.

    Raises ConfigError where no path is configured, or it cannot be written.
    """
    if path is None:
        raise ConfigError("a seal needs a key: set seal-key to the path of a file")
    key = base64.b64encode(os.urandom(32))
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(key)
    except FileExistsError:
        return read_key(path) or key
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
    return key


def make_seal(
    key: bytes,
    recipients: Iterable[str],
    blind: Iterable[str] = (),
    *,
    apart: bool = False,
    now: datetime | None = None,
) -> str:
    """Seal the recipients of one message. Raises ValueError for an entry that is no address, or a key under 16 octets.

    `now` is the hour that the seal is valid from; None takes the clock.
    """
    if len(key) < 16:
        raise ValueError("the key of a seal has at least 16 octets")
    shown, hidden = list(_keys(recipients)), list(_keys(blind))
    hour = int((now or datetime.now(UTC)).timestamp()) // 3600
    identifier = _text(hour.to_bytes(4, "big") + os.urandom(5))
    body = bytes([apart]) + len(shown).to_bytes(3, "big")
    body += b"".join(_hash(key, identifier, address) for address in (*shown, *hidden))
    text = f"{PREFIX}{identifier}{_text(body)}"
    return f"{text}{_mac(key, text)}"


def _keys(entries: Iterable[str]) -> Iterator[str]:
    seen = set()
    for entry in (entries,) if isinstance(entries, str) else entries:
        address = parse(entry)
        if address is None or not address.domain:
            raise ValueError(f"{entry!r} is no address")
        if address.key not in seen:
            seen.add(address.key)
            yield address.key


def read_seal(key: bytes, text: str) -> Seal | None:
    """The seal that a text is, or None for one that was forged or damaged."""
    front, mac = text[:-_MAC], text[-_MAC:]
    if not text.isascii() or not hmac.compare_digest(_mac(key, front), mac):
        return None
    identifier, packed = front[len(PREFIX) :][:_ID], front[len(PREFIX) + _ID :]
    body = _octets(packed)
    hashes = [body[at : at + SHORT] for at in range(4, len(body), SHORT)]
    count = int.from_bytes(body[1:4], "big")
    made = datetime.fromtimestamp(int.from_bytes(_octets(identifier)[:4], "big") * 3600, UTC)
    return Seal(identifier, made, bool(body[0]), frozenset(hashes[:count]), frozenset(hashes[count:]), key)


def believe(key: bytes, texts: Collection[str], dates: Iterable[datetime], *, late: bool = False) -> Seal | str:
    """The seal among what `seals_in` found in one copy, or why none of it can be believed.

    `dates` are all that say when the copy was under way; without any the seal gets the benefit of the doubt. `late`: it
    tells of what became of a message long after, as a click does.
    """
    seals = list(filter(None, (read_seal(key, text) for text in texts)))
    if len(seals) < len(texts):
        return "it was not made with this key, or it was changed or cut short"
    if len(seals) > 1:
        return "the copy carries several"
    lifetime = _EVER if late else LIFETIME
    if any(not seals[0].is_current(date, lifetime) for date in dates):
        return f"it was made on {seals[0].made.date()}, and belongs to no copy of this date"
    return seals[0]


def seals_in(text: str) -> list[str]:
    """Everything in a text that has the form of a seal or of a part of one, each once."""
    return list(dict.fromkeys(_SEAL.findall(text))) if PREFIX in text else []


def _hash(key: bytes, identifier: str, address: str) -> bytes:
    return hmac.digest(key, f"{identifier} {address}".encode("utf-8", "surrogateescape"), "sha256")[:SHORT]


def _mac(key: bytes, text: str) -> str:
    return _text(hmac.digest(key, text.encode(), "sha256")[:_WHOLE])


def _text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def _octets(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
