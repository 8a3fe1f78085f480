"""The Received chain and the second reading, whatever the parser behind them does."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import mailparser
import mailparser.utils
import pytest
from hypothesis import HealthCheck, given, settings

from headerguard.header import Header
from headerguard.trace import SECOND_READER_FIELDS, Relay, relays, second_reading
from strategies import blocks

# Newest first, as servers write them (RFC 5321 section 4.4).
CHAIN = (
    b"Received: from out.esp.example (out.esp.example [192.0.2.7])\r\n"
    b"\tby mx.client.example with ESMTPS id 4ABC for <jane@client.example>;\r\n"
    b"\tSun, 7 Aug 2022 10:00:05 +0200\r\n"
    b"Received: from app.shop.example by out.esp.example with ESMTP id 4XYZ;\r\n"
    b" Sun, 7 Aug 2022 08:00:00 +0000\r\n"
    b"From: shop@shop.example\r\n"
)


def test_the_first_hop_comes_first() -> None:
    first, last = relays(Header(CHAIN))
    assert (first.from_host, first.by, first.queue_id) == ("app.shop.example", "out.esp.example", "4XYZ")
    assert first.recipient is None
    assert first.date == datetime(2022, 8, 7, 8, 0, tzinfo=UTC)
    assert last.by is not None
    assert last.by.startswith("mx.client.example")
    assert last.queue_id == "4ABC"
    assert str(last.recipient) == "jane@client.example"
    assert last.date == datetime(2022, 8, 7, 8, 0, 5, tzinfo=UTC)


def test_a_date_is_in_utc() -> None:
    for hop in relays(Header(CHAIN)):
        assert hop.date is not None
        assert hop.date.utcoffset() is not None
        assert hop.date.utcoffset() == UTC.utcoffset(None)


def test_no_received_field_no_relay() -> None:
    assert relays(Header(b"To: a@x.example\r\n")) == ()


UNKNOWN = Relay(None, None, None, None, None, None)


def test_a_hop_that_cannot_be_read_keeps_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    real = mailparser.utils.receiveds_parsing

    def fails_on_esp(texts: list[str]) -> Any:
        if "4XYZ" in texts[0]:
            raise RecursionError("too deep")
        return real(texts)

    monkeypatch.setattr(mailparser.utils, "receiveds_parsing", fails_on_esp)
    first, last = relays(Header(CHAIN))
    assert first == UNKNOWN
    assert last.queue_id == "4ABC"


@pytest.mark.parametrize(
    "answer",
    [
        [],
        [{}],
        [{"by": None, "from": 3, "date_utc": "yesterday", "for": ""}],
        [{"date_utc": 5}],
        None,
        [[]],
        [{"for": "\ud800@x"}],
    ],
)
def test_any_answer_of_the_parser_is_an_answer(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    monkeypatch.setattr(mailparser.utils, "receiveds_parsing", lambda _texts: answer)
    found = relays(Header(CHAIN))
    assert len(found) == 2
    for hop in found:
        assert (hop.by, hop.from_host, hop.date) == (None, None, None)


@pytest.mark.parametrize("error", [ValueError, AttributeError, TypeError, RecursionError, KeyError, AssertionError])
def test_whatever_the_parser_raises_is_an_answer(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def fail(*_: object) -> None:
        raise error("hostile")

    monkeypatch.setattr(mailparser.utils, "receiveds_parsing", fail)
    monkeypatch.setattr(mailparser, "parse_from_bytes", fail)
    assert relays(Header(CHAIN)) == (UNKNOWN, UNKNOWN)
    refusal = second_reading(Header(b"To: a@x.example\r\n"))
    assert isinstance(refusal, str)
    assert error.__name__ in refusal


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"(((((",
        b"from",
        b"by by by by;;;;",
        b"from \xff by \x00; \xfe",
        b"from a by b; Mon, 99 Foo 20222 99:99:99 +9999",
        b"from a (b (c (d) e) f) by g (h) with SMTP id <i> for <j@k.example>; Mon, 1 Jan 2024 00:00:00 +0000",
        b"from [" + b"(" * 3000 + b"] by x; Mon, 1 Jan 2024 00:00:00 +0000",
        b"for <a@x.example> for <b@x.example>",
        b"=?utf-8?b?!!!?= by =?x?q??=",
    ],
)
def test_a_hostile_field_is_one_relay(value: bytes) -> None:
    block = b"Received: " + value + b"\r\n" + CHAIN
    found = relays(Header(block))
    assert len(found) == 3
    assert found[0].queue_id == "4XYZ"
    assert found[1].queue_id == "4ABC"


# mail-parser warns about what it meets; here it is only asked not to raise.
@pytest.mark.filterwarnings("ignore")
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(blocks())
def test_no_header_makes_them_raise(block: bytes) -> None:
    header = Header(b"Received: x\r\n" + block)
    assert len(relays(header)) == len(header.all("received"))
    reading = second_reading(header)
    assert isinstance(reading, str) or set(reading) == set(SECOND_READER_FIELDS)


# ---- the second reading --------------------------------------------------------------------------------------


def reading(block: bytes) -> dict[str, frozenset[str]]:
    found = second_reading(Header(block))
    assert isinstance(found, dict)
    return found


def test_what_the_second_reader_sees() -> None:
    found = reading(b"From: Shop <Shop@Shop.example>\r\nTo: a@x.example, B <b@x.example>\r\nBcc: c@x.example\r\n")
    assert found == {
        "from": frozenset({"shop@shop.example"}),
        "to": frozenset({"a@x.example", "b@x.example"}),
        "cc": frozenset(),
        "bcc": frozenset({"c@x.example"}),
        "reply-to": frozenset(),
    }


def test_it_gets_clean_names_so_that_it_does_not_stop_at_an_odd_one() -> None:
    found = reading(b"To: a@x.example\r\nno colon here\r\nBcc : c@x.example\r\nReply-To\t:d@x.example\r\n")
    assert found["bcc"] == {"c@x.example"}
    assert found["reply-to"] == {"d@x.example"}


def test_it_gets_the_address_fields_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    given_: list[bytes] = []

    def note(octets: bytes) -> Any:
        given_.append(octets)
        raise ValueError("enough")

    monkeypatch.setattr(mailparser, "parse_from_bytes", note)
    second_reading(Header(b"Subject: secret\r\nTo: a@x.example\r\nX-Key: k\r\nCc:\r\n b@x.example\r\n"))
    assert given_ == [b"to: a@x.example\r\ncc:\r\n b@x.example\r\n\r\n"]


def test_by_design_it_returns_the_first_of_several_fields() -> None:
    """The documented limit that makes it a second opinion and no more."""
    found = reading(b"Bcc: a@x.example\r\nBcc: b@x.example\r\n")
    assert found["bcc"] == {"a@x.example"}


def test_a_header_that_it_refuses_is_a_sentence() -> None:
    """Measured: one bad base64 word in a display name raises out of mail-parser 4.8."""
    found = second_reading(Header(b"To: =?utf-8?b?!!!notbase64?= <a@x.example>\r\n"))
    assert isinstance(found, str) or found["to"] == {"a@x.example"}


def test_nobody_is_named_in_a_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        relays(Header(CHAIN))
        second_reading(Header(b"To: jane@client.example\r\nBcc: jane@client.example\x00\r\n"))
    assert "jane" not in caplog.text
    assert "shop" not in caplog.text
