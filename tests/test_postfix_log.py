"""The log of Postfix: one message for each queue id, whatever stands between its lines."""

from __future__ import annotations

import gzip
import io
import itertools
import random
import tracemalloc
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headerguard.errors import SourceError
from headerguard.message import Message, Stage
from headerguard.role import Role
from headerguard.sources import KINDS, postfix_log, read, window

CLASSIC = "Aug  7 10:00:00 mx1"
KIND = "postfix_log"


class Stream:
    """A pipe: forward only, and in pieces of any size."""

    def __init__(self, octets: bytes, most: int = 1 << 30) -> None:
        self.rest, self.most = io.BytesIO(octets), most

    def read(self, size: int, /) -> bytes:
        return self.rest.read(min(size, self.most))


def collect(source: Any, kind: str | None = None) -> tuple[list[Message], list[str]]:
    """Every message of a copy, and every sentence about what could not be read."""
    errors: list[SourceError] = []
    messages = list(read(source, kind, on_error=errors.append))
    return messages, [sentence.removeprefix("input: ") for error in errors for sentence in error.errors]


def line(program: str, text: str, date: str = CLASSIC) -> str:
    return f"{date} postfix/{program}[901]: {text}\n"


def delivery(queue_id: str, to: str, original: str = "", program: str = "smtp", status: str = "sent") -> str:
    first = f" orig_to=<{original}>," if original else ""
    rest = (
        f" relay=mx.client.example[192.0.2.1]:25, delay=0.9, delays=0.1/0/0.3/0.5, dsn=2.0.0, status={status} (250 ok)"
    )
    return f"{queue_id}: to=<{to}>,{first}{rest}"


def lines_of(queue_id: str, *to: str, sender: str = "b@client.example", date: str = CLASSIC) -> list[str]:
    """Every line of a message that was sent."""
    return [
        line("smtpd", f"{queue_id}: client=app.client.example[192.0.2.9]", date),
        line("cleanup", f"{queue_id}: message-id=<{queue_id}@client.example>", date),
        line("qmgr", f"{queue_id}: from=<{sender}>, size=900, nrcpt={len(to)} (queue active)", date),
        *(line("smtp", delivery(queue_id, address), date) for address in to),
        line("qmgr", f"{queue_id}: removed", date),
    ]


def octets_of(*lines: str) -> bytes:
    return "".join(lines).encode("utf-8", "surrogateescape")


def spots(message: Message) -> tuple[str, ...]:
    """The blind spots of a message besides the one that each has."""
    assert message.record is not None
    assert "no header" in message.record.blind_spots[0]
    return message.record.blind_spots[1:]


def envelope(message: Message) -> tuple[str | None, tuple[str, ...]] | None:
    return (message.envelope.mail_from, message.envelope.rcpt_to) if message.envelope else None


@pytest.mark.parametrize("kind", [None, KIND])
@pytest.mark.parametrize("queue_id", ["4LxQ7z1b2Gz3k", "9F2A1C0A2B", "3F8E2"])
def test_a_queue_id_gives_a_message(kind: str | None, queue_id: str) -> None:
    octets = octets_of(*lines_of(queue_id, "c@client.example", "relay@arxxwalls.com"))
    for source in (octets, octets.replace(b"\n", b"\r\n"), octets[:-1], Stream(octets, 7), gzip.compress(octets)):
        (message,), errors = collect(source, kind)
        assert errors == []
        assert envelope(message) == ("b@client.example", ("c@client.example", "relay@arxxwalls.com"))
        assert message.envelope is not None
        assert (message.envelope.queue_id, message.envelope.complete) == (queue_id, None)
        assert message.correlation == (f"{queue_id}@client.example", queue_id)
        assert (message.stage, message.date, message.hidden, spots(message)) == (Stage.EVENT, None, (), ())
        assert message.origin is not None
        assert (message.origin.kind, message.origin.index) == (KIND, 0)


