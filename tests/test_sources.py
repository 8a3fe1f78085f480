"""Reading copies: every message of every container, in order, with the octets of its header."""

from __future__ import annotations

import gzip
import io
import itertools
import mailbox as stdlib_mailbox
import os
import random
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headerguard import Guard
from headerguard.errors import ConfigError, SourceError
from headerguard.header import header_length
from headerguard.message import Message, Stage
from headerguard.sources import KINDS, read, rfc5322, total, window
from headerguard.sources import body as bodies

DATE = b"Sun Aug  7 10:00:00 2022"
LINE_ENDS = pytest.mark.parametrize("eol", [b"\n", b"\r\n"], ids=["lf", "crlf"])
VARIANTS = pytest.mark.parametrize("variant", ["mboxo", "mboxrd", "mboxcl2"])
BODY = b"Hello,\n\nFrom here it goes on.\n>From there it was quoted.\n\nFrom the end\n"
FORWARDED = b"see below\n\nFrom eve@evil.example " + DATE + b"\nTo: phantom@evil.example\n\nHi\n"


def block(number: int, extra: bytes = b"") -> bytes:
    """A header block with its empty line."""
    return b"From: shop@client.example\nTo: c%d@client.example\nSubject: number %d\n%s\n" % (
        number,
        number,
        extra,
    )


def quoted(body: bytes, variant: str) -> bytes:
    """A body as a variant of mbox writes it."""
    lines = body.split(b"\n")
    if variant == "mboxo":
        lines = [b">" + line if line.startswith(b"From ") else line for line in lines]
    if variant == "mboxrd":
        lines = [b">" + line if line.lstrip(b">").startswith(b"From ") else line for line in lines]
    return b"\n".join(lines)


def sized(number: int, body: bytes, wrong_by: int = 0, eol: bytes = b"\n") -> bytes:
    """A header block that says the length of its body."""
    length = len(body.replace(b"\n", eol)) + wrong_by
    return block(number, b"Content-Length: %d\n" % length)


def joined(*messages: bytes) -> bytes:
    """An mbox of messages that are quoted as they should be."""
    return b"".join(b"From c@client.example " + DATE + b"\n" + message + b"\n" for message in messages)


def archive(variant: str, eol: bytes = b"\n", body: bytes = BODY, count: int = 3) -> tuple[bytes, list[bytes]]:
    """An mbox of one variant, and the header blocks in it."""
    numbers = range(count)
    blocks = [sized(n, body, 0, eol) if variant == "mboxcl2" else block(n) for n in numbers]
    octets = joined(*(head + quoted(body, variant) for head in blocks))
    return octets.replace(b"\n", eol), [head.replace(b"\n", eol) for head in blocks]


def seen(message: Message) -> bytes:
    """The header block of a message as octets."""
    return message.header.text.encode("latin-1")


def bare(head: bytes) -> bytes:
    """A header block without the empty line that ends it: what a message keeps."""
    return head[: header_length(head)]


def collect(source: object, kind: str | None = None, **options: object) -> tuple[list[Message], list[str]]:
    """Every message of a copy and every sentence about what could not be read."""
    errors: list[SourceError] = []
    messages = list(read(source, kind, on_error=errors.append, **options))  # type: ignore[arg-type]
    return messages, [sentence for error in errors for sentence in error.errors]


class Stream:
    """Standard input as a program gets it: forward only, and in pieces of any size."""

    def __init__(self, octets: bytes, *, most: int = 1 << 30, fails: bool = False) -> None:
        self.rest, self.most, self.fails = io.BytesIO(octets), most, fails

    def read(self, size: int, /) -> bytes:
        octets = self.rest.read(min(size, self.most))
        if not octets and self.fails:
            raise OSError(5, "Input/output error")
        return octets


# ---- the table


def test_every_kind_says_what_it_is_and_how_it_is_recognised() -> None:
    assert {"eml", "mbox", "mboxo", "mboxrd", "mboxcl2", "maildir", "imap_sent", "mandrill_submitted"} <= set(KINDS)
    for kind in KINDS.values():
        assert kind.description.endswith(".")
        assert kind.recognised.endswith(".")
        assert (kind.reader is None) == (kind is KINDS["maildir"])


def test_an_unknown_kind_or_stage_is_refused_before_anything_is_read() -> None:
    with pytest.raises(ConfigError, match="'mbx' is not a known kind; did you mean 'mbox'"):
        read(b"", kind="mbx")
    with pytest.raises(ConfigError, match="'outgoing' is not a known stage; known are archive, "):
        read(b"", stage="outgoing")


def test_the_stage_comes_from_the_caller_then_the_kind_then_the_message() -> None:
    (message,) = read(block(0), kind="mandrill_submitted", stage="archive")
    assert message.stage is Stage.ARCHIVE
    (message,) = read(b"Received: x\n" + block(0), kind="mandrill_submitted")
    assert message.stage is Stage.SUBMITTED
    (message,) = read(b"Received: x\n" + block(0))
    assert message.stage is Stage.DELIVERED


# ---- one message


@LINE_ENDS
@pytest.mark.parametrize("kind", [None, "eml", "imap_sent"])
def test_a_message_is_read_to_its_first_empty_line(eol: bytes, kind: str | None) -> None:
    head = b"Subject: a\n b\n \n\t\nBcc: x@y.example\n\n".replace(b"\n", eol)
    (message,) = read(head + b"To: body@client.example" + eol * 2, kind)
    assert seen(message) == bare(head)
    assert message.hidden == ("x@y.example",)
    assert message.origin is not None
    assert (message.origin.kind, message.origin.path, message.origin.index) == (kind or "eml", None, None)


