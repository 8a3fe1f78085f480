"""The name server: one question put to one server, and what its reply says; only user of dnspython.

A reply counts when its id, its question and the place it comes from are those of the query; over UDP the question has
to come back in the random mix of upper and lower case in which it was asked, else it is asked again over TCP, where
nobody can slip in a reply. What a server fails at is unknown, never "no".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dns.message import QueryMessage
    from dns.name import Name

__all__ = ["Answer", "Server", "Status", "ask", "server", "system_servers", "unknown"]

Server = tuple[str, int]
"""IP address and port."""

PAYLOAD = 1232
"""Octets that a UDP reply may have without being cut to pieces on its way (DNS flag day 2020)."""


class Status(StrEnum):
    """What became of a question."""

    FOUND = "found"
    EMPTY = "no data"
    """The name exists, without such a record (RFC 2308 section 2.2)."""
    ABSENT = "no such name"
    """Neither the name nor anything below it exists (NXDOMAIN, RFC 8020)."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question."""

    status: Status
    records: tuple[Any, ...] = ()
    """MX: (preference, host); TXT: octets; SOA: the serial; else text. Names in lower case without the last dot."""
    reason: str = ""
    """Why it is unknown."""
    validated: bool = False
    """Whether the server says that it proved the answer by DNSSEC (AD, RFC 4035 section 3.2.3)."""
    seconds: int = 0
    """How long it may be remembered (RFC 1035 TTL, RFC 2308 section 5 for what does not exist)."""


def unknown(reason: str, seconds: int = 0) -> Answer:
    """The answer of nobody."""
    return Answer(Status.UNKNOWN, reason=reason, seconds=seconds)


def server(text: str) -> Server:
    """Read "192.0.2.1", "192.0.2.1:5353", "2001:db8::1", "[2001:db8::1]:5353"; ValueError for anything else."""
    host, port = text.strip(), "53"
    if found := re.fullmatch(r"\[([^]]*)\](?::([0-9]{1,5}))?|([0-9.]+):([0-9]{1,5})", host):
        host, port = found[1] or found[3] or "", found[2] or found[4] or port
    if not 0 < int(port) < 65_536:
        raise ValueError(f"{port} is no port")
    return str(ip_address(host)), int(port)


def system_servers() -> tuple[Server, ...]:
    """The resolvers of this machine, none where it has none."""
    import dns.resolver

    try:
        configured = dns.resolver.Resolver()
    except (dns.resolver.NoResolverConfiguration, OSError):
        return ()
    return tuple((str(host), 53) for host in configured.nameservers)


async def ask(where: Server, name: str, kind: str, seconds: float) -> Answer:
    """Put one question. Raises TimeoutError when there is no reply in time, OSError where none can come.

    A reply that cannot be read, is no reply to this, or comes from a server that does not know is an unknown answer.
    """
    import asyncio

    import dns.exception

    try:
        async with asyncio.timeout(seconds):
            return _read(await _exchange(_query(name, kind), where, seconds))
    except dns.exception.Timeout:
        raise TimeoutError from None
    except (dns.exception.DNSException, EOFError) as error:
        return unknown(_words(error))


def _query(name: str, kind: str) -> QueryMessage:
    """A question in random case (draft-vixie-dnsext-dns0x20) that asks for AD (RFC 6840 section 5.7)."""
    import dns.flags
    import dns.message
    import dns.name

    labels = [_mixed(label.encode("ascii")) for label in name.split(".")]
    query = dns.message.make_query(dns.name.Name([*labels, b""]), kind, use_edns=0, payload=PAYLOAD)
    query.flags |= dns.flags.AD
    return query


def _mixed(label: bytes) -> bytes:
    from secrets import randbits

    bits = randbits(len(label))
    return bytes(octet ^ 0x20 if bits >> n & 1 and chr(octet).isalpha() else octet for n, octet in enumerate(label))


async def _exchange(query: QueryMessage, where: Server, seconds: float) -> QueryMessage:
    import socket

    import dns.asyncbackend
    import dns.asyncquery
    import dns.inet
    import dns.message

    backend: Any = dns.asyncbackend.get_backend("asyncio")
    host, port = where
    family = dns.inet.af_for_address(host)
    try:
        async with await backend.make_socket(family, socket.SOCK_DGRAM, destination=where) as connected:
            reply: Any = await dns.asyncquery.udp(
                query,
                host,
                seconds,
                port,
                ignore_unexpected=True,
                ignore_errors=True,
                raise_on_truncation=True,
                sock=connected,
            )
        if not reply.question or _labels(reply.question[0].name) == _labels(query.question[0].name):
            return reply  # type: ignore[no-any-return]
    except dns.message.Truncated:
        pass
    return await dns.asyncquery.tcp(query, host, seconds, port, backend=backend)  # type: ignore[return-value]


def _labels(name: Name) -> tuple[bytes, ...]:
    return name.labels  # compared octet by octet: names themselves compare without case


def _read(reply: QueryMessage) -> Answer:
    """What a reply says about its question."""
    import dns.flags
    import dns.rcode
    import dns.rdatatype

    rcode = reply.rcode()
    if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return unknown(_failure(reply))
    if not reply.flags & (dns.flags.AA | dns.flags.RA):
        return unknown("the server neither resolves nor has authority")
    chain = reply.resolve_chaining()
    validated = bool(reply.flags & dns.flags.AD)
    if chain.answer is not None:
        records = tuple(sorted(map(_plain, chain.answer)))
        return Answer(Status.FOUND, records, validated=validated, seconds=chain.minimum_ttl)
    owners = {rrset.rdtype for rrset in reply.authority}
    proven = dns.rdatatype.SOA in owners
    if not proven and dns.rdatatype.NS in owners:
        return unknown("the server only points to others")
    # An alias to a name that does not exist is itself a name (RFC 6604).
    absent = rcode == dns.rcode.NXDOMAIN and not chain.cnames
    # Without an SOA nothing says for how long (RFC 2308 section 5).
    return Answer(Status.ABSENT if absent else Status.EMPTY, (), "", validated, chain.minimum_ttl if proven else 0)


def _failure(reply: QueryMessage) -> str:
    """The code of a failure, with what the server adds to it (RFC 8914)."""
    import dns.edns
    import dns.rcode

    code = dns.rcode.to_text(reply.rcode())
    more = [dns.edns.EDECode.to_text(error.code).replace("_", " ").lower() for error in reply.extended_errors()]
    return f"{code} ({', '.join(more)})" if more else code


def _plain(record: Any) -> Any:
    """A record without its class."""
    import dns.rdatatype

    if record.rdtype == dns.rdatatype.MX:
        return record.preference, _host(record.exchange)
    if record.rdtype == dns.rdatatype.NS:
        return _host(record.target)
    if record.rdtype == dns.rdatatype.TXT:
        return b"".join(record.strings)
    return record.serial if record.rdtype == dns.rdatatype.SOA else record.to_text()


def _host(name: Name) -> str:
    return name.to_text(omit_final_dot=True).lower()


def _words(error: Exception) -> str:
    """The name of an exception as words: "bad response", "chain too long"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).lower()
