"""What a caller may say about the output, besides its format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from headerguard.finding import Report, Severity
from headerguard.rendering.disclosure import Disclosure
from headerguard.rendering.tally import Tally

__all__ = ["Described", "Options", "Writer"]


class Described(Protocol):
    """A rule, as far as output describes it: its class docstring says the rest."""

    @property
    def id(self) -> str:
        """The id that findings name."""
        ...

    @property
    def severity(self) -> Severity:
        """What a finding of it costs, unless configured otherwise."""
        ...


@dataclass(frozen=True, slots=True)
class Options:
    """The choices of one call."""

    show: Disclosure = field(default_factory=Disclosure)
    """How much of the addresses is written out."""
    colour: bool = False
    """Text: mark with colour (SGR sequences of ECMA-48)."""
    verbose: bool = False
    """Text: say too which rules were skipped, and what else there is to know about clean messages."""
    rules: tuple[Described, ...] = ()
    """SARIF: the rules that ran, described in the log."""
    tally: Tally = field(default_factory=Tally)
    """Has counted every report that a writer was given, up to the one it works on."""
    summary: bool = True
    """Text: end with one line on all messages."""


Writer = Callable[[Iterable[Report], Options], Iterator[str]]
"""Writes reports in one format, piece by piece."""
