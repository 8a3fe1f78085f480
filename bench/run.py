#!/usr/bin/env python3
"""Run the benchmark: bench/run.py [--quick] [--gate]; see README.md beside this file."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from bench.command import main

    sys.exit(main())
