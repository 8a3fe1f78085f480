"""The facts: what DNS says of a stranger, in words, each with what it rests on.

Asking tells whoever runs the stranger's name servers that somebody looked. Only domains are asked about, never a local
part, and nothing is asked unless somebody hands over a resolver. What could not be learned is said, and means nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from headerguard.address import BUNDLED, SuffixList
from headerguard.mail_policy import Dmarc, Spf, discovered, dmarc, spf, tree_walk
from headerguard.name_server import Answer, Status, unknown

if TYPE_CHECKING:
    from headerguard.resolver import Inquiry, Resolver

__all__ = ["Fact", "Facts", "look_up", "look_up_async"]

_HOST = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.(?=.)|\Z))+", re.DOTALL)

NEVER_ASKED = frozenset(("alt", "internal", "invalid", "local", "localhost", "onion"))
"""Top levels that are not in DNS: RFC 9476, ICANN 2024, RFC 6761, RFC 6762, RFC 7686."""

PARKED = frozenset(
    (
        "above.com",
        "afternic.com",
        "bodis.com",
        "dan.com",
        "domainmarket.com",
        "dsredirection.com",
        "h-email.net",
        "parkingcrew.net",
        "parklogic.com",
        "sedoparking.com",
        "uniregistrymarket.link",
        "ztomy.com",
    )
)
"""Services for domains that are for sale or unused, by their name servers and mail hosts (2026-11)."""

OF_MANY = frozenset(
    (
        "arsmtp.com",
        "barracudanetworks.com",
        "cloudflare.net",
        "emailsrvr.com",
        "forwardemail.net",
        "gandi.net",
        "google.com",
        "googlemail.com",
        "hostedemail.com",
        "icloud.com",
        "improvmx.com",
        "iphmx.com",
        "kundenserver.de",
        "mail.ru",
        "mailgun.org",
        "messagelabs.com",
        "messagingengine.com",
        "mimecast.com",
        "mx.microsoft",
        "one.com",
        "outlook.com",
        "ovh.net",
        "ppe-hosted.com",
        "pphosted.com",
        "privateemail.com",
        "protonmail.ch",
        "registrar-servers.com",
        "secureserver.net",
        "yahoodns.net",
        "yandex.net",
        "zoho.com",
    )
)
"""Domains of mail services that take the mail of everybody: to share a host there says nothing (2026-11)."""

YOUNG = timedelta(days=7)
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that DNS says."""

    text: str
    """A clause for people, without the domain."""
    damning: bool = False
    """Whether it makes a finding about the stranger weigh more."""


