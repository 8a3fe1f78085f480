"""The resolver against a server that fails in every way: what cannot be learned is unknown, in time, and asked once."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest

from dns_server import FAULTS, SPOOFS, NameServer
from headerguard.address import SuffixList
from headerguard.dns_facts import Facts, look_up, look_up_async
from headerguard.name_server import Answer, Status, server, unknown
from headerguard.resolver import AT_ONCE, Inquiry, Resolver

ZONE = """
$ORIGIN example.net.
@ MX 10 mx
mx A 192.0.2.1
$ORIGIN example.org.
@ MX 0 .
"""

DEADLINE = 1.0

T = TypeVar("T")


def put(resolver: Resolver, *questions: tuple[str, str]) -> list[Answer]:
    """The answers to some questions, asked side by side."""

    async def all_of_them(inquiry: Inquiry) -> list[Answer]:
        return list(await asyncio.gather(*(inquiry.ask(*question) for question in questions)))

    found = resolver.run(all_of_them)
    assert found is not None
    return found


def in_time(look: Callable[[], T], attempts: int = 3) -> T:
    """What comes of it. The deadline is kept within ten per cent, by the best of some attempts: machines are busy."""
    taken = []
    for _ in range(attempts):
        began = time.monotonic()
        found = look()
        taken.append(time.monotonic() - began)
        if taken[-1] <= DEADLINE * 1.1 + 0.05:
            return found
    pytest.fail(f"a deadline of {DEADLINE} s took {taken}")


# ---- what cannot be learned


@pytest.mark.real
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_no_verdict_and_keeps_the_deadline(fault: str) -> None:
    with NameServer(ZONE, {"*": fault}) as broken:

        def look() -> dict[str, Facts]:
            return look_up(Resolver([broken.address], deadline=DEADLINE), ["example.net", "example.org"])

        found = in_time(look)
    for domain, facts in found.items():
        assert (facts.exists, facts.receives_mail, facts.null_mx, facts.told()) == (None, None, None, []), domain
        assert facts.unanswered
    assert broken.asked


@pytest.mark.real
@pytest.mark.parametrize("fault", ["drop", "garbage", "truncated, then silence"])
def test_a_fault_keeps_the_deadline_of_a_coroutine(fault: str) -> None:
    with NameServer(ZONE, {"*": fault}) as broken:

        def look() -> Facts:
            resolver = Resolver([broken.address], deadline=DEADLINE)
            return asyncio.run(look_up_async(resolver, ["example.net"]))["example.net"]

        facts = in_time(look)
    assert (facts.exists, facts.told()) == (None, [])


@pytest.mark.real
def test_what_was_learned_in_time_counts() -> None:
    with NameServer(ZONE, {"example.net": "slow", "_dmarc.example.net": "drop"}, slow=0.6) as sluggish:

        def look() -> Facts:
            resolver = Resolver([sluggish.address], deadline=DEADLINE)
            return look_up(resolver, ["example.net"])["example.net"]

        facts = in_time(look)
    assert facts.mx == ("mx.example.net",)
    assert "TXT: timeout" in facts.unanswered


@pytest.mark.real
def test_what_does_not_exist_is_remembered_as_its_zone_says() -> None:
    zone = "$ORIGIN example.net.\n@ 90 SOA ns hostmaster 1 3600 600 86400 17\n@ NS ns\nns A 192.0.2.1\n"
    with NameServer(zone, {"bare.example.net": "bare nxdomain"}) as name_server:
        resolver = Resolver([name_server.address], deadline=20)
        absent, empty, bare = put(
            resolver, ("absent.example.net", "MX"), ("ns.example.net", "MX"), ("bare.example.net", "MX")
        )
        put(resolver, ("bare.example.net", "MX"))
    assert (absent.status, absent.seconds) == (Status.ABSENT, 17)
    assert (empty.status, empty.seconds) == (Status.EMPTY, 17)
    assert (bare.status, bare.seconds) == (Status.ABSENT, 0)
    assert name_server.asked["bare.example.net", "MX"] == 2


@pytest.mark.real
def test_a_server_that_fails_is_not_asked_again() -> None:
    with NameServer(ZONE, {"*": "servfail"}) as broken:
        (answer,) = put(Resolver([broken.address], deadline=10), ("example.net", "MX"))
    assert (answer.reason, broken.asked["example.net", "MX"]) == ("SERVFAIL", 1)


@pytest.mark.real
@pytest.mark.parametrize("spoof", [*SPOOFS, "truncated"])
def test_what_others_slip_in_changes_nothing(spoof: str) -> None:
    with NameServer(ZONE) as honest:
        expected = look_up(Resolver([honest.address], deadline=10), ["example.net", "example.org"])
    with NameServer(ZONE, {"*": spoof}) as attacked:
        found = look_up(Resolver([attacked.address], deadline=10), ["example.net", "example.org"])
    assert found == expected
    assert (found["example.net"].mx, found["example.org"].null_mx) == (("mx.example.net",), True)


@pytest.mark.real
def test_a_reply_in_another_case_is_asked_for_again_over_tcp() -> None:
    with NameServer(ZONE, {"*": "case lost"}) as careless:
        (answer,) = put(Resolver([careless.address], deadline=10), ("example.net", "MX"))
    assert answer.records == ((10, "mx.example.net"),)
    assert careless.over_tcp["example.net", "MX"] == 1


@pytest.mark.real
def test_questions_are_in_random_case() -> None:
    with NameServer(ZONE) as name_server:
        for _ in range(3):
            put(Resolver([name_server.address], deadline=10), (f"{'a' * 50}.example.net", "MX"))
    assert len(name_server.cases) == 3


@pytest.mark.real
def test_a_huge_answer_is_read_whole() -> None:
    zone = ZONE + "$ORIGIN huge.example.\n" + "".join(f"@ MX {n} mx{n}\n" for n in range(2500))
    with NameServer(zone) as generous:
        resolver = Resolver([generous.address], deadline=20)
        facts = look_up(resolver, ["huge.example"])["huge.example"]
        assert generous.over_tcp["huge.example", "MX"] == 1
    assert facts.mx is not None
    assert (len(facts.mx), facts.mx[0], facts.exists) == (2500, "mx0.huge.example", True)
    assert len(facts.told()[0].text) < 300


@pytest.mark.real
def test_a_huge_answer_keeps_the_deadline() -> None:
    zone = "$ORIGIN huge.example.\n" + "".join(f"@ MX {n} mx{n}\n" for n in range(2500))
    with NameServer(zone) as generous:
        found = in_time(lambda: look_up(Resolver([generous.address], deadline=DEADLINE), ["huge.example"]))
    assert found["huge.example"].exists is not False


@pytest.mark.real
def test_another_server_answers_for_one_that_fails() -> None:
    for fault in ("servfail", "refused", "lame", "loop", "drop"):
        with NameServer(ZONE, {"*": fault}) as broken, NameServer(ZONE) as honest:
            (answer,) = put(Resolver([broken.address, honest.address], deadline=8), ("example.net", "MX"))
        assert (fault, answer.status) == (fault, Status.FOUND)
        assert broken.asked["example.net", "MX"] == 1


@pytest.mark.real
def test_a_reply_that_was_lost_is_asked_for_again() -> None:
    with NameServer(ZONE, {"example.net": "drop"}) as lossy:

        def recover() -> None:
            while not lossy.asked:
                time.sleep(0.01)
            time.sleep(0.2)
            lossy.faults.clear()

        threading.Thread(target=recover).start()
        (answer,) = put(Resolver([lossy.address], deadline=6), ("example.net", "MX"))
    assert (answer.status, lossy.asked["example.net", "MX"]) == (Status.FOUND, 2)


@pytest.mark.real
def test_nobody_there_is_unknown_at_once() -> None:
    with NameServer() as gone:
        address = gone.address
    began = time.monotonic()
    (answer,) = put(Resolver([address], deadline=30), ("example.net", "MX"))
    assert (answer.status, answer.reason) == (Status.UNKNOWN, "the server cannot be reached: Connection refused")
    assert time.monotonic() - began < 15


@pytest.mark.real
def test_a_machine_without_resolvers_has_nobody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headerguard.resolver.system_servers", tuple)
    (answer,) = put(Resolver(), ("example.net", "MX"))
    assert answer.reason == "no name server is configured"


# ---- once


@pytest.mark.real
def test_a_thousand_threads_ask_once() -> None:
    with NameServer(ZONE, {"*": "slow"}, slow=0.5) as patient:
        resolver = Resolver([patient.address], deadline=60)
        barrier = threading.Barrier(100)

        def look(number: int) -> Facts:
            if number < 100:
                barrier.wait()
            return look_up(resolver, ["example.net"])["example.net"]

        with ThreadPoolExecutor(100) as threads:
            found = list(threads.map(look, range(1000)))
    assert len(found) == 1000
    assert set(found) == {found[0]}
    assert found[0].mx == ("mx.example.net",)
    assert set(patient.asked.values()) == {1}


@pytest.mark.real
def test_a_thousand_strangers_at_once_make_no_question_twice() -> None:
    """Each in a message of its own, by threads and by coroutines together; half are below one registrable domain."""
    strangers = [f"s{n}.example.net" if n % 2 else f"s{n}.example" for n in range(1000)]
    zone = "$ORIGIN example.net.\n*.example.net. MX 1 mx\n$ORIGIN example.\n"
    with NameServer(zone) as name_server:
        resolver = Resolver([name_server.address], deadline=120, memory=100_000)

        async def coroutines() -> list[dict[str, Facts]]:
            return await asyncio.gather(*(look_up_async(resolver, [name]) for name in strangers))

        with ThreadPoolExecutor(8) as threads:
            by_coroutine = threads.submit(lambda: asyncio.run(coroutines()))
            by_thread = list(threads.map(lambda name: look_up(resolver, [name]), strangers))
    assert by_coroutine.result() == by_thread
    assert [found[name].exists for name, found in zip(strangers, by_thread, strict=True)] == [False, True] * 500
    assert not [asked for asked, times in name_server.asked.items() if times > 1]
    assert {("s1.example.net", "MX"), ("example.net", "NS"), ("s998.example", "MX")} <= set(name_server.asked)


@pytest.mark.real
def test_who_leaves_early_takes_nobody_along() -> None:
    with NameServer(ZONE, {"*": "slow"}, slow=0.4) as patient:
        resolver = Resolver([patient.address], deadline=10)

        async def both() -> Answer | None:
            hasty = asyncio.ensure_future(resolver.run_async(lambda inquiry: inquiry.ask("example.net", "MX")))
            steady = asyncio.ensure_future(resolver.run_async(lambda inquiry: inquiry.ask("example.net", "MX")))
            await asyncio.sleep(0.1)
            hasty.cancel()
            return await steady

        answer = asyncio.run(both())
    assert answer is not None
    assert answer.status is Status.FOUND
    assert patient.asked["example.net", "MX"] == 1


@pytest.mark.real
def test_nothing_stays_behind() -> None:
    with NameServer(ZONE, {"example.org": "slow"}) as name_server:
        resolver = Resolver([name_server.address], deadline=0.3)
        look_up(resolver, ["example.net", "example.org"])
        for _ in range(100):
            if "headerguard-dns" not in {thread.name for thread in threading.enumerate()}:
                break
            time.sleep(0.05)
        assert "headerguard-dns" not in {thread.name for thread in threading.enumerate()}
        assert put(resolver, ("example.net", "MX"))[0].status is Status.FOUND


@pytest.mark.real
def test_a_forked_process_asks_for_itself() -> None:
    with NameServer(ZONE, {"example.org": "slow"}, slow=1.0) as name_server:
        resolver = Resolver([name_server.address], deadline=20)
        threading.Thread(target=look_up, args=(resolver, ["example.org"])).start()
        while not name_server.asked:
            time.sleep(0.01)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # newer Pythons warn of a fork beside threads, which is what is tried here
            child = os.fork()
        if not child:
            signal.alarm(60)
            os._exit(0 if put(resolver, ("example.net", "MX"))[0].status is Status.FOUND else 1)
        assert os.waitpid(child, 0)[1] == 0


# ---- memory, without a socket


class Script:
    """Answers by a script, and counts."""

    def __init__(self, **answers: Answer) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def __call__(self, where: tuple[str, int], name: str, kind: str, seconds: float) -> Answer:
        self.asked.append(name)
        return self.answers.get(name, Answer(Status.ABSENT, seconds=0))


class Clock:
    """Shows the time that it was set to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def scripted(script: Script, **settings: float) -> tuple[Resolver, Clock]:
    clock = Clock()
    return Resolver(["192.0.2.1"], ask=script, clock=clock, **settings), clock  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (Answer(Status.FOUND, (), seconds=300), 300),
        (Answer(Status.ABSENT, seconds=200), 200),
        (Answer(Status.EMPTY, seconds=100), 100),
        (Answer(Status.FOUND, (), seconds=2**31 - 1), 3600),
        (Answer(Status.ABSENT, seconds=2**31 - 1), 3600),
        (unknown("SERVFAIL"), 60),
    ],
)
def test_an_answer_is_remembered_for_its_time(answer: Answer, kept: int) -> None:
    script = Script(name=answer)
    resolver, clock = scripted(script)
    put(resolver, ("name", "MX"))
    clock.seconds = kept - 1
    put(resolver, ("name", "MX"))
    assert script.asked == ["name"]
    clock.seconds = kept + 1
    put(resolver, ("name", "MX"))
    assert script.asked == ["name", "name"]