def test_a_caller_may_say_another_stage() -> None:
    octets = octets_of(*lines_of("4LxQ7z1b2Gz3k", "c@client.example"))
    assert [m.stage for m in read(octets, stage="archive")] == [Stage.ARCHIVE]
    assert KINDS[KIND].stage is Stage.EVENT


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("2022-08-07T10:00:00.123456+02:00", datetime(2022, 8, 7, 10, 0, 0, 123456, timezone(timedelta(hours=2)))),
        ("2022-08-07T10:00:00Z", datetime(2022, 8, 7, 10, tzinfo=UTC)),
        ("2022-08-07T10:00:00+0000", datetime(2022, 8, 7, 10, tzinfo=UTC)),
        ("2022-13-07T10:00:00Z", None),
        ("Aug  7 10:00:00", None),
        ("Aug 07 10:00:00", None),
        ("Aug 7 10:00:00", None),
        ("<22>Aug  7 10:00:00", None),
    ],
)
def test_only_a_date_with_a_year_is_one(date: str, expected: datetime | None) -> None:
    (message,), errors = collect(octets_of(*lines_of("4LxQ7z1b2Gz3k", "c@client.example", date=f"{date} mx1")))
    assert errors == []
    assert message.envelope is not None
    assert message.envelope.observed == message.date == expected


@pytest.mark.parametrize("program", ["smtp", "lmtp", "local", "virtual", "pipe", "error", "discard", "bounce"])
def test_every_agent_names_recipients(program: str) -> None:
    octets = octets_of(line(program, delivery("4LxQ7z1b2Gz3k", "c@client.example", program=program, status="bounced")))
    assert [envelope(m) for m in read(octets)] == [(None, ("c@client.example",))]


@pytest.mark.parametrize(
    "tag", ["postfix/relay/smtp[1]:", "postfix-out/smtp[1]:", "postfix/smtp[1]: [ID 197553 mail.info]"]
)
def test_postfix_goes_by_several_names(tag: str) -> None:
    octets = f"{CLASSIC} {tag} {delivery('4LxQ7z1b2Gz3k', 'c@client.example')}\n".encode()
    assert [envelope(m) for m in read(octets)] == [(None, ("c@client.example",))]


@pytest.mark.parametrize("kind", [None, KIND])
@pytest.mark.parametrize("priority", ["", "<22>"])
@pytest.mark.parametrize("version", ["1 2026-11-25T10:00:00.123456+00:00", "1 2026-11-25T10:00:00Z", "1 -"])
@pytest.mark.parametrize(
    "tag",
    [
        "postfix/smtp 4 - - ",
        "postfix/smtp - - - \ufeff",
        "postfix/relay/smtp 4 ID47 - ",
        'postfix/smtp 4 - [a@32473 x="to=<x\\"]"][b y="z"] ',
    ],
)
def test_lines_in_the_form_of_rfc_5424_are_read(tag: str, version: str, priority: str, kind: str | None) -> None:
    start = f"{priority}{version} mx1 "
    octets = f"{start}cron 1 - - x\n{start}{tag}{delivery('4A1C3', 'c@client.example')}\n".encode()
    (message,), errors = collect(octets, kind)
    assert (envelope(message), errors) == ((None, ("c@client.example",)), [])
    assert (message.date is None) == version.endswith("-")


@pytest.mark.parametrize("kind", [None, KIND])
def test_a_log_whose_dates_have_a_year_and_a_fraction_is_read(kind: str | None) -> None:
    octets = f"2026-11-25T10:00:00.123456+00:00 mx postfix/smtp[4]: {delivery('4A1', 'c@client.example')}\n".encode()
    assert [envelope(m) for m in collect(octets, kind)[0]] == [(None, ("c@client.example",))]


