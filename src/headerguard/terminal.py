"""The terminal: results go to standard output, all that is said about the run to standard error.

Colour and a progress bar are for people: only where a terminal is on the other end, and only with rich, which the extra
`cli` brings. Without it everything is the same, and plain.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO

from headerguard.rendering import Tally, render, stream, visible
from headerguard.rendering.records import dumps, show_record
from headerguard.rendering.words import label

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["LONG", "Tally", "Terminal", "dumps", "label", "printable", "render", "show_record", "stream", "visible"]

LONG = 8 << 20
"""Octets to read from which a progress bar is worth its lines (8 MiB)."""

_BOLD = "\x1b[1m{}\x1b[0m"


def printable(text: str) -> str:
    """A sentence for people as it stands, unless a terminal would act on what is in it."""
    return text if text.isprintable() else visible(text)


class Terminal:
    """Where one run of the command writes."""

    def __init__(self) -> None:
        """Take the standard streams as they are now; a stream that is closed takes everything and shows nothing."""
        self.out, self.err = _stream(sys.stdout), _stream(sys.stderr)
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        self.coloured = not plain and self.out.isatty() and _has_rich()
        self._bar: Progress | None = None

    def write(self, text: str) -> None:
        """Write a piece of the result."""
        if self._bar is not None and self.out.isatty():
            self._above_the_bar(text)
        else:
            self.out.write(text)

    def lines(self, lines: Iterable[str]) -> None:
        """Write lines of the result."""
        for line in lines:
            self.write(f"{line}\n")

    def say(self, sentence: str) -> None:
        """Say something about the run, on one line that names the program."""
        line = f"headerguard: {printable(sentence)}"
        if self._bar is not None:
            self._above_the_bar(line)
        else:
            self.err.write(f"{line}\n")

    def ask(self, question: str) -> str:
        """Ask on the terminal. Raises EOFError where nobody answers any more."""
        self.out.write(question)
        self.out.flush()
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.rstrip("\n")

    def heading(self, text: str) -> str:
        """Text that stands out, where there is colour."""
        return _BOLD.format(text) if self.coloured else text

    def flush(self) -> None:
        """Hand on what was written: here a closed pipe or a full disk shows."""
        self.out.flush()
        self.err.flush()

    @contextmanager
    def progress(self, size: Callable[[], int]) -> Iterator[Callable[[int], None] | None]:
        """Give what to call with numbers of octets, and show a bar meanwhile; None where nobody would see one."""
        total = size() if self.err.isatty() and os.environ.get("TERM") != "dumb" and _has_rich() else 0
        if total < LONG:
            yield None
            return
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("reading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        console = Console(file=self.err)
        with Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as bar:
            task = bar.add_task("reading", total=total)
            self._bar = bar
            try:
                yield lambda octets: bar.advance(task, octets)
            finally:
                self._bar = None

    def _above_the_bar(self, text: str) -> None:
        """Write to the terminal that also shows the bar, which only rich can do without tearing it."""
        from rich.text import Text

        assert self._bar is not None
        self._bar.console.print(Text.from_ansi(text), soft_wrap=True)


def _stream(stream: TextIO | None) -> TextIO:
    """A standard stream that takes any character: what its encoding lacks is written as an escape."""
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")
    reconfigure: Any = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        with suppress(OSError, ValueError):
            reconfigure(errors="backslashreplace")
    return stream


def _has_rich() -> bool:
    try:
        import rich  # noqa: F401
    except ImportError:
        return False
    return True