@LINE_ENDS
def test_spans_are_octets_of_the_message(eol: bytes) -> None:
    octets = b"From c@client.example " + DATE + eol + block(0).replace(b"\n", eol)
    start = octets.index(eol) + len(eol)
    (message,) = read(octets)
    spans = [s.span for s in message.sightings if s.role == "to"]
    assert [octets[start + span[0] : start + span[1]] for span in spans if span] == [b"c0@client.example"]


def test_a_message_without_an_empty_line_is_read_whole() -> None:
    head = bare(block(0, b"X-Long: " + b"y" * 200_000 + b"\n"))
    assert [seen(m) for m in read(head)] == [head]
    assert [seen(m) for m in read(head[:-1])] == [head[:-1]]


def test_empty_lines_before_the_first_field_hide_nothing() -> None:
    (message,) = read(b"\n\r\n" + block(0) + b"body")
    assert message.names >= {"from", "to", "subject"}
    (message,) = read(b"\n" * 70_000 + block(0), kind="eml", on_error=lambda _: None)
    assert "to" in message.names


def test_a_header_block_past_the_limit_is_cut_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rfc5322, "LIMIT", 1 << 20)
    octets = block(0)[:-1] + b"X: y\n" * 400_000 + b"\n"
    messages, errors = collect(Stream(octets))
    assert [len(seen(m)) for m in messages] == [1 << 20]
    assert errors == [f"input: {rfc5322.TOO_LONG}"]
    messages, errors = collect(Stream(joined(octets, block(1))), kind="mboxo")
    assert [len(seen(m)) for m in messages] == [1 << 20, len(bare(block(1)))]
    assert errors == [f"input: record 0: {rfc5322.TOO_LONG}"]


def test_only_the_header_of_a_huge_message_is_asked_for() -> None:
    asked: list[int] = []

    class Huge(Stream):
        def read(self, size: int, /) -> bytes:
            asked.append(size)
            return super().read(size)

    assert len(list(read(Huge(block(0) + b"x" * 1_000_000)))) == 1
    assert sum(asked) <= 1 << 14


@given(st.lists(st.sampled_from([b"\n", b"\r\n", b"\r", b"a", b" ", b"A: b\n", b"\n\r"]), max_size=30))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_the_block_ends_where_the_header_lexer_ends_it(pieces: list[bytes]) -> None:
    octets = b"".join(pieces) + b"\nSubject: x\n\nbody\n\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rfc5322, "_STEP", 10)
        held = window.Window(Stream(octets, most=3))
        end, whole = rfc5322.block_end(held, 0)
        assert whole
        assert octets[:end] in (bare(octets) + b"\n", bare(octets) + b"\r\n")


# ---- what is no mail


def tar_file() -> bytes:
    return b"a: b/c".ljust(257, b"\0") + b"ustar\0" + bytes(249)


@pytest.mark.parametrize(
    ("octets", "what"),
    [
        (b"", "empty file"),
        (b"\n \n\t\n", "nothing but blanks"),
        (b"\x1f\x8b", "gzip data"),
        (b"\x28\xb5\x2f\xfd" + bytes(99), "Zstandard data"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "a PNG image"),
        (b"\xd0\xcf\x11\xe0" + bytes(99), "an OLE compound file, such as an Outlook .msg"),
        (tar_file(), "a tar archive"),
        (block(0).decode().encode("utf-16"), "UTF-16 text"),
        (bytes(range(256)), "binary data"),
        (b"<?xml version='1.0'?>\n<a:b/>\n", "text without a header field; it looks like XML or HTML"),
        (b"https://client.example/\n", "text without a header field"),
        (
            b'--x1\r\nContent-Disposition: form-data; name="recipient"\r\n\r\na@b.example\r\n--x1--\r\n',
            "a form in parts (multipart/form-data)",
        ),
        (b"Dear all\n\nTo: a@b.example\n\n", "text without a header field"),
        (b"x" * 70_000 + b"\nTo: a@b.example\n\n", "text without a header field"),
    ],
)
def test_what_is_no_mail_is_refused_with_a_name_for_it(octets: bytes, what: str) -> None:
    for kind in (None, "eml"):
        assert collect(octets, kind) == ([], [f"input: not a mail message ({what})"])
    messages, errors = collect(octets, "mbox")
    assert messages == []
    assert len(errors) == 1
    assert what in errors[0]


def test_a_field_in_any_line_before_the_first_empty_one_makes_it_mail() -> None:
    messages, errors = collect(b"some garbage\nTo: a@b.example\n\n")
    assert [m.names for m in messages] == [{"", "to"}]
    assert errors == []


# ---- mbox


@LINE_ENDS
@VARIANTS
@pytest.mark.parametrize("named", ["not", "variant", "family"])
def test_every_variant_gives_its_messages_in_order(variant: str, eol: bytes, named: str) -> None:
    octets, blocks = archive(variant, eol)
    kind = {"not": None, "variant": variant, "family": "mbox"}[named]
    for source in (octets, Stream(octets), Stream(octets, most=7)):
        messages, errors = collect(source, kind)
        assert [seen(m) for m in messages] == [bare(head) for head in blocks]
        assert errors == []
        origins = [(m.origin.kind, m.origin.index) for m in messages if m.origin]
        assert origins == [(variant, 0), (variant, 1), (variant, 2)]


