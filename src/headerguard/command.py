"""What each command does: read, ask the library, write; gives the exit code."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

from headerguard import upkeep
from headerguard.address import BUNDLED, SuffixList
from headerguard.arguments import baseline_at as _baseline
from headerguard.arguments import baseline_to_add_to as _to_add_to
from headerguard.arguments import configuration as _configuration
from headerguard.arguments import key_of as _key
from headerguard.arguments import path_of_baseline as _path
from headerguard.arguments import plural as _plural
from headerguard.baseline import Baseline
from headerguard.errors import ConfigError, SourceError
from headerguard.explain import Names, catalogue, name_text, rule_called, rule_record, rule_text, unknown
from headerguard.fields import Role
from headerguard.guard import Guard
from headerguard.incident import SUFFIX as COUNTED
from headerguard.lists import DISPOSABLE, FREEMAIL
from headerguard.message import Message
from headerguard.rendering.joined import joined_line, joined_record, joined_report, joined_text
from headerguard.review import Case, baseline_allow, baseline_audit, baseline_review, openings
from headerguard.rule import Compared
from headerguard.sources import read, total
from headerguard.terminal import Tally, Terminal, dumps, label, render, show_record, stream, visible
from headerguard.triage import beside

if TYPE_CHECKING:
    from headerguard.sources.window import Readable

__all__ = [
    "baseline_allow",
    "baseline_audit",
    "baseline_diff",
    "baseline_forget",
    "baseline_merge",
    "baseline_prune",
    "baseline_review",
    "baseline_show",
    "check",
    "demo",
    "explain",
    "learn",
    "parts",
    "reading",
    "reconcile",
    "rules",
    "show",
]

CLEAN, FINDINGS, WRONG, INCOMPLETE = 0, 1, 2, 3


# ---- what commands share ---------------------------------------------------------------------------------------------


@contextmanager
def reading(arguments: Namespace, terminal: Terminal, tally: Tally) -> Iterator[Iterator[Message]]:
    """The messages of all paths; what cannot be read is said, and counted. Raises ConfigError before it reads."""
    kind, stage = arguments.kind, getattr(arguments, "stage", None)
    read(b"", kind, stage).close()

    def unreadable(error: SourceError) -> None:
        tally.unreadable += len(error.errors)
        for sentence in error.errors:
            terminal.say(sentence)

    paths = arguments.paths
    with terminal.progress(lambda: sum(total(path) for path in paths if path != "-")) as progress:
        sources = (_standard_input() if path == "-" else path for path in paths)
        yield (message for source in sources for message in read(source, kind, stage, unreadable, progress))


def _standard_input() -> Readable | bytes:
    return sys.stdin.buffer if sys.stdin is not None else b""


# ---- demo, check, learn ----------------------------------------------------------------------------------------------


def demo(arguments: Namespace, terminal: Terminal) -> int:
    """Replay an incident."""
    from headerguard.demo import INCIDENTS, incident, replay, story
    from headerguard.scenario import play, scenarios

    if arguments.list:
        terminal.lines(f"{name}  {about}" for name, about in INCIDENTS.items())
        terminal.lines(f"{told.id}  {told.date}: {told.title}" for told in scenarios().values())
        return CLEAN
    if told := scenarios().get(arguments.incident):
        played = play(told)
        terminal.lines(visible(line) for line in played.story())
        return CLEAN if played.ok else FINDINGS
    replayed = replay(incident(arguments.incident, scenarios()))
    terminal.lines(story(replayed, render))
    return CLEAN if replayed.ok else FINDINGS


def check(arguments: Namespace, terminal: Terminal) -> int:
    """Judge. Machines get their format on standard output, and the line about all of it goes elsewhere."""
    config = _configuration(arguments, terminal)
    path: str | None = _path(arguments, config) if arguments.learn else arguments.baseline or config.baseline
    adding = _to_add_to(path, config, terminal) if path and arguments.learn else None
    baseline = adding or _baseline(path, key=_key(path, config))
    guard = Guard(baseline=baseline, config=config, **beside(path, config))
    tally = Tally()
    with reading(arguments, terminal, tally) as messages:
        reports = map(_judge(guard, arguments), messages)
        for piece in stream(
            reports,
            arguments.format,
            colour=terminal.coloured,
            verbose=arguments.verbose,
            rules=[type(rule) for rule in guard.rules],
            tally=tally,
        ):
            terminal.write(piece)
    if path is not None and arguments.learn and tally.messages:
        guard.baseline.save(path)
        if len(guard.incidents):
            guard.incidents.save(path + COUNTED)
    if arguments.format != "text":
        terminal.say(tally.line())
    if not tally.complete:
        return INCOMPLETE
    return FINDINGS if tally.worst is not None and tally.worst >= config.fail_on else CLEAN


def _judge(guard: Guard, arguments: Namespace) -> Callable[[Message], Any]:
    judge = guard.observe if arguments.learn else guard.check
    return lambda message: judge(message, stream=arguments.stream)


def learn(arguments: Namespace, terminal: Terminal) -> int:
    """Learn without judging, and join it with what the baseline holds."""
    config = _configuration(arguments, terminal)
    path = _path(arguments, config)
    earlier, learned = _to_add_to(path, config, terminal), Baseline()
    learned.pseudonyms = earlier.pseudonyms
    guard, tally = Guard(rules=(), baseline=learned, config=config), Tally()
    domains: set[str] = set()
    with reading(arguments, terminal, tally) as messages:
        for message in messages:
            guard.observe(message, stream=arguments.stream)  # without rules nothing is flagged: all of it is learned
            domains.update(_domains(message, guard.suffixes))
            tally.messages += 1
    if tally.messages:
        Baseline.change(path, lambda earlier: earlier.merge(guard.baseline))
    terminal.lines([_learned(tally, guard.baseline, len(domains))])
    return INCOMPLETE if tally.unreadable else CLEAN


def reconcile(arguments: Namespace, terminal: Terminal) -> int:
    """Join copies over stages."""
    config = _configuration(arguments, terminal)
    guard, tally = Guard(config=config), Tally()
    with reading(arguments, terminal, tally) as messages:
        joined = guard.reconcile(messages)
    if arguments.format == "json":
        terminal.lines([dumps(joined_record(joined))])
    elif arguments.format == "text":
        terminal.lines(joined_text(joined))
    else:
        speaking = [type(rule) for rule in guard.rules if isinstance(rule, Compared)]
        for piece in stream([joined_report(joined)], arguments.format, rules=speaking, tally=tally):
            terminal.write(piece)
        terminal.say(joined_line(joined))
    if tally.unreadable or not joined.copies:
        return INCOMPLETE
    return FINDINGS if joined.worst is not None and joined.worst >= config.fail_on else CLEAN


def _domains(message: Message, suffixes: SuffixList) -> Iterator[str]:
    for sighting in message.sightings:
        if sighting.role is not Role.MENTIONED and sighting.address.domain:
            yield suffixes.registrable_domain(sighting.address.domain)


def _learned(tally: Tally, baseline: Baseline, domains: int) -> str:
    counts = (
        f"read {_plural(tally.messages, 'message')}",
        _plural(upkeep.streams(baseline), "stream"),
        _plural(domains, "registrable domain"),
        f"{tally.unreadable:,} unreadable",
    )
    return " · ".join(counts)


# ---- show ------------------------------------------------------------------------------------------------------------


def show(arguments: Namespace, terminal: Terminal) -> int:
    """List every address of every message."""
    tally = Tally()
    with reading(arguments, terminal, tally) as messages:
        for number, message in enumerate(messages):
            record = show_record(message)
            if arguments.format == "json":
                terminal.write(dumps(record) + "\n")
            else:
                terminal.lines(_shown(record, label(message, number), terminal))
    return INCOMPLETE if tally.unreadable else CLEAN


def _shown(record: dict[str, Any], name: str, terminal: Terminal) -> Iterator[str]:
    """One message: where it is, then a line an address, then what is odd about it."""
    belongs = f", stream '{visible(record['stream'])}'" if record["stream"] else ""
    yield f"{terminal.heading(name)}  '{visible(record['subject'])}'  stage {record['stage']}{belongs}"
    rows = list(_rows(record["sightings"]))
    widths = [min(max(map(len, column)), 48) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        yield f"   {'  '.join(cells)}".rstrip()
    if not rows:
        yield "   (no address)"
    for defect in record["defects"]:
        place = f" in {visible(defect['field'])}" if defect["field"] else ""
        yield f"   odd: {defect['name']}{place}{_octets(defect['span'])}"


def _rows(sightings: list[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    """The cells of each address: role and number, address, field, tier and octets, what else there is."""
    numbers: dict[str, int] = {}
    for sighting in sightings:
        role, field, occurrence = sighting["role"], visible(sighting["field"]), sighting["occurrence"]
        numbers[role] = number = numbers.get(role, -1) + 1
        again = f" #{occurrence + 1}" if occurrence else ""
        hidden = "hidden" if sighting["hidden"] else ""
        name = f"'{visible(sighting['display_name'])}'" if sighting["display_name"] else ""
        written = sighting["unicode"] if sighting["unicode"] != sighting["address"] else ""
        more = " ".join(filter(None, (hidden, f"shown as {visible(written)}" if written else "", name)))
        surety = f"{sighting['tier']}{_octets(sighting['span'])}"
        yield f"{role}[{number}]", visible(sighting["address"]), f"in {field}{again}", surety, more


def _octets(span: list[int] | None) -> str:
    return f", octets {span[0]}-{span[1]}" if span else ""


# ---- explain, rules, version -----------------------------------------------------------------------------------------


def explain(arguments: Namespace, terminal: Terminal) -> int:
    """Explain a rule, an address or domain, or a list of names."""
    if arguments.subject == "-":
        names = _names(arguments, terminal)
        for name in _lines(_standard_input()):
            terminal.write(dumps(names.record(name)) + "\n")
        return CLEAN
    if rule := rule_called(arguments.subject):
        record, text = rule_record(rule), rule_text
    else:
        record, text = _names(arguments, terminal).record(arguments.subject), name_text
        if record["problem"]:
            raise ConfigError(unknown(arguments.subject))
    terminal.lines([dumps(record)] if arguments.format == "json" else text(record, terminal))
    return CLEAN


def _names(arguments: Namespace, terminal: Terminal) -> Names:
    """What names are explained by. The baseline of the configuration counts if it is there."""
    config = _configuration(arguments, terminal)
    path = arguments.baseline
    if path is None and config.baseline and os.path.exists(config.baseline):
        path = config.baseline
    known = None if arguments.known is None else _known(arguments.known)
    suffixes = SuffixList(config.suffix_list) if config.suffix_list else BUNDLED
    resolver = config.dns.resolver() if arguments.dns else None  # a configuration alone makes no explanation ask
    lists, baseline = (config.freemail, config.disposable), None if path is None else _baseline(path)
    incidents = () if path is None else Case(path, config).judged()
    return Names(suffixes, known, baseline, resolver, date.today(), lists, config.named, incidents)


def _known(path: str) -> list[str]:
    try:
        with open(path, "rb") as file:
            return [name for name in _lines(file) if not name.startswith("#")]
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error


def _lines(source: Readable | bytes) -> Iterator[str]:
    """The lines of a file that are not empty."""
    lines: Iterable[bytes] = source.splitlines() if isinstance(source, bytes) else source  # type: ignore[assignment]
    for line in lines:
        if text := line.decode("utf-8", "surrogateescape").strip():
            yield text


def rules(arguments: Namespace, terminal: Terminal) -> int:
    """List the rules; a configuration that is wrong is said, and does not keep them from being listed."""
    config, code = None, CLEAN
    try:
        config = _configuration(arguments, terminal)
    except ConfigError as error:
        code = WRONG
        for problem in error.problems:
            terminal.say(problem)
    for entry in catalogue(config):
        if arguments.format == "json":
            terminal.write(dumps(entry) + "\n")
        else:
            state = "" if entry["state"] == "enabled" else f" ({entry['state']})"
            summary = visible(entry["summary"])
            terminal.lines([f"{visible(entry['id']):<28}{entry['severity'] or '-':<10}{summary}{state}"])
    return code


def parts() -> Iterator[str]:
    """What the library runs on: a line each."""
    import platform
    import re
    from importlib.metadata import PackageNotFoundError, requires, version

    yield f"Python {platform.python_version()}"
    for requirement in requires("headerguard") or ():
        if "extra ==" not in requirement or 'extra == "cli"' in requirement.replace("'", '"'):
            name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
            try:
                yield f"{name} {version(name)}"
            except PackageNotFoundError:
                yield f"{name} is not installed"
    yield f"Public Suffix List {BUNDLED.date or 'without a date'}"
    yield from (f"list of {listed.name} domains {listed.date}" for listed in (FREEMAIL, DISPOSABLE))


# ---- baseline --------------------------------------------------------------------------------------------------------


def baseline_show(arguments: Namespace, terminal: Terminal) -> int:
    """List what every stream has done."""
    config = _configuration(arguments, terminal)
    baseline = _baseline(_path(arguments, config, "show"))
    baseline.horizon = config.horizon
    terminal.lines(upkeep.described(baseline, arguments.stream, config.false_alarm_rate))
    if arguments.stream is None:
        terminal.lines(openings(baseline, config))
    return CLEAN


def baseline_diff(arguments: Namespace, terminal: Terminal) -> int:
    """Say how two baselines differ."""
    old, new = _baseline(arguments.old), _baseline(arguments.new)
    told = list(upkeep.changes(old, new))
    terminal.lines(map(visible, told))
    return FINDINGS if told else CLEAN


def baseline_merge(arguments: Namespace, terminal: Terminal) -> int:
    """Join baselines into one."""
    merged = Baseline().merge(*(_baseline(path) for path in arguments.baselines))
    merged.save(arguments.output)
    count = upkeep.streams(merged)
    terminal.lines([f"{visible(arguments.output)} holds {_plural(count, 'stream')}"])
    return CLEAN


def baseline_forget(arguments: Namespace, terminal: Terminal) -> int:
    """Remove a registrable domain, or a mailbox, from every stream."""
    config, held, unseen = _configuration(arguments, terminal), 0, False
    domain, mailbox = upkeep.meant(arguments.subject, config.freemail)
    _baseline(arguments.baseline)

    def forget(baseline: Baseline) -> Baseline | None:
        nonlocal held, unseen
        held = upkeep.forget(baseline, domain, mailbox)
        unseen = mailbox is not None and upkeep.has_other_key(baseline)
        return baseline if held else None

    Baseline.change(arguments.baseline, forget, _key(arguments.baseline, config))
    if unseen and not domain and not held:
        raise ConfigError(f"{arguments.baseline}: {_OTHER_KEY}, so that {mailbox} cannot be found in it")
    said = f"is forgotten in {_plural(held, 'place')}" if held else "is in no stream"
    terminal.lines([f"{visible(domain or str(mailbox))} {said} of {visible(arguments.baseline)}"])
    if unseen:
        terminal.lines([f"{_OTHER_KEY}: whom {visible(str(mailbox))} was beside may still be there"])
    return CLEAN


_OTHER_KEY = "the key under which it learned exact addresses is not here"


def baseline_prune(arguments: Namespace, terminal: Terminal) -> int:
    """Drop the streams that were last seen before a day."""
    _baseline(arguments.baseline)
    dropped: list[str] = []
    kept = 0

    def prune(baseline: Baseline) -> Baseline | None:
        nonlocal kept
        dropped.extend(upkeep.prune(baseline, arguments.before))
        kept = len(baseline.streams)
        return baseline if dropped else None

    Baseline.change(arguments.baseline, prune)
    terminal.lines(f"dropped {name}" for name in dropped)
    terminal.lines([f"dropped {len(dropped):,}, kept {kept:,}"])
    return CLEAN
