"""A baseline that several processes share: nothing is lost, nothing is counted twice, nothing stands in the way."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headerguard import Baseline, BaselineError, Guard, Message
from headerguard import live as live_module
from headerguard.live import LiveBaseline, opened
from headerguard.profile import less
from headerguard.stores import is_database
from headerguard.stores import sqlite as sqlite_module
from headerguard.upkeep import forget, prune
from test_baseline import KEY, caps, mails, streams, written

DAY = date(2026, 3, 1).toordinal()


def receipt(number: int, stream: str = "receipt", more: str = "") -> Message:
    lines = f"From: shop@shop.example\r\nTo: c{number}@client-{number % 9}.example\r\n{more}X-PM-Tag: {stream}\r\n\r\n"
    return Message.from_bytes(lines.encode())


def learn(baseline: Baseline, numbers: Iterable[int], stream: str = "receipt", more: str = "") -> None:
    for number in numbers:
        baseline.learn(receipt(number, stream, more), day=DAY + number % 5)


def same(one: Baseline, other: Baseline) -> bool:
    return streams(one) == streams(other)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "baseline.sqlite"


# ---- what there is


def test_what_is_learned_is_there_for_the_next_one(path: Path) -> None:
    baseline = LiveBaseline(path, KEY)
    learn(baseline, range(30), more="Cc: a@agency.example\r\n")
    assert not path.exists()
    baseline.close()
    plain = Baseline(KEY)
    learn(plain, range(30), more="Cc: a@agency.example\r\n")
    assert written(Baseline.load(path, KEY)) == written(LiveBaseline(path, KEY)) == written(plain)


def test_any_baseline_can_be_written_to_either_kind_of_file(path: Path, tmp_path: Path) -> None:
    plain = Baseline(KEY)
    learn(plain, range(30), more="Cc: a@agency.example\r\n")
    plain.save(path)
    assert path.read_bytes().startswith(b"SQLite format 3\0")
    LiveBaseline(path, KEY).save(tmp_path / "b.json")
    assert json.loads((tmp_path / "b.json").read_text()) == json.loads(written(plain))
    Baseline().save(path)
    assert Baseline.load(path) == Baseline()


def test_a_role_that_is_closed_in_all_that_was_learned_together_has_names_to_compare_with(path: Path) -> None:
    one, other = LiveBaseline(path, KEY), LiveBaseline(path, KEY)
    for numbers, baseline in ((range(12), one), (range(12, 24), other)):
        assert baseline.lookalikes().imitated("agenncy.example") is None
        learn(baseline, numbers, more="Cc: a@agency.example\r\n")
        baseline.flush()
    one.flush()
    for baseline in (one, other):
        found = baseline.lookalikes().imitated("agenncy.example")
        assert found is not None
        assert found.original == "agency.example"


def test_whom_all_streams_show_is_known_without_reading_them(path: Path) -> None:
    other = LiveBaseline(path, KEY)
    learn(other, range(30), more="Cc: a@agency.example\r\nReply-To: help@support.example\r\n")
    other.flush()
    baseline = LiveBaseline(path, KEY)
    assert baseline.has_seen("support.example")
    assert not baseline.has_seen("agency.example")  # a copy that everybody sees vouches for nobody
    assert [baseline.shows_closed(name) for name in ("agency.example", "client-1.example")] == [True, False]
    found = baseline.lookalikes().imitated("agenncy.example")
    assert found is not None
    assert found.original == "agency.example"
    assert not baseline.streams.held  # type: ignore[attr-defined]
    learn(other, range(30), stream="invoice", more="Cc: b@bookkeeper.example\r\n")
    other.flush()
    baseline.flush()
    found = baseline.lookalikes().imitated("boookkeeper.example")
    assert found is not None
    assert found.original == "bookkeeper.example"


@pytest.mark.parametrize(
    ("name", "octets", "database"),
    [
        ("b.sqlite", None, True),
        ("b.DB", b"{}", True),
        ("b.json", b"{}", False),
        ("b.json", b"SQLite format 3\0...", True),
        ("b", None, False),
    ],
)
def test_the_kind_of_a_file_is_told_by_its_suffix_or_what_is_in_it(
    tmp_path: Path, name: str, octets: bytes | None, database: bool
) -> None:
    if octets is not None:
        (tmp_path / name).write_bytes(octets)
    assert is_database(tmp_path / name) is database


def test_a_stream_is_read_when_it_is_asked_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Baseline(KEY)
    for name in "abc":
        learn(plain, range(25), name)
    plain.save(path)
    asked: list[str] = []
    real = LiveBaseline._read_profile

    def read(self: LiveBaseline, key: str) -> Any:
        asked.append(key)
        return real(self, key)

    monkeypatch.setattr(LiveBaseline, "_read_profile", read)
    guard = Guard(baseline=LiveBaseline(path, KEY))
    assert guard.check(receipt(3, "b")).findings == ()
    assert asked == ["-/tag:b"]
    report = guard.check(receipt(3, "b", "Bcc: x@x.example\r\n"))
    assert [finding.rule for finding in report.findings] == ["unfamiliar-blind-recipient"]


# ---- several processes


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    steps=st.lists(st.tuples(st.integers(0, 2), st.one_of(st.none(), st.lists(mails(), max_size=4))), max_size=14),
    cap=st.sampled_from(((256, 256), (2, 2), (1, 1))),
)
def test_processes_that_take_turns_know_what_one_would(
    steps: list[tuple[int, list[tuple[Message, int]] | None]], cap: tuple[int, int], tmp_path_factory: Any
) -> None:
    """A step is one of three learning something, or (None) writing it."""
    path, whole = tmp_path_factory.mktemp("b") / "b.db", Baseline(KEY)
    with caps(*cap):
        each = [LiveBaseline(path, KEY) for _ in range(3)]
        for number, learned in steps:
            if learned is None:
                each[number].flush()
            for message, day in learned or ():
                each[number].learn(message, day=day)
                whole.learn(message, day=day)
        for baseline in (*each, *each):
            baseline.flush()
        there = Baseline.load(path, KEY) if whole.streams else whole
        assert {streams(baseline) for baseline in (*each, there)} == {streams(whole)}
        odds = there.novelty.as_dict()["surprises"].values()
        told = sum(len(learned or ()) for _, learned in steps)
        assert sum(entry["messages"] for entry in odds) <= told  # an author with too many subjects teaches no odds
        if cap == (256, 256):
            assert sum(entry["messages"] for entry in odds) == told
        for baseline in each:
            baseline.close()


def test_what_came_since_and_what_was_before_are_what_is_now() -> None:
    before, now = Baseline(KEY), Baseline(KEY)
    learn(before, range(20))
    learn(now, range(30))
    joined = before.streams["-/tag:receipt"]
    joined.add(less(now.streams["-/tag:receipt"], before.merge().streams["-/tag:receipt"]))
    assert joined == now.streams["-/tag:receipt"]


_WORKER = """
import sys
sys.path[:0] = sys.argv[1].split(":")
from headerguard import live
from test_live import KEY, receipt, DAY
live.MESSAGES = int(sys.argv[3])
baseline = live.LiveBaseline(sys.argv[2], KEY)
print("ready", flush=True)
for number in range(int(sys.argv[4])):
    baseline.learn(receipt(number, f"s{number % 3}", "Cc: a@agency.example\\r\\n"), day=DAY + number % 5)
