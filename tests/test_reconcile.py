"""Copies of one logical message, joined over stages."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headerguard import Envelope, Guard, Message, Severity, read
from headerguard.cli import main
from headerguard.config import parse as parse_config
from headerguard.errors import ConfigError
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
    return Guard(seal_key=KEY)


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
    assert Guard(config=config).reconcile(tapped(9)).findings == ()
    own = parse_config({"own-domains": ["arxxwalls.com"]})
    assert Guard(config=own).reconcile(tapped(9)).findings == ()


def test_a_seal_speaks_for_copies_that_carry_none() -> None:
    seal = guard().seal(["c1@client-1.example"], ["audit@shop.example"])
    sent = submitted(1, f"X: {seal}")
    assert findings(guard().reconcile([sent, event(1, "c1@client-1.example"), event(1, "audit@shop.example")])) == []
    joined = guard().reconcile([sent, event(1, "c1@client-1.example"), event(1, "copy@arxxwalls.com")])
    assert [(f.rule, f.severity) for f in joined.findings] == [
        ("unrequested-delivery", Severity.HIGH),
        ("undelivered-request", Severity.MEDIUM),
    ]


def test_a_sealed_blind_recipient_that_the_application_shows_is_its_own_fault() -> None:
    seal = guard().seal(["c1@client-1.example"], ["audit@shop.example"])
    joined = guard().reconcile([submitted(1, f"X: {seal}", "Cc: audit@shop.example"), event(1, "c1@client-1.example")])
    assert ("revealed-blind-recipient", "audit@shop.example", "application") in findings(joined)


def test_who_was_submitted_as_visible_and_blind_is_not_revealed() -> None:
    both = ("Cc: audit@shop.example", "Bcc: audit@shop.example")
    seen = copy(1, "To: c1@client-1.example, audit@shop.example", stage="delivered")
    assert findings(guard().reconcile([submitted(1, *both), seen])) == []


def test_folding_beyond_ascii_case_is_a_twin() -> None:
    joined = guard().reconcile(
        [submitted(1, to="stra\N{LATIN SMALL LETTER SHARP S}e@client.example"), event(1, "STRASSE@client.example")]
    )
    assert findings(joined)[0][:2] == ("folded-delivery", "STRASSE@client.example")


def test_a_seal_sealed_apart_may_be_on_as_many_messages_as_it_has_recipients() -> None:
    who = ["c1@client.example", "c2@client.example"]
    for apart, most in ((False, 1), (True, 2)):
        seal = guard().seal(who, apart=apart)
        sent = [submitted(n, f"X: {seal}", to=who[n % 2]) for n in range(3)]
        for count in (1, 2, 3):
            told = [rule for rule, _, _ in findings(guard().reconcile(sent[:count]))]
            assert ("replayed-seal" in told) is (count > most)


def tapped_with(**config: Any) -> list[tuple[str, Severity]]:
    by = Guard(config=parse_config(config))
    return [(f.rule, f.severity) for f in by.reconcile([*tapped(5), submitted(0)]).findings]


def test_its_findings_are_configured_as_those_of_any_rule() -> None:
    high = [("constant-companion", Severity.HIGH), ("unrequested-delivery", Severity.HIGH)]
    assert tapped_with() == high
    assert tapped_with(rules={"unrequested-delivery": {"severity": "low"}}) == [
        ("constant-companion", Severity.HIGH),
        ("unrequested-delivery", Severity.LOW),
    ]
    assert tapped_with(disable=["unrequested-delivery"]) == high[:1]
    assert tapped_with(rules={"constant-companion": {"companions": 6}}) == high[1:]
    assert tapped_with(rules={"constant-companion": {"share": 0.99}}) == high
    allow = {"rule": "constant-companion", "subject": "arxxwalls.com", "reason": "ours"}
    assert tapped_with(allow=[allow]) == high[1:]
    with pytest.raises(ConfigError, match="did you mean 'constant-companion'"):
        tapped_with(allow=[allow | {"rule": "constant-companions"}])
    assert Guard(rules=()).reconcile(tapped(5)).findings == ()


def test_a_check_of_one_copy_does_not_speak_of_them() -> None:
    report = guard().check(CLEAN[0])
    assert not [s.rule for s in report.skipped if s.rule in ("constant-companion", "unrequested-delivery")]


@given(st.integers(0, 2**32))
def test_the_order_of_the_copies_makes_no_difference(seed: int) -> None:
    chain = [Message.from_items((), stage="event", record=Record(ids=(f"a{n}", f"a{n + 1}"))) for n in range(6)]
    rider = [submitted(n) for n in (20, 21)] + [event(20, "x@arxxwalls.com"), event(21, "x@arxxwalls.com")]
    rider.append(copy(21, "Received: from a by b", stage="archive", envelope=Envelope("", ("x@arxxwalls.com",))))
    two = [submitted(30, f"X: {seal}") for seal in SEALS]
    twice = [event(1, "copy@arxxwalls.com"), event(1, "COPY@arxxwalls.com")]
    copies = [*CLEAN, *twice, *tapped(4)[2:], *chain, submitted(7), *rider, *two]
    expected = guard().reconcile(copies)
    shuffled = random.Random(seed).sample(copies, len(copies))
    assert guard().reconcile(shuffled) == expected


SEALS = [guard().seal(["c30@client-30.example", other]) for other in ("a@b.example", "c@d.example", "e@f.example")]


def test_ids_join_transitively_and_a_message_with_two_seals_is_ambiguous() -> None:
    one, other = (guard().seal(["c1@client-1.example"]) for _ in range(2))
    copies = [submitted(1, f"X: {one}"), submitted(1, f"X: {other}")]
    assert (guard().reconcile(copies).ambiguous, guard().reconcile(CLEAN).ambiguous) == (2, 0)


def test_copies_without_an_id_stand_alone() -> None:
    copies = [Message.from_bytes(b"To: jane@client.example\r\n") for _ in range(3)]
    joined = guard().reconcile(copies)
    assert (joined.messages, joined.unjoined) == (3, 3)


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(lambda n: event(n, f"c{n}@client-{n}.example"), id="messages"),
        pytest.param(lambda n: event(n, f"c{n}@client-{n % 5}.example", f"r{n}@rider-{n % 7}.example"), id="riders"),
        pytest.param(lambda n: event(1, f"c{n}@client-{n}.example") if n else submitted(1), id="recipients of one"),
        pytest.param(
            lambda n: submitted(n, to="a@x.example") if n % 2 else event(n - 1, f"r{n}@x.example"), id="findings"
        ),
    ],
)
def test_memory_does_not_grow(made: Callable[[int], Message], monkeypatch: pytest.MonkeyPatch) -> None:
    import tracemalloc

    monkeypatch.setattr("headerguard.reconcile.FINDINGS", 50)

    def peak(count: int) -> int:
        by = guard()
        tracemalloc.start()
        by.reconcile(map(made, range(count)))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(10)
    assert peak(4_000) < 4 * peak(400)


def test_findings_past_the_most_that_are_handed_out_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headerguard.reconcile.FINDINGS", 2)
    copies = [submitted(1), *(event(1, f"x{n}@arxxwalls.com") for n in range(5))]
    joined = guard().reconcile([*copies, event(2, "a@b.example"), submitted(2, "Cc: low@c.example")])
    assert [f.severity for f in joined.findings] == [Severity.HIGH, Severity.HIGH]
    assert (len(joined.findings), joined.omitted) == (2, 7)


def test_a_recipient_is_told_once_however_many_messages_it_is_in() -> None:
    copies = [c for n in range(3) for c in (submitted(n), event(n, f"c{n}@client-{n}.example", "copy@arxxwalls.com"))]
    joined = guard().reconcile(copies)
    assert [f.rule for f in joined.findings] == ["constant-companion", "unrequested-delivery"]
    assert joined.omitted == 0


@pytest.mark.parametrize("octets", [b"j\xe4ne@client.example", b'"a\x00b"@client.example', b"\xff\xfe@\xc3.example"])
def test_any_octets_are_joined_and_compared(octets: bytes) -> None:
    ids = b"Message-ID: <\xff\x00@shop.example>\r\n"
    one = Message.from_bytes(ids + b"To: jane@client.example\r\n", stage="submitted")
    other = Message.from_bytes(ids + b"Received: from a by b\r\nTo: " + octets + b"\r\n", stage="delivered")
    joined = guard().reconcile([one, other])
    assert joined.joined == 2
    assert [f.subject for f in joined.findings] == [str(r.address) for r in other.recipients]


def test_half_a_character_in_a_payload_is_joined_and_compared() -> None:
    events = b'[{"event": "delivered", "email": "j\\ud800@client.example", "sg_event_id": "1", "smtp-id": "m\\udfff"}]'
    sent = Message.from_items([("To", "jane@client.example")], stage="submitted", record=Record(ids=("m\udfff",)))
    joined = guard().reconcile([sent, *read(events)])
    assert joined.joined == 2


def test_twins_without_number_are_compared_one_by_one() -> None:
    letters = "\uff41\uff22"
    names = {"".join(pair) for pair in product(("a", "A", letters[0]), ("b", "B", letters[1]), repeat=3)}
    joined = guard().reconcile(
        [submitted(1, to="ababab@client.example"), event(1, *(f"{n}@client.example" for n in names))]
    )
    assert {f.rule for f in joined.findings} == {"folded-delivery"}
    assert len(joined.findings) == 2**6 - 1


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
    assert "3 copies of 1 message, 3 joined (100%), 0 unjoined (0%), 0 ambiguous (0%), 1 finding\n" in out
    assert main(["reconcile", "events.json", "sent.eml", "--format", "json"]) == 1
    record = json.loads(capsys.readouterr().out)
    assert (record["schema"], record["joined"]) == ("headerguard.reconciliation/1", 3)
    assert record["findings"][0]["layer"] == "esp account"
    assert main(["reconcile", "sent.eml", "missing.eml"]) == 3


@pytest.mark.parametrize("format", ["sarif", "junit", "github"])
def test_the_command_writes_for_machines(
    format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sent.eml").write_bytes(b"Message-ID: <m1@shop.example>\r\nTo: jane@client.example\r\n\r\n")
    event = {"event": "delivered", "email": "copy@arxxwalls.com", "sg_event_id": "1", "smtp-id": "<m1@shop.example>"}
    Path("events.json").write_text(json.dumps(event))
    assert main(["reconcile", "sent.eml", "events.json", "--format", format]) == 1
    out, said = capsys.readouterr()
    assert "copy@arxxwalls.com receives the message" in out
    assert (
        said == "headerguard: 2 copies of 1 message, 2 joined (100%), 0 unjoined (0%), 0 ambiguous (0%), 2 findings\n"
    )
    if format == "sarif":
        (run,) = json.loads(out)["runs"]
        helped = {rule["id"]: rule["help"]["text"] for rule in run["tool"]["driver"]["rules"]}
        assert "Flags: in joined copies" in helped["unrequested-delivery"]
        assert "unexpected-recipient" not in helped
    Path("headerguard.toml").write_text('[rules.unrequested-delivery]\nseverity = "low"\n')
    assert main(["reconcile", "sent.eml", "events.json", "--format", format]) == 0
