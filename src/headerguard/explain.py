"""The explanation: what a rule looks for, or how a name parses and where the baseline has seen it.

Facts are gathered as a record first, the same that `--format json` writes; text is made from nothing else.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from headerguard.address import BUNDLED, Address, SuffixList, to_a_label
from headerguard.address_list import Mailbox, Tier, lex
from headerguard.errors import ConfigError
from headerguard.lists import DISPOSABLE, FREEMAIL, DomainList
from headerguard.rule import load_rules, near_miss
from headerguard.rules import BUILTIN, RENAMED
from headerguard.stranger import stranger_of
from headerguard.stream import Level
from headerguard.terminal import Terminal, printable, visible

if TYPE_CHECKING:
    from datetime import date

    from headerguard.baseline import Baseline
    from headerguard.config import Config
    from headerguard.incident import Incident
    from headerguard.lookalike import Imitation
    from headerguard.resolver import Resolver
    from headerguard.rule import Example, Rule

__all__ = [
    "Names",
    "catalogue",
    "level_of",
    "name_text",
    "rule_called",
    "rule_record",
    "rule_text",
    "sections",
    "title",
    "unknown",
]

Record = dict[str, Any]

GROUP = "headerguard.rules"
"""Entry-point group of rules that come with other packages."""
SECTIONS = ("Flags", "Why", "When it is wrong", "What to do", "References")
"""Headings in the docstring of a rule."""

_HEADING = re.compile(rf"^({'|'.join(SECTIONS)}):[ \t]*", re.MULTILINE)
_NO_HOST = re.compile(r"[\s@<>()\[\]\\,;:\"/]")
_LITERAL = re.compile(r"\[[^\s\[\]]+\]")
_SAID = ("email-validator refuses", "its domain is shown", "its domain is a special-use")
"""Oddities that other lines say, or that nobody needs to be told."""
_WIDTH = 100
_PLACES = 20
_SHOWN = 5


# ---- rules -----------------------------------------------------------------------------------------------------------


def installed() -> list[str]:
    """Ids of the rules that come with other packages."""
    from importlib.metadata import entry_points

    return sorted({point.name for point in entry_points(group=GROUP)} - {rule.id for rule in BUILTIN})


def rule_called(name: str) -> type[Rule] | None:
    """The rule of an id, an old id included; None for no such rule. Raises ConfigError where it cannot be loaded."""
    name = RENAMED.get(name, name)
    known = {rule.id: rule for rule in BUILTIN}
    if name not in known and name in installed():
        known = load_rules([name], BUILTIN)
    return known.get(name)


def catalogue(config: Config | None) -> Iterator[Record]:
    """Every installed rule as a short record: the built-in ones, then those of other packages."""
    severities = config.severities if config else {}
    disabled, enabled = (config.disable, config.enable) if config else ((), ())
    for rule in BUILTIN:
        yield _entry(rule, severities) | {"state": "disabled" if rule.id in disabled else "enabled"}
    for name in installed():
        state = "enabled" if name in enabled else "installed, not enabled"
        try:
            yield _entry(load_rules([name], BUILTIN)[name], severities) | {"state": state}
        except ConfigError as error:
            yield {"id": name, "severity": None, "summary": str(error), "state": "broken"}


def _entry(rule: type[Rule], severities: Mapping[str, Any]) -> Record:
    severity = severities.get(rule.id, rule.severity)
    summary = " ".join(sections(rule)["summary"].split())
    return {"id": rule.id, "severity": str(severity), "summary": summary}


def sections(rule: type[Rule]) -> dict[str, str]:
    """The docstring of a rule by its headings; what stands before the first is the "summary"."""
    parts = ["summary", *_HEADING.split(inspect.cleandoc(rule.__doc__ or ""))]
    texts = (text.strip() for text in parts[1::2])
    return dict(zip(parts[::2], (text[:1].upper() + text[1:] for text in texts), strict=True))


def rule_record(rule: type[Rule]) -> Record:
    """Everything that a rule says about itself."""
    said = sections(rule)
    return {
        "schema": "headerguard.explanation/1",
        "kind": "rule",
        "id": rule.id,
        "severity": str(rule.severity),
        "summary": said["summary"],
        "sections": {name: said[name] for name in SECTIONS if name in said},
        "roles": sorted(map(str, rule.roles)),
        "needs": sorted(rule.needs),
        "options": [_option(option) for option in dataclasses.fields(rule)],
        "examples": [_example(example) for example in rule.examples],
    }


def _option(option: dataclasses.Field[Any]) -> Record:
    default = option.default
    if option.default_factory is not dataclasses.MISSING:
        default = option.default_factory()
    name = option.name.replace("_", "-")
    if default is dataclasses.MISSING:
        return {"name": name, "required": True, "default": None}
    plain = sorted(default) if isinstance(default, frozenset) else default
    known = isinstance(plain, str | int | float | bool | list | tuple | None)
    return {"name": name, "required": False, "default": plain if known else str(plain)}


def _example(example: Example) -> Record:
    return {
        "flagged": example.flagged,
        "clean": example.clean,
        "cites": example.cites,
        "envelope": list(example.envelope.rcpt_to) if example.envelope else None,
        "history": len(example.history),
        "declared": {name: _plain(value) for name, value in example.declared.items()},
        "config": {name: _plain(value) for name, value in example.config.items()},
    }


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | bool | int | None) else repr(value)


def rule_text(record: Record, terminal: Terminal) -> Iterator[str]:
    """The record of a rule for people."""
    yield f"{terminal.heading(record['id'])} ({record['severity']})"
    yield from _wrapped(record["summary"], "   ")
    for name, text in record["sections"].items():
        yield from ("", terminal.heading(name))
        yield from _wrapped(text, "   ")
    yield from ("", terminal.heading("Options"))
    for option in record["options"]:
        value = "must be set" if option["required"] else f"default {option['default']!r}"
        yield f"   {option['name']}: {value}, under [rules.{record['id']}]"
    yield f"   severity: what a finding weighs, default {record['severity']}, under [rules.{record['id']}]"
    for example in record["examples"]:
        yield from ("", terminal.heading("Example") + _scene(example))
        yield from _indented("flagged", example["flagged"])
        yield f"   points at  {visible(example['cites'])}"
        yield from _indented("clean", example["clean"])


def _wrapped(text: str, indent: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        yield from textwrap.wrap(" ".join(paragraph.split()), _WIDTH, initial_indent=indent, subsequent_indent=indent)


def _scene(example: Record) -> str:
    said = [f"{name}={value!r}" for name, value in example["declared"].items()]
    said += [f"delivered to {', '.join(example['envelope'])}"] if example["envelope"] else []
    said += [f"after {example['history']} earlier messages"] if example["history"] else []
    said += ["with a configuration"] if example["config"] else []
    return f" ({visible('; '.join(said))})" if said else ""


def _indented(name: str, lines: str) -> Iterator[str]:
    for number, line in enumerate(lines.splitlines()):
        yield f"   {name if not number else '':<10} {visible(line)}"


# ---- names -----------------------------------------------------------------------------------------------------------


def title(stream: str) -> str:
    """The name of a level in a sentence: "stream 'receipts'", "author shop@shop.example"."""
    author = stream.removeprefix("author:")
    return f"stream '{visible(stream)}'" if author == stream else f"author {visible(author)}"


def place(key: str) -> str:
    """The name of the level that stands under a key of a baseline, with its account where that is known."""
    level = level_of(key)
    whose = "" if level.account is None else f" of account {visible(unquote(level.account))}"
    if level.kind == "account":
        return f"all streams{whose}"
    return f"{title(level.name) if level.value else 'mail without a stream of its own'}{whose}"


def level_of(key: str) -> Level:
    """The level that a key of a baseline stands for: account/kind:value."""
    account, _, rest = key.partition("/")
    kind, _, value = rest.partition(":")
    return Level(kind, value, None if account == "-" else account)


class Names:
    """Explains addresses and domains by what is known here: suffixes, known names, a baseline."""

    def __init__(
        self,
        suffixes: SuffixList = BUNDLED,
        known: Iterable[str] | None = None,
        baseline: Baseline | None = None,
        resolver: Resolver | None = None,
        today: date | None = None,
        lists: Iterable[DomainList] = (FREEMAIL, DISPOSABLE),
        own: Iterable[str] = (),
        incidents: Iterable[Incident] = (),
    ) -> None:
        """`known` are names of one's own (None: nobody said), `baseline` what was learned.

        With a `resolver` DNS is asked about every name; `today` decides whether a zone is young.

        `lists` tell kinds of mailboxes, `own` are more names that a stranger may imitate, of the configuration, and
        `incidents` lie beside the baseline.
        """
        from headerguard.lookalike import Lookalikes  # other commands share this module and compare nothing

        self.suffixes, self.baseline = suffixes, baseline
        self.resolver, self.today = resolver, today
        self.lists = tuple(lists)
        hosts = None if known is None else (name.strip().rstrip(">").rpartition("@")[2] for name in known)
        self.known = None if hosts is None else Lookalikes(hosts, suffixes)
        self.own = Lookalikes(own, suffixes)
        self.incidents: dict[str, list[Incident]] = {}
        for one in incidents:
            self.incidents.setdefault(self._party(one.subject), []).append(one)

    def record(self, name: str) -> Record:
        """What there is to say about one name; `problem` says why where it is none."""
        boxes = _boxes(name) if "@" in name else []
        address = boxes[0].address if boxes else None
        domain = address.domain if address else to_a_label(name.strip())
        if (address is None and not _is_host(domain)) or not domain:
            return self._refused(name)
        anybody = address or Address("any", domain)  # what is odd about a domain is so for whoever is there
        registrable = self.suffixes.registrable_domain(domain)
        lists = [listed.name for listed in self.lists if registrable in listed or domain in listed]
        nearest = [] if "freemail" in lists else self._nearest(domain, registrable)
        imitation = nearest[0] if nearest else None
        return {
            "schema": "headerguard.explanation/1",
            "kind": "address" if address else "domain",
            "name": name,
            "problem": None,
            "readings": [_reading(box) for box in boxes],
            "domain": domain,
            "unicode": Address("", domain).unicode.rpartition("@")[2],
            "registrable_domain": registrable,
            "registrable_domain_icann": self.suffixes.registrable_domain(domain, private=False),
            "refusal": anybody.refusal,
            "known": None if self.known is None else registrable in self.known,
            "imitates": imitation.original if imitation else None,
            "how": str(imitation.how) if imitation else None,
            "nearest": [{"name": near.original, "how": str(near.how)} for near in nearest[:_PLACES]],
            "lists": lists,
            "quality": list(anybody.quality),
            "flagged_by": list(_flagging(imitation, lists)),
            "seen": None if self.baseline is None else list(_seen(self.baseline, registrable)),
            "incidents": None if self.baseline is None else list(self._about(str(address) if address else domain)),
            "dns": self._dns(domain),
        }

    def _party(self, subject: str) -> str:
        """The registrable domain of an address or a domain."""
        return self.suffixes.registrable_domain(stranger_of(subject).rpartition("@")[2])

    def _about(self, name: str) -> Iterator[Record]:
        """The incidents about a name or its registrable domain; of all who are at a provider, about the name alone."""
        from headerguard.rendering.records import incident_record

        party, alone = self._party(name), stranger_of(name) if "@" in name else None
        for one in self.incidents.get(party, ()):
            if one.subject == alone or not alone or party not in FREEMAIL:
                yield incident_record(one)

    def _dns(self, domain: str) -> Record | None:
        if self.resolver is None:
            return None
        from headerguard.dns_facts import look_up  # nothing of DNS is loaded where nobody asks it

        return look_up(self.resolver, (domain,), self.suffixes)[domain].record(self.today)

    def _nearest(self, domain: str, registrable: str) -> list[Imitation]:
        """The known names that a domain looks like: of those that were given, one's own, then those of closed roles."""
        indexes = [self.known, self.own, None if self.baseline is None else self.baseline.lookalikes(self.suffixes)]
        given = [index for index in indexes if index]
        if any(registrable in index for index in given):
            return []
        found: dict[str, Imitation] = {}
        for near in (near for index in given for near in index.nearest(domain)):
            found.setdefault(near.original, near)
        return list(found.values())

    def _refused(self, name: str) -> Record:
        empty = ("domain", "unicode", "registrable_domain", "registrable_domain_icann", "refusal")
        record: Record = {"schema": "headerguard.explanation/1", "kind": None, "name": name, "readings": []}
        record |= dict.fromkeys(
            (*empty, "known", "imitates", "how", "nearest", "lists", "quality", "flagged_by", "seen")
        )
        record |= dict.fromkeys(("incidents", "dns"))
        return record | {"problem": f"{name!r} is neither an address nor a domain"}


