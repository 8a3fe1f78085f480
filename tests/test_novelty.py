"""The odds of new domains: monotone, mergeable, and as promised."""

from __future__ import annotations

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headerguard import Baseline, Guard, Message, Role
from headerguard.novelty import JUDGED, WEIGHT, Calm, Novelty, Surprises, Trend, shipped

DAY = date(2026, 3, 1)
_ROLES = sorted(JUDGED)


@st.composite
def trends(draw: st.DrawFn) -> Trend:
    messages = draw(st.integers(0, 5_000))
    values = draw(st.integers(0, 4))
    return Trend(
        draw(st.sampled_from(_ROLES)),
        messages,
        values,
        draw(st.integers(0, values)),
        draw(st.integers(0, messages)),
    )


_SEEN = st.lists(
    st.tuples(st.lists(st.tuples(trends(), st.booleans(), st.booleans()), max_size=4), st.sampled_from(Calm)),
    max_size=12,
)


def state(messages: list[tuple[list[tuple[Trend, bool, bool]], Calm]], prior: Novelty | None = None) -> Novelty:
    novelty = Novelty(prior)
    for seen, calm in messages:
        novelty.learn(seen, calm)
    return novelty


@given(_SEEN, trends(), st.booleans(), st.sampled_from(Calm))
def test_odds_are_probabilities(messages: list[object], trend: Trend, strange: bool, calm: Calm) -> None:
    novelty = state(messages)  # type: ignore[arg-type]
    assert 0 < novelty.chance(trend, strange) < 1
    assert 0 < novelty.p_value(novelty.surprise(trend, strange), calm) <= 1


@given(_SEEN, st.floats(0, 30), st.floats(0, 5), st.sampled_from(Calm))
def test_more_surprise_is_rarer(messages: list[object], surprise: float, more: float, calm: Calm) -> None:
    novelty = state(messages)  # type: ignore[arg-type]
    assert novelty.p_value(surprise + more, calm) <= novelty.p_value(surprise, calm)


@given(_SEEN, _SEEN, _SEEN)
def test_joining_is_commutative_and_associative_with_nothing_as_identity(
    one: list[object], other: list[object], third: list[object]
) -> None:
    def joined(*parts: Novelty) -> dict[str, object]:
        whole = Novelty()
        for part in parts:
            whole.add(part)
        return whole.as_dict()

    a, b, c = (state(part) for part in (one, other, third))  # type: ignore[arg-type]
    ab, bc = Novelty(), Novelty()
    ab.add(a)
    ab.add(b)
    bc.add(b)
    bc.add(c)
    assert joined(a, b, c) == joined(c, a, b) == joined(ab, c) == joined(a, bc)
    assert joined(a, Novelty()) == a.as_dict()


@given(_SEEN)
def test_what_is_written_is_read_again(messages: list[object]) -> None:
    novelty = state(messages)  # type: ignore[arg-type]
    assert Novelty.from_dict(json.loads(json.dumps(novelty.as_dict()))).as_dict() == novelty.as_dict()


@given(_SEEN, trends(), st.sampled_from(Calm))
def test_a_prior_counts_as_if_it_had_been_learned(messages: list[object], trend: Trend, calm: Calm) -> None:
    whole, resting = state(messages), Novelty(state(messages))  # type: ignore[arg-type]
    surprise = whole.surprise(trend, True)
    assert resting.surprise(trend, True) == surprise
    assert resting.p_value(surprise, calm) == whole.p_value(surprise, calm)
    assert resting.messages == whole.messages
    assert resting.as_dict() == Novelty().as_dict()


def test_a_weight_bounds_what_surprises_of_others_count() -> None:
    trend = Trend(Role.FROM, 50, 1, 0, 49)
    many = state([([(trend, False, False)], Calm.CALM)] * 1_000)
    light = Novelty()
    light.add(many, 100)
    assert light.messages == pytest.approx(100)
    assert light.chance(trend, True) == many.chance(trend, True)


def test_from_nothing_no_odds_are_long() -> None:
    trend = Trend(Role.FROM, 500, 1, 0, 499)
    for learned in (0, 10, 99):
        novelty = state([([(trend, False, False)], Calm.CALM)] * learned)
        assert novelty.p_value(novelty.surprise(trend, True), Calm.CALM) == pytest.approx(1 / (learned + 1))


def test_what_was_shipped_names_nobody_and_promises_from_the_first_day() -> None:
    assert shipped().messages == pytest.approx(WEIGHT)
    assert all("." not in family and "@" not in family for family, _, _ in shipped().tallies)
    novelty = Novelty(shipped())
    steady = Trend(Role.BCC, 20, 1, 0, 19)
    assert novelty.p_value(novelty.surprise(steady, True), Calm.CALM) <= 1e-4
    fresh = Trend(Role.BCC, 1, 1, 1, 0)
    assert novelty.p_value(novelty.surprise(fresh, True), Calm.CALM) > 1e-4