@dataclass(frozen=True)
class Facts:
    """What DNS said of one domain. None anywhere: nobody knows."""

    domain: str
    """The domain asked for."""
    registrable_domain: str
    """Its registrable domain, to which name servers, SOA and DS belong; the domain where there was no time for it."""
    exists: bool | None = None
    """False: NXDOMAIN."""
    null_mx: bool | None = None
    """It says that it takes no mail (RFC 7505)."""
    mx: tuple[str, ...] | None = None
    """Hosts that take its mail, the preferred one first; () for none."""
    address: bool | None = None
    """Whether it has an A or AAAA record, which counts where there is no MX (RFC 5321 section 5.1)."""
    ns: tuple[str, ...] | None = None
    """Its name servers."""
    serial: int | None = None
    """Serial number of its zone (SOA)."""
    spf: Spf | None = None
    """Its SPF record; `records` is 0 where there is none."""
    dmarc: Dmarc | None = None
    """The DMARC record that counts; `records` is 0 where there is none."""
    wildcard: bool | None = None
    """Whether any name below it has an address."""
    signed: bool | None = None
    """Whether a DS record at the parent says that the zone is signed (RFC 4035)."""
    validated: bool = False
    """Whether the resolver says that it proved the answers (AD); worth as much as the way to the resolver."""
    shared_with: tuple[str, ...] = ()
    """Other strangers whose mail goes to one of the same hosts, and not to those of a service for everybody."""
    shared_with_lookalike: str = ""
    """One of them that a rule called a lookalike of somebody known."""
    unanswered: tuple[str, ...] = ()
    """What could not be learned, and why: "MX: timeout"."""

    @property
    def receives_mail(self) -> bool | None:
        """Whether mail to it can arrive anywhere."""
        if self.exists is False or self.null_mx:
            return False
        if self.mx or self.mx is None:
            return bool(self.mx) or None
        return self.address

    @property
    def own_hosts(self) -> tuple[str, ...]:
        """The hosts that take its mail and are not those of a service for everybody."""
        return tuple(host for host in self.mx or () if not _is_below(host, OF_MANY))

    @property
    def parked(self) -> bool:
        """Whether a service for unused domains holds it."""
        return any(_is_below(host, PARKED) for host in (*(self.ns or ()), *(self.mx or ())))

    @cached_property
    def changed(self) -> date | None:
        """The day of the last change to the zone, where the serial holds one.

        Either YYYYMMDDnn (RFC 1912 section 2.2) or seconds since 1970. A new domain cannot show an old day; an old
        domain shows a new one whenever its zone is edited.
        """
        serial = self.serial or 0
        try:
            if 1_990_000_000 <= serial <= 2_100_000_000:
                return datetime.strptime(str(serial)[:8], "%Y%m%d").date()
            if 1_000_000_000 <= serial < 1_990_000_000:
                return datetime.fromtimestamp(serial, UTC).date()
        except ValueError:
            pass
        return None

    # ---- in words

    def told(self, today: date | None = None, mailed: bool = True) -> list[Fact]:
        """Every fact, the damning ones first; `today` decides whether the zone is young.

        `mailed`: whether mail is meant to reach it. A host that only serves a web page need not take any.
        """
        if self.exists is False:
            return [Fact("does not exist (NXDOMAIN)", True)]
        facts = [*self._about_mail(mailed), *self._about_zone(today), *self._about_policy()]
        return sorted(facts, key=lambda fact: not fact.damning)

    def _about_mail(self, mailed: bool) -> Iterator[Fact]:
        if self.null_mx:
            yield Fact("takes no mail (null MX, RFC 7505)", mailed)
        elif self.mx:
            yield Fact(f"mail goes to {_some(self.mx)}")
        elif self.mx == () and self.address is False:
            yield Fact("cannot receive mail: neither MX nor address", mailed)
        elif self.mx == () and self.address:
            yield Fact("no MX, mail goes to its address (RFC 5321 section 5.1)")
        if self.shared_with_lookalike:
            yield Fact(f"shares a mail host with {self.shared_with_lookalike}, a lookalike of somebody known", True)
        elif self.shared_with:
            yield Fact(f"shares a mail host with {_some(self.shared_with)}")

    def _about_zone(self, today: date | None) -> Iterator[Fact]:
        if self.parked:
            yield Fact("parked: a service for unused domains holds it", True)
        if self.changed:
            young = today is not None and timedelta(0) <= today - self.changed <= YOUNG
            hint = ", as that of a new domain would be" if young else ""
            yield Fact(f"zone last changed on {self.changed} by its SOA serial{hint}", young)
        if self.ns:
            yield Fact(f"name servers {_some(self.ns)}")
        if self.wildcard:
            yield Fact("every name below it has an address (wildcard)")
        if self.validated:
            yield Fact("DNSSEC: validated by the resolver (AD)")
        elif self.signed is not None:
            yield Fact(f"DNSSEC: {'DS at the parent, not validated here' if self.signed else 'not signed'}")

    def _about_policy(self) -> Iterator[Fact]:
        if self.spf is not None:
            yield Fact(_spf_words(self.spf))
        if self.dmarc is not None:
            yield Fact(_dmarc_words(self.dmarc, self.domain))
            if self.dmarc.organizational_domain not in ("", self.registrable_domain):
                yield Fact(f"its organisational domain by DMARC is {self.dmarc.organizational_domain} (RFC 9989)")

    def record(self, today: date | None = None) -> dict[str, Any]:
        """The facts for `--format json`."""
        return {
            "exists": self.exists,
            "receives_mail": self.receives_mail,
            "null_mx": self.null_mx,
            "mx": None if self.mx is None else list(self.mx),
            "name_servers": None if self.ns is None else list(self.ns),
            "parked": self.parked,
            "wildcard": self.wildcard,
            "soa_serial": self.serial,
            "soa_changed": self.changed.isoformat() if self.changed else None,
            "spf": None if self.spf is None else _plain(self.spf),
            "dmarc": None if self.dmarc is None else _plain(self.dmarc),
            "dnssec_signed": self.signed,
            "dnssec_validated": self.validated,
            "told": [{"text": fact.text, "damning": fact.damning} for fact in self.told(today)],
            "unanswered": list(self.unanswered),
        }


def _plain(policy: Spf | Dmarc) -> dict[str, Any]:
    return {name: getattr(policy, name) for name in policy.__slots__}


