"""Copies of one logical message, joined over stages."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headerguard import Envelope, Guard, Message
from headerguard.cli import main
from headerguard.config import parse as parse_config
from headerguard.message import Record, Sighting
from headerguard.reconcile import Reconciliation

KEY = b"0123456789abcdef0123456789abcdef"


def copy(number: int, *lines: str, stage: str, envelope: Envelope | None = None) -> Message:
    text = "".join(f"{line}\r\n" for line in (f"Message-ID: <m{number}@shop.example>", *lines))
    return Message.from_bytes(text.encode(), envelope, stage)


def submitted(number: int, *lines: str, to: str | None = None) -> Message:
    return copy(number, f"To: {to or f'c{number}@client-{number}.example'}", *lines, stage="submitted")


def event(number: int, *recipients: str) -> Message:
    """One event per recipient, as an ESP reports them."""
    from headerguard.address_list import Tier, parse
    from headerguard.fields import Role

    sightings = [Sighting(a, Role.ENVELOPE, "email", 0, Tier.PLAIN, None) for a in map(parse, recipients) if a]
    record = Record(tuple(sightings), ids=(f"m{number}@shop.example",), whole=False)
    return Message.from_items((), stage="event", record=record)


def findings(joined: Reconciliation) -> list[tuple[str, str, str]]:
    return [(f.rule, f.subject, f.layer) for f in joined.findings]


def guard() -> Guard:
    return Guard(rules=(), seal_key=KEY)


CLEAN = [submitted(1), event(1, "c1@client-1.example"), copy(1, "To: C1@client-1.example", stage="delivered")]


def test_copies_that_agree_show_nothing() -> None:
    joined = guard().reconcile(CLEAN)
    assert (joined.copies, joined.messages, joined.joined, joined.unjoined) == (3, 1, 3, 0)
    assert joined.findings == ()


def test_a_delivery_that_nobody_requested_got_in_behind_the_submission() -> None:
    joined = guard().reconcile([*CLEAN, event(1, "copy@arxxwalls.com")])
    assert findings(joined) == [("unrequested-delivery", "copy@arxxwalls.com", "esp account")]


def test_an_envelope_that_holds_more_than_the_submission_is_the_relay() -> None:
    envelope = Envelope("", ("c1@client-1.example", "copy@arxxwalls.com"))
    joined = guard().reconcile([*CLEAN, copy(1, "Received: from a by b", stage="archive", envelope=envelope)])
    assert findings(joined) == [("unrequested-delivery", "copy@arxxwalls.com", "relay")]


def test_what_the_application_added_after_the_seal_is_its_own() -> None:
    seal = guard().seal(["c1@client-1.example"])
    joined = guard().reconcile([submitted(1, f"X: {seal}", "Bcc: copy@arxxwalls.com"), event(1, "c1@client-1.example")])
    assert findings(joined) == [("unrequested-delivery", "copy@arxxwalls.com", "application")]


def test_a_request_that_never_happened() -> None:
    joined = guard().reconcile([submitted(1, "Cc: joe@client-1.example"), event(1, "c1@client-1.example")])
    assert findings(joined) == [("undelivered-request", "joe@client-1.example", "unknown")]
    seal = guard().seal(["c1@client-1.example", "joe@client-1.example"])
    joined = guard().reconcile([copy(1, "To: c1@client-1.example", f"X: {seal}", stage="delivered")])
    assert [rule for rule, _, _ in findings(joined)] == ["undelivered-request"]


def test_a_bcc_turned_into_to() -> None:
    seen = copy(1, "To: c1@client-1.example, audit@shop.example", stage="delivered")
    joined = guard().reconcile([submitted(1, "Bcc: audit@shop.example"), seen])
    assert findings(joined) == [("revealed-blind-recipient", "audit@shop.example", "esp account")]


def test_a_recipient_that_differs_by_folding_alone() -> None:
    twin = "m\N{LATIN SMALL LETTER DOTLESS I}ke@client.example"
    joined = guard().reconcile([submitted(1, to="mike@client.example"), copy(1, f"To: {twin}", stage="delivered")])
    assert findings(joined)[0][:2] == ("folded-delivery", twin)
    same = guard().reconcile([submitted(1, to="mike@client.example"), event(1, "Mike+tag@CLIENT.example")])
    assert findings(same) == []


def tapped(count: int) -> list[Message]:
    """Every message reported to a customer, and to the same stranger: ChunkHost, 2014."""
    return [event(n, who) for n in range(count) for who in (f"c{n}@client-{n}.example", "copy@arxxwalls.com")]


def test_a_constant_companion_of_unrelated_recipients_is_named_without_any_submission() -> None:
    joined = guard().reconcile(tapped(5))
    assert findings(joined) == [("constant-companion", "copy@arxxwalls.com", "esp account")]
    assert guard().reconcile(tapped(2)).findings == ()


def test_a_colleague_and_a_declared_archive_are_no_companions() -> None:
    together = [event(n, w) for n in range(9) for w in (f"a{n}@one.example", "boss@one.example")]
    assert guard().reconcile(together).findings == ()
    config = parse_config({"streams": {"receipts": {"expected": {"bcc": ["arxxwalls.com"]}}}})
    assert Guard(rules=(), config=config).reconcile(tapped(9)).findings == ()
    own = parse_config({"own-domains": ["arxxwalls.com"]})
    assert Guard(rules=(), config=own).reconcile(tapped(9)).findings == ()


@given(st.integers(0, 2**32))
def test_the_order_of_the_copies_makes_no_difference(seed: int) -> None:
    chain = [Message.from_items((), stage="event", record=Record(ids=(f"a{n}", f"a{n + 1}"))) for n in range(6)]
    copies = [*CLEAN, event(1, "copy@arxxwalls.com"), *tapped(4)[2:], *chain, submitted(7)]
    expected = guard().reconcile(copies)
    shuffled = random.Random(seed).sample(copies, len(copies))
    assert guard().reconcile(shuffled) == expected


def test_ids_join_transitively_and_a_message_with_two_seals_is_ambiguous() -> None:
    one, other = (guard().seal(["c1@client-1.example"]) for _ in range(2))
    copies = [submitted(1, f"X: {one}"), submitted(1, f"X: {other}")]
    assert (guard().reconcile(copies).ambiguous, guard().reconcile(CLEAN).ambiguous) == (2, 0)


def test_copies_without_an_id_stand_alone() -> None:
    copies = [Message.from_bytes(b"To: jane@client.example\r\n") for _ in range(3)]
    joined = guard().reconcile(copies)
    assert (joined.messages, joined.unjoined) == (3, 3)


def test_memory_does_not_grow_with_the_number_of_copies() -> None:
    import tracemalloc

    def peak(count: int) -> int:
        tracemalloc.start()
        guard().reconcile(event(n, f"c{n}@client-{n}.example") for n in range(count))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(10)
    assert peak(4_000) < 3 * peak(400)


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sent.eml").write_bytes(
        b"Message-ID: <m1@shop.example>\r\nFrom: s@shop.example\r\nTo: jane@client.example\r\n\r\n"
    )
    events = [
        {"event": "delivered", "email": who, "sg_event_id": who, "smtp-id": "<m1@shop.example>"}
        for who in ("jane@client.example", "copy@arxxwalls.com")
    ]
    Path("events.json").write_text(json.dumps(events))
    assert main(["reconcile", "sent.eml", "events.json"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("unrequested-delivery (high): copy@arxxwalls.com receives the message")
    assert "got in at: esp account" in out
    assert "3 copies of 1 messages, 100% of the copies joined: 0 unjoined, 0 ambiguous, 1 findings" in out
    assert main(["reconcile", "events.json", "sent.eml", "--format", "json"]) == 1
    record = json.loads(capsys.readouterr().out)
    assert (record["schema"], record["joined"]) == ("headerguard.reconciliation/1", 3)
    assert record["findings"][0]["layer"] == "esp account"
    assert main(["reconcile", "sent.eml", "missing.eml"]) == 3