def test_streams_that_change_are_held_to_their_like() -> None:
    trend = Trend(Role.FROM, 40, 2, 0, 20)
    quiet = [([(trend, False, False)], Calm.CALM)] * 5_000
    restless = [([(trend, True, True)], Calm.OPEN)] * 20
    novelty = state([*quiet, *restless, *[([(trend, False, False)], Calm.OPEN)] * 200])
    surprise = novelty.surprise(trend, True)
    assert novelty.p_value(surprise, Calm.OPEN) > 5 * novelty.p_value(surprise, Calm.CALM)


@pytest.mark.parametrize(
    "damaged",
    [
        {},
        {"tallies": {"author 1 0": [1, 0]}, "surprises": {"calm": {"messages": -1, "bins": {}}}},
        {"tallies": {"author 1": [1, 0, 0]}, "surprises": {}},
        {"tallies": {"author 1 0": [True, 0, 0]}, "surprises": {}},
        {"tallies": {}, "surprises": {"calm": {"messages": 1, "bins": {"999": 1}}}},
        {"tallies": {}, "surprises": {"stormy": {"messages": 1, "bins": {}}}},
        {"tallies": {"author 1 0": [float("inf"), 0, 0]}, "surprises": {}},
    ],
)
def test_what_is_no_state_is_refused(damaged: dict[str, object]) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        Novelty.from_dict(damaged)


# ---- in a baseline


def receipt(number: int, more: str = "") -> bytes:
    return (
        f"From: shop@shop.example\r\nTo: jane@client-{number}.example\r\nBcc: audit@shop.example\r\n"
        f"X-MC-Template: receipt\r\n{more}\r\n"
    ).encode()


def test_a_finding_says_how_rare_it_is() -> None:
    guard = Guard()
    guard.learn(receipt(number) for number in range(30))
    report = guard.check(receipt(99).replace(b"audit@shop.example", b"copy@arxxwalls.com"))
    (finding,) = [f for f in report.findings if f.rule == "unfamiliar-blind-recipient"]
    assert finding.p_value is not None
    assert finding.p_value <= 1e-4
    known = guard.baseline
    assert known.odds(known.streams["-/template:receipt"], Role.BCC, "shop.example") == 1
    assert known.odds(known.streams["-/template:receipt"], Role.TO, "arxxwalls.com") is None


def test_odds_that_the_site_has_not_earned_are_said_to_be_shipped() -> None:
    """The guard has seen 30 messages; of themselves they tell of one in 31. Then it has seen as many as the prior."""
    guard = Guard()
    guard.learn(receipt(number) for number in range(30))
    leaky = receipt(99).replace(b"audit@shop.example", b"copy@arxxwalls.com")
    (young,) = [f for f in guard.check(leaky).findings if f.rule == "unfamiliar-blind-recipient"]
    assert young.prior
    assert young.p_value is not None
    guard.baseline.novelty.surprises[Calm.CALM] = Surprises(WEIGHT)
    (old,) = [f for f in guard.check(leaky).findings if f.rule == "unfamiliar-blind-recipient"]
    assert old.p_value is not None
    assert old.p_value < young.p_value
    assert not old.prior


@pytest.mark.parametrize(("messages", "borrowed"), [(0, True), (48, True), (49, False), (10_000, False)])
def test_half_as_many_messages_tell_of_one_in_a_hundred(messages: int, borrowed: bool) -> None:
    site = Novelty(shipped())
    site.surprises[Calm.CALM] = Surprises(messages)
    assert site.is_borrowed(0.01) is borrowed
    site.prior = None
    assert not site.is_borrowed(0.01)


def test_the_chosen_rate_is_kept() -> None:
    from headerguard.config import parse

    strict = Guard(config=parse({"false-alarm-rate": 1e-9}, "test"))
    usual = Guard()
    for guard in (strict, usual):
        guard.learn(receipt(number) for number in range(30))
    leaky = receipt(99).replace(b"audit@shop.example", b"copy@arxxwalls.com")
    by_odds = [[f.rule for f in guard.check(leaky).findings if f.p_value is not None] for guard in (usual, strict)]
    assert by_odds == [["unfamiliar-blind-recipient"], []]


def test_how_long_a_domain_is_known_is_told_by_counts_and_days() -> None:
    baseline = Baseline()
    for day in range(10):
        for number in range(3):
            more = "Reply-To: a@old.example\r\n" if day < 4 else "Reply-To: b@new.example\r\n"
            message = Message.from_bytes(receipt(number, more))
            baseline.learn(message, day=DAY.toordinal() + day)
    profile = baseline.streams["-/template:receipt"]
    assert profile.trend(Role.REPLY) == (Role.REPLY, 30, 2, 0, 17)
    assert profile.trend(Role.BCC) == (Role.BCC, 30, 1, 0, 29)
    assert profile.trend(Role.RECEIPT) == (Role.RECEIPT, 30, 0, 0, 30)
    assert profile.trend(Role.ENVELOPE) == (Role.ENVELOPE, 0, 0, 0, 0)
    assert Baseline._from_dict(baseline.as_dict()).streams["-/template:receipt"].days == profile.days