def _is_host(text: str) -> bool:
    """Whether a text may be a domain: a dot inside, and none of the signs that no domain has; or a literal."""
    return ("." in text[1:-1] and not _NO_HOST.search(text)) or bool(_LITERAL.fullmatch(text))


def _flagging(imitation: Imitation | None, lists: Iterable[str]) -> Iterator[str]:
    """Ids of the rules that flag such a name, as a stranger and in the roles that they look at."""
    if imitation:
        yield "lookalike-domain"
    if lists:
        yield "freemail-blind-recipient"


def _boxes(name: str) -> list[Mailbox]:
    """Every reading of an address, the surest first."""
    octets = name.encode("utf-8", "surrogateescape").decode("latin-1")
    return sorted(lex(octets).mailboxes, key=lambda box: (box.mentioned, list(Tier).index(box.tier)))


def _reading(box: Mailbox) -> Record:
    address = box.address
    return {
        "address": str(address),
        "tier": str(box.tier),
        "local_part": address.local_part,
        "domain": address.domain,
        "display_name": box.name,
    }


def _seen(baseline: Baseline, domain: str) -> Iterator[Record]:
    """Where a baseline holds a registrable domain."""
    for key, profile in sorted(baseline.streams.items()):
        level = level_of(key)
        for role, history in sorted(profile.roles.items()):
            if history.values is not None and domain in history.values:
                count, *days = history.values[domain]
                first, last = (_day(day) for day in days)
                where = {"account": level.account, "stream": level.name, "role": str(role)}
                yield where | {"messages": count, "first_day": first, "last_day": last}


