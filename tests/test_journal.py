"""Journal reports and bounces: what a machine says of a message, and the header of that message."""

from __future__ import annotations

import base64
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headerguard import Guard, Message, read
from headerguard.errors import SourceError
from headerguard.message import Stage

OUTER = """\
From: Exchange <exchange@shop.example>
To: journal@archive.example
Message-ID: <report-1@shop.example>
X-MS-Journal-Report:
Content-Type: multipart/mixed; boundary="b1"

"""
LINES = """\
Sender: shop@shop.example
On-Behalf-Of: boss@shop.example
Subject: Your receipt
Message-Id: <m1@shop.example>
To: jane@client.example
Cc: joe@team.example, Expanded: team@shop.example
Bcc: copy@arxxwalls.com
To: home@elsewhere.example, Forwarded: old@client.example
Recipient: who@client.example
"""
INNER = """\
From: shop@shop.example
To: jane@client.example
Cc: team@shop.example
Subject: Your receipt
Message-ID: <m1@shop.example>

body with person@body.example
"""


def report(lines: str = LINES, inner: str = INNER, more: str = "") -> bytes:
    text = f"--b1\nContent-Type: text/plain{more}\n\n{lines}\n--b1\nContent-Type: message/rfc822\n\n{inner}\n--b1--\n"
    return (OUTER + text).replace("\n", "\r\n").encode()


def only(octets: bytes, kind: str | None = None) -> tuple[Message, list[str]]:
    errors: list[str] = []
    (message,) = read(octets, kind, on_error=lambda error: errors.extend(error.errors))
    return message, errors


def roles(message: Message, role: str) -> set[str]:
    return {str(s.address) for s in message.sightings if s.role == role}


def test_a_report_says_who_the_message_really_went_to() -> None:
    message, errors = only(report())
    assert errors == []
    assert message.origin is not None
    assert (message.origin.kind, message.stage) == ("exchange_journal", Stage.ARCHIVE)
    everybody = {"jane@client.example", "joe@team.example", "copy@arxxwalls.com", "home@elsewhere.example"}
    assert roles(message, "envelope") == {*everybody, "who@client.example"}
    assert roles(message, "bcc") == {"copy@arxxwalls.com"}
    assert set(message.hidden) == {*everybody, "who@client.example"} - {"jane@client.example"}
    assert "m1@shop.example" in message.correlation
    assert "person@body.example" not in str(message.sightings)
    assert any("several reports" in spot for spot in Guard().check(message).blind_spots)


@pytest.mark.parametrize(
    "line",
    ["Recipients: {}", "An: {}", "{}", "\u200bBcc: {}", "Bcc\u00a0: {}", "Bcc; {}", "X-Copied: who <{}>", "see <{}>,"],
)
def test_an_address_in_a_line_that_nobody_documents_is_not_lost(line: str) -> None:
    message, errors = only(report(LINES + line.format("more@arxxwalls.com") + "\n"))
    assert errors == []
    assert "more@arxxwalls.com" in roles(message, "mentioned")
    assert "m1@shop.example" not in {str(s.address) for s in message.sightings}


def test_lines_that_end_in_cr_alone_and_lines_of_a_second_text_are_read() -> None:
    message, _ = only(report(LINES.replace("\n", "\r") + "Bcc: more@arxxwalls.com\r"))
    assert roles(message, "bcc") == {"copy@arxxwalls.com", "more@arxxwalls.com"}
    message, _ = only(report(LINES + "\n--b1\nContent-Type: text/plain\n\nBcc: more@arxxwalls.com\n"))
    assert roles(message, "bcc") == {"copy@arxxwalls.com", "more@arxxwalls.com"}


def test_expanded_and_forwarded_recipients_have_their_original() -> None:
    message, _ = only(report())
    originals = {str(r.address): str(r.original) for r in message.recipients if r.original}
    assert originals == {"joe@team.example": "team@shop.example", "home@elsewhere.example": "old@client.example"}


