"""Messages are the same wherever they lie: in files of their own, in mailboxes, in what was written down of SMTP."""

from __future__ import annotations

import json
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headerguard import Message, read
from headerguard.message import Stage
from headerguard.role import Role
from headerguard.sources import body as bodies
from headerguard.sources import rfc5322, window

FROM_LINE = b"From out@gate.example Sun Aug  7 10:00:00 2022\n"
FIRST, LAST = "MAIL FROM:<out@gate.example>\r\nRCPT TO:<kept@archive.example>\r\nDATA\r\n", ".\r\n"


def plain(number: int, body: str = "hello\n") -> bytes:
    return f"From: shop@shop.example\nTo: c{number}@client.example\nSubject: number {number}\n\n{body}".encode()


def journal(number: int, header: str = "", filler: str = "", inner: str = "") -> bytes:
    """A journal report of a message that went to more than its header says; `filler` stands before the parts."""
    inner = inner or f"From : shop@shop.example\nTo: c{number}@client.example\nSubject: number {number}\n\nhello\n"
    return (
        f"From: exchange@shop.example\nTo: kept@archive.example\nX-MS-Journal-Report:\n{header}"
        'Content-Type: multipart/mixed; boundary="b1"\n\n'
        f"{filler}\n--b1\nContent-Type: text/plain\n\n"
        f"Sender: shop@shop.example\nMessage-Id: <m{number}@shop.example>\nBcc: copy{number}@arxxwalls.com\n"
        f"--b1\nContent-Type: message/rfc822\n\n{inner}\n--b1--\n"
    ).encode()


def bounce(number: int) -> bytes:
    return (
        "From: mailer-daemon@mx.example\nTo: bounces@shop.example\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b1"\n\n'
        "--b1\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n"
        f"Final-Recipient: rfc822;copy{number}@arxxwalls.com\nAction: failed\n"
        f"--b1\nContent-Type: text/rfc822-headers\n\nFrom: shop@shop.example\nSubject: number {number}\n\n--b1--\n"
    ).encode()


def numbers(messages: list[Message]) -> list[str]:
    return [message.subject for message in messages]


# ---- what holds messages


def mbox(messages: list[bytes], quote: Callable[[bytes], bytes]) -> bytes:
    return b"".join(FROM_LINE + quote(octets) + b"\n" for octets in messages)


def mboxcl2(messages: list[bytes]) -> bytes:
    def sized(octets: bytes) -> bytes:
        head, _, body = octets.partition(b"\n\n")
        return head + b"\nContent-Length: %d\n\n" % len(body) + body

    return mbox(messages, sized)


def batch(messages: list[bytes]) -> bytes:
    stuffed = (re.sub(rb"^\.", b"..", octets, flags=re.MULTILINE) for octets in messages)
    return b"".join(FIRST.encode() + octets + LAST.encode() for octets in stuffed)


def callbacks(messages: list[bytes]) -> bytes:
    events: list[dict[str, object]] = []
    for octets in messages:
        head, _, body = octets.decode("latin-1").partition("\n\n")
        events += [{"cb": "envfrom", "args": ["<out@gate.example>"]}]
        events += [{"cb": "envrcpt", "args": ["<kept@archive.example>"]}]
        fields = (line.partition(":") for line in head.split("\n"))
        events += [{"cb": "header", "name": name, "value": value.strip()} for name, _, value in fields]
        events += [{"cb": "eoh"}, {"cb": "body", "args": [body[:9]]}, {"cb": "body", "args": [body[9:]]}, {"cb": "eom"}]
    return json.dumps(events).encode()


HOLDERS: dict[str, Callable[[list[bytes]], bytes]] = {
    "mboxo": lambda messages: mbox(messages, lambda octets: re.sub(rb"(?m)^From ", b">From ", octets)),
    "mboxrd": lambda messages: mbox(messages, lambda octets: re.sub(rb"(?m)^(>*From )", rb">\1", octets)),
    "mboxcl2": mboxcl2,
    "exim_bsmtp": batch,
    "milter_events": callbacks,
}
HELD = pytest.mark.parametrize("holder", list(HOLDERS))
PATHS = {"from_", "rcpt to", "mail from", "report:from_", "report:rcpt to", "report:mail from"}
"""Where a holder says by which way a message came."""


def said(source: bytes | Path, kind: str | None = None) -> list[tuple[object, ...]]:
    """All that is read, without where it was read and by which way it came; errors as their last words."""
    found: list[tuple[object, ...]] = []
    for message in read(source, kind, on_error=lambda error: found.append((error.errors[0].rpartition(": ")[2],))):
        sightings = sorted(
            (s.field, s.occurrence, str(s.address), str(s.role), str(s.tier))
            for s in message.sightings
            if s.field not in PATHS
        )
        reported = message.origin is not None and message.origin.kind in ("exchange_journal", "delivery_status")
        names = sorted(message.names - {"content-length"})
        found.append((reported and str(message.stage), message.correlation, message.subject, names, sightings))
    return found