def test_an_answer_without_a_time_is_not_remembered() -> None:
    script = Script(name=Answer(Status.EMPTY, seconds=0))
    resolver, _ = scripted(script)
    put(resolver, ("name", "MX"))
    put(resolver, ("name", "MX"))
    assert script.asked == ["name", "name"]


def test_the_memory_is_bounded_and_drops_what_was_not_asked_for_longest() -> None:
    names = [f"n{n}" for n in range(6)]
    script = Script(**dict.fromkeys(names, Answer(Status.ABSENT, seconds=300)))
    resolver, _ = scripted(script, memory=4)
    for name in [*names[:4], "n0", *names[4:], "n0", "n1"]:
        put(resolver, (name, "MX"))
    assert script.asked == [*names, "n1"]


def test_the_budget_bounds_what_one_message_asks() -> None:
    script = Script(known=Answer(Status.FOUND, (), seconds=300))
    resolver, _ = scripted(script, budget=3)
    put(resolver, ("known", "MX"))
    answers = put(resolver, ("a", "MX"), ("a", "MX"), ("b", "MX"), ("known", "MX"), ("c", "MX"), ("d", "MX"))
    assert [answer.reason for answer in answers] == ["", "", "", "", "", "the budget of questions is used up"]
    assert script.asked == ["known", "a", "b", "c"]
    assert put(resolver, ("d", "MX"))[0].status is Status.ABSENT


