"""Measure headerguard against the standard library and mail-parser in one run; see README.md beside this file.

Exit code: 0, or 1 with --gate when a limit is missed.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import goals, imports
from bench.answers import Answers, ask, learned
from bench.breadth import breadth
from bench.contestants import CONTESTANTS
from bench.goals import Verdict
from bench.growth import LIMIT, Series, grow
from bench.messages import KINDS, Made, Source, fixtures, generator
from bench.rounds import Figure, Rounds, cpu_seconds
from bench.store import PROCESSES, STREAMS, kept, lost

from headerguard import Baseline, Guard
from headerguard.header import header_length

__all__ = ["main"]


class Plan:
    """How much to measure."""

    def __init__(self, quick: bool, rounds: int | None) -> None:
        self.rounds = rounds or (9 if quick else 21)
        self.messages = {"a": 210, "b": 30, "c": 60} if quick else {"a": 600, "b": 90, "c": 300}
        self.planted = 60 if quick else 300
        self.growth_budget = 0.02 if quick else 1.0
        self.whole_rounds = 5 if quick else 15
        self.quick = quick


def main() -> int:
    """Run what was asked for and print it."""
    options = _options()
    plan = Plan(options.quick, options.rounds)
    source = generator()
    print(f"{platform.python_implementation()} {platform.python_version()}, {source.name}, {plan.rounds} rounds")
    verdicts: list[Verdict] = []
    record: dict[str, Any] = {"rounds": plan.rounds, "generator": source.name, "kinds": {}}
    measured: dict[str, Rounds] = {}
    for kind in options.kinds:
        measured[kind], answers = _measure(kind, source, plan)
        record["kinds"][kind] = _print_kind(kind, measured[kind], answers)
        verdicts += _judge(kind, measured[kind], answers)
    if {"a", "b"} <= measured.keys():
        verdicts += _size(measured)
    if real := fixtures():
        record["fixtures"] = _print_kind("fixtures", _measure_fixtures(real, plan), None)
    verdicts.append(Verdict("21 MB message to its header alone", _whole(source, plan), goals.WHOLE))
    verdicts.append(_breadth(source, plan, record))
    verdicts.append(_imports(record))
    verdicts.append(_plugin(record))
    verdicts += _store(record)
    if options.growth:
        verdicts += _growth(plan, record, options.shapes)
    return _conclude(verdicts, record, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="less of everything: under a minute")
    parser.add_argument("--gate", action="store_true", help="exit with 1 when a limit is missed")
    parser.add_argument("--json", metavar="FILE", help="write the figures to a file as well")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of each comparison (default: 21, quick 9)")
    parser.add_argument("--kinds", type=_kinds, default=KINDS, help="of a,b,c (default: all)")
    parser.add_argument("--growth", action=argparse.BooleanOptionalAction, default=True, help="measure growing headers")
    parser.add_argument("--shapes", default="", metavar="TEXT", help="only growing headers with TEXT in their name")
    return parser.parse_args()


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(text.split(","))
    if not kinds or any(kind not in KINDS for kind in kinds):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of {', '.join(KINDS)}")
    return kinds


# ---- comparisons


def _measure(kind: str, source: Source, plan: Plan) -> tuple[Rounds, Answers]:
    """New messages in every round, none of which the baseline has seen; one round before the first, to warm up."""
    baseline = learned(source, kind)
    rounds = Rounds(CONTESTANTS)
    Rounds(CONTESTANTS).run([source.clean(kind) for _ in range(9)], baseline, 0)
    messages: list[Made] = []
    for number in range(plan.rounds):
        messages = [source.clean(kind) for _ in range(plan.messages[kind])]
        rounds.run(messages, baseline, number)
    planted = [source.planted(kind) for _ in range(plan.planted)]
    return rounds, ask(messages, planted, baseline)


def _measure_fixtures(real: list[bytes], plan: Plan) -> Rounds:
    """Test messages of other parsers, most of them odd; nothing is known of them."""
    messages = [Made(octets, header_length(octets), "", ()) for octets in real]
    rounds = Rounds({name: c for name, c in CONTESTANTS.items() if name not in ("check+envelope", "observe")})
    Rounds(rounds.contestants).run(messages, Baseline(), 0)
    for number in range(plan.rounds):
        rounds.run(messages, Baseline(), number)
    return rounds


def _print_kind(kind: str, rounds: Rounds, answers: Answers | None) -> dict[str, Any]:
    print(f"\n== {kind}")
    print(f"{'':52}{'us a message':>14}   ratio (lowest-highest)   limit   next")
    record: dict[str, Any] = {}
    for name, contestant in rounds.contestants.items():
        microseconds, ratio = rounds.microseconds(name), rounds.ratio(name)
        limit, wanted = (table.get(name, {}).get(kind) for table in (goals.GOALS, goals.NEXT))
        print(f"{contestant.name:52}{microseconds.median:14.1f}   {ratio!s:22} {_shown(limit):>7}{_shown(wanted):>7}")
        record[name] = {"microseconds": microseconds.median, **_record(ratio)}
    if "observe" in rounds.contestants:
        more, ratio = rounds.added("observe", "model")
        name, most = "judging and learning, on top of the full model", _shown(goals.LEARNING.get(kind))
        print(f"{name:52}{more.median:14.1f}   {ratio!s:22} {most:>7}")
        record["learning"] = {"microseconds": more.median, **_record(ratio)}
    if answers:
        print(_told(answers))
        record["answers"] = answers._asdict()
    return record


def _shown(limit: float | None) -> str:
    return "" if limit is None else f"{limit:g}"


def _record(figure: Figure) -> dict[str, float]:
    return {"ratio": figure.median, "lowest": figure.low, "highest": figure.high}


def _told(answers: Answers) -> str:
    return (
        f"planted strangers flagged: {_of(answers.hidden)} in Bcc by history, "
        f"{_of(answers.visible)} in To by history (an open role: silence is meant), "
        f"{_of(answers.declared)} with recipients=; "
        f"{answers.clean} findings of medium or more on {answers.checked} clean messages"
    )


def _of(counts: tuple[int, int]) -> str:
    return f"{counts[0]}/{counts[1]}"


def _judge(kind: str, rounds: Rounds, answers: Answers) -> Iterator[Verdict]:
    for name, limits in goals.GOALS.items():
        yield Verdict(f"{name}, kind {kind}", rounds.ratio(name).median, limits[kind])
    yield Verdict(
        f"judging and learning, kind {kind}", rounds.added("observe", "model")[1].median, goals.LEARNING[kind]
    )
    yield Verdict(f"wrong answers, kind {kind}", float(not answers.right), 0)


def _size(measured: dict[str, Rounds]) -> Iterator[Verdict]:
    """Both are ratios to the same reader of headers, so headers that happen to be longer in one kind do not count."""
    for name in goals.GOALS:
        a, b = (measured[kind].ratio(name).median for kind in "ab")
        yield Verdict(f"{name}, b to a", b / a, goals.SIZE)


def _whole(source: Source, plan: Plan) -> float:
    """A message of 21 MB to its header alone; the best round, as what else the machine does can only add."""
    made = source.clean("a")
    whole = made.octets + b"\r\n" + (b"QUJD" * 18 + b"\r\n") * 284_000
    check = Guard().check
    ratios = []
    for _ in range(plan.whole_rounds + 1):
        alone, all_ = (cpu_seconds(check, [octets] * 100) for octets in (made.header, whole))
        ratios.append(all_ / alone)
    figure = Figure.of(ratios[1:])
    print(f"\n== {len(whole) / 1e6:.0f} MB\nGuard.check, to the header alone: {figure}")
    return figure.median


def _breadth(source: Source, plan: Plan, record: dict[str, Any]) -> Verdict:
    figure = breadth(source, plan.rounds, plan.messages["a"])
    print(f"\n== catalogue\nsightings without a field of an ESP, whole catalogue to its standard fields: {figure}")
    record["catalogue"] = _record(figure)
    return Verdict("whole catalogue to standard fields alone", figure.median, goals.BREADTH)


def _imports(record: dict[str, Any]) -> Verdict:
    statements = ["import email.message", "import headerguard", "from headerguard import Guard; Guard()"]
    email, own, guard = imports.seconds(statements, runs=15)
    print(f"\n== import (ms, best of 15)\n{'':10}{'':>10}   ratio")
    for name, taken in zip(statements, (email, own, guard), strict=True):
        print(f"{name:40}{taken * 1000:8.2f}   {taken / email:.2f}")
    record["import"] = {"headerguard": own / email, "guard": guard / email}
    return Verdict("import headerguard to import email.message", own / email, goals.IMPORT)


def _plugin(record: dict[str, Any]) -> Verdict:
    """What pytest loads when it starts, whether or not a test uses it; pytest itself is there by then."""
    statement = "import headerguard.adapters.pytest_plugin"
    (taken,) = imports.seconds([statement], runs=15, before="import pytest; ")
    print(f"{statement:40}{taken * 1000:8.2f}")
    record["plugin"] = taken * 1000
    return Verdict("pytest plugin, unused (ms)", taken * 1000, goals.PLUGIN)


def _store(record: dict[str, Any]) -> Iterator[Verdict]:
    """A baseline of many streams, and one that many processes learn into."""
    found, missing = kept(), lost()
    record["store"] = {**found._asdict(), "lost": missing}
    print(f"\n== a baseline of {STREAMS:,} streams")
    print(f"octets of the median stream {found.octets:.0f}; open after {found.file:.2f} s of a file, ", end="")
    print(f"{found.live:.3f} s of a database; its first stranger {found.stranger:.2f} s")
    for name, value in found._asdict().items():
        yield Verdict(f"baseline of {STREAMS:,} streams, {name}", value, goals.STORE[name])
    yield Verdict(f"messages lost by {PROCESSES} processes in one database", missing, 0)


def _growth(plan: Plan, record: dict[str, Any], only: str) -> Iterator[Verdict]:
    """Only what is over the limit or among the slowest is printed; the file has all of it."""
    found = list(grow(plan.growth_budget, observe=not plan.quick, only=only))
    record["growth"] = [series._asdict() for series in found]
    too_fast = [series for series in found if not series.ok]
    slowest = sorted(found, key=lambda series: series.octets_a_microsecond)[:10]
    print(f"\n== growth: {len(found)} series, {len(too_fast)} of them more than {LIMIT:g} times for 10 times the size")
    for title, shown in (("over the limit", too_fast), ("most time an octet", slowest)):
        print(f"{title + ':':50}{'':22} ratio        at n   seconds  octets/us")
        for series in shown:
            print(_row(series))
    for series in too_fast:
        yield Verdict(f"growth of {series.shape} ({series.use})", series.ratio, LIMIT)


def _row(series: Series) -> str:
    return (
        f"  {series.shape:48}{series.use:22}{series.ratio:6.1f}{series.size:12}{series.seconds:10.3f}"
        f"{series.octets_a_microsecond:11.3f}"
    )


def _conclude(verdicts: list[Verdict], record: dict[str, Any], options: argparse.Namespace) -> int:
    print("\n== limits")
    print("\n".join(map(str, verdicts)))
    if options.json:
        record["limits"] = [verdict._asdict() | {"ok": verdict.ok} for verdict in verdicts]
        Path(options.json).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    missed = [verdict for verdict in verdicts if not verdict.ok]
    print(f"{len(missed)} of {len(verdicts)} limits missed")
    return 1 if missed and options.gate else 0
