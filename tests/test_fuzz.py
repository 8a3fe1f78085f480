"""The seeds of the fuzzer hold without the fuzzer, and its properties notice what does not."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from headerguard.address_list import Reading

ROOT = Path(__file__).resolve().parents[1]
SEEDS = sorted((ROOT / "fuzz" / "corpus").iterdir())


@pytest.fixture(scope="module")
def properties() -> Iterator[ModuleType]:
    sys.path.insert(0, str(ROOT))
    yield importlib.import_module("fuzz.properties")
    sys.path.remove(str(ROOT))


def test_there_are_seeds() -> None:
    assert len(SEEDS) > 60


@pytest.mark.parametrize("seed", SEEDS, ids=lambda path: path.name)
@pytest.mark.parametrize("target", ["header", "address", "message", "check", "source"])
def test_seed_holds(properties: ModuleType, target: str, seed: Path) -> None:
    properties.TARGETS[target](seed.read_bytes())


@pytest.mark.parametrize("seed", SEEDS, ids=lambda path: path.name)
def test_seed_holds_in_every_way(properties: ModuleType, seed: Path) -> None:
    for turn, way in enumerate(properties.WAYS):
        way(seed.read_bytes(), turn)


def test_envelope_is_what_follows_the_header(properties: ModuleType) -> None:
    found = properties.envelope(b"To: jane@client.example\n\nb@esp.example\n<jane@client.example>\n")
    assert found.mail_from == "b@esp.example"
    assert found.rcpt_to[0] == "<jane@client.example>"


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ({"start": -1}, "a span lies inside"),
        ({"end": 10_000}, "a span lies inside"),
        ({"start": 1}, "a plain span holds it"),
    ],
)
def test_a_wrong_span_is_noticed(
    properties: ModuleType, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], broken: str
) -> None:
    right = properties.lex

    def wrong(text: str, *where: int) -> Reading:
        reading: Reading = right(text, *where)
        return Reading([box._replace(**change) for box in reading.mailboxes], reading.defects)

    monkeypatch.setattr(properties, "lex", wrong)
    with pytest.raises(properties.BrokenError, match=broken):
        properties.address(b"jane@client.example")


def test_a_lost_address_is_noticed(properties: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(properties, "lex", lambda text, *where: Reading([], []))
    monkeypatch.setattr(properties, "is_plain", lambda text, *where: False)
    with pytest.raises(properties.BrokenError, match="a clear address is found"):
        properties.address(b"jane@client.example")


def test_a_lost_field_is_noticed(properties: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    right = properties.Header
    monkeypatch.setattr(properties, "Header", lambda octets, **options: right(octets[:-4], **options))
    with pytest.raises(properties.BrokenError, match="fields joined are the block"):
        properties.header(b"To: jane@client.example\r\n")


def test_without_the_engine_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    run = importlib.import_module("fuzz.run")
    monkeypatch.setitem(sys.modules, "atheris", None)
    monkeypatch.setattr(sys, "argv", ["run.py", "--seconds", "1"])
    assert run.main() == 2
    told = capsys.readouterr()
    assert told.err == "atheris is not installed; install it with: pip install atheris\n"
    assert not told.out