@LINE_ENDS
@VARIANTS
def test_a_mailbox_in_a_body_is_no_mail_where_the_variant_says_so(variant: str, eol: bytes) -> None:
    octets, blocks = archive(variant, eol, FORWARDED)
    for source, kind in ((octets, None), (octets, "mbox"), (Stream(octets, most=100), None)):
        messages, errors = collect(source, kind)
        assert [seen(m) for m in messages] == [bare(head) for head in blocks]
        assert errors == []


@LINE_ENDS
def test_unquoted_text_in_a_quoting_variant_is_text_unless_it_is_a_message(eol: bytes) -> None:
    head = block(0).replace(b"\n", eol)
    text = (BODY + b"\nFrom Fritz\nNote: bring cake\n").replace(b"\n", eol)
    messages, errors = collect(joined(head + text, head).replace(b"\r\n", b"\n").replace(b"\n", eol))
    assert [seen(m) for m in messages] == [bare(head)] * 2
    forwarded = joined(block(0) + FORWARDED, block(1)).replace(b"\n", eol)
    messages, errors = collect(forwarded)
    assert [m.recipients[0].address.local_part for m in messages] == ["c0", "phantom", "c1"]
    assert errors == []


@LINE_ENDS
@pytest.mark.parametrize("wrong_by", [-30, -1, 1, 3, 20, 100_000, 10**14])
def test_a_wrong_content_length_loses_nothing(eol: bytes, wrong_by: int) -> None:
    body = BODY * 3
    wrong = [sized(n, body, wrong_by, eol) for n in range(3)]
    right = sized(3, body, 0, eol)
    for heads in ([right, *wrong], [*wrong, right], [wrong[0], right, wrong[1]]):
        octets = joined(*(head + body for head in heads)).replace(b"\n", eol)
        for source in (octets, Stream(octets)):
            messages, errors = collect(source, "mboxcl2")
            assert [seen(m) for m in messages] == [bare(head.replace(b"\n", eol)) for head in heads]
            assert errors == []
    octets = joined(*(head + body for head in wrong)).replace(b"\n", eol)
    # One octet off is one line end more or less after the body, which leads to the same place.
    assert [m.origin.kind for m in read(octets) if m.origin] == ["mboxcl2" if abs(wrong_by) == 1 else "mboxo"] * 3


@VARIANTS
def test_the_address_of_a_from_line_is_where_bounces_go(variant: str) -> None:
    octets, _ = archive(variant)
    for message in read(octets):
        stated = [s for s in message.sightings if s.field == "from_"]
        assert [(str(s.address), s.role, s.span) for s in stated] == [("c@client.example", "bounce", None)]
        assert message.envelope is None  # which would say that no recipient was in it
        assert message.hidden == ()


@pytest.mark.parametrize(
    ("sender", "addresses"),
    [
        (b"-", []),
        (b"", []),
        (b"MAILER-DAEMON", []),
        (b"MAILER-DAEMON@mx.client.example", []),
        (b"joe", []),
        (b"joe at client.example", []),
        (b"<joe@client.example>", ["joe@client.example"]),
        (b'"joe bloggs"@client.example', ['"joe bloggs"@client.example']),
        (b'"joe', []),
        (b"joe@client.example remote from x@y.example", ["joe@client.example"]),
        ("jörg@client.example".encode(), ["jörg@client.example"]),
        (b"j\xf6rg@client.example", ["jörg@client.example"]),
        (b"a" * 900 + b"@client.example", ["a" * 900 + "@client.example"]),
        (b"a" * 1_100 + b"@client.example", []),
    ],
)
def test_a_from_line_without_an_address_states_none(sender: bytes, addresses: list[str]) -> None:
    octets = joined(block(0), block(1)).replace(b"From c@client.example ", b"From " + sender + b" ")
    for message in collect(octets, "mbox")[0]:
        assert [str(s.address) for s in message.sightings if s.field == "from_"] == addresses
        assert (message.record is None) == (not addresses)


@given(st.binary(max_size=60))
def test_any_from_line_states_one_address_at_most(rest: bytes) -> None:
    messages, _ = collect(b"From " + rest + b" " + DATE + b"\n" + block(0), "mbox")
    for message in messages:
        assert len([s for s in message.sightings if s.field == "from_"]) <= 1


def test_two_content_lengths_are_none() -> None:
    twice = block(0, b"Content-Length: %d\nContent-Length: 3\n" % len(FORWARDED))
    messages, _ = collect(joined(sized(0, b"x\n") + b"x\n", twice + FORWARDED, block(1)))
    assert [m.recipients[0].address.local_part for m in messages] == ["c0", "c0", "phantom", "c1"]


def test_a_content_length_that_a_sender_wrote_hides_no_message() -> None:
    rest = joined(block(1) + b"one\n", block(2) + b"two\n")
    lying = block(0, b"Content-Length: %d\n" % len(b"zero\n\n" + rest)) + b"zero\n"
    for octets in (
        joined(lying) + rest,
        joined(lying) + rest + joined(block(3)),
        joined(block(0), lying) + rest,
    ):
        messages, errors = collect(octets)
        assert [m.subject for m in messages if m.subject != "number 0"][:2] == ["number 1", "number 2"]
        assert {m.origin.kind for m in messages if m.origin} == {"mboxo"}
        assert errors == []