def test_what_was_never_asked_is_not_remembered() -> None:
    async def silent(where: tuple[str, int], name: str, kind: str, seconds: float) -> Answer:
        await asyncio.sleep(60)
        return unknown("")

    resolver = Resolver(["192.0.2.1"], ask=silent, deadline=0.3, budget=1000)
    answers = put(resolver, *((f"n{n}", "MX") for n in range(AT_ONCE + 1)))
    assert {answer.reason for answer in answers} == {"timeout"}
    while any(thread.name == "headerguard-dns" for thread in threading.enumerate()):
        time.sleep(0.01)
    remembered = [resolver.remembered((f"n{n}", "MX")) for n in range(AT_ONCE + 1)]
    assert [answer is not None for answer in remembered] == [True] * AT_ONCE + [False]


def test_whatever_goes_wrong_is_unknown() -> None:
    async def broken(where: tuple[str, int], name: str, kind: str, seconds: float) -> Answer:
        raise {"a": RecursionError(), "b": OSError("no buffer"), "c": TimeoutError()}[name]

    resolver = Resolver(["192.0.2.1"], ask=broken)
    answers = put(resolver, ("a", "MX"), ("b", "MX"), ("c", "MX"))
    assert {answer.status for answer in answers} == {Status.UNKNOWN}
    assert [answer.reason for answer in answers] == [
        "RecursionError",
        "the server cannot be reached: no buffer",
        "timeout",
    ]


