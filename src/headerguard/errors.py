"""What headerguard raises. Bad mail is never among it: bad mail is data (`Defect`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headerguard.finding import Report

__all__ = ["BaselineError", "ConfigError", "FindingsError", "HeaderguardError", "SourceError"]


class HeaderguardError(Exception):
    """Parent of every exception that headerguard raises on purpose."""


class ConfigError(HeaderguardError):
    """The configuration cannot be used. `problems` holds every error found, one sentence each."""

    def __init__(self, problems: str | Iterable[str]) -> None:
        """Take one sentence or many; each names the file, the key and the nearest valid name where there is one."""
        self.problems: tuple[str, ...] = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class SourceError(HeaderguardError):
    """A copy, or a record of it, cannot be read. `errors` holds one sentence per unreadable record."""

    def __init__(self, errors: str | Iterable[str]) -> None:
        """Take one sentence or many; each names the path and, within a container, the record."""
        self.errors: tuple[str, ...] = (errors,) if isinstance(errors, str) else tuple(errors)
        super().__init__("\n".join(self.errors))


class BaselineError(HeaderguardError):
    """A baseline cannot be read, written or merged; the sentence names the file and the place."""


class FindingsError(HeaderguardError, AssertionError):
    """A report held findings, where that was not to be. `report` is the report they stand in."""

    __module__ = "headerguard"  # its public home: the first line of a failed test has room for no more

    def __init__(self, text: str, report: Report) -> None:
        """Take the text to show and the report it was written from."""
        super().__init__(text)
        self.report = report