@pytest.mark.parametrize(
    "other",
    [
        f"{CLASSIC} dovecot: lmtp(901): 4LxQ7z1b2Gz3k: to=<x@y.test>, status=sent\n",
        f"{CLASSIC} notpostfix/smtp[901]: 4LxQ7z1b2Gz3k: to=<x@y.test>, status=sent\n",
        line("smtpd", "NOQUEUE: reject: RCPT from x[192.0.2.1]: 554 5.7.1; from=<x@y.test> to=<x@y.test>"),
        line("smtpd", "4LxQ7z1b2Gz3k: to=<x@y.test>, status=sent"),
        line("qmgr", "4LxQ7z1b2Gz3k: to=<x@y.test>, status=sent"),
        line("smtp", "4LxQ7z1b2Gz3k: from=<x@y.test>, size=1, nrcpt=9 (queue active)"),
        line("smtp", "4LxQ7z1b2Gz3k: removed"),
        line("pickup", "4LxQ7z1b2Gz3k: uid=0 from=<x@y.test>"),
        line("smtp", "4LxQ7z1b2Gz3k: message-id=<x@y.test>"),
        line("cleanup", "4LxQ7z1b2Gz3k: warning: header Subject: to=<x@y.test> from x; to=<x@y.test>"),
        line("qmgr", "4LxQ7z1b2Gz3k: removed by hand"),
        line("smtp", "warning: to=<x@y.test"),
        line("smtp", delivery("4LxQ7z1b2Gz3k", "x@y.test", status="deliverable")),
        line("smtp", delivery("4LxQ7z1b2Gz3k", "x@y.test", "z@y.test", status="undeliverable")),
        "text\n\n\0\n",
    ],
)
def test_other_lines_say_nothing(other: str) -> None:
    lines = lines_of("4LxQ7z1b2Gz3k", "c@client.example")
    clean = lines[0] + other + "".join(other + text for text in lines[1:])
    messages, errors = collect(octets_of(clean))
    assert [envelope(m) for m in messages] == [("b@client.example", ("c@client.example",))]
    assert messages[0].correlation == ("4LxQ7z1b2Gz3k@client.example", "4LxQ7z1b2Gz3k")
    assert [error for error in errors if "warning" not in other] == []


@pytest.mark.parametrize("to", ["a, status=deliverable@y.test", '"a, status=deliverable, "@y.test'])
def test_an_address_is_no_status(to: str) -> None:
    text = delivery("4LxQ7z1b2Gz3k", to, status="sent").replace("250 ok", "250 status=deliverable, status=deliverable")
    assert [envelope(m) for m in read(octets_of(line("smtp", text)))] == [(None, (to,))]


def test_an_original_address_is_no_status() -> None:
    text = delivery("4LxQ7z1b2Gz3k", "c@client.example", '"a, status=deliverable, "@client.example')
    assert [envelope(m) for m in read(octets_of(line("smtp", text)))] == [(None, ("c@client.example",))]


def test_the_address_before_the_alias_is_kept() -> None:
    lines = lines_of("4LxQ7z1b2Gz3k")
    lines[3:3] = [
        line("smtp", delivery("4LxQ7z1b2Gz3k", "c@client.example", "sales@client.example")),
        line("local", delivery("4LxQ7z1b2Gz3k", "d@client.example", "root")),
        line("local", delivery("4LxQ7z1b2Gz3k", "e@client.example", "E@client.example")),
        line("smtp", delivery("4LxQ7z1b2Gz3k", "c@client.example", "other@client.example")),
        line("smtp", delivery("4LxQ7z1b2Gz3k", "f@client.example", 'a>, "b@client.example')),
    ]
    (message,), errors = collect(octets_of(*lines))
    assert errors == []
    originals = [r.original and str(r.original) for r in message.recipients]
    assert originals[:3] == ["sales@client.example", "root", None]
    assert len(message.recipients) == 4


def test_a_deferred_recipient_counts_once() -> None:
    lines = lines_of("4LxQ7z1b2Gz3k", "c@client.example")
    deferred = line("smtp", delivery("4LxQ7z1b2Gz3k", "c@client.example", status="deferred"))
    (message,), _ = collect(octets_of(*lines[:3], deferred, lines[2], deferred, lines[2], *lines[3:]))
    assert envelope(message) == ("b@client.example", ("c@client.example",))
    assert spots(message) == ()


def test_recipients_that_were_counted_and_not_named_are_a_blind_spot() -> None:
    lines = lines_of("4LxQ7z1b2Gz3k", "c@client.example", "d@client.example", "e@client.example")
    (message,), _ = collect(octets_of(*lines[:4], *lines[6:]))
    assert spots(message) == ("the queue manager counted 3 recipients, and the log names 1",)


