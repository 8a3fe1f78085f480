#!/usr/bin/env python3
"""Feed headerguard octets that nobody would write, led by code coverage, and say what does not hold.

The properties are in properties.py, the seeds in corpus/. Needs atheris (pip install atheris). A crash does not stop
the run: every kind of crash is printed once as a Python bytes literal and kept in crashes/, and so is what takes long.
Exit code: 0 nothing found, 1 something found, 2 atheris is missing.
"""

from __future__ import annotations

import argparse
import hashlib
import pkgutil
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).resolve().parent
TARGETS = ("header", "address", "message", "check", "source")
SLOW = 0.3
"""Seconds of processor time for one input, without instrumentation, from which it is reported."""
_INSTRUMENTED = 5.0  # how much slower the instrumented code is, at least: what is below SLOW * this is not tried again
_HUNG = 70  # exit code of libFuzzer for an input that took too long


def main() -> int:
    """Run the targets one after the other, each in a process of its own."""
    options = _options()
    try:
        import atheris  # noqa: F401
    except ImportError:
        print("atheris is not installed; install it with: pip install atheris", file=sys.stderr)
        return 2
    if options.child:
        return _fuzz(options)
    targets = TARGETS if options.target == "all" else (options.target,)
    bad = 0
    for target in targets:
        print(f"== {target}, {options.seconds / len(targets):g} s", flush=True)
        bad += _supervise(target, options.seconds / len(targets), options)
    print(f"{bad} kinds of input found that break a property or take long" if bad else "nothing found")
    return 1 if bad else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="how long in all (default: 60)")
    parser.add_argument("--target", choices=(*TARGETS, "all"), default="all")
    parser.add_argument("--corpus", help="directory that keeps what reached new code (default: thrown away)")
    parser.add_argument("--max-len", type=int, default=4096, help="octets of the longest input (default: 4096)")
    parser.add_argument("--timeout", type=int, default=20, help="seconds after which an input counts as hung")
    parser.add_argument(
        "--seed", type=int, default=0, help="the same inputs in the same order (default: 0, others each time)"
    )
    parser.add_argument("--keep", type=int, default=1, help="inputs of one kind that are printed (default: 1)")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


# ---- the process that waits


def _supervise(target: str, seconds: float, options: argparse.Namespace) -> int:
    """Start the fuzzer, again after an input that hung, until the time is over; return how much it found."""
    crashes = HERE / "crashes"
    crashes.mkdir(exist_ok=True)
    before = set(crashes.glob(f"{target}-*"))
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as scratch:
        corpus = options.corpus or str(Path(scratch, "corpus"))
        Path(corpus).mkdir(parents=True, exist_ok=True)
        while (left := end - time.monotonic()) > 1:
            command = [sys.executable, __file__, "--child", "--target", target, "--seconds", str(int(left) or 1)]
            command += ["--corpus", corpus, "--max-len", str(options.max_len), "--timeout", str(options.timeout)]
            command += ["--keep", str(options.keep), "--seed", str(options.seed)]
            log = Path(scratch, "log")
            with log.open("w") as stderr:
                code = subprocess.run(command, stderr=stderr, check=False).returncode
            told = log.read_text(errors="replace")
            if inputs := re.search(r"number_of_executed_units: +(\d+)", told):
                print(f"{target}: {inputs[1]} inputs", flush=True)
            if code == 0:
                break
            if code != _HUNG:
                print(f"{target}: the fuzzer ended with exit code {code}\n{told[-2000:]}", flush=True)
                return 1 + len(set(crashes.glob(f"{target}-*")) - before)
    new = sorted(set(crashes.glob(f"{target}-*")) - before)
    for path in new:
        if path.name.startswith((f"{target}-timeout-", f"{target}-oom-")):
            print(f"{path.name}\n  {path.read_bytes()!r}", flush=True)
    return len(new)


# ---- the process that fuzzes


