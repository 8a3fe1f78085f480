"""No test reaches the network: an audit hook sees every socket that is opened and refuses most.

An ordinary test opens no socket at all; one that is marked `real` stays on the loopback interface. Unix
sockets are left alone, as asyncio and multiprocessing need them. A refusal is remembered too, so that a test
fails even where the code under test swallowed the exception. Processes that a test starts are not watched.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
import threading

__all__ = ["GUARD", "Guard", "NetworkRefusedError", "judge"]


class NetworkRefusedError(AssertionError):
    """A test went where it must not go."""


def judge(event: str, args: tuple[object, ...], real: bool) -> str | None:
    """Why an audit event of the socket module is refused, or None where it is allowed or not our business."""
    if event == "socket.__new__":
        family = args[1]
        if family in (-1, socket.AF_UNIX):  # -1: takes over a descriptor, such as one end of a pair
            return None
        inet = family in (socket.AF_INET, socket.AF_INET6)
        return None if real and inet else f"opened a socket (family {family})"
    if event in ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"):
        peer = args[1]
        if not isinstance(peer, tuple):  # the path of a Unix socket, or none given
            return None
        return _refuse(event.removeprefix("socket."), peer[0] if peer else None, real)
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        return _refuse("looked up", args[0], real)
    if event == "socket.getnameinfo":
        peer = args[0]
        return _refuse("looked up", peer[0] if isinstance(peer, tuple) and peer else peer, real)
    return None


def _refuse(verb: str, host: object, real: bool) -> str | None:
    if real and _is_loopback(host):
        return None
    return f"{verb} {host!r}" + (", which is not loopback" if real else "")


def _is_loopback(host: object) -> bool:
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if not isinstance(name, str):
        return False
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class Guard:
    """The state of the watch. There is one a process, as an audit hook can never be taken away again."""

    def __init__(self) -> None:
        """Start idle."""
        self.armed = False
        self.real = False
        self.refusals: list[str] = []
        self._lock = threading.Lock()

    def install(self) -> None:
        """Put the hook in place and arm it."""
        sys.addaudithook(self._hook)
        self.armed = True

    def _hook(self, event: str, args: tuple[object, ...]) -> None:
        if not self.armed or not event.startswith("socket."):
            return
        reason = judge(event, args, self.real)
        if reason is not None:
            with self._lock:
                self.refusals.append(reason)
            mark = "stays on loopback" if self.real else "opens no socket unless it is marked `real`"
            raise NetworkRefusedError(f"{reason}: a test {mark}")

    def taken(self) -> list[str]:
        """The refusals since the last call."""
        with self._lock:
            refusals, self.refusals = self.refusals, []
        return refusals


GUARD = Guard()
