"""A table of settings, read by asking it for its keys, each with a check of the value.

What was never asked for is an unknown key, so no list of known keys can differ from the code. A check returns the value
or raises `RefusedError`; problems are collected and raised together.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Any, TypeVar

from headerguard.address import to_a_label
from headerguard.address_list import Tier, lex
from headerguard.errors import ConfigError
from headerguard.finding import Severity
from headerguard.lists import read as read_domains
from headerguard.provenance import Stage
from headerguard.rule import near_miss

__all__ = [
    "RefusedError",
    "Said",
    "Table",
    "a_budget",
    "a_count",
    "a_domain",
    "a_domain_file",
    "a_field_name",
    "a_flag",
    "a_horizon",
    "a_name_server",
    "a_place",
    "a_rate",
    "a_relay",
    "a_severity",
    "a_span_of_seconds",
    "a_stage",
    "a_suffix_file",
    "a_text",
    "an_until",
    "shown",
]

T = TypeVar("T")


class RefusedError(Exception):
    """A value that a key does not take; the text says why."""


def _takes(what: str, value: Any, near: str = "") -> RefusedError:
    return RefusedError(f"takes {what}, not {shown(value)}{near}")


def shown(value: Any) -> str:
    """A value as TOML would write it, short."""
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and abs(value) >= 2**63:  # not in TOML, and Python may refuse to write it
        return "a number of more than 64 bits"
    shown = repr(value) if isinstance(value, str | None) else str(value)
    return shown if len(shown) <= 80 else f"{shown[:80]}..."


class Said:
    """All that was said about one file so far, and the tables that were opened."""

    def __init__(self, source: str) -> None:
        """Start with nothing said about `source`, a file as the user named it."""
        self.source = source
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self.tables: list[Table] = []

    def problem(self, key: str, text: str) -> None:
        """Note what makes the file unusable."""
        self.problems.append(f"{self.source}: {key}: {text}" if key else f"{self.source}: {text}")

    def warn(self, key: str, text: str) -> None:
        """Note what a user should know and the file works without."""
        self.warnings.append(f"{self.source}: {key}: {text}")

    def finish(self) -> tuple[str, ...]:
        """Raise every problem, unknown keys included; else give the warnings."""
        for table in self.tables:
            for name in table.values:
                if name not in table.asked:
                    near = near_miss(name.lower().replace("_", "-"), table.asked)
                    self.problem(table.at(name), f"unknown {table.noun}{near}")
        if self.problems:
            raise ConfigError(self.problems)
        return tuple(self.warnings)


class Table:
    """A table of the file under its full dotted key."""

    def __init__(self, said: Said, key: str, values: Any, noun: str = "key") -> None:
        """Open the table that stands under `key`; `noun` is what its keys are called when one is unknown."""
        self.said, self.key, self.noun = said, key, noun
        self.asked: dict[str, None] = {}
        self.values: Mapping[str, Any] = values if isinstance(values, Mapping) else {}
        if not isinstance(values, Mapping):
            said.problem(key, f"takes a table, not {shown(values)}")
        said.tables.append(self)

    def at(self, name: str) -> str:
        """The full dotted key of a name in this table, quoted as TOML needs it."""
        written = name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)
        return f"{self.key}.{written}" if self.key else written

    def get(self, name: str, check: Callable[[Any], T], required: bool = False) -> T | None:
        """The checked value; None where it is absent or wrong."""
        self.asked[name] = None
        if name in self.values:
            return self._checked(self.at(name), self.values[name], check)
        if required:
            self.said.problem(self.at(name), "is missing")
        return None

    def each(self, name: str, check: Callable[[Any], T], what: str) -> tuple[T, ...]:
        """The checked items of a list."""
        items = self.get(name, partial(_list, what, object)) or ()
        checked = (self._checked(f"{self.at(name)}[{n}]", item, check) for n, item in enumerate(items))
        return tuple(item for item in checked if item is not None)

    def table(self, name: str, noun: str = "key") -> Table:
        """A table inside this one; an empty one where it is absent."""
        self.asked[name] = None
        return Table(self.said, self.at(name), self.values.get(name, {}), noun)

    def tables(self, name: str) -> list[Table]:
        """The tables of an array of tables."""
        items = self.get(name, partial(_list, f"tables, each under [[{self.at(name)}]]", Mapping)) or ()
        return [Table(self.said, f"{self.at(name)}[{n}]", item) for n, item in enumerate(items)]

    def names(self) -> tuple[str, ...]:
        """Every key of a table whose keys are free."""
        self.asked.update(dict.fromkeys(self.values))
        return tuple(self.values)

    def _checked(self, key: str, value: Any, check: Callable[[Any], T]) -> T | None:
        try:
            return check(value)
        except RefusedError as refused:
            self.said.problem(key, str(refused))
            return None


# ---- checks of values --------------------------------------------------------------------------------------


def _list(what: str, kind: type, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, kind) for item in value):
        raise _takes(what, value)
    return tuple(value)


def a_text(value: Any) -> str:
    """Text that is not blank."""
    if not isinstance(value, str) or not value.strip() or any("\ud800" <= char <= "\udfff" for char in value):
        raise _takes("text", value)
    return value


def a_severity(value: Any) -> Severity:
    """The name of a severity."""
    names = [str(severity) for severity in Severity]
    if value not in names:
        near = near_miss(value.lower(), names) if isinstance(value, str) else ""
        raise _takes("low, medium, high or critical", value, near)
    return Severity.parse(value)


def a_stage(value: Any) -> Stage:
    """The name of a stage."""
    names = [str(stage) for stage in Stage]
    if value not in names:
        raise _takes(f"one of {', '.join(names)}", value, near_miss(value, names) if isinstance(value, str) else "")
    return Stage(value)


def a_rate(value: Any) -> float:
    """A share between 0 and 1, both excluded."""
    if not isinstance(value, int | float) or not 0 < value < 1:  # true counts as 1, which is too much
        raise _takes("a number above 0 and below 1", value)
    return float(value)


def a_flag(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise _takes("true or false", value)
    return value


def a_count(value: Any) -> int:
    """A whole number from one to a million."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 1_000_000:
        raise _takes("a whole number from 1 to 1000000", value)
    return value