def test_a_machine_that_is_stuck_keeps_nobody_waiting() -> None:
    async def stuck(where: tuple[str, int], name: str, kind: str, seconds: float) -> Answer:
        time.sleep(2)
        return unknown("")

    assert (
        in_time(lambda: Resolver(["192.0.2.1"], ask=stuck, deadline=DEADLINE).run(lambda i: i.ask("a", "MX"))) is None
    )


class SlowList(SuffixList):
    """A suffix list whose reading takes until somebody says so, or far longer than anybody waits."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()
        self.gave_up = False

    def registrable_domain(self, domain: str, *, private: bool = True) -> str:
        self.gave_up = not self.go_on.wait(20)
        return domain


@pytest.mark.parametrize("by_coroutine", [False, True])
def test_reading_the_suffix_list_counts_within_the_deadline(by_coroutine: bool) -> None:
    """The first question of a process reads it: who waits for DNS does not wait for that on top."""

    async def absent(where: tuple[str, int], name: str, kind: str, seconds: float) -> Answer:
        return Answer(Status.ABSENT)

    resolver, suffixes = Resolver(["192.0.2.1"], ask=absent, deadline=0.2), SlowList()
    if by_coroutine:
        found = asyncio.run(look_up_async(resolver, ["a.example"], suffixes))
    else:
        found = look_up(resolver, ["a.example"], suffixes)
    in_time = not suffixes.go_on.is_set() and not suffixes.gave_up
    suffixes.go_on.set()
    assert in_time
    assert found["a.example"].unanswered == ("everything: timeout",)


# ---- addresses of servers


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("192.0.2.1:5353", ("192.0.2.1", 5353)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("[2001:DB8::1]", ("2001:db8::1", 53)),
        ("[2001:db8::1]:5353", ("2001:db8::1", 5353)),
    ],
)
def test_the_address_of_a_server_is_read(text: str, read: tuple[str, int]) -> None:
    assert server(text) == read


@pytest.mark.parametrize("text", ["", "ns.example", "192.0.2.1:0", "192.0.2.1:70000", "192.0.2", "[192.0.2.1", "::1:x"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="port|address"):
        server(text)
