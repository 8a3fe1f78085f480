"""Gives the assertion that the tests use."""

from pathlib import Path

import pytest

from headerguard import Guard, render
from headerguard.adapters.capture import as_message


class Assertion:
    """Fails when anybody else than the recipients is in a message."""

    def __init__(self) -> None:
        self.guard = Guard.from_config(Path(__file__).parents[1] / "headerguard.toml")

    def assert_clean(self, message: object, recipients: list[str], blind: list[str] | None = None) -> None:
        """Judge whatever the framework hands over."""
        report = self.guard.check(as_message(message), recipients=recipients, blind=blind)
        assert report.ok, render(report, "text")


@pytest.fixture
def headerguard() -> Assertion:
    """The assertion that the tests use."""
    return Assertion()
