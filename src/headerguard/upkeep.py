"""The upkeep: what people do to a baseline, and to the allowances that stand in the configuration."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

from headerguard import config
from headerguard.address import BUNDLED, Address, to_a_label
from headerguard.address_list import parse as parse_address
from headerguard.baseline import Baseline
from headerguard.crowds import ACCOUNTS, ACCOUNTS_CAP
from headerguard.errors import BaselineError, ConfigError
from headerguard.explain import level_of, place, title
from headerguard.file import replace
from headerguard.lists import DomainList
from headerguard.profile import LEARNED_ROLES, SHAPES, Profile
from headerguard.protection import protections
from headerguard.pseudonym import is_kept
from headerguard.role import Role
from headerguard.role_history import ENOUGH, RoleHistory
from headerguard.rule import near_miss
from headerguard.terminal import visible

__all__ = ["allow", "changes", "described", "forget", "has_other_key", "meant", "prune", "streams"]

_VALUES = 5
"""Registrable domains of a role that are listed."""


# ---- the baseline ----------------------------------------------------------------------------------------------------


def described(baseline: Baseline, stream: str | None, rate: float = 1e-4) -> Iterator[str]:
    """What every stream has done, or one of them, and what that protects at a false-alarm rate.

    Raises BaselineError, naming the nearest, for an unknown stream.
    """
    names = {key: level_of(key).name for key in sorted(baseline.streams)}
    chosen = [key for key, name in names.items() if stream in (None, key, name)]
    if stream is not None and not chosen:
        raise BaselineError(f"no stream is called {stream!r}{near_miss(stream, names.values())}")
    for key in chosen:
        profile = baseline.streams[key]
        yield f"{place(key)}  {_messages(profile.messages)}{_days(profile)}"
        counts = baseline.recent(profile)
        for role, history in sorted(counts.roles.items()):
            values = f"{_values(history, role in SHAPES)}{_aged(profile.roles[role], history, baseline.horizon)}"
            yield f"   {role:<15}{_openness(history):<9}{history.messages:>7,}  {values}".rstrip()
        if profile.messages >= ENOUGH:
            yield from _protected(counts, baseline, rate)
    yield from map(_crowd, baseline.crowded)
    for key, riders in sorted(baseline.riders.items()):
        if riders.forgotten:
            yield (
                f"{place(key)}: {riders.forgotten:,} companions were forgotten, as there are too many;"
                " who rides along takes longer to show"
            )


def _crowd(family: str) -> str:
    """What is not told apart any more, and by what it is judged."""
    if family == ACCOUNTS:
        return f"Accounts there are too many: {ACCOUNTS_CAP:,} are kept, by lot, and of the others nothing is known"
    level = level_of(family)
    if level.kind == "author" and level.value:
        return f"{title(level.name)} writes too many subjects to be judged by them"
    above = "all of that mail together" if level.kind in ("author", "subject") else "their authors"
    return f"{title(level.name)} there are too many to be told apart: they are judged by {above}"


def _protected(profile: Profile, baseline: Baseline, rate: float) -> Iterator[str]:
    """What tells a stranger in each part of a message, and what nothing tells."""
    for protection in protections(profile, baseline, rate):
        yield f"   {protection.part}: {'; '.join(protection.ways) or 'not protected'}"
        if protection.gap:
            yield f"      nothing tells {protection.gap}"


def _openness(history: RoleHistory) -> str:
    if history.messages < ENOUGH:
        return "too few"
    return "closed" if history.closed else "open"


def _values(history: RoleHistory, numbers: bool = False) -> str:
    """The commonest values, with the messages that showed each; numbers are said to be no messages."""
    values = history.values
    if values is None:
        return "too many domains to keep"
    most = sorted(values, key=lambda value: (-values[value].count, value))
    if numbers:
        return ", ".join(f"{value} in {_messages(values[value].count)}" for value in most)
    shown = [f"{visible(value)} ({values[value].count:,})" for value in most[:_VALUES]]
    return ", ".join(shown) + (f" and {len(most) - _VALUES:,} more" if len(most) > _VALUES else "")


def _aged(held: RoleHistory, counts: RoleHistory, horizon: int) -> str:
    """How many values of a role do not count as known any more."""
    lost = len(held.values or ()) - len(counts.values or ())
    return f"{'; ' if counts.values else ''}{lost:,} not shown for {horizon:,} days" if lost else ""


def _messages(count: int) -> str:
    return f"{count:,} message{'' if count == 1 else 's'}"


def _days(profile: Profile) -> str:
    first, last = profile.seen.first, profile.seen.last
    return f", {date.fromordinal(first)} to {date.fromordinal(last)}" if first and last else ""


def streams(baseline: Baseline) -> int:
    """How many streams a baseline tells apart: an author counts only where nothing finer does."""
    levels = [level_of(key) for key in baseline.streams]
    return sum(level.kind not in ("author", "account") for level in levels) + len(
        [family for family in baseline.crowded if family != ACCOUNTS]
    )


def changes(old: Baseline, new: Baseline) -> Iterator[str]:
    """How two baselines differ, a sentence each; nothing where they are equal."""
    told = list(new.diff(old))
    yield from told
    if not told and old != new:
        yield "the streams and the roles hold nothing new; counts or days differ, or something is gone"


def meant(subject: str, freemail: DomainList) -> tuple[str | None, Address | None]:
    """The registrable domain and the mailbox that a subject which people wrote means; at free mail the mailbox alone.

    Raises ConfigError for what is neither an address nor a domain.
    """
    mailbox = parse_address(subject) if "@" in subject else None
    domain = mailbox.domain if mailbox else to_a_label(subject.strip())
    if not domain or "@" in domain or " " in domain:
        raise ConfigError(f"{subject!r} is neither an address nor a domain")
    registrable = BUNDLED.registrable_domain(domain)
    return None if mailbox and registrable in freemail else registrable, mailbox


def forget(baseline: Baseline, domain: str | None, mailbox: Address | None = None) -> int:
    """Remove a registrable domain, a mailbox or both from every stream; gives the number of places that held either.

    Exact addresses of a role that showed the domain go with it, as nobody can tell which of them are there. A mailbox
    is known where its pseudonym is, so under the key of the baseline alone; with it goes whom it was beside.
    """
    held = 0
    for profile in baseline.streams.values():
        for role, history in profile.roles.items():
            found = history.values is not None and history.values.pop(domain or "", None) is not None
            if found:
                history.addresses = {} if history.addresses is not None else None
            elif mailbox and history.addresses and role in LEARNED_ROLES:
                found = history.addresses.pop(baseline.pseudonym(Role(role), mailbox), None) is not None
            if found:
                held += 1
                profile.aged = None
    if mailbox:
        who = baseline.pseudonyms.of_text(mailbox.canonical)
        held += sum(riders.forget(who) for riders in baseline.riders.values())
    return held


def has_other_key(baseline: Baseline) -> bool:
    """Whether it holds exact addresses under another key than it was given: no mailbox can be found among those."""
    name = baseline.pseudonyms.name
    companions = (who for riders in baseline.riders.values() for who in riders.companions)
    return any(profile.has_strange_addresses(name) for profile in baseline.streams.values()) or any(
        is_kept(who) and not who.startswith(name) for who in companions
    )


def prune(baseline: Baseline, before: date) -> list[str]:
    """Drop the streams that were last seen before a day; gives their names. A stream without a date stays.

    Who was beside whom in them goes with them.
    """
    day = before.toordinal()
    old = [key for key, profile in baseline.streams.items() if profile.seen.is_before(day)]
    for key in old:
        del baseline.streams[key]
        if key in baseline.riders:
            del baseline.riders[key]
    return [place(key) for key in sorted(old)]


# ---- allowances ------------------------------------------------------------------------------------------------------


def allow(path: Path, allowance: Mapping[str, str]) -> None:
    """Add an allowance to a configuration file, which is made where there is none; all else stays as it is.

    Raises ConfigError, and writes nothing, when the file could not be used afterwards.
    """
    try:
        before = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        after = before + _table(path, allowance, before)
    except UnicodeEncodeError:
        raise ConfigError(f"{path}: an allowance is text in UTF-8") from None
    _validate(path, after)
    try:
        replace(path, after)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error


def _table(path: Path, allowance: Mapping[str, str], before: bytes) -> bytes:
    """The table in TOML, with the line ends of the file."""
    head = "[[tool.headerguard.allow]]" if path.name == "pyproject.toml" else "[[allow]]"
    lines = [head, *(f"{key} = {_quoted(value)}" for key, value in allowance.items())]
    lines[:0] = [""] * (bool(before) + (bool(before) and not before.endswith(b"\n")))
    return "".join(f"{line}\n" for line in lines).replace("\n", "\r\n" if b"\r\n" in before else "\n").encode()


def _quoted(value: str) -> str:
    """A basic string of TOML: that of JSON, with one character more escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _validate(path: Path, octets: bytes) -> None:
    try:
        data = tomllib.loads(octets.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: an allowance cannot be added: the file is not TOML then: {error}") from error
    if path.name == "pyproject.toml":
        data = data["tool"]["headerguard"]
    config.parse(data, str(path), path.parent)