def test_content_length_reaches_past_what_is_in_memory() -> None:
    body = FORWARDED + b"x" * 79 + b"\n" + (b"y" * 79 + b"\n") * 40_000
    octets = joined(sized(0, body) + body, sized(1, body) + body, sized(2, b"") + b"")
    assert [m.subject for m in read(octets)] == ["number 0", "number 1", "number 2"]
    messages, errors = collect(Stream(octets), "mboxcl2")  # too far for what cannot seek: From_ lines count
    assert [m.subject for m in messages] == ["number 0", "", "number 1", "", "number 2"]
    assert errors == []


@LINE_ENDS
def test_a_from_line_needs_no_empty_line_when_a_message_follows(eol: bytes) -> None:
    octets = joined(block(0) + b"no line end after this", block(1) + b"text\n", block(2))
    octets = octets.replace(b"\n\nFrom c@", b"\nFrom c@").replace(b"\n", eol)
    messages, errors = collect(octets)
    assert [m.subject for m in messages] == ["number 0", "number 1", "number 2"]
    assert errors == []
    text = block(0) + b"text\nFrom eve@evil.example " + DATE + b"\nand more text\n"
    assert [m.subject for m in read(joined(text, block(1)))] == ["number 0", "number 1"]
    text = block(0) + b"text\n\nFrom "
    assert [m.subject for m in read(joined(text, block(1)).replace(b"\n\nFrom c", b"\nFrom c"))] == [
        "number 0",
        "number 1",
    ]
    long = block(0) + b"text\n\nFrom " + b"x" * 2_000 + b" " + DATE + b"\nTo: a@b.example\n"
    assert [m.subject for m in read(joined(long, block(1)))] == ["number 0", "number 1"]


@LINE_ENDS
@pytest.mark.parametrize("where", ["header", "body"])
def test_no_separator_is_missed_where_two_chunks_meet(eol: bytes, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "CHUNK", 4_096)
    monkeypatch.setattr(bodies, "CHUNK", 1_024)
    monkeypatch.setattr(rfc5322, "_STEP", 2_048)
    for length in range(2_200):
        pad = b"x" * (6_000 + length)
        first = block(0, b"X: " + pad + b"\n") if where == "header" else block(0) + pad + b"\n"
        octets = (joined(first) + b"From \n" + block(1) + b"y" * 3_000).replace(b"\n", eol)
        messages, errors = collect(Stream(octets, most=64), "mboxo")
        assert ([m.subject for m in messages], errors) == (["number 0", "number 1"], []), length


@pytest.mark.parametrize(
    "line",
    [
        b"From - Fri Jul 08 12:08:34 2011",
        b"From MAILER-DAEMON Fri Jul  8 12:08:34 2011",
        b"From someone at client.example  Fri Jul  8 12:08:34 2011",
        b"From 1740000000000000001@xxx Fri Jul 08 12:08:34 +0000 2011",
        b'From "a b"@client.example Fri Jul  8 12:08 MET DST 2011',
        b"From Fri Jul  8 12:08:34 2011",
        b"From root Fri, 08 Jul 2011 12:08:34 +0200",
        b"From ",
        b"From somebody",
    ],
)
@LINE_ENDS
def test_from_lines_as_programs_write_them(line: bytes, eol: bytes) -> None:
    octets = b"".join(line + b"\n" + block(n) + BODY + b"\n" for n in range(3)).replace(b"\n", eol)
    messages, errors = collect(octets)
    assert [m.subject for m in messages] == ["number 0", "number 1", "number 2"]
    among_others = [m.subject for m in read(joined(block(9)) + octets)]
    assert among_others == ["number 9", "number 0", "number 1", "number 2"][: 1 if b"somebody" in line else 4]
    assert {m.origin.kind for m in messages if m.origin} == {"mboxo"}
    assert errors == []


def test_both_separators_of_thunderbird_stand_in_one_mailbox() -> None:
    octets = b"From - " + DATE + b"\n" + block(0) + b"x\n\nFrom \n" + block(1) + b"x\nFrom \nsaid: nothing\n"
    assert [m.subject for m in read(octets)] == ["number 0", "number 1"]


def test_a_patch_in_a_body_is_text_and_a_file_of_patches_a_mailbox() -> None:
    patch = b"From " + b"0a" * 20 + b" Mon Sep 17 00:00:00 2001\n" + block(7) + b"diff\n"
    octets = joined(block(0) + b"my patch:\n\n" + patch, block(1))
    assert [m.subject for m in read(octets)] == ["number 0", "number 1"]
    assert [m.subject for m in read(patch + b"\n" + patch)] == ["number 7", "number 7"]


def test_a_record_without_a_header_is_an_error_and_hides_no_other() -> None:
    octets = joined(b"", block(1), b"\n\n", block(3))
    messages, errors = collect(octets, "mboxo")
    assert [m.subject for m in messages] == ["number 1", "number 3"]
    assert [m.origin.index for m in messages if m.origin] == [1, 3]
    assert errors == [f"input: record {n}: no header field follows its From_ line" for n in (0, 2)]


