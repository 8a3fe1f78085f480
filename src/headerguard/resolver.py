"""The resolver: questions to DNS under a hard deadline, with a budget, a memory, and no question asked twice at once.

All of it happens in one event loop in a thread of its own, which is there while something is asked and gone afterwards.
So programs with threads and programs with an event loop share one memory, and nobody waits longer than he said.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar

from headerguard.name_server import Answer, Server, Status, ask, server, system_servers, unknown

__all__ = ["Inquiry", "Resolver"]

T = TypeVar("T")

Asked = tuple[str, str]
"""Name and kind of record."""

AT_ONCE = 64
"""Questions under way at the same time: each holds a socket."""
ROUNDS = 2
"""How often a server that is silent is asked."""
LONGEST = 3600
"""Seconds for which an answer is remembered at most."""
FAILED = 60
"""Seconds for which a failure is remembered (RFC 2308 section 7: no more than five minutes)."""
GRACE = 0.05
"""Share of the deadline that is left for handing over what is known when it has passed."""


class Resolver:
    """Asks name servers, for threads and for coroutines alike. Opens nothing before it is asked."""

    def __init__(
        self,
        servers: Iterable[str] = (),
        *,
        deadline: float = 2.0,
        budget: int = 48,
        memory: int = 4096,
        ask: Callable[[Server, str, str, float], Awaitable[Answer]] = ask,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`servers` are addresses such as "192.0.2.1" and "[2001:db8::1]:5353"; none: those of this machine.

        `deadline`: seconds for all questions of one message; `budget`: how many these may be; `memory`: answers that
        are kept. `ask` puts one question, `clock` says in seconds when an answer is too old. Raises ValueError for
        what is no address.
        """
        self.servers = tuple(map(server, servers))
        self.deadline, self.budget, self.memory = deadline, budget, memory
        self.ask, self.clock = ask, clock
        self._remembered: OrderedDict[Asked, tuple[float, Answer]] = OrderedDict()
        self._secret = secrets.token_bytes(16)
        self._start_anew()

    def _start_anew(self) -> None:
        """Forget the loop: there is none yet, or it is that of the process that this one was forked from."""
        self._process, self._lock = os.getpid(), threading.Lock()
        self._desk: _Desk | None = None

    # ---- asking

    def run(self, inquire: Callable[[Inquiry], Awaitable[T]]) -> T | None:
        """What an inquiry comes to, in time; None where it did not. Raises what it raises."""
        future = self._begin(inquire)
        try:
            return future.result(self.deadline * (1 + GRACE))
        except TimeoutError:
            future.cancel()
            return None

    async def run_async(self, inquire: Callable[[Inquiry], Awaitable[T]]) -> T | None:
        """The same for a program with an asyncio loop, which goes on meanwhile."""
        try:
            async with asyncio.timeout(self.deadline * (1 + GRACE)):
                return await asyncio.wrap_future(self._begin(inquire))
        except TimeoutError:
            return None

    def _begin(self, inquire: Callable[[Inquiry], Awaitable[T]]) -> Future[T]:
        """Start an inquiry at the desk, which opens for it where it is closed."""
        until = time.monotonic() + self.deadline
        if self._process != os.getpid():
            self._start_anew()
        with self._lock:
            if self._desk is None:
                self._desk = _Desk()
            desk = self._desk
            desk.waiting += 1
        future = asyncio.run_coroutine_threadsafe(_inquired(inquire, Inquiry(self, desk, until)), desk.loop)
        future.add_done_callback(lambda _: self._leave(desk))
        return future

    def _leave(self, desk: _Desk) -> None:
        """One waits less; the last one closes the desk."""
        with self._lock:
            desk.waiting -= 1
            if not desk.waiting:
                self._desk = None
                desk.loop.call_soon_threadsafe(desk.loop.stop)

    def chance(self, name: str) -> str:
        """A label that nobody can have foreseen, the same every time for one name, so that its answer is remembered."""
        return blake2b(name.encode(), key=self._secret, digest_size=8).hexdigest()

    # ---- one question: only ever in the loop of a desk

    def remembered(self, asked: Asked) -> Answer | None:
        """The answer that was given before and is not too old."""
        until, answer = self._remembered.get(asked, (0.0, None))
        if answer is None or until <= self.clock():
            self._remembered.pop(asked, None)
            return None
        self._remembered.move_to_end(asked)
        return answer

    def _remember(self, asked: Asked, answer: Answer) -> None:
        seconds = min(answer.seconds, LONGEST)
        if seconds > 0:
            self._remembered[asked] = (self.clock() + seconds, answer)
            while len(self._remembered) > self.memory:
                self._remembered.popitem(last=False)

    def put(self, asked: Asked, desk: _Desk) -> asyncio.Task[Answer]:
        """The question on its way, for all who want to know: it flies on when one of them leaves."""
        flight = desk.flights.get(asked)
        if flight is None:
            flight = desk.flights[asked] = desk.loop.create_task(self._fly(asked, desk))
            with self._lock:
                desk.waiting += 1
            flight.add_done_callback(lambda _: self._land(asked, desk))
        return flight

    def _land(self, asked: Asked, desk: _Desk) -> None:
        del desk.flights[asked]
        self._leave(desk)

    async def _fly(self, asked: Asked, desk: _Desk) -> Answer:
        until = desk.loop.time() + self.deadline
        answer = unknown("too many questions at once")
        crowded = desk.slots.locked()
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until), desk.slots:
                # What waited for others has not failed by itself; what waited for a busy machine alone may have.
                waited = crowded and until - desk.loop.time() < self.deadline / 2
                answer = unknown("timeout", 0 if waited else FAILED)
                answer = await self._answer(asked, until, desk)
        self._remember(asked, answer)
        return answer

    async def _answer(self, asked: Asked, until: float, desk: _Desk) -> Answer:
        """Ask the servers one after the other, those that are silent again, and take the first reply of one that knows.

        A silent server is listened to while the next one is asked: it may only be slow.
        """
        answer = unknown("no name server is configured", FAILED)
        left = list(self.servers or system_servers()) * ROUNDS
        pause = self.deadline / max(len(left), 1)
        under_way: set[asyncio.Task[tuple[Server, Answer]]] = set()
        try:
            while left or under_way:
                if left:
                    under_way.add(desk.loop.create_task(self._try(left.pop(0), asked, until, desk)))
                wait = pause if left else None
                done, under_way = await asyncio.wait(under_way, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
                for where, answer in (task.result() for task in done):
                    if answer.status is not Status.UNKNOWN:
                        return answer
                    left = [other for other in left if other != where]
            return unknown(answer.reason, FAILED)
        finally:
            for task in under_way:
                task.cancel()

    async def _try(self, where: Server, asked: Asked, until: float, desk: _Desk) -> tuple[Server, Answer]:
        try:
            return where, await self.ask(where, *asked, until - desk.loop.time())
        except TimeoutError:
            return where, unknown("timeout")
        except OSError as error:
            return where, unknown(f"the server cannot be reached: {error.strerror or error}")
        except Exception as error:  # a hostile reply, a full machine: nobody knows, and that is all
            return where, unknown(type(error).__name__)


class _Desk:
    """An event loop in a thread of its own, and what is under way there."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.waiting = 0
        self.flights: dict[Asked, asyncio.Task[Answer]] = {}
        self.slots = asyncio.Semaphore(AT_ONCE)
        try:
            # A daemon: a program that ends does not wait for questions that nobody waits for.
            threading.Thread(target=self._serve, name="headerguard-dns", daemon=True).start()
        except RuntimeError:
            self.loop.close()
            raise

    def _serve(self) -> None:
        self.loop.run_forever()
        self.loop.run_until_complete(_give_up())
        self.loop.close()


async def _give_up() -> None:
    """Let go of what nobody waits for any more: inquiries that were too late, and sockets that were closed last."""
    await asyncio.sleep(0)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    await asyncio.sleep(0)


async def _inquired(inquire: Callable[[Inquiry], Awaitable[T]], inquiry: Inquiry) -> T:
    return await inquire(inquiry)


@dataclass(slots=True)
class Inquiry:
    """All questions of one message: they share a deadline and a budget."""

    _resolver: Resolver
    _desk: _Desk
    until: float
    """When it ends, in seconds of the monotonic clock."""
    asked: int = 0
    """Questions that were put to a server for it; what is remembered or asked already costs nothing."""

    def chance(self, name: str) -> str:
        """A label that hardly exists below a name."""
        return self._resolver.chance(name)

    async def ask(self, name: str, kind: str) -> Answer:
        """The answer to one question, unknown where the deadline or the budget comes first."""
        key = (name, kind)
        if answer := self._resolver.remembered(key):
            return answer
        if self.until <= time.monotonic():
            return unknown("timeout")
        if key not in self._desk.flights:
            if self.asked >= self._resolver.budget:
                return unknown("the budget of questions is used up")
            self.asked += 1
        flight = self._resolver.put(key, self._desk)
        done, _ = await asyncio.wait({flight}, timeout=max(self.until - time.monotonic(), 0))
        return flight.result() if done else unknown("timeout")
