"""A name server in this process, on the loopback interface, over UDP and TCP, that fails in every way one can.

It answers out of a zone as text, as a resolver would (RA), counts every question, and does to a name what it is told:
see `FAULTS`. Spoofed replies come before the true one, as those of somebody who guesses would.
"""

from __future__ import annotations

import socketserver
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.zone

__all__ = ["FAULTS", "SPOOFS", "NameServer"]

FAULTS = (
    "drop",
    "servfail",
    "refused",
    "formerr",
    "lame",
    "no resolver",
    "loop",
    "garbage",
    "slow",
    "truncated for ever",
    "truncated, then silence",
    "wrong id",
    "wrong question",
    "wrong class",
    "not a reply",
    "other port",
    "nxdomain with an answer",
)
"""What keeps a question from being answered."""
SPOOFS = ("spoofed id", "spoofed case", "spoofed question", "spoofed port", "spoofed truncation", "case lost")
"""What somebody else, or a careless server, does beside the true answer."""

Step = tuple[float, bytes, bool]
"""Seconds to wait, what to send then, and whether from another port."""


class NameServer:
    """Serves `zone` (master file text with $ORIGIN) until it is left."""

    def __init__(self, zone: str = "", faults: dict[str, str] | None = None, slow: float = 30.0) -> None:
        """`faults` says by name in lower case, or for "*", what happens to questions about it."""
        self.zones = _zones(zone)
        self.faults = faults or {}
        self.slow = slow
        self.asked: Counter[tuple[str, str]] = Counter()
        self.over_tcp: Counter[tuple[str, str]] = Counter()
        self.cases: set[bytes] = set()
        self.leaving = threading.Event()
        self._lock = threading.Lock()

    def __enter__(self) -> NameServer:
        self._udp, self._tcp = _pair()
        self._other = _Udp(("127.0.0.1", 0), _Datagram)
        self._threads = []
        for each in (self._udp, self._tcp):
            each.owner = self
            thread = threading.Thread(target=each.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(self, *_: object) -> None:
        self.leaving.set()
        for each in (self._udp, self._tcp):
            each.shutdown()
        for thread in self._threads:
            thread.join()
        for server in (self._udp, self._tcp, self._other):
            server.server_close()
        for thread in threading.enumerate():  # a question that nobody waits for any more is still of this test
            if thread.name == "headerguard-dns":
                thread.join()

    @property
    def address(self) -> str:
        """For `Resolver`."""
        host, port = self._udp.server_address[:2]
        return f"{host!s}:{port}"

    @property
    def names(self) -> set[str]:
        """Every name that was asked about."""
        return {name for name, _ in self.asked}

    # ---- replies

    def steps(self, wire: bytes, tcp: bool) -> Iterator[Step]:
        """What to send for a query, and when."""
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name, kind = question.name.to_text(True).lower(), dns.rdatatype.to_text(question.rdtype)
        with self._lock:
            self.asked[name, kind] += 1
            self.over_tcp[name, kind] += tcp
            self.cases.add(question.name.to_text(True).encode())
        fault = self.faults.get(name, self.faults.get("*", ""))
        true = self.answer(query)
        method = getattr(self, f"_{fault.replace(' ', '_').replace(',', '')}", None) if fault else None
        if method is None:
            assert not fault, f"no such fault: {fault}"
            yield 0, self._wire(true, tcp), False
        else:
            yield from method(query, true, tcp)

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        """The true answer out of the zones; an alias is followed as a resolver would."""
        reply = dns.message.make_response(query, recursion_available=True)
        name, kind = query.question[0].name, query.question[0].rdtype
        for _ in range(20):
            zone = self._zone_of(name.parent() if kind == dns.rdatatype.DS else name)  # RFC 4035 section 3.1.4.1
            if zone is None:
                reply.set_rcode(dns.rcode.REFUSED)
                return reply
            node = zone.get_node(name) or self._wildcard(zone, name)
            found = node.get_rdataset(zone.rdclass, kind) if node else None
            alias = node.get_rdataset(zone.rdclass, dns.rdatatype.CNAME) if node else None
            if found is not None:
                reply.answer.append(dns.rrset.from_rdata_list(name, found.ttl, list(found)))
                return reply
            if alias is None:
                break
            reply.answer.append(dns.rrset.from_rdata_list(name, alias.ttl, list(alias)))
            name = alias[0].target
        if node is None and not any(other.is_subdomain(name) for other in zone.nodes):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        soa = zone.find_rdataset(zone.origin, dns.rdatatype.SOA)
        reply.authority.append(dns.rrset.from_rdata_list(zone.origin, soa.ttl, list(soa)))
        return reply

    def _zone_of(self, name: dns.name.Name) -> Any:
        fitting = [zone for zone in self.zones if name.is_subdomain(zone.origin)]
        return max(fitting, key=lambda zone: len(zone.origin.labels), default=None)

    @staticmethod
    def _wildcard(zone: Any, name: dns.name.Name) -> Any:
        above = name.parent() if name != zone.origin else name
        return zone.get_node(dns.name.Name([b"*", *above.labels])) if above.is_subdomain(zone.origin) else None

    @staticmethod
    def _wire(reply: dns.message.Message, tcp: bool) -> bytes:
        """The reply, cut where it is too long for UDP (RFC 2181 section 9)."""
        wire = reply.to_wire(max_size=65535)
        if tcp or len(wire) <= 1232:
            return wire
        short = dns.message.from_wire(wire)
        short.answer, short.authority, short.additional = [], [], []
        short.flags |= dns.flags.TC
        return short.to_wire()

    def _code(self, query: dns.message.Message, code: dns.rcode.Rcode, tcp: bool) -> Iterator[Step]:
        reply = dns.message.make_response(query, recursion_available=True)
        reply.set_rcode(code)
        yield 0, self._wire(reply, tcp), False

    def _nothing_exists(self, query: dns.message.Message) -> dns.message.Message:
        """What somebody would like to slip in: the name does not exist."""
        reply = dns.message.make_response(query, recursion_available=True)
        reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply

    # ---- faults: one method each

    def _drop(self, query: Any, true: Any, tcp: bool) -> Iterator[Step]:
        yield from ()

    def _servfail(self, query: Any, true: Any, tcp: bool) -> Iterator[Step]:
        yield from self._code(query, dns.rcode.SERVFAIL, tcp)

    def _refused(self, query: Any, true: Any, tcp: bool) -> Iterator[Step]:
        yield from self._code(query, dns.rcode.REFUSED, tcp)

    def _formerr(self, query: Any, true: Any, tcp: bool) -> Iterator[Step]:
        yield from self._code(query, dns.rcode.FORMERR, tcp)

    def _lame(self, query: Any, true: Any, tcp: bool) -> Iterator[Step]:
        reply = dns.message.make_response(query, recursion_available=True)
        reply.authority.append(dns.rrset.from_text(".", 60, "IN", "NS", "a.root-servers.example."))
        yield 0, self._wire(reply, tcp), False

    def _no_resolver(self, query: Any, true: Any, tcp: bool) -> Iterator[Step]:
        reply = self._nothing_exists(query)
        reply.flags &= ~dns.flags.RA
        yield 0, self._wire(reply, tcp), False

    def _loop(self, query: Any, true: Any, tcp: bool) -> Iterator[Step]:
        name = query.question[0].name
        other = dns.name.from_text("loop.example.net.")
        reply = dns.message.make_response(query, recursion_available=True)
        reply.answer = [
            dns.rrset.from_text(name, 60, "IN", "CNAME", other.to_text()),
            dns.rrset.from_text(other, 60, "IN", "CNAME", name.to_text()),
        ]
        yield 0, self._wire(reply, tcp), False

    def _garbage(self, query: Any, true: Any, tcp: bool) -> Iterator[Step]:
        yield 0, struct.pack("!H", query.id) + b"\x81\x80\xff\xff" * 9, False
        yield 0, b"", False

    def _slow(self, query: Any, true: Any, tcp: bool) -> Iterator[Step]:
        yield self.slow, self._wire(true, tcp), False

    def _cut(self, true: Any) -> bytes:
        wire: bytes = true.to_wire()
        return wire[:2] + bytes([wire[2] | 0x02]) + wire[3:]

    def _truncated(self, query: Any, true: Any, tcp: bool) -> Iterator[Step]:
        yield 0, self._wire(true, tcp) if tcp else self._cut(true), False

    def _truncated_for_ever(self, query: Any, true: Any, tcp: bool) -> Iterator[Step]:
        yield 0, b"" if tcp else self._cut(true), False

    def _truncated_then_silence(self, query: Any, true: Any, tcp: bool) -> Iterator[Step]:
        yield self.slow if tcp else 0, self._cut(true), False

    def _wrong_id(self, query: Any, true: Any, tcp: bool) -> Iterator[Step]:
        true.id ^= 0x5555
        yield 0, self._wire(true, tcp), False

    def _wrong_question(self, query: Any, true: Any, tcp: bool) -> Iterator[Step]:
        other = dns.message.make_query("other.example.org", "MX", id=query.id)
        yield 0, self._wire(self._nothing_exists(other), tcp), False

    def _wrong_class(self, query: Any, true: Any, tcp: bool) -> Iterator[Step]:
        other = dns.message.make_query(query.question[0].name, query.question[0].rdtype, "CH", id=query.id)
        yield 0, self._wire(self._nothing_exists(other), tcp), False

    def _not_a_reply(self, query: Any, true: Any, tcp: bool) -> Iterator[Step]:
        true.flags &= ~dns.flags.QR
        yield 0, self._wire(true, tcp), False

    def _other_port(self, query: Any, true: Any, tcp: bool) -> Iterator[Step]:
        yield 0, self._wire(true, tcp), not tcp

    def _nxdomain_with_an_answer(self, query: Any, true: Any, tcp: bool) -> Iterator[Step]:
        name = query.question[0].name
        true.set_rcode(dns.rcode.NXDOMAIN)
        true.answer = [dns.rrset.from_text(name, 60, "IN", "MX", "5 mx.example.org.")]
        yield 0, self._wire(true, tcp), False

    def _bare_nxdomain(self, query: Any, true: Any, tcp: bool) -> Iterator[Step]:
        yield 0, self._wire(self._nothing_exists(query), tcp), False

    # ---- what others slip in before the true answer

    def _spoofed_id(self, query: Any, true: Any, tcp: bool) -> Iterator[Step]:
        for guess in range(50):
            forged = self._nothing_exists(query)
            forged.id = (query.id + 1 + guess) & 0xFFFF
            yield 0, self._wire(forged, tcp), False
        yield 0.02, self._wire(true, tcp), False

    def _spoofed_case(self, query: Any, true: Any, tcp: bool) -> Iterator[Step]:
        if not tcp:
            name = dns.name.from_text(query.question[0].name.to_text().swapcase())
            forged = dns.message.make_query(name, query.question[0].rdtype, id=query.id)
            yield 0, self._wire(self._nothing_exists(forged), tcp), False
        yield 0.02, self._wire(true, tcp), False

    def _spoofed_question(self, query: Any, true: Any, tcp: bool) -> Iterator[Step]:
        if not tcp:
            yield from self._wrong_question(query, true, tcp)
        yield 0.02, self._wire(true, tcp), False

    def _spoofed_port(self, query: Any, true: Any, tcp: bool) -> Iterator[Step]:
        if not tcp:
            yield 0, self._wire(self._nothing_exists(query), tcp), True
        yield 0.02, self._wire(true, tcp), False

    def _spoofed_truncation(self, query: Any, true: Any, tcp: bool) -> Iterator[Step]:
        if not tcp:
            forged = self._nothing_exists(query)
            forged.id ^= 1
            yield 0, self._cut(forged), False
        yield 0.02, self._wire(true, tcp), False

    def _case_lost(self, query: Any, true: Any, tcp: bool) -> Iterator[Step]:
        name = dns.name.from_text(query.question[0].name.to_text().lower())
        lower = dns.message.make_query(name, query.question[0].rdtype, id=query.id)
        yield 0, self._wire(self.answer(lower), tcp), False


def _zones(text: str) -> list[Any]:
    """One zone for each $ORIGIN."""
    zones = []
    for part in text.split("$ORIGIN ")[1:]:
        origin, _, records = part.partition("\n")
        records = f"$TTL 300\n@ IN SOA ns hostmaster 1 3600 600 86400 300\n@ IN NS ns\n{records}"
        if " SOA " in part:
            records = f"$TTL 300\n{part.partition(chr(10))[2]}"
        zones.append(dns.zone.from_text(records, origin=origin.strip(), relativize=False))
    return zones


# ---- sockets


class _Served(socketserver.ThreadingMixIn):
    owner: NameServer
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


class _Udp(_Served, socketserver.UDPServer):
    pass


class _Tcp(_Served, socketserver.TCPServer):
    allow_reuse_address = True


def _pair() -> tuple[_Udp, _Tcp]:
    """The same port of both, which may take a few attempts."""
    while True:
        udp = _Udp(("127.0.0.1", 0), _Datagram)
        try:
            return udp, _Tcp(udp.server_address, _Stream)
        except OSError:
            udp.server_close()


class _Datagram(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        wire, listening = self.request
        owner = self.server.owner  # type: ignore[attr-defined]
        for seconds, reply, elsewhere in owner.steps(wire, False):
            if seconds and owner.leaving.wait(seconds):
                return
            source = owner._other.socket if elsewhere else listening
            source.sendto(reply, self.client_address)


class _Stream(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        owner = self.server.owner  # type: ignore[attr-defined]
        head = self.request.recv(2)
        if len(head) < 2:
            return
        wire = b""
        while len(wire) < struct.unpack("!H", head)[0]:
            if not (more := self.request.recv(65535)):
                return
            wire += more
        for seconds, reply, _ in owner.steps(wire, True):
            if seconds and owner.leaving.wait(seconds):
                return
            if reply:
                self.request.sendall(struct.pack("!H", len(reply)) + reply)