def a_span_of_seconds(value: Any) -> float:
    """More than nothing, and a minute at most."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= 60:
        raise _takes("a number of seconds above 0, at most 60", value)
    return float(value)


def a_name_server(value: Any) -> str:
    """The address of a name server, with a port where it is not 53."""
    from headerguard.name_server import server

    try:
        server(a_text(value))
    except ValueError:
        raise _takes("an IP address such as '192.0.2.1' or '[2001:db8::1]:5353'", value) from None
    return a_text(value)


_SPANS = {"day": 1, "week": 7, "month": 30, "year": 365}


def a_horizon(value: Any) -> int:
    """A time of thirty days at least, in days: "400 days"; a month has thirty."""
    number, _, unit = value.partition(" ") if isinstance(value, str) else ("", "", "")
    days = int(number) * _SPANS.get(unit.removesuffix("s"), 0) if re.fullmatch("[1-9][0-9]{0,5}", number) else 0
    if days < 30:
        raise _takes("days, weeks, months or years, 30 days at least, such as '400 days'", value)
    return days


_UNITS = ("hour", "day", "week", "month")


def a_budget(value: Any) -> str:
    """A number of incidents in a time: "5/day"."""
    number, _, unit = value.partition("/") if isinstance(value, str) else ("", "", "")
    if not re.fullmatch("[1-9][0-9]{0,8}", number) or unit not in _UNITS:
        near = near_miss(unit, _UNITS) if unit not in _UNITS else ""
        raise _takes("how many an hour, day, week or month, such as '5/day'", value, near)
    return f"{number}/{unit}"


def a_field_name(value: Any) -> str:
    """RFC 5322 section 2.2: printable ASCII but the colon."""
    if not isinstance(value, str) or not re.fullmatch("[!-9;-~]+", value):
        raise _takes("the name of a header field", value)
    return value


_HOST = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.(?=.)|\Z))+", re.DOTALL)


def a_domain(value: Any, what: str = "a domain") -> str:
    """A host name or domain as A-labels."""
    if isinstance(value, str):
        if _is_host(domain := to_a_label(value)):
            return domain
        bare = re.sub(r"\A\s*(?:\*?@|\*?\.)?|\s+\Z", "", value)  # people write *.shop.example and @shop.example
        if _is_host(to_a_label(bare)):
            raise _takes(what, value, f"; did you mean {bare!r}?")
    raise _takes(what, value)


def _is_host(domain: str) -> bool:
    return bool(_HOST.fullmatch(domain)) and not domain.rpartition(".")[2].isdigit()


def a_relay(value: Any) -> str:
    """A host name, or a network in its canonical form."""
    what = "a host name or a network such as '192.0.2.0/24'"
    try:
        return str(ip_network(a_text(value)))
    except ValueError as error:
        if "/" in value:
            raise RefusedError(f"takes {what}: {error}") from None
    return a_domain(value, what)


def a_place(value: Any) -> str:
    """An entry of a bound: exactly one address, or a domain."""
    text = a_text(value)
    octets = text.encode().decode("latin-1")
    found = [box for box in lex(octets).mailboxes if box.tier is Tier.PLAIN]
    if len(found) == 1 and not octets[found[0].end :].strip(" >."):
        local, domain = found[0].address.local_part, found[0].address.domain
        if local != "*" and (_is_host(domain) or domain.startswith("[")):
            return text
    return a_domain(text, "an address or a domain")


def an_until(value: Any) -> date | str:
    """The day, or why a text holds none."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if not isinstance(value, str):
        raise _takes("a date", value)
    try:
        return datetime.fromisoformat(value).date()
    except ValueError:
        return f"{shown(value)} is not a date"


def a_domain_file(base: Path, value: Any) -> str:
    """The path of a file that holds domains, one a line, and remarks."""
    path = str(base / a_text(value))
    try:
        read_domains(path)
    except (ConfigError, ValueError) as error:
        raise RefusedError(str(error)) from None
    return path


def a_suffix_file(base: Path, value: Any) -> str:
    """The path of a file that holds suffixes, and nothing else but comments and empty lines."""
    path = str(base / a_text(value))
    try:
        with open(path, encoding="utf-8-sig") as file:
            words = [line.split(maxsplit=1)[0] for line in file if line.strip() and not line.startswith("//")]
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise RefusedError(f"{path} cannot be read: {why}") from None
    odd = [word for word in words if not re.fullmatch(r"!?(?:\*|[\w-]+)(?:\.[\w-]+)*", word)]
    if odd or not words:
        why = f"{shown(odd[0])} is not a suffix" if odd else "it is empty"
        raise RefusedError(f"{path} is not a Public Suffix List: {why}")
    return path