def _some(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _is_below(host: str, domains: frozenset[str]) -> bool:
    labels = host.split(".")
    return any(".".join(labels[start:]) in domains for start in range(len(labels) - 1))


_ALL = {"+": "lets everybody send (+all)", "-": "ends in -all", "~": "ends in ~all", "?": "ends in ?all"}


def _spf_words(found: Spf) -> str:
    if not found.records:
        return "no SPF"
    if found.error:
        return f"SPF is broken: {found.error}"
    if found.redirect:
        return f"SPF is that of {found.redirect[:253]}"
    return f"SPF {_ALL.get(found.all, 'says nothing of others')}"


def _dmarc_words(found: Dmarc, domain: str) -> str:
    if not found.records:
        return "no DMARC"
    if found.error:
        return f"DMARC is broken: {found.error}"
    inherited = found.found_at != domain
    policy = found.subdomains or found.policy if inherited else found.policy
    share = f" for {found.percent} %" if found.percent != 100 else ""
    tried = ", only tried" if found.testing else ""
    return f"DMARC p={policy}{share}{f' by {found.found_at}' if inherited else ''}{tried}"


# ---- looking up ------------------------------------------------------------------------------------------------------


def look_up(resolver: Resolver, domains: Iterable[str], suffixes: SuffixList = BUNDLED) -> dict[str, Facts]:
    """The facts of all strangers of one message, by domain (A-labels), within the deadline of the resolver.

    Never raises for what DNS does: a domain of which nothing could be learned has facts that say so.
    """
    search = _Search(domains, suffixes)
    return search.by_domain(resolver.run(search.run))


async def look_up_async(resolver: Resolver, domains: Iterable[str], suffixes: SuffixList = BUNDLED) -> dict[str, Facts]:
    """The same for a program with an asyncio loop."""
    search = _Search(domains, suffixes)
    return search.by_domain(await resolver.run_async(search.run))


class _Search:
    """All strangers of one message, asked about side by side."""

    def __init__(self, domains: Iterable[str], suffixes: SuffixList) -> None:
        self.domains, self.suffixes = tuple(dict.fromkeys(domains)), suffixes

    async def run(self, inquiry: Inquiry) -> list[Facts]:
        """The facts of each. The first use of the suffix list reads it, so that happens here, within the deadline."""
        import asyncio

        strangers = [_Stranger(inquiry, name, self.suffixes.registrable_domain(name)) for name in self.domains]
        return await asyncio.gather(*(stranger.facts() for stranger in strangers))

    def by_domain(self, found: Iterable[Facts] | None) -> dict[str, Facts]:
        """What was found in time; None: nothing was, and there is no time left to look for registrable domains."""
        if found is None:
            found = [Facts(name, name, unanswered=("everything: timeout",)) for name in self.domains]
        return {facts.domain: facts for facts in found}


class _Stranger:
    """The questions about one stranger."""

    def __init__(self, inquiry: Inquiry, domain: str, registrable: str) -> None:
        self.inquiry, self.domain, self.registrable = inquiry, domain, registrable
        self.unanswered: list[str] = []

    async def facts(self) -> Facts:
        """Ask where the mail goes first: a domain that does not exist needs no further question."""
        from asyncio import gather

        blank = Facts(self.domain, self.registrable)
        if not _HOST.fullmatch(self.domain) or "." not in self.domain:
            return replace(blank, unanswered=("everything: it is no name that DNS can hold",))
        if self.domain.rpartition(".")[2] in NEVER_ASKED:
            return replace(blank, unanswered=("everything: a special-use name is not asked about (RFC 6761)",))
        mail = await self._ask(self.domain, "MX")
        if mail.status is Status.ABSENT:
            return replace(blank, exists=False)
        if mail.status is Status.UNKNOWN:  # who does not tell this tells nothing, or DNS is down: once is enough
            return replace(blank, unanswered=tuple(self.unanswered))
        chance = f"{self.inquiry.chance(self.registrable)}.{self.registrable}"
        (ns, soa, texts, wildcard, ds), address, policy = await gather(
            gather(
                self._ask(self.registrable, "NS"),
                self._ask(self.registrable, "SOA"),
                self._ask(self.domain, "TXT"),
                self._ask(chance, "A"),
                self._ask(self.registrable, "DS"),
            ),
            self._address(mail),
            self._dmarc(),
        )
        hosts = tuple(dict.fromkeys(host for _, host in mail.records))
        return Facts(
            self.domain,
            self.registrable,
            exists=True,
            null_mx=hosts == (".",),
            mx=tuple(host for host in hosts if host != "."),
            address=address,
            ns=_records(ns),
            serial=soa.records[0] if soa.status is Status.FOUND else None,
            spf=None if texts.status is Status.UNKNOWN else spf(texts.records),
            dmarc=policy,
            wildcard=None if wildcard.status is Status.UNKNOWN else wildcard.status is Status.FOUND,
            signed=None if ds.status is Status.UNKNOWN else ds.status is Status.FOUND,
            validated=mail.validated and soa.validated,
            unanswered=tuple(sorted(self.unanswered)),  # not as the answers happened to come
        )

    async def _ask(self, name: str, kind: str) -> Answer:
        answer = await self.inquiry.ask(name, kind) if len(name) <= 253 else unknown("the name is too long")
        if answer.status is Status.UNKNOWN:
            self.unanswered.append(f"{kind}: {answer.reason}")
        return answer

    async def _address(self, mail: Answer) -> bool | None:
        """Whether it has an address, asked only where no MX says where the mail goes."""
        if mail.status is not Status.EMPTY:
            return None
        found = [await self._ask(self.domain, kind) for kind in ("A", "AAAA")]
        if any(answer.status is Status.FOUND for answer in found):
            return True
        return None if any(answer.status is Status.UNKNOWN for answer in found) else False

    async def _dmarc(self) -> Dmarc | None:
        """The policy that counts, by a tree walk whose questions are put at once, as it hardly ever ends before all."""
        from asyncio import gather

        places = tree_walk(self.domain)
        answers = await gather(*(self._ask(f"_dmarc.{place}", "TXT") for place in places))
        pairs = zip(places, map(_records, answers), strict=True)
        return discovered({place: None if texts is None else dmarc(texts, place) for place, texts in pairs})


def _records(answer: Answer) -> tuple[Any, ...] | None:
    return None if answer.status is Status.UNKNOWN else answer.records
