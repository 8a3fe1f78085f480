"""What a rule is: class variables say what it looks at, dataclass fields are its options, `check` judges.

A rule does no I/O and keeps no state. It cites evidence through a sighting, a recipient, a field or a defect, never by
numbers of its own, so a span cannot be invented.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, get_type_hints

from headerguard.address_list import Tier
from headerguard.declared import Bound, Declared
from headerguard.errors import ConfigError
from headerguard.fields import Role
from headerguard.finding import Evidence, Finding, History, Severity
from headerguard.header import Defect, DefectName, Field
from headerguard.known import Known
from headerguard.message import Envelope, Mark, Message, Recipient, Sighting

__all__ = [
    "Bound",
    "Compared",
    "Declared",
    "Example",
    "Rule",
    "bind",
    "load_rules",
    "near_miss",
]


@dataclass(frozen=True)
class Example:
    """A message that a rule flags and its twin that it does not, at most two lines apart, and the scene they need."""

    flagged: str
    """Header lines, LF line ends (written with CRLF before they are read); copies of a message with a line between."""
    clean: str
    """The same lines but one or two."""
    cites: str
    """The exact text that the primary evidence must point at."""
    envelope: Envelope | None = None
    """The envelope of both."""
    history: tuple[str, ...] = ()
    """Messages that the baseline learned before."""
    kind: str | None = None
    """The source kind of which flagged, clean and history are copies; None: header lines."""
    account: str | None = None
    """The account that those messages came from."""
    declared: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of `Guard.check` for both: recipients, blind, missing, stage, account, stream."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """Keys of the configuration for both, as in headerguard.toml."""
    expectations: Mapping[str, Mapping[str, Any]] | None = None
    """Streams of the file of expectations for both, as they stand in it."""
    seal_key: bytes | None = None
    """The key of the seals in both."""


Where = Recipient | Sighting | Mark | Field | Defect


@dataclass(frozen=True)
class Rule:
    """Parent of all rules. Subclasses are frozen dataclasses; their fields are options that configuration may set."""

    id: ClassVar[str]
    """Kebab-case name that reads after "allow"; third parties write vendor.name."""
    severity: ClassVar[Severity]
    """What it would cost if a finding were true; configuration may change it."""
    examples: ClassVar[tuple[Example, ...]] = ()
    """At least one pair; tested, shown by `explain` and in the documentation."""
    roles: ClassVar[frozenset[Role] | set[Role]] = frozenset()
    """Roles that it looks at: it is called when a field or the envelope may hold one of them."""
    fields: ClassVar[frozenset[str] | set[str]] = frozenset()
    """Fields that it looks at, by lower-case wire name."""
    defects: ClassVar[frozenset[DefectName] | set[DefectName]] = frozenset()
    """Header defects that it looks at."""
    news: ClassVar[Collection[str]] = ()
    """Learned roles of which it asks nothing but what the stream has never shown there: it is called when one of them
    may hold such a value, or when too little is known to tell. None: it is called whatever the stream has shown."""
    needs: ClassVar[frozenset[str] | set[str]] = frozenset()
    """What it cannot do without, of: envelope, baseline, header, events; declared (the caller gave an intent), complete
    envelope (it is known to be whole, or the caller gave an intent), and copies (it judges in a reconciliation)."""

    def __init_subclass__(cls) -> None:
        """Raises TypeError for what is no set of names: a single string would be read letter by letter."""
        super().__init_subclass__()
        for name in ("roles", "fields", "defects", "news", "needs"):
            value = cls.__dict__.get(name, ())
            several = isinstance(value, Collection) and not isinstance(value, str | bytes)
            if not several or not all(isinstance(one, str) for one in value):
                raise TypeError(f"{cls.__name__}.{name} is {value!r}; it takes a set of names, such as {{'to'}}")

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Judge one message."""
        raise NotImplementedError

    def finding(
        self,
        where: Where,
        summary: str,
        *,
        subject: str | None = None,
        also: Iterable[Where] = (),
        severity: Severity | None = None,
        layer: str = "unknown",
        history: History | None = None,
        p_value: float | None = None,
        expected: str = "",
    ) -> Finding:
        """A finding whose primary evidence is `where`; one that rests on a mere candidate weighs one severity less."""
        weight = severity or self.severity
        if _is_candidate(where):
            weight = Severity(max(weight - 1, Severity.LOW))
            summary += " (only some readers see it)"
        evidence = tuple(item for place in (where, *also) for item in _evidence(place))
        about = subject or _subject(where)
        return Finding(
            self.id,
            about,
            weight,
            summary,
            evidence,
            p_value=p_value,
            layer=layer,
            history=history,
            expected=expected,
        )


