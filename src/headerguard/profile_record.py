"""The record of a profile: plain data as a file holds it, and the profile that it stands for."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any

from headerguard.profile import (
    ACCOUNT,
    APART,
    BROKEN,
    BUCKETS,
    CONCEALED,
    FLAGGED,
    PARTIES,
    RELAY_HOST,
    SEAL,
    SETTING,
    SHAPES,
    SHOWN,
    SIGNER,
    STREAM,
    TRACKING_HOST,
    Profile,
)
from headerguard.pseudonym import LENGTH, is_kept
from headerguard.role import Role
from headerguard.role_history import CLOSED_VALUES, RoleHistory, Seen, day_at

__all__ = ["MalformedError", "mapping_at", "profile_at", "profile_record"]


class MalformedError(ValueError):
    """A record that cannot be read; the text names the place."""


def mapping_at(value: Any, where: str) -> dict[str, Any]:
    """An object in a file. Raises MalformedError that names the place."""
    if not isinstance(value, dict):
        raise MalformedError(f"{where} is not an object")
    return value


def _seen_record(seen: Seen) -> str:
    """A count with its days, in one line of a file: "3 2026-03-01 2026-03-02", "3" without a date."""
    days = (day.isoformat() if (day := day_at(ordinal)) else "-" for ordinal in (seen.first, seen.last))
    return " ".join((str(seen.count), *days)) if seen.first or seen.last else str(seen.count)


def _days_record(days: Mapping[int, int]) -> dict[str, str]:
    """Messages per day, a line a month: its days from the first to the last that saw any."""
    months: dict[str, list[str]] = {}
    for ordinal in sorted(days):
        day = date.fromordinal(ordinal)
        counts = months.setdefault(day.isoformat()[:7], [])
        counts += ["0"] * (day.day - 1 - len(counts))
        counts.append(str(days[ordinal]))
    return {month: " ".join(counts) for month, counts in months.items()}


def profile_record(profile: Profile) -> dict[str, Any]:
    """A profile as plain data."""
    return {
        "seen": _seen_record(profile.seen),
        "days": _days_record(profile.days),
        "roles": {
            str(role): {
                "messages": history.messages,
                "values": _values_record(history.values),
                **_addresses_record(history),
            }
            for role, history in sorted(profile.roles.items())
        },
    }


def _values_record(values: Mapping[str, Seen] | None) -> dict[str, Any] | None:
    return None if values is None else {value: _seen_record(seen) for value, seen in sorted(values.items())}


def _addresses_record(history: RoleHistory) -> dict[str, Any]:
    """The addresses of a role where there is anything to say that its domains do not tell: an open role has none."""
    if history.addresses is None:
        return {"addresses": None} if history.values is not None and len(history.values) <= CLOSED_VALUES else {}
    kept = {address: seen for address, seen in history.addresses.items() if is_kept(address)}
    return {"addresses": _values_record(kept)} if kept else {}


def _seen(value: Any, where: str) -> Seen:
    if not isinstance(value, str):
        return _seen_of_schema_1(value, where)
    try:
        return _read_seen(value)
    except ValueError:
        raise MalformedError(f"{where} is not a count, or count, first day and last day") from None


@lru_cache(1 << 14)
def _read_seen(text: str) -> Seen:
    """Files hold many of these, and few different ones."""
    count, *days = text.split(" ")
    ordinals = [date.fromisoformat(day).toordinal() if day != "-" else 0 for day in days] or [0, 0]
    (first, last), (whole,) = ordinals, _counts(count)
    return Seen(whole, first, last)


def _counts(text: str) -> list[int]:
    """Whole numbers with a blank between them. Raises ValueError for anything else that `int` would take."""
    if not text.isascii() or not text.replace(" ", "").isdecimal():
        raise ValueError(text)
    return list(map(int, text.split(" ")))


def _seen_of_schema_1(value: Any, where: str) -> Seen:
    try:
        count, first, last = value
        days = [date.fromisoformat(day).toordinal() if day is not None else 0 for day in (first, last)]
    except (TypeError, ValueError):
        raise MalformedError(f"{where} is not [count, first day, last day]") from None
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise MalformedError(f"{where} has no whole number of messages")
    return Seen(count, *days)


def _days(key: str, value: Any, where: str) -> dict[int, int]:
    """Messages per day of a month ("2026-03"), or those of a day, as schema 1 has it."""
    try:
        first = date.fromisoformat(key if len(key) == 10 else f"{key}-01")
    except ValueError:
        raise MalformedError(f"{where} has {key!r}, which is no month") from None
    if len(key) == 10:
        return {first.toordinal(): _whole(value, f"{where}[{key!r}]")}
    try:
        counts = _counts(str(value))
    except ValueError:
        counts = [0] * 32
    if not isinstance(value, str) or len(counts) > monthrange(first.year, first.month)[1]:
        raise MalformedError(f"{where}[{key!r}] is not a whole number for each day")
    return {ordinal: count for ordinal, count in enumerate(counts, first.toordinal()) if count}


def _whole(value: Any, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise MalformedError(f"{where} is not a whole number")
    return value


_KEPT_ROLES = frozenset(
    (
        *Role,
        ACCOUNT,
        TRACKING_HOST,
        SIGNER,
        RELAY_HOST,
        SETTING,
        STREAM,
        PARTIES,
        CONCEALED,
        APART,
        SHOWN,
        SEAL,
        BROKEN,
        *FLAGGED.values(),
    )
)


def profile_at(record: Any, where: str) -> Profile:
    """The profile that `profile_record` wrote. Raises MalformedError that names the place."""
    fields = mapping_at(record, where)
    profile = Profile(_seen(fields.get("seen"), f"{where}.seen"))
    for key, counts in mapping_at(fields.get("days", {}), f"{where}.days").items():
        profile.days |= _days(key, counts, f"{where}.days")
    for role, entry in mapping_at(fields.get("roles"), f"{where}.roles").items():
        place = f"{where}.roles[{role!r}]"
        if role not in _KEPT_ROLES:
            raise MalformedError(f"{place} is not a role")
        messages = _whole(mapping_at(entry, place).get("messages"), f"{place}.messages")
        values = _values(entry.get("values"), f"{place}.values")
        addresses = _values(entry.get("addresses", {}), f"{place}.addresses")
        if any(len(address) != LENGTH or not is_kept(address) for address in addresses or ()):
            raise MalformedError(f"{place}.addresses holds what is no pseudonym")
        if role in SHAPES and not (values or {}).keys() <= set(BUCKETS):
            raise MalformedError(f"{place}.values has a number that is none of {', '.join(BUCKETS)}")
        history = RoleHistory(messages, values, addresses)
        profile.roles[role] = history
    return profile


def _values(record: Any, where: str) -> dict[str, Seen] | None:
    if record is None:
        return None
    seen = mapping_at(record, where)
    try:
        return {value: _read_seen(text) for value, text in seen.items()}
    except (ValueError, TypeError, AttributeError):  # of schema 1, or wrong
        return {value: _seen(text, f"{where}[{value!r}]") for value, text in seen.items()}