def test_what_stands_before_the_first_from_line_is_an_error() -> None:
    messages, errors = collect(b"cut off here\n\n" + joined(block(0), block(1)), "mboxrd")
    assert [m.subject for m in messages] == ["number 0", "number 1"]
    assert errors == ["input: not an mbox mailbox: it starts with no From_ line (text without a header field)"]
    messages, errors = collect(block(0), "mbox")
    assert messages == []
    assert errors == ["input: not an mbox mailbox: it starts with no From_ line (but as a single message does)"]
    assert [m.subject for m in read(b"\r\n\n" + joined(block(0)))] == ["number 0"]


def test_a_message_cut_short_in_the_middle_of_a_mailbox_is_said() -> None:
    octets = joined(block(0)[:40] + b"\n", block(1)).replace(b"\n\nFrom c@", b"\nFrom c@", 1)
    messages, errors = collect(octets)
    assert [seen(m) for m in messages] == [block(0)[:40] + b"\n", bare(block(1))]
    assert errors == ["input: record 0: it ends inside its header block; what is there was read"]


@LINE_ENDS
@VARIANTS
def test_a_mailbox_cut_anywhere_gives_all_that_is_left(variant: str, eol: bytes) -> None:
    octets, blocks = archive(variant, eol, count=2)
    starts = [octets.index(head) for head in blocks]
    for length in range(starts[0] + 8, len(octets) + 1):
        messages, errors = collect(octets[:length], variant)
        cut = [octets[start : min(start + len(head), length)] for start, head in zip(starts, blocks, strict=True)]
        whole = [head == part for head, part in zip(blocks, cut, strict=True)]
        readable = [part for part in cut if b":" in part]
        assert [seen(m) for m in messages] == [part[: header_length(part)] for part in readable]
        if not all(whole) and length > starts[whole.index(False)]:
            assert len(errors) == 1, length
            assert f"record {whole.index(False)}: " in errors[0]


# ---- streams and memory


def test_a_file_that_fails_on_the_way_gives_what_was_read_and_says_so() -> None:
    octets = joined(block(0), block(1))
    messages, errors = collect(Stream(octets, fails=True))
    assert [m.subject for m in messages] == ["number 0", "number 1"]
    assert errors == ["input: cannot be read to its end: Input/output error"]
    assert collect(Stream(b"", fails=True)) == ([], errors)
    truncated = io.BytesIO(gzip.compress(random.Random(1).randbytes(9000) + octets)[:4000])
    _, errors = collect(gzip.GzipFile(fileobj=truncated), "mboxo")
    assert "cannot be read to its end: Compressed file ended" in errors[-1]


def test_a_file_that_is_not_binary_or_not_ready() -> None:
    with pytest.raises(TypeError, match="not NoneType"):
        read(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="gives str"):
        list(read(io.StringIO("To: a@b.example\n\n")))  # type: ignore[arg-type]

    class NotReady:
        def read(self, size: int, /) -> bytes:
            return None  # type: ignore[return-value]

    assert collect(NotReady()) == (
        [],
        ["input: cannot be read to its end: it has no octets ready, and does not wait for them"],
    )


def test_a_pipe_is_read(tmp_path: Path) -> None:
    octets, blocks = archive("mboxcl2", body=FORWARDED)
    out, into = os.pipe()
    with open(out, "rb") as reading:
        with open(into, "wb") as writing:
            writing.write(octets)
        assert [seen(m) for m in read(reading)] == [bare(head) for head in blocks]
        assert not reading.closed


def test_a_file_given_open_is_named_and_read_from_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "a.mbox").write_bytes(b"skipped\n" + joined(block(0), block(1)))
    with open(tmp_path / "a.mbox", "rb") as file:
        file.readline()
        origins = [m.origin for m in read(file)]
        assert [(o.path, o.index) for o in origins if o] == [(str(tmp_path / "a.mbox"), n) for n in (0, 1)]
        assert not file.closed