@pytest.mark.parametrize("sender", ["", "b@client.example", '"a>, nrcpt=9, b"@client.example', "a b@client.example"])
def test_the_sender_is_read_as_it_stands(sender: str) -> None:
    (message,), errors = collect(octets_of(*lines_of("4LxQ7z1b2Gz3k", "c@client.example", sender=sender)))
    assert (envelope(message), errors, spots(message)) == ((sender, ("c@client.example",)), [], ())


def test_a_log_that_begins_too_late_says_so() -> None:
    (message,), errors = collect(octets_of(*lines_of("4LxQ7z1b2Gz3k", "c@client.example", "d@client.example")[4:]))
    assert (envelope(message), errors) == ((None, ("d@client.example",)), [])
    assert [spot.partition(":")[0] for spot in spots(message)] == ["the log begins after the message was queued"]


def test_a_log_that_ends_too_early_says_so() -> None:
    lines = lines_of("4LxQ7z1b2Gz3k", "c@client.example")
    (message,), errors = collect(octets_of(*lines[:-1]))
    assert (envelope(message), errors) == (("b@client.example", ("c@client.example",)), [])
    assert spots(message) == ("the log ends before the message was removed from the queue",)


def test_a_sender_alone_claims_no_envelope() -> None:
    (message,), _ = collect(octets_of(*lines_of("4LxQ7z1b2Gz3k", "c@client.example")[:3]))
    assert message.envelope is None
    assert [(str(s.address), s.role) for s in message.sightings] == [("b@client.example", Role.BOUNCE)]
    assert message.correlation == ("4LxQ7z1b2Gz3k@client.example", "4LxQ7z1b2Gz3k")
    assert spots(message)[0] == "the queue manager counted 1 recipients, and the log names 0"


def test_a_message_that_was_refused_is_none() -> None:
    refused = lines_of("4LxQ7z1b2Gz3m", "x@y.test")[:2]
    messages, errors = collect(octets_of(*refused, *lines_of("4LxQ7z1b2Gz3k", "c@client.example")))
    assert (len(messages), errors) == (1, [])
    assert collect(octets_of(*refused)) == ([], ["holds no line in which Postfix names a sender or a recipient"])


@pytest.mark.parametrize("octets", [b"", b"\n", b"\0" * 99, b"text", CLASSIC.encode() + b" cron[1]: x\n"])
def test_a_file_without_a_line_of_postfix_is_an_error(octets: bytes) -> None:
    assert collect(octets, KIND) == ([], ["holds no line in which Postfix names a sender or a recipient"])


def test_a_queue_id_that_comes_again_is_another_message() -> None:
    octets = octets_of(*lines_of("9F2A1C0A2B", "c@client.example"), *lines_of("9F2A1C0A2B", "d@client.example"))
    octets *= 2
    messages = list(read(octets))
    assert [m.envelope and m.envelope.rcpt_to for m in messages] == [("c@client.example",), ("d@client.example",)] * 2
    assert [m.origin and m.origin.index for m in messages] == [0, 1, 2, 3]


def test_of_two_senders_of_an_open_queue_id_the_first_counts() -> None:
    lines = lines_of("9F2A1C0A2B", "c@client.example")
    (message,), errors = collect(octets_of(*lines[:3], lines[2].replace("b@", "x@"), *lines[3:]))
    assert (envelope(message), errors) == (("b@client.example", ("c@client.example",)), [])


def test_the_same_queue_id_of_two_hosts_is_two_messages() -> None:
    one = lines_of("9F2A1C0A2B", "c@client.example")
    two = lines_of("9F2A1C0A2B", "d@client.example", date="Aug  7 10:00:00 mx2")
    mixed = [text for pair in zip(one, two, strict=True) for text in pair]
    assert [m.envelope and m.envelope.rcpt_to for m in read(octets_of(*mixed))] == [
        ("c@client.example",),
        ("d@client.example",),
    ]