@pytest.mark.parametrize("kind", [None, "exchange_journal"])
@pytest.mark.parametrize(
    ("more", "encode"),
    [
        ("; charset=utf-8\nContent-Transfer-Encoding: base64", lambda text: base64.encodebytes(text.encode()).decode()),
        ("\nContent-Transfer-Encoding: quoted-printable", lambda text: text.replace("@", "=40")),
        ("; charset=nonsense", lambda text: text),
    ],
)
def test_the_lines_are_decoded(kind: str | None, more: str, encode: object) -> None:
    assert callable(encode)
    message, errors = only(report(encode(LINES), more=more), kind)
    assert (errors, roles(message, "bcc")) == ([], {"copy@arxxwalls.com"})


def test_a_damaged_inner_message_costs_no_recipient() -> None:
    message, errors = only(report(inner=""))
    assert roles(message, "bcc") == {"copy@arxxwalls.com"}
    assert len(errors) == 1
    message, errors = only(report(inner="\x00\x01 no field\n"))
    assert roles(message, "bcc") == {"copy@arxxwalls.com"}
    assert errors == ["input: what is enclosed in it has no header field"]
    cut = report()[: report().index(b"--b1\r\nContent-Type: message")]
    message, errors = only(cut)
    assert roles(message, "bcc") == {"copy@arxxwalls.com"}
    assert len(errors) == 1


def test_a_report_without_lines_gives_the_message_and_says_so() -> None:
    message, errors = only(report(lines="nothing to say\n"))
    assert roles(message, "to") == {"jane@client.example"}
    assert len(errors) == 1


def test_reports_in_a_maildir_and_a_directory_are_reports(tmp_path: Path) -> None:
    for folder in ("cur", "new", "tmp"):
        (tmp_path / "box" / folder).mkdir(parents=True)
    (tmp_path / "box" / "cur" / "1.a:2,S").write_bytes(report())
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "one.eml").write_bytes(report())
    for name in ("box", "plain"):
        (message,) = read(tmp_path / name)
        assert "copy@arxxwalls.com" in message.hidden


def test_ordinary_mail_that_speaks_of_a_journal_is_ordinary_mail() -> None:
    message, errors = only(b"From: a@x.example\r\nTo: b@x.example\r\nSubject: Journal\r\n\r\nTo: c@x.example\r\n")
    assert (errors, message.origin and message.origin.kind) == ([], "eml")


@given(st.binary(max_size=400))
def test_nothing_after_a_journal_header_raises(octets: bytes) -> None:
    for item in (OUTER.encode() + octets, report() + octets, report()[: len(octets) * 3]):
        errors: list[SourceError] = []
        list(read(item, on_error=errors.append))


def test_a_hundred_thousand_recipients_are_read_in_bounded_memory() -> None:
    lines = "".join(f"Bcc: c{n}@client.example\n" for n in range(100_000))
    tracemalloc.start()
    message, errors = only(report(lines=f"Message-Id: <m1@x.example>\n{lines}"))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert errors == []
    assert len(roles(message, "bcc")) == 100_000
    assert most < 400 << 20


BOUNCE = """\
From: mailer-daemon@mx.example
To: bounces@shop.example
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"

--b1
Content-Type: text/plain

It did not work.
--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Original-Recipient: rfc822;team@client.example
Final-Recipient: rfc822;copy@arxxwalls.com
Action: failed
--b1
Content-Type: text/rfc822-headers

From: shop@shop.example
To: team@client.example
Message-ID: <m1@shop.example>

--b1--
"""


def test_a_bounce_proves_who_was_written_to() -> None:
    message, errors = only(BOUNCE.replace("\n", "\r\n").encode(), "delivery_status")
    assert errors == []
    assert "copy@arxxwalls.com" in roles(message, "envelope") & roles(message, "delivered")
    assert "copy@arxxwalls.com" in message.hidden
    assert {str(r.original) for r in message.recipients if r.original} == {"team@client.example"}
    assert message.stage is Stage.EVENT
    assert "m1@shop.example" in message.correlation
