"""Who gets a good part of all mail in copies of his own is named, and who always did, or is one of few, is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headerguard import Guard
from headerguard.baseline import Baseline
from headerguard.config import parse
from headerguard.crowds import ACCOUNTS_CAP
from headerguard.frequent import KEPT, Frequent
from headerguard.message import Message
from headerguard.rules.frequent_recipient import FrequentRecipient

STRANGER = "copy@stranger.example"
START = 20
"""Messages after which somebody new is new."""


def letter(to: str, *more: str, account: str | None = None) -> Message:
    lines = ("From: shop@shop.example", f"To: {to}", "X-PM-Tag: receipt", *more)
    return Message.from_bytes("".join(f"{line}\r\n" for line in lines).encode(), account=account)


def customers(count: int, since: int = 0) -> list[Message]:
    return [letter(f"c{number}@client-{number}.example") for number in range(since, since + count)]


def between(copies: Iterable[Message], mail: Iterable[Message]) -> list[Message]:
    return [message for pair in zip(copies, mail, strict=True) for message in pair]


def named(history: Iterable[Message], last: Message, guard: Guard | None = None) -> list[str]:
    guard = guard or Guard([FrequentRecipient])
    for message in history:
        guard.observe(message)
    return [finding.subject for finding in guard.check(last).findings]


def test_whoever_gets_a_copy_of_all_mail_is_named_at_the_twentieth() -> None:
    copies = [letter(STRANGER) for _ in range(19)]
    history = customers(START) + between(copies, customers(19, 300))
    assert named(history, letter(STRANGER)) == [STRANGER]
    assert named(history[:-2], letter(STRANGER)) == []
    assert named(history, letter("c900@client-900.example")) == []


def test_a_share_of_less_than_a_twentieth_is_no_good_part() -> None:
    rare = [letter(STRANGER) if number % 22 == 0 else mail for number, mail in enumerate(customers(1_500, 300))]
    assert named(customers(START) + rare, letter(STRANGER)) == []


@pytest.mark.parametrize(
    "who",
    [
        pytest.param("c0@client-0.example", id="there from the beginning"),
        pytest.param("desk@shop.example", id="at home with the author"),
        pytest.param("desk@own.example", id="the operator's own"),
        pytest.param("a@vault.example", id="copied in secret before"),
    ],
)
def test_who_belongs_there_is_not_named(who: str) -> None:
    guard = Guard([FrequentRecipient], config=parse({"own-domains": ["own.example"]}))
    start = [letter(f"c{number}@client-{number}.example", "Bcc: b@vault.example") for number in range(START)]
    copies = [letter(who) for _ in range(30)]
    assert named(start + between(copies, customers(30, 300)), letter(who), guard) == []


def test_who_is_declared_is_not_named() -> None:
    guard = Guard([FrequentRecipient])
    for message in customers(START) + [letter(STRANGER) for _ in range(30)]:
        guard.observe(message)
    assert guard.check(letter(STRANGER)).findings != ()
    assert guard.check(letter(STRANGER), recipients=[STRANGER]).findings == ()


def test_an_account_that_writes_to_few_has_nobody_who_is_frequent() -> None:
    few = [letter(f"u{number % 5}@team-{number % 5}.example") for number in range(150)]
    assert named(customers(START) + few, letter("u0@team-0.example")) == []
    assert named(customers(START) + few[::5], letter("u0@team-0.example")) == ["u0@team-0.example"]


def test_regulars_who_come_now_and_then_hide_nobody() -> None:
    now_and_then = [
        letter(f"r{number % 3}@regular-{number % 3}.example") if number % 30 < 3 else mail
        for number, mail in enumerate(customers(600, 300))
    ]
    copies = between([letter(STRANGER) for _ in range(25)], customers(25, 2_000))
    assert named(customers(START) + now_and_then + copies, letter(STRANGER)) == [STRANGER]


def test_who_is_beside_others_is_known_by_his_company() -> None:
    beside = [letter(f"c{number}@client-{number}.example, {STRANGER}") for number in range(300, 331)]
    assert named(customers(START) + beside[:-1], beside[-1]) == []


def test_accounts_are_apart_and_no_more_than_are_kept() -> None:
    baseline = Baseline()
    for number in range(ACCOUNTS_CAP + 5):
        baseline.learn(letter("jane@client.example", account=f"a{number}"))
    assert len(baseline.frequent) == ACCOUNTS_CAP
    assert {frequent.messages for frequent in baseline.frequent.values()} == {1}


@given(st.lists(st.integers(0, 200).map(str), max_size=600), st.integers(1, 4))
def test_whoever_comes_often_enough_is_not_lost(keys: list[str], each: int) -> None:
    frequent, true = Frequent(), Counter[str]()
    messages = [set(keys[start : start + each]) for start in range(0, len(keys), each)]
    for message in messages:
        frequent.learn(message)
        true.update(message)
    for key, count in true.items():
        assert count - sum(true.values()) / (KEPT + 1) <= frequent.of(key).count <= count


def test_nobody_loses_more_than_one_message_to_a_new_address() -> None:
    frequent = Frequent()
    for number in range(3 * KEPT):
        frequent.learn({str(number % KEPT)})
    frequent.learn({"new"})
    assert {frequent.of(str(number)).count for number in range(KEPT)} == {2}


def test_no_flood_of_addresses_takes_memory() -> None:
    frequent = Frequent()
    for number in range(5_000):
        frequent.learn({f"x{number}@client.example", STRANGER})
        assert len(frequent) <= KEPT
    assert frequent.of(STRANGER).count > 4_900