@dataclass(frozen=True)
class Compared(Rule):
    """Parent of rules about what copies of one message disagree on: they speak in a reconciliation, and never alone."""

    needs: ClassVar[frozenset[str] | set[str]] = frozenset(("copies",))

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Nothing: one copy has nothing to disagree with."""
        return iter(())


def _is_candidate(where: Where) -> bool:
    """Whether the evidence is a recipient that only some readers see; a mention in a name is never one."""
    if isinstance(where, Recipient | Sighting):
        return where.tier is Tier.CANDIDATE and not (isinstance(where, Sighting) and where.role is Role.MENTIONED)
    return False


def _subject(where: Where) -> str:
    if isinstance(where, Recipient | Sighting):
        return str(where.address)
    if isinstance(where, Mark):
        return where.value
    return where.name.lower() if isinstance(where, Field) else where.field or str(where.name)


def _evidence(where: Where) -> Iterator[Evidence]:
    """Evidence without its text: the guard reads that from the message."""
    if isinstance(where, Recipient):
        for sighting in where.sightings:
            yield from _evidence(sighting)
    elif isinstance(where, Sighting):
        note = "" if where.tier is Tier.PLAIN else f"{where.tier} reading"
        yield Evidence(str(where.role), where.field, where.occurrence, str(where.address), where.span, note)
    elif isinstance(where, Mark):
        yield Evidence(where.kind, where.field, where.occurrence, where.value, where.span)
    elif isinstance(where, Field):
        span = (where.start, where.end) if where.start is not None and where.end is not None else None
        text = where.octets.decode("utf-8", "replace").rstrip("\r\n")
        name = where.defect.field if where.defect else where.name.lower()
        yield Evidence(name, name, 0, text, _without_line_end(where, span))
    else:
        yield Evidence(where.field or "header", where.field, 0, where.note, where.span, str(where.name))


def _without_line_end(where: Field, span: tuple[int, int] | None) -> tuple[int, int] | None:
    return (span[0], span[1] - len(where.octets) + len(where.octets.rstrip(b"\r\n"))) if span else None


# ---- loading and options ---------------------------------------------------------------------------------------------


def near_miss(name: str, known: Iterable[str]) -> str:
    """ "; did you mean X?" for a name that is close to a known one, else ""."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def load_rules(
    wanted: Iterable[str], builtin: Iterable[type[Rule]], group: str = "headerguard.rules"
) -> dict[str, type[Rule]]:
    """The built-in rules and, by entry point, those third-party rules that are named in `wanted`.

    Raises ConfigError when a wanted rule is not installed, cannot be loaded, or claims an id that is taken.
    """
    rules = {rule.id: rule for rule in builtin}
    missing = [name for name in wanted if name not in rules]
    if not missing:
        return rules
    from importlib.metadata import entry_points

    problems = []
    installed = list(entry_points(group=group))
    for name in missing:
        claims = [point for point in installed if point.name == name]
        if not claims:
            near = near_miss(name, [*rules, *(point.name for point in installed)])
            problems.append(f"no rule is called {name!r}{near}")
        elif len(claims) > 1:
            problems.append(f"rule {name!r} is claimed by {' and '.join(sorted(p.value for p in claims))}")
        else:
            try:
                rules[name] = _checked(claims[0].load(), name)
            except Exception as error:  # a plugin may fail in any way while it is imported
                problems.append(f"rule {name!r} cannot be loaded: {type(error).__name__}: {error}")
    if problems:
        raise ConfigError(problems)
    return rules


def _checked(found: object, name: str) -> type[Rule]:
    if not (isinstance(found, type) and issubclass(found, Rule)):
        raise TypeError("it is not a subclass of headerguard.Rule")
    if found.id != name:
        raise ValueError(f"its id is {found.id!r}")
    if "." not in name:
        raise ValueError("the id of a third-party rule is vendor.name")
    return found


_OF_TYPE = {int: "a whole number", float: "a number", bool: "true or false", str: "a string"}


def bind(rule: type[Rule], options: Mapping[str, Any]) -> Rule:
    """Make a rule with options as TOML gives them. Raises ConfigError with every unknown key and wrong type."""
    hints = get_type_hints(rule)
    known = [f.name for f in dataclasses.fields(rule)]
    values: dict[str, Any] = {}
    problems = []
    for key, value in options.items():
        name = key.replace("-", "_")
        if name not in known:
            problems.append(f"{key!r} is no option of {rule.id}{near_miss(name, known)}")
            continue
        try:
            values[name] = _coerced(value, hints[name])
        except TypeError as error:
            problems.append(f"option {key!r} of {rule.id} takes {error}")
    if problems:
        raise ConfigError(problems)
    return rule(**values)


def _coerced(value: Any, hint: Any) -> Any:
    """A TOML value as the type of a dataclass field: a scalar, or a tuple or frozenset of strings."""
    origin = getattr(hint, "__origin__", None)
    if origin in (tuple, frozenset):
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise TypeError("a list of strings")
        return origin(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint in _OF_TYPE and (not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool)):
        raise TypeError(_OF_TYPE[hint])
    return value