def test_a_truncated_log_loses_no_line_that_is_whole() -> None:
    octets = octets_of(*lines_of("4LxQ7z1b2Gz3k", "c@client.example", "relay@arxxwalls.com"))
    for size in range(len(octets)):
        messages, errors = collect(octets[:size], KIND)
        assert messages or errors
        whole = octets[:size].count(b"smtp[901]: 4LxQ7z1b2Gz3k: to=<c@client.example>,")
        whole += octets[:size].count(b"to=<relay@arxxwalls.com>,")
        found = {path for m in messages if m.envelope for path in m.envelope.rcpt_to}
        assert whole <= len(found) <= 2, size
        assert found <= {"c@client.example", "relay@arxxwalls.com"}, size
    messages, errors = collect(octets[: octets.index(b"relay@arxx") + 9])
    assert [envelope(m) for m in messages] == [("b@client.example", ("c@client.example",))]
    assert errors == ["line 5: its address has no end"]


@pytest.mark.parametrize("at", [0, 3, 5])
def test_a_line_of_ten_mebibytes_costs_no_memory_and_no_message(at: int) -> None:
    lines = lines_of("4LxQ7z1b2Gz3k", "c@client.example")
    lines.insert(at, line("smtp", "4LxQ7z1b2Gz3k: to=<" + "x" * (10 << 20)))
    octets = octets_of(*lines)
    tracemalloc.start()
    messages, errors = collect(Stream(octets), KIND)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert ("b@client.example", ("c@client.example",)) in map(envelope, messages)
    assert errors == [f"line {at + 1}: its address has no end"]
    assert peak < 8 << 20


def test_a_long_line_is_read_at_its_start_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postfix_log, "CHUNK", 1_000)
    monkeypatch.setattr(window, "CHUNK", 1_000)
    lines = lines_of("4LxQ7z1b2Gz3k", "c@client.example")
    for length, most in itertools.product((1_000, 1_001, 3_000), (8, 1_000, 1 << 20)):
        long = "x" * length + line("smtp", delivery("4LxQ7z1b2Gz3k", "x@y.test"))
        messages, errors = collect(Stream(octets_of(long, *lines), most), KIND)
        assert [envelope(m) for m in messages] == [("b@client.example", ("c@client.example",))]
        assert errors == []


def test_an_address_that_no_server_takes_has_no_end() -> None:
    octets = octets_of(line("smtp", delivery("4LxQ7z1b2Gz3k", "x" * postfix_log.LINE + "@y.test")))
    assert collect(octets)[1][0] == "line 1: its address has no end"


def test_a_hundred_thousand_recipients_are_all_there() -> None:
    to = [f"c{n}@client.example" for n in range(100_000)]
    (message,), errors = collect(octets_of(*lines_of("4LxQ7z1b2Gz3k", *to)))
    assert envelope(message) == ("b@client.example", tuple(to))
    assert (errors, spots(message)) == ([], ())


def test_more_open_queue_ids_than_are_kept_give_their_messages_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postfix_log, "HELD", 100_000)
    started = [lines_of(f"4LxQ7z1b2Gz{n}", f"c{n}@client.example")[:-1] for n in range(1_000)]
    octets = octets_of(*(text for lines in started for text in lines), line("qmgr", "4LxQ7z1b2Gz999: removed"))
    messages, errors = collect(octets)
    assert errors == []
    recipients = [path for m in messages if m.envelope for path in m.envelope.rcpt_to]
    assert sorted(recipients) == sorted(f"c{n}@client.example" for n in range(1_000))
    said = [spots(m)[-1].partition(":")[0] if spots(m) else "" for m in messages]
    assert said.count("more messages were open at a time than are kept in mind") > 800
    assert said.count("the log ends before the message was removed from the queue") > 30
    assert recipients[0] == "c0@client.example"
    assert said.count("") == 1


def test_room_for_a_long_entry_is_made_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postfix_log, "HELD", 30_000)
    small = [lines_of(f"4LxQ7z1b2Gz{n}", "c@client.example")[3] for n in range(30)]
    octets = octets_of(*small, line("smtp", delivery("4LxQ7z1b2Gz3k", "x" * 15_000 + "@y.test")))
    said = [spots(m)[-1].partition(" ")[0] for m in read(octets)]
    assert said == ["more"] * 12 + ["the"] * 19  # 784 octets each, and 15,775


def test_a_single_message_that_is_too_much_comes_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postfix_log, "HELD", 100_000)
    to = [f"c{n}@client.example" for n in range(2_000)]
    messages, errors = collect(octets_of(*lines_of("4LxQ7z1b2Gz3k", *to)))
    assert errors == []
    assert [path for m in messages if m.envelope for path in m.envelope.rcpt_to] == to
    assert {m.envelope and m.envelope.queue_id for m in messages} == {"4LxQ7z1b2Gz3k"}
    assert len(messages) < 20


