"""What the figures are held against."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["BREADTH", "GOALS", "IMPORT", "LEARNING", "NEXT", "PLUGIN", "SIZE", "STORE", "WHOLE", "Verdict"]

GOALS = {"model": {"a": 1.3, "b": 1.3, "c": 2.5}, "check": {"a": 1.5, "b": 1.5, "c": 2.5}}
"""Ratio to the reference, by contestant and kind."""
NEXT = {"check": {"a": 0.8, "b": 0.8, "c": 1.0}}
"""What is wanted next; missing it fails nothing."""
LEARNING = {"a": 0.65, "b": 0.65, "c": 0.5}
"""What judging and learning may cost on top of the full model, as a ratio to the reference, by kind: 40 us where the
reference takes 60 to 80."""
SIZE = 1.1
"""What kind b may cost, as a multiple of kind a."""
WHOLE = 2.0
"""What a message of 21 MB may cost, as a multiple of its header alone."""
BREADTH = 1.15
"""What a message without a field of an ESP may cost, as a multiple of what it costs with the standard fields alone."""
IMPORT = 1.5
"""What `import headerguard` may cost, as a multiple of `import email.message`."""
PLUGIN = 5.0
"""Milliseconds of processor time that the pytest plugin may add to a run that does not use it."""

STORE = {"octets": 4096.0, "file": 1.0, "live": 1.0, "stranger": 1.0}
"""What a baseline of 10,000 streams may cost: octets of the median stream; seconds of processor time until a file and a
database are open, and until the first stranger has been compared with all names in it."""


class Verdict(NamedTuple):
    """One figure and its limit."""

    what: str
    value: float
    limit: float

    @property
    def ok(self) -> bool:
        """Whether the limit holds."""
        return self.value <= self.limit

    def __str__(self) -> str:
        return f"{'ok    ' if self.ok else 'MISSED'} {self.what}: {self.value:.2f} (limit {self.limit:g})"
