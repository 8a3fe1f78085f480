"""The reliability plot: what is measured is counted by kind of stream, and what is drawn is what was measured."""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[1]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def bench() -> Iterator[Any]:
    sys.path.insert(0, str(ROOT))
    from bench import reliability

    yield reliability
    sys.path.remove(str(ROOT))


def figures(bench: Any, messages: int = 1_000, **alarms: int) -> list[dict[str, Any]]:
    """One direction, in which all kinds of streams did the same; alarms by rate, "e" with its number."""
    counts = {name.replace("e", "1e-"): count for name, count in alarms.items()}
    return [{"title": "a < b & c", "strata": {name: {"messages": messages, "alarms": counts} for name in bench.STRATA}}]


def points(text: str) -> list[tuple[float, float, str]]:
    """Where the marks stand, in pixels of their panel, and how they are filled."""
    marks = [path for path in ElementTree.fromstring(text).iter(f"{SVG}path") if path.get("class") == "point"]
    found = []
    for mark in marks:
        place = re.fullmatch(r"translate\((-?[\d.]+) (-?[\d.]+)\)", mark.get("transform", ""))
        assert place is not None
        found.append((float(place[1]), float(place[2]), mark.get("fill", "")))
    return found


def test_a_promise_that_is_kept_to_the_dot_stands_on_the_line(bench: Any) -> None:
    marks = points(bench.draw(figures(bench, 1_000, e2=10, e3=1)))
    assert len(marks) == 2 * len(bench.STRATA)
    for x, y, _ in marks:
        assert x + y == pytest.approx(bench.SIDE, abs=8)  # marks stand side by side
    assert sum(x + y for x, y, _ in marks) / len(marks) == pytest.approx(bench.SIDE, abs=0.1)


def test_more_alarms_stand_higher_and_none_at_the_foot(bench: Any) -> None:
    (_, many, full), (_, few, _), (_, none, empty) = (
        points(bench.draw(figures(bench, e2=count)))[0] for count in (100, 10, 0)
    )
    assert many < few < none == bench.SIDE
    assert empty == "#ffffff" != full


def test_a_kind_without_mail_has_no_mark_and_titles_are_text(bench: Any) -> None:
    text = bench.draw(figures(bench, 0, e2=0))
    assert points(text) == []
    assert "a < b & c" in [node.text for node in ElementTree.fromstring(text).iter(f"{SVG}text")]


@pytest.mark.parametrize(
    ("alarms", "messages", "upper"),
    [(0, 100, 1 - 0.05 ** (1 / 100)), (0, 1, 0.95), (100, 100, 1.0), (1, 1_000, 0.004735), (3, 12_910, 0.000601)],
)
def test_the_bound_is_the_exact_one(bench: Any, alarms: int, messages: int, upper: float) -> None:
    assert bench.bound(alarms, messages) == pytest.approx(upper, rel=2e-3)


def history(path: Path, streams: dict[str, list[str]]) -> str:
    """A file of histories: a message a line, to one domain after the other."""
    with gzip.open(path, "wt", encoding="utf-8") as file:
        for stream, domains in streams.items():
            for number, domain in enumerate(domains):
                record = {"user": stream, "msgid": f"{stream}-{number}", "date": 86_400 * number, "cc": [], "bcc": []}
                record |= {"from": f"{stream}@house.example", "to": [f"jane@{domain}"]}
                file.write(json.dumps(record) + "\n")
    return str(path)


def test_alarms_are_counted_by_the_kind_of_their_stream(bench: Any, tmp_path: Path) -> None:
    calm = {f"robot-{number}": ["team.example"] * 400 for number in range(5)}
    people = {"person": [f"client-{number}.example" for number in range(100)]}
    stranger = {"robot-9": ["team.example"] * 300 + ["arxxwalls.com"] + ["team.example"] * 200}
    prior = history(tmp_path / "prior.jsonl.gz", calm)
    found = bench.measure([history(tmp_path / "judged.jsonl.gz", {**people, **stranger})], [prior], (0.01, 1e-5))
    every, quiet, _, busy = found.values()
    assert list(found) == list(bench.STRATA)
    assert (every["messages"], quiet["messages"], busy["messages"]) == (591, 496, 95)
    assert every["alarms"] == quiet["alarms"] == {"0.01": 1, "1e-05": 0}
    assert busy["alarms"] == {"0.01": 0, "1e-05": 0}


def test_the_plot_of_the_documentation_is_that_of_the_figures(bench: Any, tmp_path: Path) -> None:
    kept = json.loads(bench.FIGURES.read_text(encoding="utf-8"))
    assert bench.PLOT.read_text(encoding="utf-8") == bench.draw(kept)
    assert [panel["title"] for panel in kept] == [title for title, _, _ in bench.DIRECTIONS]


def test_what_the_documentation_promises_is_what_was_measured(bench: Any) -> None:
    """At one in ten thousand no more, with a bound of twice that; above, no kind of stream more than twice."""
    for panel in json.loads(bench.FIGURES.read_text(encoding="utf-8")):
        every = panel["strata"]["all"]
        assert every["messages"] > 30_000
        assert every["alarms"]["0.0001"] / every["messages"] <= 1e-4
        assert bench.bound(every["alarms"]["0.0001"], every["messages"]) <= 2e-4
        for stratum in panel["strata"].values():
            for rate in (0.01, 0.001):
                assert stratum["messages"] < 2_000 or stratum["alarms"][f"{rate:g}"] <= 2 * rate * stratum["messages"]


def test_the_script_draws_the_figures_that_it_is_given(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = tmp_path / "figures.json", tmp_path / "plot.svg"
    source.write_text(json.dumps(figures(bench, e2=7)), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["reliability.py", "--figures", str(source), "--out", str(out)])
    assert bench.main() == 0
    assert "7 of 1,000 at 1e-2" in out.read_text(encoding="utf-8")
