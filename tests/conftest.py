"""What holds for every test: no network, the parts it needs, and how property tests run."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import pytest
import tldextract  # noqa: F401  # a dependency of it binds a probe socket when imported: before the watch begins

from needs import require, shared
from network_guard import GUARD

__all__ = ["require", "shared"]

_CALM = [hypothesis.HealthCheck.too_slow]  # how long an example takes is no matter of tests
hypothesis.settings.register_profile("default", deadline=None, suppress_health_check=_CALM)
hypothesis.settings.register_profile(
    "ci", deadline=None, derandomize=True, print_blob=True, database=None, suppress_health_check=_CALM
)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") == "true" else "default")


def pytest_configure() -> None:
    """Watch from here on: collecting tests needs no network either."""
    GUARD.install()


def pytest_unconfigure() -> None:
    """What runs after the session is not ours to judge."""
    GUARD.armed = False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let a test that is marked `real`, and its fixtures, use the loopback interface."""
    GUARD.real = item.get_closest_marker("real") is not None
    try:
        return (yield)
    finally:
        GUARD.real = False


def _fail_on_refusal() -> None:
    refusals = GUARD.taken()
    if refusals:
        pytest.fail("network in a test: " + "; ".join(refusals), pytrace=False)


@contextmanager
def _watched() -> Generator[None, None, None]:
    """Fail what went to the network, even where the refusal was swallowed or turned into a skip."""
    try:
        yield
    except pytest.skip.Exception:
        _fail_on_refusal()
        raise
    except BaseException:
        GUARD.taken()  # the test fails anyway, most often with the refusal itself
        raise
    _fail_on_refusal()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, None, None]:
    """Watch the fixtures of a test."""
    with _watched():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    """Watch the test itself."""
    with _watched():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None, None, None]:
    """Watch its fixtures being taken down."""
    with _watched():
        yield


@pytest.fixture(name="require")
def require_fixture() -> Callable[[str, bool, str], None]:
    """`needs.require`, for tests that would rather not import it."""
    return require


@pytest.fixture(name="shared")
def shared_fixture() -> Callable[..., Path]:
    """`needs.shared`, for tests that would rather not import it."""
    return shared


@pytest.fixture
def named_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of this machine, which libraries that make a Message-ID ask the network for."""
    monkeypatch.setattr(socket, "getfqdn", lambda name="": "shop.example")