def _day(ordinal: int) -> str | None:
    from datetime import date

    return date.fromordinal(ordinal).isoformat() if ordinal else None


def name_text(record: Record, terminal: Terminal) -> Iterator[str]:
    """The record of a name for people."""
    yield terminal.heading(printable(record["name"]))
    for reading in record["readings"]:
        sure = "" if reading["tier"] == "plain" else f"  ({reading['tier']} reading)"
        yield f"   address              {visible(reading['address'])}{sure}"
        yield f"   local part           {visible(reading['local_part'])}"
    shown = "" if record["unicode"] == record["domain"] else f"  (shown as {visible(record['unicode'])})"
    yield f"   domain               {visible(record['domain'])}{shown}"
    yield f"   registrable domain   {visible(record['registrable_domain'])}"
    if record["registrable_domain_icann"] != record["registrable_domain"]:
        yield f"   by ICANN alone       {visible(record['registrable_domain_icann'])}"
    if record["kind"] == "address" or record["refusal"]:
        yield f"   email-validator      {visible(record['refusal'] or 'takes it')}"
    if record["known"] is not None:
        yield f"   among known names    {'yes' if record['known'] else 'no'}"
    if record["imitates"]:
        looks = [f"{visible(near['name'])} ({near['how']})" for near in record["nearest"]]
        yield f"   looks like           {looks[0]}"
        if len(looks) > 1:
            yield f"   near too             {_some(looks[1:])}"
    for kind in record["lists"]:
        yield f"   on the list          {kind}"
    for sentence in record["quality"]:
        if not sentence.startswith(_SAID):
            yield f"   odd                  {visible(sentence)}"
    for rule in record["flagged_by"]:
        yield f"   flagged by           {rule}, where it is a stranger"
    yield from _seen_text(record["seen"])
    yield from _incidents_text(record["incidents"] or [])
    yield from _dns_text(record["dns"])