def test_memory_does_not_grow_with_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postfix_log, "HELD", 1 << 20)
    octets = octets_of(*(text for n in range(20_000) for text in lines_of(f"4LxQ7z1b2Gz{n}", "c@client.example")[1:4]))
    tracemalloc.start()
    count = sum(1 for _ in read(Stream(octets)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 20_000
    assert peak < 16 << 20


@pytest.mark.parametrize(
    ("octets", "kind"),
    [
        (line("smtpd", "connect from x").encode(), KIND),
        (b"\xef\xbb\xbf" + line("qmgr", "4LxQ7z1b2Gz3k: removed").encode(), None),
        (f"{CLASSIC} cron[1]: x\n{line('smtpd', 'connect')}".encode(), KIND),
        (f"{CLASSIC} cron[1]: x\n".encode() * 3_000 + line("smtpd", "connect").encode(), None),
        (f"{CLASSIC} cron[1]: postfix/smtpd[1]: x\n".encode(), None),
        (b"2022-08-07T10:00:00Z mx1 postfix/smtpd[1]: connect\n", KIND),
        (b"To: c@client.example\n" + line("smtpd", "connect").encode(), None),
        (b"<22>1 2022-08-07T10:00:00Z mx1 postfix/smtpd 1 - - connect\n", KIND),
        (b"1 2022-08-07T10:00:00Z mx1 cron 1 - - postfix/smtpd 1 - - x\n", None),
        (b"", None),
    ],
)
def test_a_log_is_recognised_by_its_first_lines(octets: bytes, kind: str | None) -> None:
    held = window.Window(Stream(octets))
    held.hold(1 << 20)
    for copy in (window.Window(Stream(octets)), held):
        assert postfix_log.recognise(copy) == kind


IDS = st.lists(st.integers(0, 9), min_size=1, max_size=6, unique=True)
LOCAL = st.text(st.characters(codec="utf-8", exclude_characters='\n\r"<>\\'), max_size=9)


@given(
    IDS, st.lists(LOCAL, min_size=1, max_size=4, unique=True), st.randoms(use_true_random=False), st.integers(1, 999)
)
@settings(deadline=None)
def test_queue_ids_that_are_interleaved_are_told_apart(
    numbers: list[int], locals_: list[str], shuffle: random.Random, most: int
) -> None:
    to = [f"{local}@client.example" for local in locals_]
    streams = [lines_of(f"4LxQ7z1b2Gz{n}", *(f"{n}{address}" for address in to)) for n in numbers]
    order = [n for n, lines in enumerate(streams) for _ in lines]
    shuffle.shuffle(order)
    rest = [iter(lines) for lines in streams]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postfix_log, "CHUNK", 256)
        patch.setattr(window, "CHUNK", 256)
        messages, errors = collect(Stream(octets_of(*(next(rest[n]) for n in order)), most), KIND)
    assert errors == []
    found = {m.envelope.queue_id: m.envelope.rcpt_to for m in messages if m.envelope}
    assert found == {f"4LxQ7z1b2Gz{n}": tuple(f"{n}{address}" for address in to) for n in numbers}
    assert [spots(m) for m in messages] == [()] * len(numbers)


PIECES = st.lists(
    st.one_of(
        st.sampled_from(lines_of("4LxQ7z1b2Gz3k", "c@client.example")).map(str.encode),
        st.sampled_from(
            [b"\n", b"\0", b"\xff", b"to=<", b"x" * 99, CLASSIC.encode(), b" postfix/smtp[1]: 3F8E2: to=<"]
        ),
        st.binary(max_size=9),
    ),
    max_size=12,
).map(b"".join)


@given(PIECES)
def test_any_octets_give_messages_or_sentences(octets: bytes) -> None:
    messages, errors = collect(octets, KIND)
    assert messages or errors
    for message in messages:
        assert message.envelope is None or message.envelope.rcpt_to
        assert {s.address for s in message.sightings} >= {r.address for r in message.recipients}