LINES = st.sampled_from(["", ".", "..x", "From here", ">From there", "--b1", "--b1--", "To: a@b.example", "x" * 70_000])
FILLERS = st.lists(LINES, max_size=6).map("\n".join)
INNERS = st.sampled_from(["", "X-Only: a@b.example", "From : a@b.example\n.To: c@d.example\n\n", "\n", "\n\n"])
ONES = st.one_of(
    st.builds(plain, st.integers(0, 9), FILLERS),
    st.builds(journal, st.integers(0, 9), st.just(""), FILLERS, INNERS),
    st.builds(
        lambda octets, size: octets[: len(octets) * size // 9], st.builds(journal, st.integers(0, 9)), st.integers(7, 9)
    ),
)


@given(st.lists(ONES, min_size=1, max_size=5), st.sampled_from(list(HOLDERS)), st.booleans())
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_messages_and_reports_are_the_same_alone_and_held(messages: list[bytes], holder: str, small: bool) -> None:
    messages = [octets if octets.endswith(b"\n") else octets + b"\n" for octets in messages]
    with pytest.MonkeyPatch.context() as patch:
        if small:
            patch.setattr(window, "CHUNK", 512)
            patch.setattr(bodies, "CHUNK", 512)
            patch.setattr(rfc5322, "_STEP", 16)
        assert said(HOLDERS[holder](messages)) == [what for octets in messages for what in said(octets)]


@HELD
def test_a_report_in_a_mailbox_or_a_transcript_says_who_the_message_went_to(holder: str) -> None:
    messages = list(read(HOLDERS[holder]([plain(0), journal(1), plain(2), journal(3)])))
    assert numbers(messages) == [f"number {n}" for n in range(4)]
    of = "mboxo" if holder == "mboxrd" else holder  # without a ">>From " they cannot be told apart
    assert [(m.origin.kind, m.origin.index) for m in messages if m.origin] == [
        (of, 0),
        ("exchange_journal", 1),
        (of, 2),
        ("exchange_journal", 3),
    ]
    assert [m.hidden for m in messages[1::2]] == [("copy1@arxxwalls.com",), ("copy3@arxxwalls.com",)]
    assert {m.stage for m in messages[1::2]} == {Stage.ARCHIVE}


@HELD
def test_a_damaged_report_costs_itself_alone(holder: str) -> None:
    errors: list[str] = []
    cut = journal(1).partition(b"number 1")[0]  # inside the header of the enclosed message
    octets = HOLDERS[holder]([journal(0), cut + b"\n", journal(2)])
    messages = list(read(octets, on_error=lambda error: errors.extend(error.errors)))
    assert [m.hidden for m in messages] == [(f"copy{n}@arxxwalls.com",) for n in range(3)]
    assert errors == ["input: record 1: it ends inside the header of the enclosed message; what is there was read"]


@pytest.mark.parametrize("holder", ["exim_bsmtp", "milter_events"])
def test_the_envelope_of_a_report_names_the_archive(holder: str) -> None:
    (message,) = read(HOLDERS[holder]([journal(1)]))
    found = {(s.field, str(s.address)): s.role for s in message.sightings}
    assert found["report:rcpt to", "kept@archive.example"] is Role.ARCHIVE
    assert found["report:mail from", "out@gate.example"] is Role.MENTIONED
    assert message.envelope is None
    errors: list[object] = []
    (message,) = read(HOLDERS[holder]([b"X-MS-Journal-Report: \n" + plain(1)]), on_error=errors.append)
    assert (message.hidden, len(errors)) == (("kept@archive.example",), 1)  # what is no report conceals nobody


def test_callbacks_after_a_body_belong_to_the_next_transaction() -> None:
    cut = journal(0).partition(b"\nSubject: number 0")[0]
    events = json.loads(callbacks([cut, plain(1)]))
    at = next(number for number, event in enumerate(events) if event["cb"] == "eom")
    for left_out in ([at], [at - 3], [at - 3, at]):
        some = [event for number, event in enumerate(events) if number not in left_out]
        messages = list(read(json.dumps(some).encode(), on_error=lambda _: None))
        assert numbers(messages) == ["", "number 1"]
        assert messages[0].hidden == ("copy0@arxxwalls.com",)
        assert messages[1].envelope is not None
        assert (messages[1].envelope.mail_from, *messages[1].envelope.rcpt_to) == (
            "out@gate.example",
            "kept@archive.example",
        )


# ---- kinds that are named


KINDS_NAMED = pytest.mark.parametrize(
    ("kind", "make", "role"),
    [
        ("exchange_journal", journal, "bcc"),
        ("delivery_status", bounce, "delivered"),
        ("postfix_always_bcc", lambda n: b"Delivered-To: copy%d@arxxwalls.com\n" % n + plain(n), "archive"),
        ("postmark_submitted", lambda n: b"Bcc: copy%d@arxxwalls.com\n" % n + plain(n), "control"),
    ],
)


@KINDS_NAMED
@pytest.mark.parametrize("holder", [*HOLDERS, "maildir", "directory", "single"])
def test_a_named_kind_is_read_from_whatever_holds_its_messages(
    holder: str, kind: str, make: Callable[[int], bytes], role: str, tmp_path: Path
) -> None:
    messages = [make(number) for number in range(3)]
    files = {f"cur/{number}": octets for number, octets in enumerate(messages)}
    if holder == "maildir":
        for folder in ("cur", "new", "tmp", ".Sent/cur", ".Sent/new", ".Sent/tmp"):
            (tmp_path / folder).mkdir(parents=True)
        files = {"cur/1:2,S": messages[1], "new/0": messages[0], ".Sent/cur/2": messages[2], "tmp/9": messages[0]}
    elif holder == "directory":
        (tmp_path / "cur").mkdir()
    elif holder == "single":
        messages = messages[:1]
        files = {"one.eml": messages[0]}
    else:
        files = {"all": HOLDERS[holder](messages)}
    for name, octets in files.items():
        (tmp_path / name).write_bytes(octets)
    found = list(read(tmp_path, kind))
    assert numbers(found) == [f"number {n}" for n in range(len(messages))]
    for number, message in enumerate(found):
        assert message.origin is not None
        assert message.origin.kind == kind
        assert f"copy{number}@arxxwalls.com" in {str(s.address) for s in message.sightings if s.role == role}


def test_a_message_that_is_no_report_is_an_error_in_a_mailbox_of_reports() -> None:
    errors: list[str] = []
    octets = HOLDERS["mboxo"]([journal(0), plain(1), journal(2)])
    messages = list(read(octets, "exchange_journal", on_error=lambda error: errors.extend(error.errors)))
    assert numbers(messages) == [f"number {n}" for n in range(3)]
    assert len(errors) == 1
    assert errors[0].startswith("input: record 1: not a journal report: ")


def test_what_a_from_line_states_stays_beside_what_the_kind_states() -> None:
    (message,) = read(HOLDERS["mboxo"]([b"Bcc: copy@arxxwalls.com\n" + plain(0)]), "postmark_submitted")
    assert {("from_", "bounce"), ("bcc", "control")} <= {(s.field, str(s.role)) for s in message.sightings}


# ---- size


@pytest.mark.parametrize("holder", ["mboxo", "mboxcl2", "exim_bsmtp", "single"])
def test_a_report_of_any_size_takes_little_memory(holder: str) -> None:
    mark = "(here)"
    size = 60_000_000
    report = journal(1, filler=mark)
    octets = report if holder == "single" else HOLDERS[holder]([report, plain(2)])
    head, _, tail = octets.partition(mark.encode())
    length = b"Content-Length: %d" % (len(report.partition(b"\n\n")[2]))
    head = head.replace(length, b"Content-Length: %d" % (int(length[16:]) + size - len(mark)))
    pieces = iter([head, *_filler(size), tail])

    class Source:
        held = b""

        def read(self, most: int, /) -> bytes:
            while len(self.held) < most and (piece := next(pieces, b"")):
                self.held += piece
            given, self.held = self.held[:most], self.held[most:]
            return given

    tracemalloc.start()
    try:
        found = list(read(Source()))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert numbers(found) == ["number 1", "number 2"][: 1 + (holder != "single")]
    assert found[0].hidden == ("copy1@arxxwalls.com",)
    assert peak < 16 << 20


def _filler(size: int) -> list[bytes]:
    line = b"x" * 99 + b"\n"
    return [line * 10_000] * (size // 1_000_000)


def test_a_report_that_ends_with_what_was_read_hides_no_other(tmp_path: Path) -> None:
    def reports(size: int) -> list[bytes]:
        return [journal(0, filler="x" * size).partition(b"number 0")[0] + b"\n", plain(1), journal(2)]

    whole = window.FIRST + window.CHUNK
    short = len(HOLDERS["mboxcl2"](reports(window.CHUNK)[:1]))
    octets = HOLDERS["mboxcl2"](reports(window.CHUNK + whole - short))
    assert len(HOLDERS["mboxcl2"](reports(window.CHUNK + whole - short)[:1])) == whole
    (tmp_path / "held.mbox").write_bytes(octets)
    found = list(read(tmp_path / "held.mbox", "mboxcl2", on_error=lambda _: None))
    assert numbers(found) == ["", "number 1", "number 2"]