class Endless:
    """A mailbox that exists only while it is read."""

    def __init__(self, record: bytes, size: int) -> None:
        self.record, self.left, self.at = record, size // len(record) * len(record), 0

    def read(self, size: int, /) -> bytes:
        size = min(size, self.left)
        self.left -= size
        octets = (self.record * (size // len(self.record) + 2))[self.at : self.at + size]
        self.at = (self.at + size) % len(self.record)
        return octets


@pytest.mark.parametrize("variant", ["mboxo", "mboxcl2"])
def test_a_mailbox_of_any_size_takes_little_memory(variant: str) -> None:
    body = (b"x" * 70 + b"\n") * 3_000
    record = joined((sized(0, body) if variant == "mboxcl2" else block(0)) + body)
    size = 300_000_000
    source = Endless(record, size)
    tracemalloc.start()
    try:
        count = sum(1 for _ in read(source))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == size // len(record)
    assert peak < 8 << 20


def test_one_huge_body_takes_little_memory() -> None:
    source = Endless(b"x" * 70 + b"\n", 100_000_000)
    head = Stream(joined(block(0)))

    class Both:
        def read(self, size: int, /) -> bytes:
            return head.read(size) or source.read(size)

    tracemalloc.start()
    try:
        assert len(list(read(Both()))) == 1
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
    assert source.left == 0


# ---- directories


def lay_out(root: Path, files: dict[str, bytes]) -> Path:
    """Write files, and their directories, under a root."""
    for name, octets in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(octets)
    return root


def make_maildir(root: Path) -> Path:
    for name in ("cur", "new", "tmp"):
        (root / name).mkdir(parents=True, exist_ok=True)
    return root


def subjects(source: object, **options: object) -> list[str]:
    return [m.subject for m in collect(source, **options)[0]]  # type: ignore[arg-type]


def test_a_directory_is_read_in_the_order_of_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(
        tmp_path / "d",
        {
            "b.eml": block(1),
            "a/z.eml": block(0),
            "c.mbox": joined(block(2), block(3)),
            ".hidden": block(9),
            ".git/x": block(9),
            "x.eml/inner": block(4),
        },
    )
    monkeypatch.chdir(tmp_path)
    messages, errors = collect("d")
    assert [m.subject for m in messages] == [f"number {n}" for n in range(5)]
    paths = ["d/a/z.eml", "d/b.eml", "d/c.mbox", "d/c.mbox", "d/x.eml/inner"]
    assert [m.origin.path for m in messages if m.origin] == [os.path.normpath(path) for path in paths]
    assert [m.origin.index for m in messages if m.origin] == [None, None, 0, 1, None]
    assert errors == []
    assert subjects(Path("d")) == subjects("d")


def test_a_kind_that_is_named_holds_for_every_file_of_a_directory(tmp_path: Path) -> None:
    lay_out(tmp_path, {"a": joined(block(0), block(1)), "b": joined(block(2))})
    assert subjects(tmp_path, kind="mboxrd") == ["number 0", "number 1", "number 2"]
    assert len(collect(tmp_path, kind="eml")[0]) == 2


def test_a_directory_without_mail_is_an_error(tmp_path: Path) -> None:
    assert collect(tmp_path) == ([], [f"{tmp_path}: the directory holds no mail"])
    make_maildir(tmp_path / "m")
    assert collect(tmp_path / "m") == ([], [f"{tmp_path / 'm'}: the directory holds no mail"])
    lay_out(tmp_path, {"README": b"Hello\n"})
    assert collect(tmp_path)[1] == [
        f"{tmp_path / 'README'}: not a mail message (text without a header field)",
        f"{tmp_path}: the directory holds no mail",
    ]


def test_what_cannot_be_opened_is_an_error_and_the_rest_is_read(tmp_path: Path) -> None:
    lay_out(tmp_path, {"a.eml": block(0), "z.eml": block(1)})
    (tmp_path / "link.eml").symlink_to("nowhere")
    (tmp_path / "loop.eml").symlink_to("loop.eml")
    os.mkfifo(tmp_path / "pipe")
    messages, errors = collect(tmp_path)
    assert [m.subject for m in messages] == ["number 0", "number 1"]
    assert len(errors) == 2
    assert errors[0] == f"{tmp_path / 'link.eml'}: cannot be read: it is a symbolic link to nothing"
    assert errors[1].startswith(f"{tmp_path / 'loop.eml'}: cannot be read: ")
    assert collect(tmp_path / "link.eml")[1] == errors[:1]
    missing = collect(tmp_path / "missing.eml")
    assert missing == ([], [f"{tmp_path / 'missing.eml'}: cannot be read: No such file or directory"])
    assert len(collect("a\0b")[1]) == 1


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root is refused nothing")
def test_what_the_system_refuses_is_an_error(tmp_path: Path) -> None:
    lay_out(tmp_path, {"a.eml": block(0), "b.eml": block(1), "c/d.eml": block(2)})
    (tmp_path / "a.eml").chmod(0)
    (tmp_path / "c").chmod(0)
    try:
        messages, errors = collect(tmp_path)
    finally:
        (tmp_path / "c").chmod(0o700)
    assert [m.subject for m in messages] == ["number 1"]
    assert errors == [
        f"{tmp_path / 'a.eml'}: cannot be read: Permission denied",
        f"{tmp_path / 'c'}: cannot be listed: Permission denied",
    ]


def test_a_directory_that_cannot_be_listed_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_maildir(lay_out(tmp_path, {"a/b.eml": block(0), "z.eml": block(1), "m/new/1": block(2)}) / "m")
    refused = (str(tmp_path / "a"), str(tmp_path / "m" / "cur"))
    scandir, listdir = os.scandir, os.listdir

    def no_scandir(path: str) -> object:
        if path in refused:
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    def no_listdir(path: str) -> list[str]:
        if path in refused:
            raise PermissionError(13, "Permission denied")
        return listdir(path)

    monkeypatch.setattr(os, "scandir", no_scandir)
    monkeypatch.setattr(os, "listdir", no_listdir)
    messages, errors = collect(tmp_path)
    assert [m.subject for m in messages] == ["number 2", "number 1"]
    assert errors == [f"{path}: cannot be listed: Permission denied" for path in refused]


def test_links_to_directories_are_not_followed(tmp_path: Path) -> None:
    lay_out(tmp_path, {"a/b.eml": block(0)})
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    assert subjects(tmp_path) == ["number 0"]


def test_a_path_in_a_sentence_stays_on_one_line(tmp_path: Path) -> None:
    lay_out(tmp_path, {"a\x1b[31m\n": b"", "b.eml": block(0)})
    (error,) = collect(tmp_path)[1]
    assert error.isprintable()
    assert "a\\x1b[31m\\n" in error


# ---- Maildir


def test_a_maildir_is_read_by_name_over_new_and_cur(tmp_path: Path) -> None:
    root = make_maildir(tmp_path / "box")
    for folder in (".Sent", ".Sent.2022", "Archive"):
        make_maildir(root / folder)
    lay_out(
        root,
        {
            "cur/1659866402.M1P1.mx,S=10:2,S": block(2),
            "new/1659866401.M1P1.mx": block(1),
            "cur/1659866400.M1P1.mx:2,RSa": block(0),
            "new/.nfs0001": block(9),
            "tmp/1659866400.M2P1.mx": block(9),
            "dovecot-uidlist": b"3 V1 N3\n",
            ".Sent/cur/2": block(3),
            ".Sent.2022/new/1": b"From c@client.example " + DATE + b"\n" + block(4),
            "Archive/new/1": block(5),
        },
    )
    for kind in (None, "maildir"):
        messages, errors = collect(root, kind)
        assert [m.subject for m in messages] == [f"number {n}" for n in range(6)]
        assert errors == []
        assert {(m.origin.kind, m.origin.index) for m in messages if m.origin} == {("maildir", None)}
    assert messages[3].origin is not None
    assert messages[3].origin.path == str(root / ".Sent" / "cur" / "2")
    (root / "..odd").mkdir()
    assert subjects(tmp_path)[:1] == ["number 0"]


def test_a_maildir_in_a_directory_is_read_as_one(tmp_path: Path) -> None:
    make_maildir(tmp_path / "jane")
    make_maildir(tmp_path / "joe")
    lay_out(tmp_path, {"jane/new/1": block(0), "joe/tmp/1": block(9), "joe/cur/1": block(1)})
    assert subjects(tmp_path) == ["number 0", "number 1"]


def test_a_maildir_that_is_in_use_loses_nothing(tmp_path: Path) -> None:
    make_maildir(tmp_path)
    lay_out(tmp_path, {"new/1.a.mx": block(0), "new/2.a.mx": block(1), "new/3.a.mx": block(2), "cur/0:2,": b""})
    errors: list[SourceError] = []
    messages = read(tmp_path, on_error=errors.append)
    found = [next(messages).subject]
    (tmp_path / "new" / "2.a.mx").rename(tmp_path / "cur" / "2.a.mx:2,S")
    (tmp_path / "new" / "3.a.mx").unlink()
    found += [m.subject for m in messages]
    assert found == ["number 0", "number 1"]
    assert [error.errors[0].partition(": ")[2] for error in errors] == [
        "not a mail message (empty file)",
        "cannot be read: No such file or directory",
    ]


def test_what_is_no_maildir_is_refused_as_one(tmp_path: Path) -> None:
    lay_out(tmp_path, {"a.eml": block(0)})
    assert collect(tmp_path, "maildir")[1][0] == f"{tmp_path}: not a Maildir: it has neither cur nor new"
    assert collect(tmp_path / "a.eml", "maildir")[1] == [f"{tmp_path / 'a.eml'}: not a Maildir: it is not a directory"]
    assert "No such file" in collect(tmp_path / "missing", "maildir")[1][0]
    assert collect(b"", "maildir")[1] == ["input: a maildir is a directory, and this is not the name of one"]


# ---- errors, closing, progress


def test_without_on_error_everything_readable_comes_first(tmp_path: Path) -> None:
    lay_out(tmp_path, {"a.eml": b"", "b.eml": block(0), "c.eml": b"\x1f\x8b", "d.eml": block(1)})
    found: list[str] = []
    messages = read(tmp_path)
    with pytest.raises(SourceError) as caught:
        found.extend(message.subject for message in messages)
    assert found == ["number 0", "number 1"]
    assert [sentence.rpartition(" (")[2] for sentence in caught.value.errors] == ["empty file)", "gzip data)"]


def test_errors_come_where_they_stand(tmp_path: Path) -> None:
    lay_out(tmp_path, {"a.eml": block(0), "b.eml": b"", "c.eml": block(1)})
    order: list[str] = []
    for message in read(tmp_path, on_error=lambda error: order.append(error.errors[0].rpartition(": ")[2])):
        order.append(message.subject)
    assert order == ["number 0", "not a mail message (empty file)", "number 1"]


def test_nothing_stays_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[io.FileIO] = []

    def noted(*arguments: object, **options: object) -> io.FileIO:
        opened.append(open(*arguments, **options))  # type: ignore[call-overload]  # noqa: SIM115
        return opened[-1]

    monkeypatch.setattr(window, "open", noted, raising=False)
    lay_out(tmp_path, {"a.mbox": joined(block(0), block(1)), "b.eml": block(2), "c.eml": b""})
    make_maildir(lay_out(tmp_path, {"m/new/1": block(3), "m/new/2": block(4)}) / "m")
    for early in range(5):
        messages = read(tmp_path, on_error=lambda _: None)
        for _ in range(early):
            next(messages)
        messages.close()
        assert all(file.closed for file in opened)
    assert len(opened) == 0 + 1 + 1 + 2 + 4
    with pytest.raises(ZeroDivisionError) as caught:
        list(read(tmp_path, on_error=lambda _: 1 // 0))  # type: ignore[arg-type]
    assert caught.traceback  # which holds the frames, and so the generators
    assert all(file.closed for file in opened)


def test_progress_adds_up_to_the_total(tmp_path: Path) -> None:
    body = (b"y" * 79 + b"\n") * 60_000
    lay_out(
        tmp_path,
        {
            "big.eml": block(0) + body,
            "cl2.mbox": joined(sized(0, body) + body, sized(1, body) + body),
            "small.mbox": joined(block(0), block(1)),
            "m/new/1": block(3) + body,
            ".hidden": body,
        },
    )
    make_maildir(tmp_path / "m")
    for path in (tmp_path, *tmp_path.iterdir()):
        if path.name != ".hidden":
            steps: list[int] = []
            assert list(read(path, progress=steps.append))
            assert sum(steps) == total(path)
            assert min(steps) >= 0
    assert total(tmp_path) == sum(f.stat().st_size for f in tmp_path.rglob("*") if f.is_file()) - len(body)
    assert total(tmp_path / "missing") == 0
    stream_steps: list[int] = []
    octets = joined(block(0), block(1))
    list(read(Stream(octets), progress=stream_steps.append))
    assert sum(stream_steps) == len(octets)


# ---- against the standard library

NAMES = st.sampled_from(["To", "Cc", "Subject", "X-Note", "Received", "Content-Length"])
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30)
HEADS = st.lists(st.tuples(NAMES, VALUES, st.booleans()), min_size=1, max_size=6).map(
    lambda fields: b"".join(f"{n}: {v}{chr(10) + chr(9) + 'folded' if f else ''}\n".encode() for n, v, f in fields)
)
LINES = st.sampled_from(
    [b"", b"text", b"From here", b">From there", b"To: a@b.example", b"From x@y.example " + DATE, b" ", b"."]
)
BODIES = st.lists(LINES, max_size=12).map(b"\n".join)
MESSAGES = st.lists(st.tuples(HEADS, BODIES), min_size=1, max_size=6)


@given(MESSAGES, st.integers(1, 5_000), st.booleans())
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_an_mbox_of_the_standard_library_comes_back(
    messages: list[tuple[bytes, bytes]], most: int, small_chunks: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = os.path.join(folder, "all.mbox")
        box = stdlib_mailbox.mbox(path)
        for head, body in messages:
            box.add(head + b"\n" + body)
        box.close()
        if small_chunks:
            patch.setattr(window, "CHUNK", 4_096)
            patch.setattr(bodies, "CHUNK", 4_096)
            patch.setattr(rfc5322, "_STEP", 16)
        with open(path, "rb") as file:
            octets = file.read()
        for kind in (None, "mboxo"):
            for source in (path, Stream(octets, most=most)):
                assert [seen(m) for m in read(source, kind)] == [head for head, _ in messages]


@given(MESSAGES, st.lists(st.sampled_from(["", "S", "RS", "new"]), min_size=6, max_size=6))
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_a_maildir_of_the_standard_library_comes_back(messages: list[tuple[bytes, bytes]], flags: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        box = stdlib_mailbox.Maildir(os.path.join(folder, "m"))
        keys = []
        for (head, body), flag in zip(messages, flags, strict=False):
            keys.append(box.add(head + b"\n" + body))
            if flag != "new":
                held = box.get_message(keys[-1])
                held.set_subdir("cur")
                held.set_flags(flag)
                new = os.path.join(folder, "m", "new", keys[-1])
                os.rename(new, os.path.join(folder, "m", "cur", f"{keys[-1]}:2,{flag}"))
        box.close()
        expected = [head for _, (head, _) in sorted(zip(keys, messages, strict=True))]
        assert [seen(m) for m in read(os.path.join(folder, "m"))] == expected


@given(st.binary(max_size=300), st.sampled_from([None, *KINDS]))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_octets_give_messages_and_sentences(octets: bytes, kind: str | None) -> None:
    for source in (octets, Stream(b"From c@client.example " + DATE + b"\n" + octets, most=9)):
        messages, errors = collect(source, kind)
        assert messages or errors


def test_time_grows_with_size_only() -> None:
    """Work is counted in octets handed to `find`, not in seconds."""

    class Counted(bytearray):
        looked = 0

        def find(self, what: bytes, start: int = 0, end: int | None = None) -> int:  # type: ignore[override]
            stop = len(self) if end is None else min(end, len(self))
            at = super().find(what, start, stop)
            Counted.looked += max(0, (stop if at < 0 else at) - start)
            return at

    def work(octets: bytes, kind: str) -> int:
        Counted.looked = 0
        held = window.Window(Stream(octets))
        held.data = Counted()
        reader = KINDS[kind].reader
        assert reader is not None
        for _ in reader(held, window.Place(kind, None, None)):
            pass
        return Counted.looked

    for record in (
        joined(block(0)),
        joined(block(0)).replace(b"\n", b"\r\n"),
        joined(sized(0, b"\nFrom \n" * 9) + b"\nFrom \n" * 9),
        joined(sized(0, b"\nFrom \n" * 9, 10**6) + b"\nFrom \n" * 9),
        b"From x@y.example\n",
        b"From c@client.example " + DATE + b"\nTo: a@b.example\n",
        b"From c@client.example " + DATE + b"\n\n",
        b"\n",
        b"x\n",
        b"To: a@b.example\n",
    ):
        count = 300 if len(record) > 20 else 4_000
        for kind, start in itertools.product(("mbox", "mboxo", "mboxcl2"), (block(0), block(0)[:-1])):
            start = b"From c@client.example " + DATE + b"\n" + start
            some = work(start + record * count, kind)
            assert work(start + record * 4 * count, kind) < 4.5 * some + (1 << 18), (record, kind)


def test_a_copy_says_what_no_copy_of_its_kind_can_show() -> None:
    (message,) = read(b"From: a@x.example\r\nTo: b@x.example\r\n\r\n", "postmark_submitted")
    assert "what the account at the provider adds later is invisible here" in Guard().check(message).blind_spots
