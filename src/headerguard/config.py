"""headerguard.toml, or [tool.headerguard] in pyproject.toml: find it, read it, say everything that is wrong with it."""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from headerguard.acknowledgement import ANYBODY, matches
from headerguard.address import BUNDLED, SuffixList
from headerguard.declared import Bound
from headerguard.errors import ConfigError
from headerguard.expectation import Place, a_place_or_number, bounds_of, numbers_of
from headerguard.fields import Role
from headerguard.finding import Severity
from headerguard.horizon import HORIZON
from headerguard.lists import DISPOSABLE, FREEMAIL, DomainList
from headerguard.provenance import Stage
from headerguard.pseudonym import key_beside
from headerguard.rule import Rule, bind, load_rules, near_miss
from headerguard.rules import BUILTIN, RENAMED
from headerguard.setting import (
    RefusedError,
    Said,
    Table,
    a_budget,
    a_count,
    a_domain,
    a_domain_file,
    a_field_name,
    a_flag,
    a_horizon,
    a_name_server,
    a_place,
    a_rate,
    a_relay,
    a_severity,
    a_span_of_seconds,
    a_stage,
    a_suffix_file,
    a_text,
    an_until,
    shown,
)

if TYPE_CHECKING:
    from headerguard.resolver import Resolver

__all__ = ["Allow", "Config", "Dns", "default", "find", "load", "parse"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Allow:
    """Findings that are known and accepted for a while: judged, not hidden."""

    rule: str | None
    """Id of the rule; None: every rule."""
    subject: str
    """What they are about, as a report names it: an address, a domain with all that is under it, a field; "*" is all
    that a rule finds in a stream, and needs both."""
    stream: str | None
    """The stream as people name it; None: every stream."""
    reason: str
    """Why, for whoever reads it in a year."""
    until: date | None
    """The last day on which it holds; None: it never lapses, unless `lapsed_because` says so."""
    lapsed_because: str | None = None
    """Why `until` cannot be read. Such an allowance counts as lapsed, not as one that holds for ever."""
    suffixes: SuffixList = field(default=BUNDLED, repr=False, compare=False)
    """The Public Suffix List that tells registrable domains."""

    def covers(self, rule: str, subject: str, stream: str | None, cited: Collection[str] = ()) -> bool:
        """Whether a finding that cites addresses is meant, lapsed or not; see `acknowledgement.matches`."""
        if self.rule not in (None, rule) or self.stream not in (None, stream):
            return False
        if self.subject == ANYBODY and None in (self.rule, self.stream):
            return False
        return matches(self.subject, subject, cited, self.suffixes)

    def in_force(self, today: date | None) -> bool:
        """Whether it holds on a day; None: the day is unknown, so only an unreadable date makes it lapse."""
        if self.lapsed_because is not None:
            return False
        return self.until is None or today is None or today <= self.until


@dataclass(frozen=True, slots=True)
class Dns:
    """Whether and how DNS is asked about strangers in findings. Asking tells their owners that somebody looked."""

    enable: bool = False
    """Whether it is asked at all."""
    servers: tuple[str, ...] = ()
    """Addresses of the resolvers to ask; none: those of this machine."""
    deadline: float = 2.0
    """Seconds for all questions of one message."""
    budget: int = 48
    """How many questions one message may cost."""
    cache: int = 4096
    """How many answers are remembered."""

    def resolver(self) -> Resolver:
        """A resolver of this kind, which opens nothing before it is asked."""
        from headerguard.resolver import Resolver  # asyncio comes with it

        return Resolver(self.servers, deadline=self.deadline, budget=self.budget, memory=self.cache)


@dataclass(frozen=True, slots=True)
class Config:
    """What the operator says. Made by `load`, `parse` and `default`."""

    baseline: str | None = None
    """Path of the baseline to judge against."""
    fail_on: Severity = Severity.MEDIUM
    """From which severity a finding fails the command, and is not learned."""
    false_alarm_rate: float = 1e-4
    """How often a clean event may be called novel, per novelty event."""
    horizon: int = HORIZON
    """Days after which what a stream has not shown any more counts as known no longer."""
    page: str | None = None
    """How many newly opened incidents may wake somebody up, "1/week"; None: not said."""
    digest: str | None = None
    """How many newly opened incidents may stand in a list, "5/day"; None: not said."""
    boundary: tuple[str, ...] = ()
    """Own relays, as host names (A-labels) and networks (CIDR): trace fields below them are hearsay."""
    stream_field: str | None = None
    """Name of the header field that names the stream."""
    own_domains: frozenset[str] = frozenset()
    """Registrable domains (A-labels) that the operator sends as and receives at."""
    suffix_list: str | None = None
    """Path of a Public Suffix List newer than the bundled one."""
    freemail: DomainList = FREEMAIL
    """Domains that give a mailbox to everybody."""
    disposable: DomainList = DISPOSABLE
    """Domains of mailboxes that are thrown away."""
    seal_key: str | None = None
    """Path of the key of seals; `Guard.seal` makes it, for its owner alone to read."""
    address_key: str | None = None
    """Path of the key that hides the exact addresses in a baseline; None: beside the baseline, see `key_of`."""
    enable: tuple[str, ...] = ()
    """Ids of rules to run besides the built-in ones."""
    disable: tuple[str, ...] = ()
    """Ids of rules not to run."""
    rules: tuple[Rule, ...] = ()
    """The rules to run, with their options: the built-in ones first, then those of `enable` in its order."""
    severities: Mapping[str, Severity] = field(default_factory=dict)
    """What a rule weighs here instead of its own severity, by id."""
    expected: Mapping[str, Mapping[Role, Bound]] = field(default_factory=dict)
    """Who may stand in a role, by stream as people name it: declared, so it need not be learned."""
    most: Mapping[str, Mapping[Role, int]] = field(default_factory=dict)
    """How many may stand in a role at most, whoever they are, by stream as people name it."""
    expectations: str | None = None
    """Path of a file of recorded expectations, which the guard joins with `expected` and `most`."""
    sealed: Mapping[str, frozenset[Stage]] = field(default_factory=dict)
    """The stages at which copies carry a seal, by stream as people name it."""
    dns: Dns = Dns()
    """Whether and how DNS is asked; off unless it says so."""
    allow: tuple[Allow, ...] = ()
    """Findings that are accepted for a while."""
    warnings: tuple[str, ...] = ()
    """What is worth saying and stops nothing, a sentence each."""

    def key_of(self, baseline: str) -> str:
        """Path of the key that hides the exact addresses in a baseline file."""
        return self.address_key or key_beside(baseline)

    @property
    def named(self) -> frozenset[str]:
        """Hosts and domains that it names: the operator's own, and those of all whom streams expect."""
        bounds = (bound for expected in self.expected.values() for bound in expected.values())
        keys = (key for bound in bounds for key in (*bound.addresses, *bound.domains))
        return self.own_domains | {key.rpartition("@")[2] for key in keys}


def find(start: str | os.PathLike[str] = ".") -> Path | None:
    """The nearest headerguard.toml, or pyproject.toml with the table, from `start` up to the root, if any."""
    here = Path(start).resolve()
    for folder in (here, *here.parents):
        own, project = folder / "headerguard.toml", folder / "pyproject.toml"
        if os.path.isfile(own):
            return own
        if _speaks_of_us(project):
            return project
    return None


def _speaks_of_us(project: Path) -> bool:
    """Whether it holds the table, or might if it were valid TOML: then `load` says what is wrong with it."""
    try:
        text = project.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    try:
        return _project_table(tomllib.loads(text)) is not None
    except (ValueError, RecursionError):
        return "tool.headerguard" in text


def load(path: str | os.PathLike[str]) -> Config:
    """Read a file. Paths in it are relative to it. Raises ConfigError with every problem."""
    file = Path(path)
    try:
        data: Any = tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: is not TOML: {error}") from error
    if file.name != "pyproject.toml":
        return parse(data, str(file), file.parent)
    data = _project_table(data)
    if data is None:
        raise ConfigError(f"{file}: has no table [tool.headerguard]")
    return _config(data, Said(str(file)), file.parent, "tool.headerguard")


def _project_table(data: Mapping[str, Any]) -> Any:
    tool = data.get("tool")
    return tool.get("headerguard") if isinstance(tool, Mapping) else None


def parse(data: Mapping[str, Any], source: str = "configuration", base: Path | None = None) -> Config:
    """Read keys as TOML gives them, paths relative to `base`. Raises ConfigError with every problem."""
    return _config(data, Said(source), base or Path(), "")


def default() -> Config:
    """What holds without a file: the built-in rules with their own options."""
    return parse({})


# ---- the whole ---------------------------------------------------------------------------------------------


def _config(data: Any, said: Said, base: Path, key: str) -> Config:
    top = Table(said, key, data)
    suffix_list = top.get("suffix-list", partial(a_suffix_file, base))
    suffixes = SuffixList(suffix_list) if suffix_list else BUNDLED
    budget, lists = top.table("budget"), top.table("lists")
    rules = _Rules(top)
    streams = [(name, table, _expectation(table)) for name, table in _streams(top)]
    return Config(
        baseline=top.get("baseline", lambda value: str(base / a_text(value))),
        fail_on=top.get("fail-on", a_severity) or Severity.MEDIUM,
        false_alarm_rate=top.get("false-alarm-rate", a_rate) or 1e-4,
        horizon=top.get("horizon", a_horizon) or HORIZON,
        page=budget.get("page", a_budget),
        digest=budget.get("digest", a_budget),
        boundary=top.each("boundary", a_relay, "a list of host names and networks"),
        stream_field=top.get("stream-field", a_field_name),
        own_domains=frozenset(_own_domains(top, suffixes)),
        suffix_list=suffix_list,
        freemail=_list(lists, FREEMAIL, base),
        disposable=_list(lists, DISPOSABLE, base),
        seal_key=top.get("seal-key", lambda value: str(base / a_text(value))),
        address_key=top.get("address-key", lambda value: str(base / a_text(value))),
        enable=rules.enabled,
        disable=rules.disabled,
        rules=tuple(rules.bound()),
        severities=rules.severities,
        expected={name: bounds_of(expected, suffixes) for name, _, expected in streams},
        most={name: numbers_of(expected) for name, _, expected in streams},
        expectations=top.get("expected", lambda value: str(base / a_text(value))),
        sealed={name: frozenset(table.each("sealed", a_stage, "a list of stages")) for name, table, _ in streams},
        dns=_dns(top.table("dns")),
        allow=tuple(_allow(table, rules, suffixes) for table in top.tables("allow")),
        warnings=said.finish(),
    )


def _list(lists: Table, packaged: DomainList, base: Path) -> DomainList:
    """A list as it is packaged, with what a file adds and without what is removed."""
    path = lists.get(packaged.name, partial(a_domain_file, base))
    without = lists.each(f"{packaged.name}-remove", a_domain, "a list of domains")
    return DomainList(packaged.name, path, without) if path or without else packaged


def _own_domains(top: Table, suffixes: SuffixList) -> Iterator[str]:
    for domain in top.each("own-domains", a_domain, "a list of domains"):
        registrable = suffixes.registrable_domain(domain)
        if registrable != domain:
            top.said.warn(top.at("own-domains"), f"{domain!r} stands for the whole of {registrable!r}")
        yield registrable


class _Rules:
    """The rules that a configuration may name: the built-in ones and those that it enables."""

    def __init__(self, top: Table) -> None:
        self.top, self.said = top, top.said
        self.types = {rule.id: rule for rule in BUILTIN}
        self.lost: set[str] = set()  # named in `enable` and not to be had: one problem each is enough
        self.severities: dict[str, Severity] = {}
        self.instances: dict[str, Rule | None] = {}
        self.enabled = top.each("enable", self._load, "a list of rule ids")
        self.disabled = top.each("disable", self._not_enabled, "a list of rule ids")
        for name, table in self._tables("", top.table("rules")):
            self._configure(name, table)

    def known(self, value: Any) -> str:
        """The id of a rule that may be named."""
        name = self._current(value)
        if name not in self.types and name not in self.lost:
            near = near_miss(name, self.types) or "; a rule of another package has to be named in enable"
            raise RefusedError(f"no rule is called {shown(name)}{near}")
        return name

    def bound(self) -> Iterator[Rule]:
        """The rules to run, in a stable order."""
        for name, rule in self.types.items():
            if name not in self.disabled:
                configured = name in self.instances
                made = self.instances[name] if configured else self._bound(self.top.at("enable"), rule, {})
                if made is not None:
                    yield made

    def _current(self, value: Any) -> str:
        name = a_text(value)
        if name in RENAMED:
            self.said.warnings.append(f"{self.said.source}: rule {name!r} is called {RENAMED[name]!r} now")
        return RENAMED.get(name, name)

    def _load(self, value: Any) -> str:
        name = self._current(value)
        try:
            self.types[name] = load_rules([name], BUILTIN)[name]
        except ConfigError as error:
            self.lost.add(name)
            raise RefusedError("; ".join(error.problems)) from error
        return name

    def _not_enabled(self, value: Any) -> str:
        name = self.known(value)
        if name in self.enabled:
            raise RefusedError(f"{name!r} stands in enable too")
        return name

    def _tables(self, prefix: str, parent: Table) -> Iterator[tuple[str, Table]]:
        """Tables by rule id. [rules.vendor.name] without quotes is a table in a table, and is meant as well."""
        for name in parent.names():
            table = parent.table(name)
            full = prefix + name
            if any(other.startswith(f"{full}.") for other in (*self.types, *self.lost)):
                yield from self._tables(f"{full}.", table)
            else:
                yield full, table

    def _configure(self, written: str, table: Table) -> None:
        """Severity and options of one rule."""
        try:
            name = self.known(written)
            if name in self.instances:
                raise RefusedError(f"rule {name!r} has a table already")
        except RefusedError as refused:
            self.said.problem(table.key, str(refused))
            name = ""
        if name not in self.types:  # said here or at `enable`; what the table holds cannot be told
            table.names()
            return
        if severity := table.get("severity", a_severity):
            self.severities[name] = severity
        self.instances[name] = self._bound(table.key, self.types[name], _options(self.types[name], table))

    def _bound(self, key: str, rule: type[Rule], options: Mapping[str, Any]) -> Rule | None:
        try:
            return bind(rule, options) if options else rule()
        except ConfigError as error:
            for problem in error.problems:
                self.said.problem(key, problem)
        except Exception as error:  # a rule of another package may refuse its options in any way
            self.said.problem(key, f"rule {rule.id!r} cannot be made: {type(error).__name__}: {error}")
        return None


def _options(rule: type[Rule], table: Table) -> dict[str, Any]:
    """The options of a rule that a table holds, under the only spelling there is."""
    options = {}
    for name in (option.name.replace("_", "-") for option in dataclasses.fields(rule)):
        table.asked[name] = None
        if name in table.values:
            value = table.values[name]
            options[name] = list(value) if isinstance(value, tuple) else value
    return options


def _stream(name: str) -> str:
    """A stream as `Level.name` writes it: a bare name stands for the kind "stream"."""
    return name.removeprefix("stream:")


def _streams(top: Table) -> list[tuple[str, Table]]:
    """The name and the table of each stream."""
    streams = top.table("streams")
    found: list[tuple[str, Table]] = []
    for written in streams.names():
        name = _stream(written)
        if any(name == known for known, _ in found):
            streams.said.problem(streams.at(written), f"stream {name!r} has a table already")
        found.append((name, streams.table(written)))
    return found


def _expectation(stream: Table) -> dict[Role, Place]:
    """Who may stand in which role of a stream, or how many."""
    places: dict[Role, Place] = {}
    expected = stream.table("expected", "role")
    for role in Role:
        key = role.replace("_", "-")
        if isinstance(expected.values.get(key), list | tuple):
            places[role] = frozenset(expected.each(key, a_place, "a list of addresses and domains"))
        elif (place := expected.get(key, a_place_or_number)) is not None:
            places[role] = place
    return places


def _dns(table: Table) -> Dns:
    usual = Dns()
    return Dns(
        table.get("enable", a_flag) or usual.enable,
        table.each("resolvers", a_name_server, "a list of IP addresses"),
        table.get("deadline", a_span_of_seconds) or usual.deadline,
        table.get("budget", a_count) or usual.budget,
        table.get("cache", a_count) or usual.cache,
    )


def _allow(table: Table, rules: _Rules, suffixes: SuffixList) -> Allow:
    rule, stream = table.get("rule", rules.known), table.get("stream", a_text)
    subject, reason = table.get("subject", _subject, True), table.get("reason", a_text, True)
    until = table.get("until", an_until)
    unreadable = until if isinstance(until, str) else None
    if unreadable:
        table.said.warn(table.at("until"), f"{unreadable}, so the allowance of {subject!r} counts as lapsed")
    day = until if isinstance(until, date) else None
    return Allow(rule, subject or "", _stream(stream) if stream else None, reason or "", day, unreadable, suffixes)


def _subject(value: Any) -> str:
    """An address, or a domain or field, which look alike."""
    return a_place(value) if isinstance(value, str) and "@" in value else a_text(value)
