"""Which of the libraries are there."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version

from frameworks import ADAPTERS
from needs import require

__all__ = ["need", "release"]


def release(name: str) -> tuple[int, ...] | None:
    """The release of what an adapter reads: its numbers, () for the standard library, None for not installed."""
    package = ADAPTERS[name].package
    try:
        return tuple(map(int, re.findall(r"\d+", version(package)))) if package else ()
    except PackageNotFoundError:
        return None


def need(name: str) -> None:
    """Skip the test, or fail it where the library is required."""
    require(name, release(name) is not None, f"{ADAPTERS[name].package} is not installed")