def _seen_text(seen: list[Record] | None) -> Iterator[str]:
    if seen is None:
        return
    if not seen:
        yield "   baseline             has not seen it, or only in roles with too many domains to keep"
    for place in seen[:_PLACES]:
        messages = f"{place['messages']:,} message{'' if place['messages'] == 1 else 's'}"
        days = f", {place['first_day']} to {place['last_day']}" if place["first_day"] else ""
        where = "all streams" if place["stream"] == "account:" else title(place["stream"])
        yield f"   baseline             {place['role']} in {where}: {messages}{days}"
    if len(seen) > _PLACES:
        yield f"                        and in {len(seen) - _PLACES:,} more places"


def _incidents_text(incidents: list[Record]) -> Iterator[str]:
    for one in incidents[:_PLACES]:
        messages = f"{one['messages']:,} message{'' if one['messages'] == 1 else 's'}"
        days = f", {one['first_day']} to {one['last_day']}" if one["first_day"] else ""
        account = f" in account {visible(one['account'])}" if one["account"] else ""
        said = f"{one['status']}, {one['severity']}, {messages}{days}"
        yield f"   incident             {visible(one['subject'])}{account}: {said}"
        for name in ("rules", "roles", "streams"):
            yield f"     {name:<18} {_some(list(map(visible, one[name])))}"
    if len(incidents) > _PLACES:
        yield f"                        and {len(incidents) - _PLACES:,} more incidents"


def _some(words: list[str]) -> str:
    more = f" and {len(words) - _SHOWN:,} more" if len(words) > _SHOWN else ""
    return ", ".join(words[:_SHOWN]) + more


def _dns_text(dns: Record | None) -> Iterator[str]:
    if dns is None:
        return
    for fact in dns["told"]:
        yield f"   DNS                  {visible(fact['text'])}{' (!)' if fact['damning'] else ''}"
    for question in dict.fromkeys(dns["unanswered"]):
        yield f"   DNS, not known       {visible(question)}"


def unknown(name: str) -> str:
    """A sentence on a word that is no rule, no address and no domain."""
    near = near_miss(name, [*(rule.id for rule in BUILTIN), *RENAMED, *installed()])
    return f"{name!r} is neither a rule, nor an address, nor a domain{near}"
