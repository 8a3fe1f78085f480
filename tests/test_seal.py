"""Intent that travels in a seal."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headerguard import Envelope, Guard, Message
from headerguard.address_list import parse
from headerguard.config import parse as parse_config
from headerguard.errors import ConfigError
from headerguard.finding import Report
from headerguard.message import Record, Stage
from headerguard.seal import LIFETIME, make_seal, read_seal, seals_in

KEY = b"0123456789abcdef0123456789abcdef"
NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
DATE = "Date: Sun, 01 Mar 2026 10:05:00 +0000"


def guard() -> Guard:
    return Guard(seal_key=KEY)


def copy(*lines: str, stage: Stage | None = None, envelope: Envelope | None = None) -> Message:
    return Message.from_bytes("".join(f"{line}\r\n" for line in lines).encode(), envelope, stage)


def found(report: Report) -> list[tuple[str, str, str]]:
    seals = ("unsealed-recipient", "missing-sealed-recipient", "unbelieved-seal")
    return [(f.rule, f.subject, f.layer) for f in report.findings if f.rule in seals]


def seal(*recipients: str, blind: tuple[str, ...] = (), apart: bool = False) -> str:
    return guard().seal(recipients, blind, apart=apart, now=NOW)


addresses = st.from_regex(r"[a-z]{1,8}@[a-z]{1,8}\.example", fullmatch=True)


@given(st.lists(addresses, max_size=9, unique=True), st.lists(addresses, max_size=9), st.booleans())
def test_a_seal_reads_back_and_says_nothing_without_its_key(shown: list[str], blind: list[str], apart: bool) -> None:
    text = make_seal(KEY, shown, [b for b in blind if b not in shown], apart=apart, now=NOW)
    read = read_seal(KEY, text)
    assert read is not None
    assert read.apart is apart
    assert all(read.allows(address) for address in map(parse, shown + blind) if address)
    assert (read.made, len(read.shown)) == (NOW, len(shown))
    assert read_seal(KEY + b"x", text) is None
    assert not any(address.partition("@")[0] in text.split(".") for address in shown)
    assert seals_in(f'X-SMTPAPI: {{"unique_args": {{"seal": "{text}"}}}}') == [text]


@given(st.data())
def test_a_seal_that_was_changed_anywhere_is_not_believed(data: st.DataObject) -> None:
    text = make_seal(KEY, ["jane@client.example"], now=NOW)
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda character: character != text[at]))
    assert read_seal(KEY, text[:at] + other + text[at + 1 :]) is None


def test_two_seals_of_one_address_have_nothing_in_common() -> None:
    one, other = (read_seal(KEY, make_seal(KEY, ["jane@client.example"], now=NOW)) for _ in range(2))
    assert one
    assert other
    assert one.id != other.id
    assert one.shown.isdisjoint(other.shown)


def test_five_recipients_fit_into_eighty_characters() -> None:
    assert len(make_seal(KEY, [f"c{n}@client.example" for n in range(5)])) <= 80


@pytest.mark.parametrize("entry", ["", "jane", "client.example"])
def test_what_is_no_address_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="is no address"):
        guard().seal([entry])


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    config = parse_config({"seal-key": "seal.key"}, base=tmp_path)
    text = Guard(config=config).seal(["jane@client.example"])
    assert stat.S_IMODE(os.stat(tmp_path / "seal.key").st_mode) == 0o600
    again = Guard(config=config)
    assert found(again.check(copy("To: jane@client.example", f"X-Seal: {text}"))) == []
    assert found(again.check(copy("To: joe@client.example", f"X-Seal: {text}"))) != []
    with pytest.raises(ConfigError, match="set seal-key"):
        Guard().seal(["jane@client.example"])
    (tmp_path / "seal.key").write_bytes(b"short")
    with pytest.raises(ConfigError, match="fewer than 16 octets"):
        Guard(config=config)


STAGES = [Stage.SUBMITTED, Stage.DELIVERED, Stage.ARCHIVE]


@pytest.mark.parametrize("stage", STAGES)
def test_one_more_is_flagged_from_the_first_copy(stage: Stage) -> None:
    lines = ("From: shop@shop.example", DATE, f"X-Seal: {seal('jane@client.example', blind=('audit@shop.example',))}")
    assert found(guard().check(copy(*lines, "To: Jane@Client.Example", stage=stage))) == []
    assert found(guard().check(copy(*lines, "To: jane@client.example", "Bcc: audit@shop.example", stage=stage))) == []
    report = guard().check(copy(*lines, "To: jane@client.example", "Cc: copy@arxxwalls.com", stage=stage))
    assert found(report) == [("unsealed-recipient", "copy@arxxwalls.com", "application")]


def test_one_more_in_the_envelope_got_in_at_the_relay() -> None:
    lines = ("From: shop@shop.example", "Received: from a by b", f"X-Seal: {seal('jane@client.example')}")
    envelope = Envelope("", ("jane@client.example", "copy@arxxwalls.com"))
    report = guard().check(copy(*lines, "To: jane@client.example", envelope=envelope))
    assert found(report) == [("unsealed-recipient", "copy@arxxwalls.com", "relay")]


@pytest.mark.parametrize("stage", STAGES)
def test_one_less_is_flagged_from_the_first_copy(stage: Stage) -> None:
    text = seal("jane@client.example", "joe@client.example")
    report = guard().check(copy("To: jane@client.example", f"X-Seal: {text}", stage=stage))
    assert [rule for rule, _, _ in found(report)] == ["missing-sealed-recipient"]
    apart = seal("jane@client.example", "joe@client.example", apart=True)
    assert found(guard().check(copy("To: jane@client.example", f"X-Seal: {apart}", stage=stage))) == []


def test_a_blind_recipient_that_all_can_see_is_flagged() -> None:
    text = seal("jane@client.example", blind=("audit@shop.example",))
    report = guard().check(copy("To: jane@client.example, audit@shop.example", f"X-Seal: {text}"))
    assert found(report) == [("unsealed-recipient", "audit@shop.example", "application")]


def test_a_lookalike_by_folding_is_named_as_one() -> None:
    text = seal("mike@client.example")
    message = copy("To: m\N{LATIN SMALL LETTER DOTLESS I}ke@client.example", f"X-Seal: {text}")
    (finding,) = (f for f in guard().check(message).findings if f.rule == "unsealed-recipient")
    assert "only looks like" in finding.summary


def test_an_event_that_carries_the_seal_is_held_against_it() -> None:
    text = seal("jane@client.example")
    from headerguard import read

    event = f'{{"event": "delivered", "email": "copy@arxxwalls.com", "sg_event_id": "1", "intent": "{text}"}}'
    (message,) = read(event.encode())
    assert found(guard().check(message)) == [("unsealed-recipient", "copy@arxxwalls.com", "unknown")]
    (clean,) = read(event.replace("copy@arxxwalls.com", "jane@client.example").encode())
    assert found(guard().check(clean)) == []


def test_a_forged_or_replayed_seal_is_not_believed() -> None:
    forged = make_seal(b"another key of some length", ["copy@arxxwalls.com"], now=NOW)
    lines = ("From: shop@shop.example", "To: copy@arxxwalls.com")
    assert [rule for rule, _, _ in found(guard().check(copy(*lines, DATE, f"X: {forged}")))] == ["unbelieved-seal"]
    old = guard().seal(["copy@arxxwalls.com"], now=NOW - LIFETIME - timedelta(days=1))
    assert [rule for rule, _, _ in found(guard().check(copy(*lines, DATE, f"X: {old}")))] == ["unbelieved-seal"]
    both = f"X: {seal('copy@arxxwalls.com')} {seal('copy@arxxwalls.com')}"
    assert [rule for rule, _, _ in found(guard().check(copy(*lines, DATE, both)))] == ["unbelieved-seal"]
    other = seal("jane@client.example")
    assert ("unsealed-recipient", "copy@arxxwalls.com", "application") in found(
        guard().check(copy(*lines, DATE, f"X: {other}"))
    )


def test_without_a_key_a_seal_is_nothing() -> None:
    assert found(Guard().check(copy("To: copy@arxxwalls.com", f"X: {seal('jane@client.example')}"))) == []


def test_a_journal_line_with_its_original_is_what_was_asked_for() -> None:
    text = seal("team@client.example")
    address, original = parse("jane@client.example"), parse("team@client.example")
    assert address
    assert original
    record = Record(originals={address.key: original})
    message = Message(copy("To: jane@client.example", f"X: {text}").header, record=record)
    assert found(guard().check(message)) == []
    assert len(found(guard().check(copy("To: jane@client.example", f"X: {text}")))) == 2
