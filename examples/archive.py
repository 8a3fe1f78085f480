"""Learn an archive, keep the baseline in git, and say what changed since the last one."""

import sys
from pathlib import Path

from headerguard import Baseline, Guard, read


def main(baseline_path: str, *paths: str) -> int:
    """Learn every copy under the paths, print what is new, save."""
    baseline = Guard().learn(message for path in paths for message in read(path))
    earlier = Baseline.load(baseline_path) if Path(baseline_path).exists() else Baseline()
    for change in baseline.diff(earlier):
        print(change)
    baseline.save(baseline_path)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
