"""A month of clean outbound mail, generated: after a week of learning nothing is called HIGH."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from headerguard.finding import Severity
from needs import shared

WEEK = 7


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """The generator and the scorer."""
    folder = shared("tools")
    monkeypatch.syspath_prepend(str(folder))
    return importlib.import_module("gen_outbound"), importlib.import_module("score_outbound")


@pytest.mark.parametrize("profile", ["shop", "saas", "b2b"])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_clean_month_pages_nobody(tools: tuple[Any, Any], profile: str, seed: int) -> None:
    """Without intent and without a configuration. Each record is checked and then learned, as a pipeline does."""
    generator, scorer = tools
    library = scorer.Library(False, None)
    guard = library.guard()
    records = 0
    findings: list[tuple[int, str, str, str | None, list[str]]] = []
    for record in generator.records(seed, profile, 30, 150):
        records += 1
        report = library.observe(guard, record)
        assert report.failures == ()
        day = (record["t"] - generator.START) // 86_400
        if day >= WEEK:
            findings += [
                (day, finding.rule, finding.subject, finding.stream, record["truth"]["tags"])
                for finding in report.findings
                if finding.severity >= Severity.HIGH
            ]
    assert records > 3_000
    assert guard.baseline.streams
    assert findings == []
