#!/usr/bin/env python3
"""Build src/headerguard/prior.json: what public mail tells about new domains, as counts without any domain.

    python bench/prior.py FILE.jsonl.gz... --out src/headerguard/prior.json

The files are histories of message headers in the form of the shared evaluation of leaks: kernel_people, kernel_robots
(public Linux mailing lists) and enron_internal (published by the US Federal Energy Regulatory Commission in 2003).
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from bench.leak_scorer import Scorer  # noqa: E402

MOST = 8_192
"""Octets that the file may have."""


def main() -> int:
    """Read the histories in the order of time, write what they tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    scorer = Scorer()
    for record in sorted(records(options.files), key=lambda record: (record["date"], record["msgid"])):
        scorer.observe(record)
    names = sorted(Path(file).name for file in options.files)
    data = {"from": names, "by": "bench/prior.py"} | scorer.baseline.novelty.as_dict()
    text = json.dumps(data, separators=(",", ":"), sort_keys=True) + "\n"
    if len(text) > MOST:
        print(f"{len(text)} octets, more than {MOST}", file=sys.stderr)
        return 1
    Path(options.out).write_text(text, encoding="utf-8")
    print(f"{options.out}: {len(text)} octets, {scorer.baseline.novelty.messages:,.0f} messages")
    return 0


def records(files: Iterable[str]) -> Iterator[dict[str, Any]]:
    for file in files:
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)


if __name__ == "__main__":
    sys.exit(main())
