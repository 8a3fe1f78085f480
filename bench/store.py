"""What a baseline costs to keep: octets of a stream, seconds until it is open, counts that processes lose to others."""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from bench.rounds import cpu_seconds

from headerguard import Baseline
from headerguard.live import LiveBaseline
from headerguard.profile import Profile
from headerguard.profile_record import profile_record
from headerguard.role_history import RoleHistory, Seen

__all__ = ["PROCESSES", "STREAMS", "Kept", "kept", "lost"]

STREAMS = 10_000
PROCESSES = 8
KEY = bytes(32)
_DAY = date(2026, 3, 1).toordinal()
_DAYS = 120
_ROLES = {"from": 1, "reply": 1, "bcc": 1, "bounce": 1}
_SHAPES = {"parties": ("1", "2"), "shown": ("1", "2", "3-9"), "hidden": ("0",)}
_LEARNING = """
import sys
from headerguard import Message
from headerguard.live import LiveBaseline
path, number, messages = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
baseline = LiveBaseline(path, bytes(32))
for n in range(messages):
    text = f"From: shop@shop.example\\r\\nTo: c{n}@client-{number}.example\\r\\nX-PM-Tag: receipt\\r\\n\\r\\n"
    baseline.learn(Message.from_bytes(text.encode()), day=20000)
    if n % 50 == 49:
        baseline.flush()
baseline.close()
"""


class Kept(NamedTuple):
    """What a baseline of many streams costs."""

    octets: float
    """Octets of the median stream, as JSON."""
    file: float
    """Seconds of processor time until a file is open."""
    live: float
    """The same for a database that is read stream by stream."""
    stranger: float
    """Seconds until the first stranger has been compared with all names in that database."""


def kept(streams: int = STREAMS) -> Kept:
    """Make a baseline of so many streams, and open it in both kinds of file."""
    baseline = _baseline(streams)
    octets = statistics.median(len(json.dumps(profile_record(p))) for p in baseline.streams.values())
    with TemporaryDirectory() as folder:
        file, database = Path(folder, "b.json"), Path(folder, "b.sqlite")
        baseline.save(file)
        baseline.save(database)
        opening = min(cpu_seconds(lambda path: Baseline.load(path, KEY), [file]) for _ in range(3))
        living = min(cpu_seconds(lambda path: LiveBaseline(path, KEY), [database]) for _ in range(3))
        live = LiveBaseline(database, KEY)
        stranger = cpu_seconds(lambda name: live.lookalikes().imitated(name), ["cllient-1.example"])
        live.close()
    return Kept(octets, opening, living, stranger)


def _baseline(streams: int) -> Baseline:
    """Streams that have run for four months, one half of them with customers at few domains."""
    chance, baseline = random.Random(1), Baseline(KEY)
    for number in range(streams):
        profile = Profile(Seen(4000, _DAY, _DAY + _DAYS))
        profile.days = {_DAY + day: chance.randint(1, 60) for day in range(_DAYS)}
        named = {role: [f"{role}-{number % 977}.example"] for role in _ROLES}
        named["to"] = [f"client-{number % 977}-{n}.example" for n in range(40 if number % 2 else 0)]
        for role, values in {**named, **_SHAPES}.items():
            seen = {value: Seen(chance.randint(1, 90), _DAY + n, _DAY + n + 3) for n, value in enumerate(values)}
            profile.roles[role] = RoleHistory(4000, seen or None)
        baseline.streams[f"a{number % 10}/template:t{number}"] = profile
    return baseline


def lost(messages: int = 300) -> int:
    """Messages that are missing after several processes have learned into one database at the same time."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "b.sqlite")
        commands = [[sys.executable, "-c", _LEARNING, str(path), str(n), str(messages)] for n in range(PROCESSES)]
        processes = [subprocess.Popen(command) for command in commands]
        if any(process.wait() for process in processes):
            raise RuntimeError("a process that learned has failed")
        found = Baseline.load(path, KEY).streams["-/tag:receipt"].messages
    return PROCESSES * messages - found
