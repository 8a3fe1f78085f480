"""What an import costs in processor time, each time in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys

__all__ = ["seconds"]

_TIMED = "{}from time import process_time as now; began = now(); {}; print(now() - began)"


def seconds(statements: list[str], runs: int, before: str = "") -> list[float]:
    """The best of some runs of each statement, by turns, without the start of the interpreter and what is `before`."""
    best = [float("inf")] * len(statements)
    for _ in range(runs):
        for i, statement in enumerate(statements):
            command = [sys.executable, "-I", "-c", _TIMED.format(before, statement)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            best[i] = min(best[i], float(done.stdout))
    return best
