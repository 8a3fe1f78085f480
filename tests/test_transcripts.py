"""Batch SMTP and the callbacks of milters: a message with its envelope for each transaction, whatever is in between."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headerguard.errors import SourceError
from headerguard.header import header_length
from headerguard.message import Message, Stage
from headerguard.role import Role
from headerguard.sources import KINDS, path, read, rfc5322, transaction, transcript, window
from headerguard.sources import body as bodies

LINE_ENDS = pytest.mark.parametrize("eol", [b"\n", b"\r\n"], ids=["lf", "crlf"])
BSMTP, MILTER = "exim_bsmtp", "milter_events"
HEAD = b"From: shop@client.example\nTo: c@client.example\nSubject: number %d\n\n"


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


def seen(message: Message) -> bytes:
    return message.header.text.encode("latin-1")


def stuffed(octets: bytes) -> bytes:
    return b"".join(b"." * line.startswith(b".") + line for line in octets.splitlines(keepends=True))


def batch(
    number: int = 0, body: bytes = b"Hello\n", to: tuple[bytes, ...] = (b"c@client.example", b"relay@arxxwalls.com")
) -> bytes:
    """A transaction as Exim writes it."""
    recipients = b"".join(b"RCPT TO:<%s>\n" % path for path in to)
    return b"MAIL FROM:<b@client.example>\n%sDATA\n%s.\n" % (recipients, stuffed(HEAD % number + body))


def paths(message: Message) -> tuple[str | None, tuple[str, ...]] | None:
    return (message.envelope.mail_from, message.envelope.rcpt_to) if message.envelope else None


# ---- paths


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<a@b.test>", ("a@b.test", "")),
        (" \t<a@b.test> SIZE=1", ("a@b.test", " SIZE=1")),
        ("<>", ("", "")),
        ('<"a>, <b\\""@c.test>, rest', ('"a>, <b\\""@c.test', ", rest")),
        ('<a"b@c.test>x', ('a"b@c.test', "x")),
        ("<@a.test,@b.test:c@d.test>", ("@a.test,@b.test:c@d.test", "")),
        ("<a@b.test", None),
        ("a@b.test SIZE=1", None),
        ("", None),
    ],
)
def test_a_path_is_cut_from_what_follows(text: str, found: tuple[str, str] | None) -> None:
    assert path.cut(text) == found


def test_a_path_without_brackets_counts_where_mailers_write_it() -> None:
    assert path.cut(" a@b.test SIZE=1", bare=True) == ("a@b.test", " SIZE=1")
    assert path.cut("<a@b.test", bare=True) is None
    assert path.cut("<a b@c.test>", bare=True) == ("a b@c.test", "")


@pytest.mark.parametrize(
    ("parameters", "address"),
    [
        (" ORCPT=rfc822;x@y.test", "x@y.test"),
        (" NOTIFY=NEVER orcpt=RFC822;x+2By+3D1@y.test", "x+y=1@y.test"),
        (" ORCPT=utf-8;j\\x{F6}rg@y.test", "jörg@y.test"),
        (" ORCPT=utf-8;j\\x{FFFFFF}@y.test", "jx{FFFFFF}@y.test"),
        (" ORCPT=x400;/c=de", None),
        (" XORCPT=rfc822;x@y.test", None),
        ("", None),
    ],
)
def test_the_original_recipient_is_decoded(parameters: str, address: str | None) -> None:
    found = path.original(parameters)
    assert (found and str(found)) == address


@given(st.text(max_size=40), st.booleans())
def test_any_text_is_cut_or_not(text: str, bare: bool) -> None:
    found = path.cut(text, bare=bare)
    assert found is None or text.endswith(found[1])
    path.original(text)
    path.original(" ORCPT=rfc822;" + text)
    path.reverse_path(text, "from_")


# ---- batch SMTP


@LINE_ENDS
@pytest.mark.parametrize("kind", [None, BSMTP])
@pytest.mark.parametrize("most", [1 << 30, 5])
def test_every_transaction_gives_its_message_with_its_envelope(eol: bytes, kind: str | None, most: int) -> None:
    octets = (
        b"HELO mx.example\n" + batch(0) + b"RSET\n\n" + batch(1, b".x\n..\n. \n\n.\n") + batch(2) + b"QUIT\n"
    ).replace(b"\n", eol)
    for source in (octets, Stream(octets, most)):
        messages, errors = collect(source, kind)
        assert errors == []
        assert [seen(m) for m in messages] == [(HEAD % n)[:-1].replace(b"\n", eol) for n in range(3)]
        assert {paths(m) for m in messages} == {("b@client.example", ("c@client.example", "relay@arxxwalls.com"))}
        assert {m.hidden for m in messages} == {("relay@arxxwalls.com",)}
        assert [(m.origin.kind, m.origin.index) for m in messages if m.origin] == [(BSMTP, n) for n in range(3)]
        assert {(m.stage, m.record) for m in messages} == {(Stage.SUBMITTED, None)}


def test_commands_are_read_in_any_case_and_form() -> None:
    octets = b"ehlo x\nverb on\nmail from: <>\nrcpt to:c@client.example NOTIFY=NEVER\ndata\n" + HEAD % 0 + b".\n"
    (message,), errors = collect(octets)
    assert (paths(message), errors) == (("", ("c@client.example",)), [])


def test_what_passed_a_server_is_delivered() -> None:
    ((message,), _) = collect(batch().replace(b"DATA\n", b"DATA\nReceived: by mx.example\n"))
    assert message.stage is Stage.DELIVERED


@LINE_ENDS
def test_dots_at_the_start_of_header_lines_are_taken_off(eol: bytes) -> None:
    octets = batch().replace(b"Subject:", b"..odd: x\n.\n.Cc: d@client.example\nSubject:").replace(b".\n.Cc", b".Cc")
    (message,), errors = collect(octets.replace(b"\n", eol))
    assert errors == []
    assert b"\n.odd: x" in seen(message).replace(b"\r", b"")
    assert "cc" in message.names


@LINE_ENDS
@pytest.mark.parametrize("fields", [b"", b"To: c@client.example\n", b"\n\nTo: c@client.example\n", b"\n"])
def test_a_message_can_end_in_its_header(eol: bytes, fields: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rfc5322, "_STEP", 16)
    octets = (b"MAIL FROM:<b@client.example>\nRCPT TO:<c@client.example>\nDATA\n" + fields + b".\n" + batch(1)).replace(
        b"\n", eol
    )
    for source in (octets, Stream(octets, 1)):
        messages, errors = collect(source)
        assert seen(messages[0]) == fields.replace(b"\n", eol)[: len(seen(messages[0]))]
        assert ("to" in messages[0].names) == (b"To" in fields)
        assert [m.subject for m in messages] == ["", "number 1"]
        assert errors == ([] if b"To" in fields else ["record 0: its message has no header field"])


def test_orcpt_names_the_address_before_it_was_expanded() -> None:
    octets = batch().replace(b"c@client.example>", b"c@client.example> ORCPT=rfc822;sales+2Beu@client.example")
    octets = octets.replace(b"arxxwalls.com>", b"arxxwalls.com> NOTIFY=NEVER ORCPT=rfc822;RELAY@arxxwalls.com")
    (message,), errors = collect(octets)
    assert errors == []
    assert [str(r.original) for r in message.recipients] == ["sales+eu@client.example", "None"]


SEVERAL = pytest.mark.parametrize(
    "text",
    [
        "<c@client.example> <relay@arxxwalls.com>",
        "<c@client.example>,<relay@arxxwalls.com>",
        "<c@client.example><relay@arxxwalls.com> NOTIFY=NEVER",
        "<c@client.example> SIZE=1 relay@arxxwalls.com",
        "c@client.example <relay@arxxwalls.com>",
        '<c@client.example> <"x>y" relay@arxxwalls.com>',
    ],
)


@SEVERAL
def test_a_second_path_is_a_recipient_and_an_error(text: str) -> None:
    (message,), errors = collect(batch(to=(b"d@client.example",)).replace(b"<d@client.example>", text.encode()))
    assert "relay@arxxwalls.com" in message.hidden
    assert errors == ["record 0: more than one path for one recipient; all were read"]


@pytest.mark.parametrize("parameter", ["ORCPT=rfc822;x@y.test", "XKEY=x@y.test", "NOTIFY=NEVER", ""])
def test_a_parameter_is_no_path(parameter: str) -> None:
    octets = batch(to=(b"c@client.example",)).replace(b"example>\nDATA", f"example> {parameter}\nDATA".encode())
    (message,), errors = collect(octets)
    assert (paths(message), errors) == (("b@client.example", ("c@client.example",)), [])


@pytest.mark.parametrize("reset", [b"RSET\n", b"EHLO x\n", b"QUIT\n", b"", None])
def test_recipients_without_a_message_are_an_error_and_the_rest_is_read(reset: bytes | None) -> None:
    start = b"MAIL FROM:<b@client.example>\nRCPT TO:<c@client.example>\nRCPT TO:<d@client.example>\n"
    messages, errors = collect(start if reset is None else start + reset + batch(1))
    expected = [] if reset is None else [("number 1", 1)]
    assert [(m.subject, m.origin and m.origin.index) for m in messages] == expected
    assert errors == ["record 0: no DATA follows MAIL FROM and 2 RCPT TO"]


def test_data_without_recipients_claims_no_envelope() -> None:
    (message,), errors = collect(batch(to=()))
    assert message.envelope is None
    assert [(str(s.address), s.role) for s in message.sightings if s.field == "mail from"] == [
        ("b@client.example", Role.BOUNCE)
    ]
    assert errors == ["record 0: DATA without a recipient"]


def test_a_truncated_batch_loses_no_message() -> None:
    octets = batch(0) + batch(1)
    ends = (len(batch(0)), len(octets))
    for size in range(len(octets) + 1):
        messages, errors = collect(octets[:size], BSMTP)
        assert len(messages) == (octets[:size] + b"\n").count(b"\nDATA\n"), size
        assert bool(errors) == (size not in ends and size + 1 not in ends), size
    assert "no line with a dot ends its message" in collect(batch()[:-2])[1][0]


def test_lines_that_are_no_commands_are_said_once_in_a_row() -> None:
    octets = b"\n250 ok\n\n250 ok\n" + batch(0) + b"text\0\n\nmore\n" + batch(1) + b"RCPT TO:\nMAIL FROM:\n"
    messages, errors = collect(octets, BSMTP)
    assert [m.subject for m in messages] == ["number 0", "number 1"]
    assert errors == [
        "record 0: a line that is no SMTP command",
        "record 1: a line that is no SMTP command",
        "record 2: RCPT TO without a path",
        "record 2: no DATA follows MAIL FROM and 0 RCPT TO",
        "record 3: MAIL FROM without a path",
        "record 3: no DATA follows MAIL FROM and 0 RCPT TO",
    ]


def test_bdat_ends_the_reading_of_a_batch() -> None:
    messages, errors = collect(batch(0) + b"BDAT 9 LAST\nMAIL FROM:<x@y.test>\n")
    assert ([m.subject for m in messages], errors) == (
        ["number 0"],
        ["record 1: BDAT is not read, nor anything after it"],
    )


@pytest.mark.parametrize("kind", [None, BSMTP])
@pytest.mark.parametrize(
    "start", [b"\xef\xbb\xbf", b"XFORWARD NAME=a ADDR=192.0.2.1\n", b"\xef\xbb\xbfEHLO x\nXCLIENT\n"]
)
def test_what_stands_before_the_first_transaction_costs_nothing(start: bytes, kind: str | None) -> None:
    (message,), errors = collect(start + batch(), kind)
    assert (paths(message), errors) == (("b@client.example", ("c@client.example", "relay@arxxwalls.com")), [])


@pytest.mark.parametrize("octets", [b"", b"\n\r\n", b"QUIT\n", b"NOOP"])
def test_a_batch_of_nothing_is_an_error(octets: bytes) -> None:
    assert collect(octets, BSMTP) == ([], ["holds no SMTP transaction"])


def test_a_stray_dot_hides_no_message() -> None:
    octets = (batch(0, b"text\n") + batch(1)).replace(b"\n", b"\r\n").replace(b"text\r\n", b"text\n.\nmore\r\n")
    messages, errors = collect(octets)
    assert [m.subject for m in messages] == ["number 0", "number 1"]
    assert errors == ["record 1: a line that is no SMTP command"]


@pytest.mark.parametrize("at", ["before", "command", "header", "body", "unended"])
def test_a_line_of_ten_mebibytes_costs_no_memory_and_no_message(at: str) -> None:
    line = b"x" * (10 << 20)
    octets = {
        "before": line + b"\n" + batch(0),
        "command": b"MAIL FROM:<" + line + b">\n" + batch(0),
        "header": batch(0).replace(b"Subject", b"X-Long: %s\nSubject" % line),
        "body": batch(0, line + b"\n"),
        "unended": batch(0) + line,
    }[at]
    tracemalloc.start()
    messages, errors = collect(Stream(octets), BSMTP)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [m.subject for m in messages] == ["number 0"]
    assert [error.partition(": ")[2] for error in errors] == ["a line that is too long"] * (
        at not in ("header", "body")
    )
    assert peak < (120 << 20 if at == "header" else 8 << 20)


def test_the_rest_of_a_long_line_is_no_command() -> None:
    octets = b"x" * transcript.LINE + b"MAIL FROM:<x@y.test>\n" + batch(0)
    messages, errors = collect(octets, BSMTP)
    assert ([m.subject for m in messages], errors) == (["number 0"], ["record 0: a line that is too long"])


@LINE_ENDS
def test_the_end_of_a_message_is_found_where_two_chunks_meet(eol: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "CHUNK", 64)
    monkeypatch.setattr(transcript, "LINE", 64)
    monkeypatch.setattr(window, "CHUNK", 64)
    monkeypatch.setattr(rfc5322, "AHEAD", 0)
    monkeypatch.setattr(rfc5322, "_STEP", 16)
    for length in range(500, 640):  # behind what is looked at to tell an archive
        for first in (batch(0, b"x" * length + b"\n.x\n"), batch(0).replace(b"\n\nHello", b"x" * length)):
            messages, errors = collect(Stream((first + batch(1)).replace(b"\n", eol), 64), BSMTP)
            assert [m.subject[:8] for m in messages] == ["number 0", "number 1"]
            assert errors == []
            assert first.count(b"RCPT") == len(messages[0].recipients)


def test_a_hundred_thousand_recipients_are_all_there() -> None:
    to = tuple(b"c%d@client.example" % n for n in range(100_000))
    (message,), errors = collect(batch(to=to))
    assert errors == []
    assert message.envelope is not None
    assert len(set(message.envelope.rcpt_to)) == 100_000


def test_more_recipients_than_are_kept_are_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transaction, "LIMIT", 1 << 20)
    to = tuple(b"c%d@client.example" % n for n in range(10_000))
    messages, errors = collect(batch(0, to=to) + batch(1))
    assert errors == [f"record 0: {transaction.FULL}"]
    assert messages[0].envelope is not None
    assert 2_000 < len(messages[0].envelope.rcpt_to) < 10_000
    assert paths(messages[1]) is not None


def test_a_long_body_costs_no_memory() -> None:
    octets = batch(0)[:-2] + b"\n...\n.. x\n" * (1 << 20) + b".\n" + batch(1)
    tracemalloc.start()
    messages, errors = collect(Stream(octets))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert ([m.subject for m in messages], errors) == (["number 0", "number 1"], [])
    assert peak < 8 << 20 < len(octets)


@pytest.mark.parametrize(
    ("octets", "kind"),
    [
        (b"MAIL FROM:<>\n", BSMTP),
        (b"mail from:<a@b.test>\n", BSMTP),
        (b"LHLO x\r\nNOOP\r\nMAIL FROM:<>\r\n", BSMTP),
        (b"HELO there\nTo: c@client.example\n\n", "eml"),
        (b"MAIL FROM: x", BSMTP),
        (b"EHLO x\nXFORWARD NAME=a\nMAIL FROM:<>\n", BSMTP),
        (b"xclient NAME=a\r\nMAIL FROM:<>\r\n", BSMTP),
        (b"220 mx.example ESMTP\r\nEHLO x\r\n250-mx.example\r\n250 SIZE\r\nMAIL FROM:<>\r\n", BSMTP),
        (b"\xef\xbb\xbfMAIL FROM:<>\n", BSMTP),
        (b"\xef\xbb\xbf\r\nEHLO x\r\n\r\nMAIL FROM:<>\r\n", BSMTP),
        (b"XFORWARD: x\nMAIL FROM:<>\n", "eml"),
        (b"220 mx.example ESMTP\r\nTo: x@y.test\r\n", "eml"),
        (b"Mail: x\n\nMAIL FROM:<>\n", "eml"),
        (b"EHLO " + b"x" * 5_000 + b"\nMAIL FROM:<>\n", "eml"),
    ],
)
def test_a_batch_is_recognised_by_its_first_lines(octets: bytes, kind: str) -> None:
    found = transcript.recognise_bsmtp(window.Window(Stream(octets)))
    assert (found or "eml") == kind


LOCAL = st.sampled_from(["c", "relay", '"a b"', "bcc+x", "jörg"])
ADDRESSES = st.lists(st.builds("{}{}@client.example".format, LOCAL, st.integers(0, 9)), min_size=1, max_size=4)
BODY = st.lists(
    st.sampled_from([b"", b".", b"..", b".x", b"text", b"MAIL FROM:<x@y.test>", b"DATA", b"\r", b"To: x@y.test"]),
    max_size=8,
).map(lambda lines: b"".join(line + b"\n" for line in lines))


@given(
    st.lists(st.tuples(ADDRESSES, BODY), min_size=1, max_size=4), st.integers(1, 400), st.sampled_from([b"\n", b"\r\n"])
)
@settings(deadline=None)
def test_what_is_written_as_a_batch_comes_back(
    transactions: list[tuple[list[str], bytes]], most: int, eol: bytes
) -> None:
    octets = (
        b"".join(batch(n, body, tuple(address.encode() for address in to)) for n, (to, body) in enumerate(transactions))
        .replace(b"\r", b"")
        .replace(b"\n", eol)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bodies, "CHUNK", 64)
        patch.setattr(window, "CHUNK", 64)
        patch.setattr(rfc5322, "_STEP", 16)
        messages, errors = collect(Stream(octets, most), BSMTP)
    assert errors == []
    assert [paths(m) for m in messages] == [("b@client.example", tuple(to)) for to, _ in transactions]
    assert [m.subject for m in messages] == [f"number {n}" for n in range(len(transactions))]
    assert {bytes(seen(m))[: header_length(seen(m))] for m in messages} == {seen(m) for m in messages}


PIECES = st.lists(
    st.sampled_from(
        [
            b"MAIL FROM:<a@b.test>",
            b"RCPT TO:<c@d.test>",
            b"RCPT TO:",
            b"DATA",
            b"\n",
            b"\r\n",
            b".",
            b"\n.\n",
            b"To: x",
            b"\0",
            b"RSET",
            b"\xff",
        ]
    ),
    max_size=20,
).map(b"".join)


@given(PIECES)
def test_any_batch_gives_messages_or_sentences(octets: bytes) -> None:
    messages, errors = collect(octets, BSMTP)
    assert messages or errors
    for message in messages:
        assert message.envelope is None or message.envelope.rcpt_to
        assert {s.address for s in message.sightings} >= {r.address for r in message.recipients}


# ---- the callbacks of a milter


def callbacks(number: int = 0, **more: object) -> list[dict[str, Any]]:
    """The callbacks of one transaction."""
    return [
        {"cb": "connect", "args": ["app.client.example", "192.0.2.1"]},
        {"cb": "envfrom", "args": ["<b@client.example>", "SIZE=9"]},
        {"cb": "envrcpt", "args": ["<c@client.example>", "ORCPT=rfc822;sales@client.example"]},
        {"cb": "envrcpt", "args": ["<relay@arxxwalls.com>"]},
        {"cb": "header", "name": "From", "value": "Shop <shop@client.example>"},
        {"cb": "header", "args": ["To", "c@client.example"]},
        {"cb": "header", "name": "Subject", "value": f"number {number}"},
        {"cb": "eoh", **more},
    ]


def dumped(*arrays: object, indent: int | None = None) -> bytes:
    return b"\n".join(json.dumps(array, indent=indent).encode() for array in arrays)


TO = ("b@client.example", ("c@client.example", "relay@arxxwalls.com"))


@pytest.mark.parametrize("kind", [None, MILTER])
@pytest.mark.parametrize("indent", [None, 1])
def test_callbacks_give_a_message_with_its_envelope(kind: str | None, indent: int | None) -> None:
    one_array = dumped([*callbacks(0), *callbacks(1)[1:]], indent=indent)
    for octets in (one_array, dumped(callbacks(0), callbacks(1)), dumped(*callbacks(0), *callbacks(1))):
        messages, errors = collect(octets, kind)
        assert errors == []
        assert [m.subject for m in messages] == ["number 0", "number 1"]
        assert [paths(m) for m in messages] == [TO, TO]
        assert [m.hidden for m in messages] == [("relay@arxxwalls.com",)] * 2
        assert [str(messages[0].recipients[n].original) for n in (0, 1)] == ["sales@client.example", "None"]
        assert [(m.origin.kind, m.origin.index) for m in messages if m.origin] == [(MILTER, 0), (MILTER, 1)]
        assert all(m.record and "no Bcc" in m.record.blind_spots[-1] for m in messages)
        assert {m.stage for m in messages} == {Stage.SUBMITTED}


@pytest.mark.parametrize("kind", [None, MILTER])
@pytest.mark.parametrize("change", [str.upper, str.title])
def test_callbacks_have_their_names_in_any_case(change: Callable[[str], str], kind: str | None) -> None:
    events = [{**event, "cb": change(event["cb"])} for event in [*callbacks(), {"cb": "body", "args": ["x"]}]]
    (message,), errors = collect(dumped(events), kind)
    assert (message.subject, paths(message), errors) == ("number 0", TO, [])


def test_a_callback_that_no_milter_gets_is_said() -> None:
    events = [*callbacks()[:4], {"cb": "rcpt", "args": ["<d@client.example>"]}, *callbacks()[4:]]
    (message,), errors = collect(dumped(events))
    assert (paths(message), errors) == (TO, ["record 0: a value that is no callback"])


def test_the_stage_is_what_the_header_shows() -> None:
    events = [*callbacks()[:-1], {"cb": "header", "name": "Received", "value": "by mx.example"}]
    assert [m.stage for m in read(dumped(events))] == [Stage.DELIVERED]
    assert KINDS[MILTER].stage is None
    assert [m.stage for m in read(dumped(events), stage="archive")] == [Stage.ARCHIVE]


def test_callbacks_out_of_order_belong_to_the_next_transaction() -> None:
    recipients, header = callbacks()[2:4], callbacks()[4:]
    messages, errors = collect(dumped([*recipients, *header, *recipients, *header[:1], *recipients, *header, *header]))
    assert errors == []
    assert [(m.subject, paths(m)) for m in messages] == [
        ("number 0", (None, TO[1])),
        ("", (None, TO[1])),
        ("number 0", (None, TO[1])),
        ("number 0", None),
    ]


def test_a_recipient_behind_the_header_is_one_of_the_next_transaction() -> None:
    messages, errors = collect(dumped([callbacks()[2], {"cb": "eoh"}, callbacks()[3], {"cb": "eoh"}]))
    assert [paths(m) for m in messages] == [(None, TO[1][:1]), (None, TO[1][1:])]
    assert errors == []


def test_callbacks_in_a_value_that_is_damaged_are_read() -> None:
    messages, errors = collect(dumped([callbacks(0), callbacks(1)])[:-2], MILTER)
    assert [(m.subject, paths(m)) for m in messages] == [("number 0", TO), ("number 1", TO)]
    assert len(errors) == 1
    assert "is no JSON" in errors[0]


def test_an_aborted_transaction_is_an_error_unless_its_message_is_there() -> None:
    abort = {"cb": "abort"}
    messages, errors = collect(dumped([*callbacks()[:4], abort, *callbacks(1), abort, abort]))
    assert [(m.subject, m.origin and m.origin.index) for m in messages] == [("number 1", 1)]
    assert errors == ["record 0: no header follows envfrom and 2 envrcpt"]


def test_an_envelope_without_a_header_is_a_message_that_says_so() -> None:
    (message,), errors = collect(dumped(callbacks()[:4]))
    assert (paths(message), errors, message.header.lines) == (TO, [], [])
    assert message.record is not None
    assert message.record.blind_spots[0].startswith("no header callback")
    assert message.hidden == ()
    assert collect(dumped(callbacks()[:2]))[1] == ["record 0: no header follows envfrom and 0 envrcpt"]


@pytest.mark.parametrize(
    ("last", "known"), [("eoh", True), ("body", True), ("eom", True), ("data", False), ("close", False)]
)
def test_a_header_of_which_no_end_was_seen_says_so(last: str, known: bool) -> None:
    (message,), errors = collect(dumped([*callbacks()[:-1], {"cb": last}]))
    assert errors == []
    assert message.record is not None
    assert (len(message.record.blind_spots) == 1) == known
    assert known or message.record.blind_spots[0].startswith("no eoh callback")


def test_a_header_without_recipients_claims_no_envelope() -> None:
    (message,), errors = collect(dumped([*callbacks()[:2], *callbacks()[4:]]))
    assert message.envelope is None
    assert [(str(s.address), s.role) for s in message.sightings if s.field == "mail from"] == [
        ("b@client.example", Role.BOUNCE)
    ]
    assert errors == []


def test_what_is_no_callback_is_said_once_in_a_row() -> None:
    odd = [7, "x", None, {"cb": 1}, {"cb": "envrcpt"}, {"cb": "envrcpt", "args": [5]}, {"cb": "header", "name": "To"}]
    messages, errors = collect(dumped([*callbacks(), *odd, *odd]), MILTER)
    assert [m.subject for m in messages] == ["number 0"]
    run = ["a value that is no callback", "envrcpt without a path", "envrcpt without a path"]
    assert [error.partition(": ")[2] for error in errors] == [
        run[0],
        run[1],
        run[2],
        "header without a name and a value",
        *run,
        "header without a name and a value",
        "no header follows envfrom and 0 envrcpt",
    ]


def test_a_truncated_dump_loses_no_callback_that_is_whole() -> None:
    octets = dumped([*callbacks(0), *callbacks(1)])
    for size in range(octets.index(b"}, ") + 1, len(octets)):
        messages, errors = collect(octets[:size])
        whole = octets[:size].count(b'<relay@arxxwalls.com>"]}')
        assert sum("relay@arxxwalls.com" in m.envelope.rcpt_to for m in messages if m.envelope) == whole, size
        assert errors or octets[:size].rstrip(b", ").endswith(b"}"), size
    messages, errors = collect(octets[:-30])
    assert len(messages) == 2
    assert len(errors) == 1


@pytest.mark.parametrize("octets", [b"", b"[]", b"[[]]", b'[{"cb": "connect"}]'])
def test_a_dump_of_nothing_is_an_error(octets: bytes) -> None:
    assert collect(octets, MILTER) == ([], ["holds no SMTP transaction"])


@pytest.mark.parametrize(
    ("octets", "kind"),
    [
        (b'[{"cb":"connect"}]', MILTER),
        (b'\xef\xbb\xbf \n[\n {"args": ["a}\\"\\u0000{"], "cb" :\n"envfrom"', MILTER),
        (b'{"cb": "helo", "args": []}\n', MILTER),
        (b'[{"cb": "other"}]', None),
        (b'[{"event": "cb"}, {"cb": "helo"}]', None),
        (b'[{"a": "x \\"cb\\": \\"helo\\""}]', None),
        (b'[{"a": "' + b"x" * 5_000 + b'", "cb": "helo"}]', None),
        (b'[[{"cb": "helo"}]]', None),
    ],
)
def test_a_dump_is_recognised_by_its_first_object(octets: bytes, kind: str | None) -> None:
    assert transcript.recognise_milter(window.Window(Stream(octets))) == kind


def test_a_field_with_a_line_end_inside_is_seen_as_injected() -> None:
    events = [*callbacks()[:-1], {"cb": "header", "name": "X-Note", "value": "a\nBcc: d@client.example"}]
    (message,), _ = collect(dumped(events))
    assert "d@client.example" in message.hidden


def test_odd_text_in_a_dump_is_kept() -> None:
    events = [
        {"cb": "envrcpt", "args": ["<\ud800c\0@client.example>"]},
        {"cb": "header", "name": "To\0", "value": "\ud800 c@client.example\0"},
        {"cb": "header", "name": "", "value": ""},
        {"cb": "header", "name": "a b:", "value": "x" * 100_000},
    ]
    (message,), errors = collect(dumped(events))
    assert errors == []
    assert any(str(s.address) == "c@client.example" for s in message.sightings)


def test_a_dump_is_read_in_constant_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transaction, "LIMIT", 1 << 20)
    long = {"cb": "header", "name": "X-Long", "value": "x" * 1_000}
    octets = dumped([*callbacks(0)[:-1], *[long] * 10_000, *callbacks(1)])
    messages, errors = collect(Stream(octets))
    assert [m.subject for m in messages] == ["number 0", "number 1"]
    assert errors == [f"record 0: {transaction.FULL}"]


def test_a_hundred_thousand_recipients_of_a_milter_are_all_there() -> None:
    events = [{"cb": "envrcpt", "args": [f"<c{n}@client.example>"]} for n in range(100_000)]
    (message,), errors = collect(dumped([*callbacks()[:2], *events, *callbacks()[4:]]))
    assert errors == []
    assert message.envelope is not None
    assert len(set(message.envelope.rcpt_to)) == 100_000


EVENTS = st.lists(
    st.fixed_dictionaries(
        {"cb": st.sampled_from(["envfrom", "envrcpt", "header", "eoh", "eom", "abort", "helo", "x"])},
        optional={
            "args": st.lists(st.one_of(st.text(max_size=9), st.just("<c@client.example>"), st.none()), max_size=3),
            "name": st.text(max_size=5),
            "value": st.one_of(st.text(max_size=9), st.integers()),
        },
    ),
    max_size=12,
)


@given(EVENTS)
def test_any_callbacks_give_messages_or_sentences(events: list[dict[str, Any]]) -> None:
    messages, errors = collect(dumped(events), MILTER)
    assert messages or errors
    for message in messages:
        assert message.envelope is None or message.envelope.rcpt_to
        assert {s.address for s in message.sightings} >= {r.address for r in message.recipients}


@given(st.lists(st.integers(0, 5), min_size=1, max_size=6))
def test_transactions_come_back_in_order(numbers: list[int]) -> None:
    messages, errors = collect(dumped([event for number in numbers for event in callbacks(number)[1:]]))
    assert [m.subject for m in messages] == [f"number {number}" for number in numbers]
    assert errors == []
