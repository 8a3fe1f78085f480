"""Sets Django up, and gives the assertion that the tests use."""

import os
from collections.abc import Iterator
from pathlib import Path

import django
import pytest
from django.test.utils import setup_test_environment, teardown_test_environment

from headerguard import Guard, render
from headerguard.adapters.capture import as_message

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
django.setup()


@pytest.fixture(autouse=True)
def outbox() -> Iterator[None]:
    """An outbox in the place of the provider, as in the tests of Django."""
    setup_test_environment()
    yield
    teardown_test_environment()


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
