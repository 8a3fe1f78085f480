#!/usr/bin/env python3
"""Promised against measured: how often the odds call clean mail unusual, by kind of stream, as figures and as a plot.

    python bench/reliability.py FOLDER    # measure (a minute), write bench/reliability.json, draw docs/reliability.svg
    python bench/reliability.py           # draw the figures that bench/reliability.json holds

FOLDER holds kernel_people, kernel_robots and enron_internal as .jsonl.gz, as the shared evaluation of leaks has them.
Mail of each kind is judged with a prior that was built from the other kind alone, message by message in the order of
time, from the sixth of each stream on. What is learned includes what was called unusual.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from bench.leak_scorer import Scorer  # noqa: E402
from bench.prior import records  # noqa: E402

FIGURES = HERE / "reliability.json"
PLOT = HERE.parent / "docs" / "reliability.svg"
DIRECTIONS = (
    ("Robots and office mail, judged with people's", ("kernel_robots", "enron_internal"), ("kernel_people",)),
    ("People, judged with robots' and office mail's", ("kernel_people",), ("kernel_robots", "enron_internal")),
)
"""What is judged, and what the prior is built from."""
RATES = (0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001)
"""Promises that are measured."""
WARM = 5
"""Messages of a stream that are not judged."""
STRATA = {"all": math.inf, "calm (new in under 1 %)": 0.01, "some (under 4 %)": 0.04, "open (more)": 1.01}
"""Kinds of streams, by the share of their messages with a domain that is new to a role; it lies below that."""

# ---- measuring ---------------------------------------------------------------------------------------------------


def measure(judged: Iterable[str], prior: Iterable[str], rates: Iterable[float] = RATES) -> dict[str, Any]:
    """Alarms and messages by stratum, of histories that are files."""
    rates = tuple(rates)
    scorer = Scorer()
    for record in in_time(prior):
        scorer.observe(record)
    scorer = scorer.as_prior()
    seen: Counter[str] = Counter()
    alarms: dict[str, Counter[float]] = defaultdict(Counter)
    shown: dict[str, set[tuple[str, str]]] = defaultdict(set)
    new: Counter[str] = Counter()
    for record in in_time(judged):
        stream = record["user"]
        domains = set(_domains(record))
        if seen[stream] >= WARM:
            p_value = scorer.pvalue(record)
            alarms[stream].update(rate for rate in rates if p_value <= rate)
            new[stream] += not domains <= shown[stream]
        seen[stream] += 1
        shown[stream] |= domains
        scorer.observe(record)
    tried = {stream: count - WARM for stream, count in seen.items() if count > WARM}
    return _by_stratum(tried, alarms, {stream: new[stream] / count for stream, count in tried.items()}, rates)


def in_time(files: Iterable[str]) -> list[dict[str, Any]]:
    """The records of several files as one history."""
    return sorted(records(files), key=lambda record: (record["date"], record["msgid"]))


def _domains(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for role in ("from", "to", "cc", "bcc", "reply_to"):
        value = record.get(role) or ()
        for address in (value,) if isinstance(value, str) else value:
            yield role, address.rpartition("@")[2]


def _by_stratum(
    tried: Mapping[str, int], alarms: Mapping[str, Counter[float]], shares: Mapping[str, float], rates: Iterable[float]
) -> dict[str, Any]:
    strata: dict[str, Any] = {name: {"messages": 0, "alarms": {f"{rate:g}": 0 for rate in rates}} for name in STRATA}
    for stream, count in tried.items():
        kind = next(name for name, below in STRATA.items() if name != "all" and shares[stream] < below)
        for name in ("all", kind):
            strata[name]["messages"] += count
            for rate in strata[name]["alarms"]:
                strata[name]["alarms"][rate] += alarms[stream][float(rate)]
    return strata


def bound(alarms: int, messages: int) -> float:
    """The one-sided 95 % upper bound of a rate (Clopper and Pearson, Biometrika 1934)."""
    low, high = alarms / messages, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(alarms, messages, middle) > 0.05 else (low, middle)
    return high


def _at_most(alarms: int, messages: int, rate: float) -> float:
    """The chance of no more alarms than that (binomial)."""
    if rate >= 1:
        return float(alarms >= messages)
    ways = (math.lgamma(messages + 1) - math.lgamma(k + 1) - math.lgamma(messages - k + 1) for k in range(alarms + 1))
    return sum(math.exp(way + k * math.log(rate) + (messages - k) * math.log1p(-rate)) for k, way in enumerate(ways))


# ---- drawing -----------------------------------------------------------------------------------------------------

LOWEST, HIGHEST = 1e-5, 1.0
SIDE, LEFT, TOP, GAP = 320, 64, 44, 84
COLOURS = ("#000000", "#0072b2", "#e69f00", "#cc3311")
"""One a stratum; they differ for those who see few colours as well (Okabe and Ito)."""
SHAPES = ("M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z", "M-4-4h8v8h-8z", "M0-5l5 9h-10z", "M0-5l5 5-5 5-5-5z")


def place(rate: float) -> float:
    """Where a rate stands on an axis, in units of its length; what is lower than the lowest stands there."""
    return (math.log10(max(rate, LOWEST)) - math.log10(LOWEST)) / (math.log10(HIGHEST) - math.log10(LOWEST))


def draw(figures: Iterable[Mapping[str, Any]]) -> str:
    """The plot as SVG: a panel a direction, on two logarithmic axes."""
    panels = list(figures)
    width = LEFT + len(panels) * (SIDE + GAP)
    height = TOP + SIDE + 56 + 18 * len(STRATA)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"'
        f' font-size="12" role="img" aria-label="Promised rate against measured rate">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for number, panel in enumerate(panels):
        lines.append(f'<g transform="translate({LEFT + number * (SIDE + GAP)} {TOP})">')
        lines += _frame(panel["title"])
        for index, name in enumerate(STRATA):
            lines += _series(index, panel["strata"][name])
        lines.append("</g>")
    lines += _legend(TOP + SIDE + 60)
    return "\n".join((*lines, "</svg>", ""))


def _frame(title: str) -> Iterator[str]:
    """Axes with their decades, the line on which a promise is kept to the dot, and that of twice as much."""
    yield f'<text x="0" y="-16" font-weight="bold">{escape(title)}</text>'
    for exponent in range(round(math.log10(LOWEST)), round(math.log10(HIGHEST)) + 1):
        at = place(10.0**exponent) * SIDE
        label = "1" if exponent == 0 else f"1e{exponent}"
        yield f'<path d="M{at:.1f} 0V{SIDE}M0 {SIDE - at:.1f}H{SIDE}" stroke="#dddddd"/>'
        yield f'<text x="{at:.1f}" y="{SIDE + 16}" text-anchor="middle">{label}</text>'
        yield f'<text x="-6" y="{SIDE - at + 4:.1f}" text-anchor="end">{label}</text>'
    twice = place(2 * LOWEST) * SIDE
    yield f'<path d="M0 {SIDE}L{SIDE} 0" stroke="#555555"/>'
    yield f'<path d="M0 {SIDE - twice:.1f}L{SIDE - twice:.1f} 0" stroke="#555555" stroke-dasharray="4 4"/>'
    yield f'<text x="{SIDE / 2}" y="{SIDE + 36}" text-anchor="middle">promised rate</text>'
    yield f'<text transform="translate(-46 {SIDE / 2}) rotate(-90)" text-anchor="middle">measured rate</text>'


def _series(index: int, stratum: Mapping[str, Any]) -> Iterator[str]:
    """What was measured of one stratum, each point with its bound; an empty mark at the foot is no alarm at all."""
    messages, points = stratum["messages"], []
    if not messages:
        return
    for rate, alarms in sorted(stratum["alarms"].items(), key=lambda item: float(item[0])):
        x = place(float(rate)) * SIDE + 5 * index - 7.5
        y, top = (SIDE - place(share) * SIDE for share in (alarms / messages, bound(alarms, messages)))
        points.append((x, y))
        fill = COLOURS[index] if alarms else "#ffffff"
        yield f'<path d="M{x:.1f} {y:.1f}V{top:.1f}m-3 0h6" stroke="{COLOURS[index]}" fill="none"/>'
        yield (
            f'<path class="point" transform="translate({x:.1f} {y:.1f})" d="{SHAPES[index]}" fill="{fill}"'
            f' stroke="{COLOURS[index]}"><title>{alarms:,} of {messages:,} at {rate}</title></path>'
        )
    for (x, y), (to_x, to_y) in pairwise(points):
        yield f'<path d="M{x:.1f} {y:.1f}L{to_x:.1f} {to_y:.1f}" stroke="{COLOURS[index]}" stroke-opacity=".4"/>'


def _legend(top: float) -> Iterator[str]:
    for index, name in enumerate(STRATA):
        y = top + 18 * index
        mark = f'transform="translate({LEFT + 8} {y - 4})" d="{SHAPES[index]}" fill="{COLOURS[index]}"'
        yield f'<path {mark}/><text x="{LEFT + 22}" y="{y}">{escape(name)}</text>'
    told = (
        "full line: as promised; broken line: twice as much",
        "bar: 95 % upper bound; empty mark: no alarm",
        "marks of one promise stand side by side",
    )
    for index, text in enumerate(told):
        yield f'<text x="{LEFT + SIDE + GAP}" y="{top + 18 * index}">{text}</text>'


def main() -> int:
    """Measure where a folder is given, then draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--figures", type=Path, default=FIGURES)
    parser.add_argument("--out", type=Path, default=PLOT)
    options = parser.parse_args()
    if options.folder:
        figures = []
        for title, judged, prior in DIRECTIONS:
            strata = measure(_files(options.folder, judged), _files(options.folder, prior))
            figures.append({"title": title, "judged": judged, "prior": prior, "strata": strata})
        options.figures.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    options.out.write_text(draw(json.loads(options.figures.read_text(encoding="utf-8"))), encoding="utf-8")
    print(options.out)
    return 0


def _files(folder: Path, names: Iterable[str]) -> list[str]:
    return [str(folder / f"{name}.jsonl.gz") for name in names]


if __name__ == "__main__":
    sys.exit(main())
