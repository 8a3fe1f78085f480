"""What protects a stream, and what is said of the rest."""

from __future__ import annotations

import pytest

from headerguard import Envelope, Guard, Message
from headerguard.config import parse
from headerguard.declared import Bound, Declared
from headerguard.fields import Role
from headerguard.protection import Protection, gaps, protections
from headerguard.upkeep import described

STREAM = "-/template:receipt"


def learned(line: str = "", count: int = 30, *, envelope: bool = True, to: str = "jane@client-{n}.example") -> Guard:
    guard = Guard()
    for n in range(count):
        who = to.format(n=n)
        text = f"From: shop@shop.example\r\nTo: {who}\r\n{line.format(n=n)}X-MC-Template: receipt\r\n\r\n"
        given = Envelope("b@esp.example", (who,)) if envelope else None
        guard.baseline.learn(Message.from_bytes(text.encode(), given, "submitted"))
    return guard


def parts(guard: Guard, declared: Declared | None = None) -> dict[str, Protection]:
    profile = guard.baseline.streams[STREAM]
    return {protection.part: protection for protection in protections(profile, guard.baseline, 1e-4, declared)}


def kinds(protection: Protection) -> set[str]:
    return {way.split()[0].rstrip(":") for way in protection.ways}


def test_mail_to_one_customer_after_the_other_is_protected_by_its_shape() -> None:
    found = parts(learned())
    assert kinds(found["recipients shown"]) == {"shape", "company", "novelty"}
    assert "new domain in cc" in found["recipients shown"].ways[-1]
    assert "in the place of the right recipient, or in a copy of his own" in found["recipients shown"].gap
    assert kinds(found["recipients hidden"]) == {"shape", "company", "novelty"}
    assert found["recipients hidden"].gap == ""
    assert kinds(found["authors"]) == kinds(found["bounces"]) == {"novelty"}


def test_mail_to_groups_tells_neither_the_first_copies_nor_who_stands_alone() -> None:
    found = parts(
        learned(to="jane@client-{n}.example, books@ledger-{n}.example, joe@partner-{n}.example", envelope=False)
    )
    for gap in ("a recipient more until he has come thrice", "or in a copy of his own", "declare recipients="):
        assert gap in found["recipients shown"].gap


def test_mail_to_the_same_team_has_no_gap() -> None:
    found = parts(learned(to="team@shop-office.example"))
    assert "novelty" in kinds(found["recipients shown"])
    assert found["recipients shown"].gap == ""


def test_a_role_that_varies_is_not_protected() -> None:
    found = parts(learned("Reply-To: visitor@home-{n}.example\r\n"))
    assert found["replies"].ways == ()
    assert "stranger in reply" in found["replies"].gap


def test_who_signs_and_where_links_lead_is_protected_where_it_is_always_the_same() -> None:
    signed = "DKIM-Signature: v=1; d=esp.example; b=c2ln\r\nList-Unsubscribe: <https://u.home-{n}.example/>\r\n"
    found = parts(learned(signed))
    assert found["signatures"].ways == ("novelty: a domain other than esp.example",)
    assert found["links to track or unsubscribe"].ways == ()
    assert found["signatures"].gap == found["links to track or unsubscribe"].gap == ""
    assert "signatures" not in parts(learned())


def test_an_envelope_that_was_never_seen_is_a_gap() -> None:
    assert "in the envelope alone" in parts(learned(envelope=False))["recipients hidden"].gap
    assert parts(learned(envelope=False), Declared(Bound(["jane@client.example"])))["recipients hidden"].gap == ""


def test_intent_comes_first_and_closes_the_gap() -> None:
    found = parts(learned(), Declared(Bound(["jane@client.example"])))
    assert found["recipients shown"].ways[0] == "intent"
    assert found["recipients shown"].gap == ""
    expected = Declared(expected={Role.REPLY: Bound(["shop.example"])})
    assert parts(learned("Reply-To: visitor@home-{n}.example\r\n"), expected)["replies"].gap == ""


def test_a_report_says_the_gaps_among_its_blind_spots_until_they_are_closed() -> None:
    guard = learned()
    octets = b"From: shop@shop.example\r\nTo: joe@other.example\r\nX-MC-Template: receipt\r\n\r\n"
    said = list(gaps(guard.baseline.streams[STREAM], guard.baseline))
    assert len(said) == 1
    assert set(said) <= set(guard.check(octets).blind_spots)
    assert set(said).isdisjoint(guard.check(octets, recipients=["joe@other.example"]).blind_spots)


def test_a_gap_that_opens_is_said_at_once() -> None:
    guard = learned("Reply-To: help@shop.example\r\n", 40)
    spots = guard.check(mail := learned_one(0)).blind_spots
    assert not any("stranger in reply" in spot for spot in spots)
    for n in range(5):
        guard.baseline.learn(Message.from_bytes(learned_one(n)))
    assert any("stranger in reply" in spot for spot in guard.check(mail).blind_spots)


def learned_one(n: int) -> bytes:
    reply = f"Reply-To: help@home-{n}.example\r\n"
    return f"From: shop@shop.example\r\nTo: joe@a.example\r\n{reply}X-MC-Template: receipt\r\n\r\n".encode()


@pytest.mark.parametrize(("count", "told"), [(19, False), (20, True)])
def test_the_listing_of_a_stream_tells_what_protects_it(count: int, told: bool) -> None:
    text = "\n".join(described(learned(count=count).baseline, "template:receipt"))
    assert ("recipients hidden: shape" in text) is told
    assert ("nothing tells a stranger in the place of the right recipient" in text) is told


def test_a_looser_rate_protects_more() -> None:
    guard = learned(count=3, to="team@shop-office.example")
    profile = guard.baseline.streams[STREAM]
    strict, loose = (
        {p.part: p.ways for p in protections(profile, guard.baseline, rate)}["bounces"] for rate in (1e-9, 0.5)
    )
    assert (strict, len(loose)) == ((), 1)
    assert parse({"false-alarm-rate": 0.5}).false_alarm_rate == 0.5
