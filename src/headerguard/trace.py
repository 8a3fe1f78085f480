"""What mail-parser is asked for: the Received chain as relays, and a second reading of the address fields.

mail-parser (4.8) is a forensic parser: it refuses what is ambiguous, returns the first field of a name, and on some
input raises. So it never supplies recipients, it is only called when something is odd or somebody asks, it gets the
header block with clean field names and nothing else, and whatever it raises is an answer.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from headerguard.address import Address
from headerguard.address_list import parse
from headerguard.header import Header

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["SECOND_READER_FIELDS", "Relay", "believed_to", "relays", "second_reading"]


@dataclass(frozen=True, slots=True)
class Relay:
    """One hop, as one Received field tells it (RFC 5321 section 4.4). What stands below the own boundary is hearsay."""

    by: str | None
    """The host that wrote the field."""
    from_host: str | None
    """The host that it says it got the message from."""
    protocol: str | None
    """The "with" clause."""
    queue_id: str | None
    """The "id" clause."""
    recipient: Address | None
    """The "for" clause; most servers leave it out for several recipients."""
    date: datetime | None
    """When, in UTC; None where it cannot be read."""


def relays(header: Header) -> tuple[Relay, ...]:
    """The Received chain, the first hop first; a hop that mail-parser cannot read is left with what is known of it."""
    texts = [field.text for field in header.all("received")]
    if not texts:
        return ()
    hops: list[dict[str, Any]] = []
    for text in reversed(texts):
        try:
            hops.append(dict(_quiet().utils.receiveds_parsing([text])[0]))
        except Exception:  # any failure of the third-party parser is the answer "unknown hop"
            hops.append({})
    return tuple(map(_relay, hops))


def _relay(hop: dict[str, Any]) -> Relay:
    words = {name: value for name in ("by", "from", "with", "id", "for") if isinstance(value := hop.get(name), str)}
    date = hop.get("date_utc")
    if isinstance(date, str):
        try:
            date = datetime.fromisoformat(date)
        except ValueError:
            date = None
    return Relay(
        words.get("by"),
        words.get("from"),
        words.get("with"),
        words.get("id"),
        parse(words["for"]) if "for" in words else None,
        date if isinstance(date, datetime) else None,
    )


_BY = re.compile(r"\bby[ \t\r\n]++\[?([^\s;()\[\]]{1,255})", re.IGNORECASE)


def believed_to(header: Header, relays: Collection[str]) -> int:
    """Where the trace of own relays ends: the last octet of the lowest Received field that one of them wrote.

    What stands below was there when the first of them took the message, so anybody may have written it. 0 where none
    of them wrote any. `relays` are host names with all below them, and networks (CIDR).
    """
    end = 0
    for line in header.lines:
        if line.name == "received" and (by := _BY.search(header.text, line.value, line.end)):
            host = by[1].rstrip(".").lower()
            if any(host == own or host.endswith(f".{own}") or _within(host, own) for own in relays):
                end = line.end
    return end


def _within(host: str, network: str) -> bool:
    if "/" not in network:
        return False
    from ipaddress import ip_address, ip_network

    try:
        return ip_address(host.removeprefix("ipv6:")) in ip_network(network, strict=False)
    except ValueError:
        return False


SECOND_READER_FIELDS = ("from", "to", "cc", "bcc", "reply-to")
"""The fields that mail-parser reads as addresses and that rules compare."""


def second_reading(header: Header) -> dict[str, frozenset[str]] | str:
    """What mail-parser finds in the address fields, as address keys by field; a sentence when it refuses the whole."""
    block = b"".join(_cleaned(header)) + b"\r\n"
    try:
        parsed = _quiet().parse_from_bytes(block)
        reading: dict[str, frozenset[str]] = {}
        for name in SECOND_READER_FIELDS:
            pairs = getattr(parsed, name.replace("-", "_")) or []
            addresses = (parse(str(pair[1])) for pair in pairs if len(pair) > 1 and "@" in str(pair[1]))
            reading[name] = frozenset(address.key for address in addresses if address)
    except Exception as error:  # its refusal is evidence, whatever it is
        return f"mail-parser refuses the header: {type(error).__name__}"
    return reading


def _cleaned(header: Header) -> Iterator[bytes]:
    """The address fields with clean names: a reader on the standard library ends the header at the first odd one."""
    for line in header.lines:
        if line.name in SECOND_READER_FIELDS:
            value = header.text[line.value : line.end].rstrip("\r\n").replace("\x00", "")
            yield f"{line.name}:{value}\r\n".encode("latin-1")


def _quiet() -> ModuleType:
    """mail-parser, imported when first needed. It logs raw header lines at DEBUG, which is no place for addresses, so
    its own loggers are set to CRITICAL."""
    import mailparser
    import mailparser.utils

    for name in ("mailparser", "mailparser.core", "mailparser.utils"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return mailparser  # type: ignore[no-any-return]