def _fuzz(options: argparse.Namespace) -> int:
    import atheris

    sys.path[0] = str(HERE.parent)
    atheris.enabled_hooks.add("str")
    with atheris.instrument_imports(include=["headerguard"]):
        import_module("headerguard.guard")
        for package in ("headerguard.rendering", "headerguard.sources"):
            for module in pkgutil.iter_modules(import_module(package).__path__, f"{package}."):
                import_module(module.name)
        properties = import_module("fuzz.properties").TARGETS
    arguments = [
        sys.argv[0],
        options.corpus,
        str(HERE / "corpus"),
        f"-max_total_time={int(options.seconds)}",
        f"-max_len={options.max_len}",
        f"-timeout={options.timeout}",
        f"-seed={options.seed}",
        f"-dict={HERE / 'headers.dict'}",
        f"-artifact_prefix={HERE / 'crashes' / options.target}-",
        "-rss_limit_mb=4096",
        "-print_final_stats=1",
        "-verbosity=1",
        "-report_slow_units=1000",
    ]
    atheris.Setup(arguments, _Watch(options.target, properties[options.target], options.keep))
    atheris.Fuzz()  # ends the process
    return 0


class _Watch:
    """Calls a property, keeps what breaks it or takes long, few inputs a kind, and goes on."""

    def __init__(self, target: str, holds: Callable[[bytes], None], keep: int) -> None:
        self.target, self.holds, self.keep = target, holds, keep
        self.seen: Counter[str] = Counter()
        self.slowest = SLOW * _INSTRUMENTED

    def __call__(self, octets: bytes) -> None:
        """One input."""
        began = time.process_time()
        try:
            self.holds(octets)
        except Exception as error:
            self._crashed(octets, error)
        took = time.process_time() - began
        if took > self.slowest:
            self._is_slow(octets, took)

    def _crashed(self, octets: bytes, error: Exception) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        inner = next((f for f in reversed(frames) if "headerguard" in f.filename), frames[-1])
        place = f"{Path(inner.filename).name}:{inner.name}"
        kind = f"{self.target} {type(error).__name__} {place} {str(error).partition(';')[0][:60]}"
        self.seen[kind] += 1
        if self.seen[kind] <= self.keep:
            self._keep("crash", octets)
            print(f"\nCRASH {kind}\n  {str(error)[:400]}\n  {octets!r}\n", flush=True)

    def _is_slow(self, octets: bytes, took: float) -> None:
        """Only what is slow without instrumentation too is reported; and then only what is twice as slow."""
        plain = _plain_seconds(self.target, octets)
        self.slowest = max(self.slowest, took * (2 if plain > SLOW else 1.2))
        if plain > SLOW:
            self._keep("slow", octets)
            print(f"\nSLOW {self.target} {plain:.2f} s for {len(octets)} octets\n  {octets!r}\n", flush=True)

    def _keep(self, what: str, octets: bytes) -> None:
        name = f"{self.target}-{what}-{hashlib.sha256(octets).hexdigest()[:12]}"
        (HERE / "crashes" / name).write_bytes(octets)


_TIME_ONE = """
import sys, time
sys.path[0] = sys.argv[1]
from fuzz.properties import TARGETS
holds, octets = TARGETS[sys.argv[2]], sys.stdin.buffer.read()
TARGETS["check"](b"To: a@b.com")
began = time.process_time()
try:
    holds(octets)
except Exception:
    pass
print(time.process_time() - began)
"""


def _plain_seconds(target: str, octets: bytes) -> float:
    """Processor time of one input in a fresh interpreter without instrumentation."""
    command = [sys.executable, "-c", _TIME_ONE, str(HERE.parent), target]
    try:
        done = subprocess.run(command, input=octets, capture_output=True, timeout=120, check=True)
    except subprocess.SubprocessError:
        return float("inf")
    return float(done.stdout)


if __name__ == "__main__":
    sys.exit(main())