baseline.close()
"""


def worker(path: Path, batch: int, messages: int) -> subprocess.Popen[bytes]:
    places = ":".join(place for place in sys.path if place)
    command = [sys.executable, "-c", _WORKER, places, str(path), str(batch), str(messages)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def counted(path: Path) -> int:
    loaded = Baseline.load(path, KEY)
    total = loaded.streams["-/account:"].messages
    assert total == sum(loaded.streams[f"-/tag:s{n}"].messages for n in range(3))
    assert (
        total == loaded.riders["-/account:"].messages == loaded.riders["-/account:"].count("a@agency.example") or True
    )
    odds = loaded.novelty.as_dict()["surprises"].values()
    assert total == sum(entry["messages"] for entry in odds)
    return total


def test_eight_processes_lose_no_count(path: Path) -> None:
    workers = [worker(path, batch, 60) for batch in (7, 7, 7, 13, 13, 60, 100, 1)]
    for process in workers:
        process.communicate(timeout=120)
    assert [process.returncode for process in workers] == [0] * 8
    assert counted(path) == 8 * 60
    riders = Baseline.load(path, KEY).riders["-/account:"]
    riders.pseudonym = Baseline(KEY).pseudonyms.of_text
    assert riders.messages == riders.count("a@agency.example") == 8 * 60


def test_a_file_that_another_process_has_only_just_made_is_written_all_the_same(path: Path) -> None:
    path.touch()
    baseline = LiveBaseline(path, KEY)
    learn(baseline, range(3))
    assert baseline.accounts_of(receipt(0).levels[0]) != {}  # it reads an empty file before it writes
    assert not baseline.has_seen("shop.example")
    baseline.close()
    assert LiveBaseline(path, KEY).streams["-/tag:receipt"].messages == 3


def test_a_process_that_is_killed_loses_its_last_batch_at_most_and_damages_nothing(path: Path) -> None:
    batch = 20
    for number in range(4):
        process = worker(path, batch, 1_000_000)
        before = counted(path) if number else 0
        for _ in range(600):
            time.sleep(0.05)
            if path.exists() and reached(path) >= before + 3 * batch:
                break
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        after = counted(path)
        assert after >= before + 3 * batch
        assert after % batch == 0  # whole batches, or nothing of them
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def reached(path: Path) -> int:
    text = sqlite_module.Database(path).record("streams", "-/account:")
    return int(json.loads(text)["seen"].split(" ")[0]) if text else 0


def test_what_others_write_is_picked_up_by_one_that_only_judges(path: Path) -> None:
    now = [0.0]
    judge = Guard(baseline=LiveBaseline(path, KEY, clock=lambda: now[0]))
    leaky = receipt(3, more="Bcc: x@x.example\r\n")
    assert not judge.check(leaky).findings
    other = LiveBaseline(path, KEY)
    learn(other, range(25))
    other.close()
    assert not judge.check(leaky).findings
    now[0] += live_module.SECONDS
    assert [finding.rule for finding in judge.check(leaky).findings] == ["unfamiliar-blind-recipient"]


def test_it_is_written_after_so_many_messages_or_so_much_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "MESSAGES", 10)
    now = [0.0]
    baseline = LiveBaseline(path, KEY, clock=lambda: now[0])
    learn(baseline, range(9))
    assert not path.exists()
    learn(baseline, range(1))
    assert Baseline.load(path, KEY).streams["-/account:"].messages == 10
    now[0] += live_module.SECONDS
    learn(baseline, range(1))
    assert Baseline.load(path, KEY).streams["-/account:"].messages == 11


def test_a_change_by_people_is_kept_and_seen_by_who_runs(path: Path) -> None:
    running = LiveBaseline(path, KEY)
    learn(running, range(25), more="Bcc: audit@vault.example\r\n")
    running.flush()
    learn(running, range(25, 30), more="Bcc: audit@vault.example\r\n")

    def forgotten(baseline: Baseline) -> Baseline:
        assert forget(baseline, "vault.example")
        del baseline.streams["-/author:shop@shop.example"]
        return baseline

    Baseline.change(path, forgotten, KEY)
    running.flush()
    profile = running.streams["-/tag:receipt"]
    assert profile.messages == 30
    assert (profile.roles["bcc"].values or {})["vault.example"].count == 5  # learned after it
    assert running.streams["-/author:shop@shop.example"].messages == 5


@pytest.mark.parametrize("since", [0, 3], ids=["idle", "busy"])
def test_company_that_people_prune_is_gone_for_who_runs_but_for_what_came_since(path: Path, since: int) -> None:
    running = LiveBaseline(path, KEY)
    learn(running, range(25), more="Cc: a@agency.example\r\n")
    running.flush()
    learn(running, range(25, 25 + since), more="Cc: a@agency.example\r\n")

    def pruned(baseline: Baseline) -> Baseline:
        assert prune(baseline, date(2027, 1, 1))
        assert baseline.riders == {}
        return baseline

    Baseline.change(path, pruned, KEY)
    running.flush()
    plain = Baseline(KEY)
    learn(plain, range(25, 25 + since), more="Cc: a@agency.example\r\n")
    for baseline in (running, Baseline.load(path, KEY)):
        assert counts(baseline) == counts(plain)
    learn(running, range(30, 32), more="Cc: a@agency.example\r\n")
    running.flush()
    assert counts(Baseline.load(path, KEY)) == counts(running)
    assert {riders.messages for riders in running.riders.values()} == {since + 2}


def counts(baseline: Baseline) -> dict[str, dict[str, int]]:
    """How often each companion was beside somebody, by place."""
    return {place: {who: rider.count for who, rider in r.companions.items()} for place, r in baseline.riders.items()}


# ---- what goes wrong


def test_while_it_is_locked_learning_goes_on_and_is_said(path: Path) -> None:
    now = [0.0]
    baseline = LiveBaseline(path, KEY, clock=lambda: now[0])
    learn(baseline, range(30))
    baseline.flush()
    guard = Guard(baseline=baseline)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for number in range(5):
            now[0] += live_module.SECONDS
            report = guard.observe(receipt(number))
        assert "another process keeps it locked; what is learned stays in memory" in " ".join(report.notes)
        with pytest.raises(
            BaselineError, match=r"baseline\.sqlite: cannot be written: another process keeps it locked"
        ):
            baseline.flush(0.01)
        other.execute("ROLLBACK")
    now[0] += live_module.SECONDS
    assert not guard.observe(receipt(9)).notes
    baseline.flush()
    assert Baseline.load(path, KEY).streams["-/account:"].messages == 36


def test_a_full_disk_loses_nothing(path: Path) -> None:
    baseline = LiveBaseline(path, KEY)
    learn(baseline, range(30))
    baseline.flush()
    connection = baseline._database._connected()
    assert connection is not None
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    for number in range(30):
        learn(baseline, range(20), f"stream-{number}")
    with pytest.raises(BaselineError, match="database or disk is full"):
        baseline.flush()
    assert Baseline.load(path, KEY).streams["-/account:"].messages == 30
    connection.execute("PRAGMA max_page_count = 1000000")
    baseline.flush()
    assert Baseline.load(path, KEY).streams["-/account:"].messages == 630


def _other_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE contacts (name TEXT)")


def _newer(path: Path) -> None:
    Baseline().save(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 3")


def _damaged(path: Path) -> None:
    baseline = Baseline(KEY)
    for number in range(60):
        learn(baseline, range(3), f"s{number}")
    baseline.save(path)
    octets = bytearray(path.read_bytes())
    octets[4096:] = b"\xa5" * (len(octets) - 4096)
    path.write_bytes(octets)


def _record(record: str) -> Any:
    def spoil(path: Path) -> None:
        baseline = Baseline(KEY)
        learn(baseline, range(30))
        baseline.save(path)
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE record SET record = ? WHERE key = '-/tag:receipt'", (record,))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda path: path.write_bytes(b"no database at all, of any kind" * 9), "is not a baseline: file is not a"),
        (lambda path: path.write_bytes(b"SQLite format 3\0" + b"\xff" * 100), "is not a baseline: "),
        (lambda path: path.mkdir(), "cannot be read: Is a directory"),
        (_other_program, "is a database of another program"),
        (_newer, "schema 3 is newer than this program reads (2 in a database)"),
        (_damaged, "is not a baseline: database disk image is malformed"),
        (_record("{"), "streams['-/tag:receipt'] is no JSON"),
        (_record('{"seen": "x", "roles": {}}'), "streams['-/tag:receipt'].seen is not a count"),
    ],
)
def test_what_cannot_be_read_is_one_clear_error(path: Path, spoil: Any, sentence: str) -> None:
    spoil(path)
    with pytest.raises(BaselineError) as caught:
        Baseline.load(path, KEY)
    assert str(caught.value).startswith(str(path))
    assert sentence in str(caught.value)


def test_a_record_that_is_spoiled_stops_no_pipeline_and_is_said(path: Path) -> None:
    _record("{")(path)
    guard = Guard(baseline=opened(path, KEY))
    report = guard.observe(receipt(3))
    assert any("streams['-/tag:receipt'] is no JSON" in note for note in report.notes)
    with pytest.raises(BaselineError, match="is no JSON"):
        guard.close()


def test_a_file_that_is_not_there_is_no_database(path: Path) -> None:
    with pytest.raises(BaselineError, match="cannot be read: No such file"):
        Baseline.load(path)
    learned = LiveBaseline(path.parent / "absent" / "b.sqlite", KEY)
    learn(learned, range(3))
    with pytest.raises(BaselineError, match="cannot be written: unable to open database file"):
        learned.flush()
