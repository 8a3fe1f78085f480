"""The watch that every other test stands under can fail, and skips say why."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from needs import require, shared
from network_guard import NetworkRefusedError, judge

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    ("event", "args", "real", "refused"),
    [
        ("socket.__new__", (None, socket.AF_INET, 1, 0), False, True),
        ("socket.__new__", (None, socket.AF_INET6, 2, 0), False, True),
        ("socket.__new__", (None, socket.AF_UNIX, 1, 0), False, False),
        ("socket.__new__", (None, socket.AF_INET, 1, 0), True, False),
        ("socket.__new__", (None, socket.AF_PACKET, 3, 0), True, True),
        ("socket.connect", (None, ("127.0.0.1", 25)), False, True),
        ("socket.connect", (None, ("127.0.0.1", 25)), True, False),
        ("socket.connect", (None, ("::1", 25, 0, 0)), True, False),
        ("socket.connect", (None, ("192.0.2.1", 25)), True, True),
        ("socket.connect", (None, "/run/some.sock"), False, False),
        ("socket.bind", (None, ("", 0)), True, True),
        ("socket.bind", (None, ("localhost", 0)), True, False),
        ("socket.sendto", (None, ("203.0.113.7", 53)), True, True),
        ("socket.sendmsg", (None, None), True, False),
        ("socket.getaddrinfo", ("mail.example", 25, 0, 0, 0), True, True),
        ("socket.getaddrinfo", (b"localhost", 25, 0, 0, 0), True, False),
        ("socket.getaddrinfo", ("localhost", 25, 0, 0, 0), False, True),
        ("socket.gethostbyname", ("mail.example",), True, True),
        ("socket.getnameinfo", (("192.0.2.1", 25),), True, True),
        ("open", ("/etc/hosts", "r", 0), False, False),
    ],
)
def test_what_the_watch_refuses(event: str, args: tuple[object, ...], real: bool, refused: bool) -> None:
    assert (judge(event, args, real) is not None) is refused


def test_a_pair_of_unix_sockets_is_left_alone() -> None:
    left, right = socket.socketpair()
    with left, right:
        left.sendall(b"x")
        assert right.recv(1) == b"x"


@pytest.mark.real
def test_a_real_test_may_use_loopback_and_nothing_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()


OFFENDERS = """
import socket
import threading

import pytest


def swallowed():
    try:
        socket.create_connection(("192.0.2.1", 25), timeout=0.01)
    except Exception:
        pass


def test_plain():
    socket.socket()


def test_swallowed():
    swallowed()


def test_in_a_thread():
    thread = threading.Thread(target=swallowed)
    thread.start()
    thread.join()


def test_turned_into_a_skip():
    try:
        socket.getaddrinfo("mail.example", 25)
    except Exception:
        pytest.skip("no network")


@pytest.mark.real
def test_real_but_not_loopback():
    swallowed()


@pytest.fixture
def going_out():
    swallowed()


def test_in_a_fixture(going_out):
    pass


@pytest.fixture
def leaving():
    yield
    swallowed()


def test_in_a_teardown(leaving):
    pass


def test_innocent_after_all_that():
    left, right = socket.socketpair()
    left.close(), right.close()
"""


def test_the_watch_fails_every_way_out(tmp_path: Path) -> None:
    for name in ("conftest.py", "needs.py", "network_guard.py"):
        shutil.copy(HERE / name, tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = real: as in the project\n")
    (tmp_path / "test_offenders.py").write_text(OFFENDERS)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "--tb=no"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1, run.stdout + run.stderr
    closing = run.stdout.strip().splitlines()[-1]
    # the one that goes out in its teardown passes first and is an error then
    assert closing.startswith("5 failed, 2 passed, 2 errors in "), run.stdout
    assert "PASSED test_offenders.py::test_innocent_after_all_that" in run.stdout


def test_a_missing_part_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADERGUARD_REQUIRE", raising=False)
    require("postfix", True, "never said")
    with pytest.raises(pytest.skip.Exception, match="postfix: not installed"):
        require("postfix", False, "not installed")


@pytest.mark.parametrize("value", ["all", "postfix", "nsd, postfix"])
def test_a_missing_part_fails_where_it_is_required(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("HEADERGUARD_REQUIRE", value)
    require("postfix", True, "never said")
    with pytest.raises(pytest.fail.Exception, match="postfix is required here"):
        require("postfix", False, "not installed")


def test_another_required_part_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADERGUARD_REQUIRE", "nsd")
    with pytest.raises(pytest.skip.Exception):
        require("postfix", False, "not installed")


def test_absent_shared_data_skips_even_where_all_is_required(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HEADERGUARD_REQUIRE", "all")
    monkeypatch.setenv("HEADERGUARD_SHARED", os.fspath(tmp_path))
    (tmp_path / "fields").mkdir()
    assert shared("fields") == tmp_path / "fields"
    with pytest.raises(pytest.skip.Exception, match=r"no shared/fields/none\.json in HEADERGUARD_SHARED"):
        shared("fields", "none.json")


def test_a_refusal_says_what_happened() -> None:
    assert issubclass(NetworkRefusedError, AssertionError)
    reason = judge("socket.connect", (None, ("192.0.2.1", 25)), True)
    assert reason == "connect '192.0.2.1', which is not loopback"
