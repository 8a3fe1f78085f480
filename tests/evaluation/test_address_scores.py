"""The bars that the reading of address fields has to meet, as the scorer of the case tables sets them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from needs import shared


# The scorer leaves the closing of its files to the interpreter.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_every_bar_is_met(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    path = shared("tools", "score_addresses.py")
    cases, mutations = shared("cases", "addresses.jsonl"), shared("cases", "mta_mutations.jsonl")
    fixtures = shared("corpus", "parser-fixtures")
    scorer = _load(path)
    options = ["--cases", str(cases), "--mutations", str(mutations), "--fixtures", str(fixtures), "--show", "40"]
    monkeypatch.setattr(sys, "argv", [path.name, *options])
    missed = scorer.main()  # type: ignore[attr-defined]
    said = capsys.readouterr().out
    assert missed == 0, said
    assert "all bars met" in said


def _load(path: Path) -> object:
    spec = importlib.util.spec_from_file_location("score_addresses", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
