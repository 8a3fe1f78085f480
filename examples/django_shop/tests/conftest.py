"""Sets Django up."""

import os
from collections.abc import Iterator

import django
import pytest
from django.test.utils import setup_test_environment, teardown_test_environment

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
django.setup()


@pytest.fixture(autouse=True)
def outbox() -> Iterator[None]:
    """An outbox in the place of the provider, as in the tests of Django."""
    setup_test_environment()
    yield
    teardown_test_environment()
