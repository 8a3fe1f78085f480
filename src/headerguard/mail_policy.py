"""The mail policy: what a domain says about mail in its name, SPF (RFC 7208) and DMARC (RFC 9989), read as text.

A record is read and not followed: no `include` is fetched, nobody is judged by it. Any octets may come in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

__all__ = ["Dmarc", "Spf", "discovered", "dmarc", "spf", "tree_walk"]


@dataclass(frozen=True, slots=True)
class Spf:
    """The SPF record of a domain."""

    records: int = 0
    """How many there are; more than one is an error (RFC 7208 section 4.5)."""
    all: str = ""
    """What `all` says of everybody who is not named: "+" pass, "-" fail, "~" softfail, "?" neutral, "" without it."""
    redirect: str = ""
    """The domain whose record counts instead (section 6.1)."""
    lookups: int = 0
    """Terms that cost a receiver a query; more than ten are an error (section 4.6.4)."""
    error: str = ""
    """Why a receiver would not take it (permerror, section 2.6.7), or nothing."""


@dataclass(frozen=True, slots=True)
class Dmarc:
    """The DMARC record that counts for a domain."""

    records: int = 0
    """How many there are; more than one count as none (RFC 9989 section 4.10)."""
    policy: str = ""
    """What receivers are asked to do with mail that fails: "none", "quarantine", "reject"."""
    subdomains: str = ""
    """The same for the domains below, where it differs ("sp")."""
    nonexistent: str = ""
    """The same for those below that do not exist, where it differs from that ("np")."""
    percent: int = 100
    """The share of mail that it is meant for (RFC 7489; RFC 9989 has "t" instead)."""
    testing: bool = False
    """Whether it is only tried, and not to be applied ("t")."""
    psd: str = "u"
    """Whether the domain is a public suffix: "y", "n" for one that is at home here all the same, "u" nobody said."""
    found_at: str = ""
    """The domain that publishes it: the one asked for, its organisational domain, or the public suffix above."""
    organizational_domain: str = ""
    """That of the domain asked for, by a tree walk; "" where no record tells, or one could not be read."""
    error: str = ""
    """Why it does not count, or nothing."""


# ---- SPF: the grammar of RFC 7208 section 12 -------------------------------------------------------------------------

_VERSION = re.compile(rb"v=spf1(?= |\Z)", re.IGNORECASE)
_MACRO = r"%\{[slodiphcrtv][0-9]*r?[.\-+,/_=]*\}|%%|%_|%-"
_MACRO_STRING = re.compile(rf"(?:{_MACRO}|[!-$&-~])*", re.IGNORECASE)
_DOMAIN_END = re.compile(rf"(?:.*\.(?:[0-9]*[a-z][a-z0-9]*|[a-z0-9]+-[a-z0-9-]*[a-z0-9])\.?|.*(?:{_MACRO}))", re.I)
_NETWORK = re.compile(r"[0-9A-Fa-f:.]{2,45}(?:/\d{1,3})?")
_CIDR = re.compile(r"(?:/(\d{1,3}))?(?://(\d{1,3}))?")
_DIRECTIVE = re.compile(r"([+?~-]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?=[:/]|\Z)(.*)", re.IGNORECASE | re.DOTALL)
_MODIFIER = re.compile(r"([a-z][a-z0-9._-]*)=(.*)", re.IGNORECASE | re.DOTALL)
_ASKING = frozenset(("include", "a", "mx", "ptr", "exists"))


def spf(texts: Iterable[bytes]) -> Spf:
    """Read the SPF record among the TXT records of a domain."""
    records = [text for text in texts if _VERSION.match(text)]
    if len(records) != 1:
        return Spf(len(records), error=f"{len(records)} records" if records else "")
    return _spf(records[0].decode("latin-1"))


def _spf(record: str) -> Spf:
    found, seen, lookups = "", dict[str, str](), 0
    for term in record.split(" ")[1:]:
        if not term:
            continue
        if directive := _DIRECTIVE.fullmatch(term):
            qualifier, mechanism, rest = directive[1] or "+", directive[2].lower(), directive[3]
            if not _takes(mechanism, rest):
                return Spf(1, error=f"{_shown(term)} is no term")
            lookups += mechanism in _ASKING
            if mechanism == "all" and not found:  # what stands behind `all` is never reached (section 5.1)
                found = qualifier
        elif modifier := _MODIFIER.fullmatch(term):
            name, value = modifier[1].lower(), modifier[2]
            if not _MACRO_STRING.fullmatch(value) or (name in ("redirect", "exp") and not _is_domain(value)):
                return Spf(1, error=f"{_shown(term)} is no term")
            if name in ("redirect", "exp") and name in seen:
                return Spf(1, error=f"{name} stands there twice")
            seen[name] = value
        else:
            return Spf(1, error=f"{_shown(term)} is no term")
    redirect = "" if found else seen.get("redirect", "")
    lookups += bool(redirect)
    return Spf(1, found, redirect, lookups, "more than ten lookups" if lookups > 10 else "")


def _takes(mechanism: str, rest: str) -> bool:
    """Whether a mechanism takes what follows its name (RFC 7208 section 5)."""
    if mechanism == "all":
        return not rest
    if mechanism in ("ip4", "ip6"):
        return _is_network(rest[1:], 4 if mechanism == "ip4" else 6) if rest.startswith(":") else False
    if mechanism in ("a", "mx"):
        rest, end = _without_prefix_length(rest)
        if not end:
            return False
        return not rest or (rest.startswith(":") and _is_domain(rest[1:]))
    if mechanism == "ptr" and not rest:
        return True
    return rest.startswith(":") and _is_domain(rest[1:])


def _without_prefix_length(rest: str) -> tuple[str, bool]:
    """What stands before a prefix length, and whether that is one (section 5.6: /0 to /32, //0 to //128)."""
    kept = rest.rstrip("0123456789/")
    tail = rest[len(kept) :]
    start = tail.find("/")
    if start < 0:
        return rest, True
    found = _CIDR.fullmatch(tail[start:])
    if not found:  # a domain may hold slashes, as long as it does not end in one
        return rest, False
    return rest[: len(kept) + start], int(found[1] or 0) <= 32 and int(found[2] or 0) <= 128


def _is_network(text: str, version: int) -> bool:
    from ipaddress import ip_network

    try:
        return bool(_NETWORK.fullmatch(text)) and ip_network(text, strict=False).version == version
    except ValueError:
        return False


def _is_domain(text: str) -> bool:
    """domain-spec (section 7.1): a macro-string that ends in a top label or a macro."""
    return bool(_MACRO_STRING.fullmatch(text) and _DOMAIN_END.fullmatch(text))


def _shown(term: str) -> str:
    return repr(term if len(term) <= 40 else f"{term[:40]}...")


# ---- DMARC: the records of RFC 9989 section 4.7, and where they are looked for (section 4.10) ------------------------

_DMARC = re.compile(rb"v[ \t]*=[ \t]*DMARC1[ \t]*(?=;|\Z)")
_POLICIES = ("none", "quarantine", "reject")
_QUERIES = 8
_REPORTS = re.compile(r"\s*[a-z][a-z0-9+.-]*:[!-~]", re.IGNORECASE)


def dmarc(texts: Iterable[bytes], found_at: str) -> Dmarc:
    """Read the DMARC record among the TXT records of `_dmarc` below a domain."""
    records = [text for text in texts if _DMARC.match(text)]
    if len(records) != 1:
        return Dmarc(len(records), found_at=found_at, error=f"{len(records)} records" if records else "")
    tags: dict[str, str] = {}
    for part in records[0].decode("latin-1").split(";")[1:]:
        name, equals, value = part.partition("=")
        if equals:
            tags.setdefault(name.strip().lower(), value.strip())
    policy, below, absent, psd = (tags.get(name, "").lower() for name in ("p", "sp", "np", "psd"))
    psd = psd if psd in ("y", "n") else "u"
    if policy not in _POLICIES or not {below, absent} <= {"", *_POLICIES}:
        if not _REPORTS.match(tags.get("rua", "")):
            return Dmarc(1, psd=psd, found_at=found_at, error="it names no policy")
        policy, below, absent = "none", "", ""  # section 4.10.1
    below = "" if below == policy else below
    absent = "" if absent == (below or policy) else absent
    percent = tags.get("pct", "")
    share = int(percent) if re.fullmatch("[0-9]{1,3}", percent) and int(percent) <= 100 else 100
    return Dmarc(1, policy, below, absent, share, tags.get("t", "").lower() == "y", psd, found_at)


def tree_walk(domain: str) -> tuple[str, ...]:
    """The domains whose record may count for a domain, itself first and its top level last; at most eight."""
    labels = domain.split(".")
    most = _QUERIES - 1
    return (domain, *(".".join(labels[-count:]) for count in range(min(len(labels) - 1, most), 0, -1)))


def discovered(found: Mapping[str, Dmarc | None]) -> Dmarc | None:
    """The record that counts for a domain, by those that a tree walk found, in its order; None where nobody knows.

    `found` says of each domain what `dmarc` read there, None of one that did not answer.
    """
    own, organization = next(iter(found.values())), _organization(found)
    if own is None:
        return None
    if organization is None:
        return own if own.records == 1 else None
    suffix = next((record for record in found.values() if record and record.psd == "y"), None)
    for record in (own, found.get(organization), suffix):
        if record and record.records == 1:
            return replace(record, organizational_domain=organization)
    return own


def _organization(found: Mapping[str, Dmarc | None]) -> str | None:
    """The organisational domain (section 4.10.2); "" where there is no record, None where it is not known."""
    labels, last = next(iter(found)).split("."), ""
    for domain, record in found.items():
        if record is None:
            return None
        if record.records != 1:
            continue
        if record.psd == "n":
            return domain
        if record.psd == "y":  # one label below; below the domain asked for itself there is none, and it stays
            return ".".join(labels[-domain.count(".") - 2 :])
        last = domain
    return last
