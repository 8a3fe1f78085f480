"""The benchmark runs on messages that are what they say, and counts right answers right. Nothing looks at a clock."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Iterator
from email import policy
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any

import pytest

from headerguard import Guard, Message
from headerguard.header import header_length

ROOT = Path(__file__).resolve().parents[1]


class Bench:
    """The modules of bench/, which is no package that is installed."""

    def __getattr__(self, name: str) -> Any:
        return importlib.import_module(f"bench.{name}")


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    sys.path.insert(0, str(ROOT))
    yield Bench()
    sys.path.remove(str(ROOT))


@pytest.mark.parametrize("path", sorted((ROOT / "bench").glob("*.py")), ids=lambda path: path.stem)
def test_every_module_can_be_imported(bench: Bench, path: Path) -> None:
    assert getattr(bench, path.stem).__doc__


@pytest.mark.parametrize("kind", ["a", "b", "c"])
def test_same_seed_same_octets(bench: Bench, kind: str) -> None:
    first, second, other = (bench.messages.Generator(seed) for seed in (1, 1, 2))
    assert [first.clean(kind) for _ in range(3)] == [second.clean(kind) for _ in range(3)]
    assert first.planted(kind) == second.planted(kind) != other.planted(kind)


@pytest.mark.parametrize(
    ("kind", "low", "high"), [("a", 5_000, 20_000), ("b", 1_300_000, 1_600_000), ("c", 9_000, 40_000)]
)
def test_a_message_has_the_shape_of_its_kind(bench: Bench, kind: str, low: int, high: int) -> None:
    generator = bench.messages.Generator()
    for made in (generator.clean(kind), generator.planted(kind)):
        assert low < len(made.octets) < high
        assert made.header.endswith(b"\r\n\r\n")
        assert header_length(made.octets) == made.head - 2
        parsed = BytesHeaderParser(policy=policy.default).parsebytes(made.header)
        assert not parsed.defects
        named = [a.addr_spec for name in ("to", "cc", "bcc") for f in parsed.get_all(name, ()) for a in f.addresses]
        assert tuple(named) == made.rcpt_to
        assert len(made.rcpt_to) == 50 if kind == "c" else 1 <= len(made.rcpt_to) <= 4
        assert any(address.endswith(f"@{made.stranger}") for address in named) == bool(made.stranger)


@pytest.mark.parametrize("kind", ["a", "c"])
def test_strangers_are_flagged_and_nothing_else(bench: Bench, kind: str) -> None:
    generator = bench.messages.Generator()
    del generator.streams[3:]
    baseline = bench.answers.learned(generator, kind, streams=3)
    clean, planted = ([make(kind) for _ in range(30)] for make in (generator.clean, generator.planted))
    answers = bench.answers.ask(clean, planted, baseline)
    assert answers.right
    assert answers.clean == 0
    assert answers.declared == (30, 30)
    assert (
        answers.hidden[0] == answers.hidden[1] == (0 if kind == "c" else sum(b"\r\nBcc:" in m.header for m in planted))
    )
    wrong = bench.answers.ask(planted, planted, baseline)
    assert wrong.clean >= answers.hidden[1]
    assert wrong.right is (kind == "c")
    assert not bench.answers.ask(clean, planted, baseline)._replace(declared=(29, 30)).right


def test_every_shape_grows_and_is_read(bench: Bench) -> None:
    guard = Guard()
    for shape in bench.shapes.SHAPES:
        small, large = shape.make(2), shape.make(5)
        assert small.size < large.size, shape.name
        report = guard.check(large.octets, large.envelope, **large.declared)
        assert not report.failures, shape.name
        assert shape.largest >= 10_000


def test_the_routine_closes_the_roles(bench: Bench) -> None:
    guard = Guard()
    guard.learn([bench.shapes.ROUTINE] * 40)
    flagged = guard.check(bench.shapes.ROUTINE.replace(b"audit@shop.example", b"copy@arxxwalls.com"))
    assert flagged.findings[0].rule == "unfamiliar-blind-recipient"


def test_shared_data_is_taken_where_it_is(bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HEADERGUARD_SHARED", str(tmp_path / "absent"))
    assert bench.messages.generator().name == "own generator"
    assert bench.messages.fixtures() == []
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "gen_messages.py").write_text(
        "def make_known(random, count): return []\n"
        "def make_streams(random, known): return []\n"
        "def build(random, kind, number, known, streams, weights):\n"
        "    odd = None if number % 2 else 'stranger.test'\n"
        "    return b'To: a@b.example\\r\\n\\r\\n', dict(mail_from='', rcpt_to=['a@b.example']), odd, 21\n"
    )
    monkeypatch.setenv("HEADERGUARD_SHARED", str(tmp_path))
    shared = bench.messages.generator()
    assert shared.name == "shared generator"
    assert shared.clean("a").stranger is None
    assert shared.planted("b").stranger == "stranger.test"


def test_the_catalogue_is_cut_to_the_standards(bench: Bench) -> None:
    cut = bench.breadth.without_vendor_fields
    kept = b"To: a@b.example\r\nList-Unsubscribe:\r\n <mailto:c@d.example>\r\nX-Own: e@f.example\r\n"
    header = b"X-SMTPAPI: {}\r\nX-PM-Metadata-A: 1\r\n" + kept + b"X-MC-Tags: a\r\n b\r\n\r\n"
    assert cut(header) == kept + b"\r\n"
    for made in (bench.messages.Generator().clean(kind) for kind in "ac"):
        octets, seen = cut(made.header), []
        seen.append(Message.from_bytes(octets).sightings)
        with bench.breadth.standard_fields_alone():
            seen.append(Message.from_bytes(octets).sightings)
            assert Message.from_bytes(b"X-MC-BccAddress: (c) a@b.example").recipients == ()
        assert seen[0] == seen[1]
        assert Message.from_bytes(b"X-MC-BccAddress: (c) a@b.example").hidden == ("a@b.example",)


def test_no_message_is_lost_to_another_process(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bench.store.lost(messages=4) == 0
    monkeypatch.setattr(bench.store, "PROCESSES", bench.store.PROCESSES - 1)
    learning = bench.store._LEARNING.replace("range(messages)", "range(messages - 1)")
    monkeypatch.setattr(bench.store, "_LEARNING", learning)
    assert bench.store.lost(messages=4) == bench.store.PROCESSES


def test_what_is_kept_is_measured_on_streams_that_have_run(bench: Bench) -> None:
    few = bench.store._baseline(8)
    assert {profile.messages for profile in few.streams.values()} == {4000}
    assert sum(profile.roles["to"].values is None for profile in few.streams.values()) == 4
    assert bench.store.kept(8).octets > 1000


def test_only_a_gate_fails(bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    held, missed = (bench.goals.Verdict("a figure", value, 1.3) for value in (1.3, 1.31))
    file = tmp_path / "figures.json"
    for verdicts, gate, code in (([held], True, 0), ([held, missed], False, 0), ([held, missed], True, 1)):
        options = argparse.Namespace(gate=gate, json=str(file))
        assert bench.command._conclude(verdicts, {}, options) == code
    assert "MISSED a figure: 1.31 (limit 1.3)" in capsys.readouterr().out
    assert [entry["ok"] for entry in json.loads(file.read_text())["limits"]] == [True, False]
