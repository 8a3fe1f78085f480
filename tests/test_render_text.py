"""Text: what people read in a terminal and in a failed test."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headerguard.finding import Evidence, Failure, Finding, History, Report, Severity, Skipped
from headerguard.message import Envelope, Message, Origin
from headerguard.rendering import render, stream, visible
from headerguard.rendering.words import odds
from test_render import HOSTILE, RECEIPT, at, clean, copied, hostile_reports, receipt, simple

_SGR = re.compile(r"\x1b\[[0-9;]*m")


def lines(report: Report, verbose: bool = False) -> list[str]:
    return render(report, verbose=verbose).splitlines()


def one(message: Message, *findings: Finding) -> Report:
    return Report(message, findings)


# ---- the whole


def test_the_example_of_the_plan() -> None:
    assert render(receipt()) == "\n".join(
        (
            "headerguard: 1 unexpected recipient in 1 message of stream 'receipts'",
            "   message[0]  'Your receipt'  from no-reply@shop.example",
            "       to[0]   alice@customer.com",
            "       bcc[0]  audit@shop.example",
            "   >   bcc[1]  copy@arxxwalls.com",
            "       unfamiliar-blind-recipient (high): a hidden copy to arxxwalls.com, submitted with the message",
            "             1,904 messages of this stream since 2026-03-01 (last clean one 2026-11-22);"
            " bcc so far: audit@shop.example",
            "   explain:  headerguard explain unfamiliar-blind-recipient",
            '   allow:    headerguard baseline allow arxxwalls.com --stream receipts --reason "..." --until 2027-01-31',
        )
    )


def test_the_first_line_says_it_within_sixty_characters_before_the_stream() -> None:
    title = lines(receipt())[0]
    assert title.index("'receipts'") <= 60


def test_blocks_are_kept_apart_and_a_line_on_all_ends_them() -> None:
    told = render([receipt(), clean(), receipt()])
    blocks = told.split("\n\n")
    assert [block.splitlines()[0][:12] for block in blocks] == ["headerguard:"] * 3
    assert "message[0]" in blocks[0]
    assert "message[2]" in blocks[1]
    assert blocks[2] == "headerguard: 3 messages, 2 with findings (2 high)"


def test_a_clean_message_is_passed_over() -> None:
    assert render(clean()) == ""
    assert render(clean(), verbose=True) == ""
    assert list(stream([clean(), clean()], "text")) == ["headerguard: 2 messages, 0 with findings\n"]


def test_an_allowed_finding_alone_is_passed_over_unless_verbose() -> None:
    report = Report(clean().message, allowed=(simple("evil.example", "it is known"),))
    assert render(report) == ""
    told = lines(report, verbose=True)
    assert told[0].startswith("headerguard: no finding in 1 message of stream ")
    assert told[-1] == "   allowed:  some-rule (medium) evil.example: it is known"


def test_notes_follow_and_skipped_rules_only_on_request() -> None:
    report = Report(
        clean().message,
        (simple("to"),),
        (Skipped("young", "the stream is too short"),),
        (Failure("broken", "KeyError: 'x'"),),
        (simple("evil.example", "it is known"),),
        ("the envelope was not seen",),
        ("an allowance lapsed",),
    )
    notes = [
        "   failed:   broken: KeyError: 'x'",
        "   allowed:  some-rule (medium) evil.example: it is known",
        "   skipped:  young: the stream is too short",
        "   unseen:   the envelope was not seen",
        "   note:     an allowance lapsed",
    ]
    assert lines(report, verbose=True)[-5:] == notes
    assert lines(report)[-4:] == notes[:2] + notes[3:]


def test_a_rule_that_failed_is_told_without_findings_too() -> None:
    told = lines(Report(clean().message, failures=(Failure("broken", "KeyError: 'x'"),)))
    assert told[0].startswith("headerguard: check incomplete on 1 message of stream ")
    assert told[2:] == ["   failed:   broken: KeyError: 'x'"]


# ---- which message


@pytest.mark.parametrize(
    ("origin", "label"),
    [
        (None, "message[0]"),
        (Origin("eml"), "message[0]"),
        (Origin("mboxrd", None, 17), "message[17]"),
        (Origin("eml", "mail/0412.eml"), "mail/0412.eml"),
        (Origin("mboxrd", "archive.mbox", 17), "archive.mbox#17"),
        (Origin("eml", "mail\\0412.eml"), "mail\\0412.eml"),
        (Origin("eml", "a\nb\x1b.eml"), r"a\nb\x1b.eml"),
        (Origin("eml", "##[error].eml"), r"#\x23[error].eml"),
    ],
)
def test_where_the_message_is(origin: Origin | None, label: str) -> None:
    assert lines(receipt(origin=origin))[1] == f"   {label}  'Your receipt'  from no-reply@shop.example"


@pytest.mark.parametrize(
    ("fields", "who"),
    [
        (b"", "nobody"),
        (b"From: a@b.example\r\nFrom: A <a@b.example>, c@b.example\r\n", "a@b.example, c@b.example"),
        (b"From: a@x.example, B <b@x.example>\r\n", "a@x.example, b@x.example"),
        (b"From: a@x.eu, b@x.eu, c@x.eu, d@x.eu\r\n", "a@x.eu, b@x.eu, c@x.eu and 1 more"),
    ],
)
def test_who_wrote_it(fields: bytes, who: str) -> None:
    assert lines(one(Message.from_bytes(fields + b"\r\n"), simple("to")))[1] == f"   message[0]  ''  from {who}"


def test_a_long_subject_is_cut() -> None:
    message = Message.from_bytes(b"Subject: " + b"x" * 500 + b"\r\n\r\n")
    assert f"'{'x' * 80}[... 420 characters more]'" in lines(one(message, simple("to")))[1]


def test_the_stream_is_the_one_that_was_judged() -> None:
    assert "of stream 'receipts'" in lines(receipt())[0]
    unnamed = Finding("some-rule", "to", Severity.LOW, "odd", ())
    assert "of stream 'author:" not in lines(one(Message.from_bytes(b"\r\n"), unnamed))[0]


# ---- recipients


def _crowd(count: int, *strangers: int) -> Message:
    names = [f"copy@evil-{n}.com" if n in strangers else f"c{n}@client.example" for n in range(count)]
    return Message.from_bytes(f"From: a@x.example\r\nTo: {', '.join(names)}\r\n\r\n".encode())


def _stranger(message: Message, number: int) -> Finding:
    octets = f"copy@evil-{number}.com"
    return Finding("some-rule", octets, Severity.HIGH, "a stranger", (at(message, octets, "to"),))


def test_a_long_list_is_shortened_but_never_by_a_culprit() -> None:
    message = _crowd(100, 57)
    told = lines(one(message, _stranger(message, 57)))
    listed = [line for line in told if re.match(r"   [ >]   to\[", line)]
    assert len(listed) == 12
    assert listed[10] == "       to[10]  c10@client.example"
    assert listed[11] == "   >   to[57]  copy@evil-57.com"
    assert "       ... and 88 more" in told


def test_a_list_of_twelve_is_whole() -> None:
    message = _crowd(12, 3)
    told = lines(one(message, _stranger(message, 3)))
    assert len([line for line in told if " to[" in line]) == 12
    assert not [line for line in told if "more" in line]


def test_every_culprit_is_shown_whatever_their_number() -> None:
    strangers = range(5, 45, 2)
    message = _crowd(50, *strangers)
    told = lines(one(message, *(_stranger(message, number) for number in strangers)))
    assert told[0].startswith("headerguard: 20 unexpected recipients in 1 message")
    assert len([line for line in told if line.startswith("   >   to[")]) == 20
    assert len([line for line in told if line.startswith("       to[")]) == 0
    assert "       ... and 30 more" in told


def test_the_list_follows_the_header_and_shows_the_envelope_last() -> None:
    envelope = Envelope(None, ("only@envelope.example", "b1@x.example", "t0@x.example"))
    message = Message.from_bytes(
        b"Bcc: b0@x.example, b1@x.example\r\nCc: c0@x.example\r\nResent-To: r0@x.example\r\nTo: t0@x.example\r\n"
        b"X-MC-BccAddress: m0@x.example\r\n\r\n",
        envelope,
    )
    told = lines(one(message, simple("to")))
    assert [line.split() for line in told[2:9]] == [
        ["to[0]", "t0@x.example"],
        ["cc[0]", "c0@x.example"],
        ["bcc[0]", "b0@x.example"],
        ["bcc[1]", "b1@x.example"],
        ["resent_to[0]", "r0@x.example"],
        ["control[0]", "m0@x.example"],
        ["envelope[0]", "only@envelope.example"],
    ]


def test_a_domain_marks_each_of_its_recipients_and_is_told_once() -> None:
    message = Message.from_bytes(
        b"To: a@client.example\r\nBcc: x@mail.evil.com, b@client.example, y@evil.com, z@notevil.com\r\n\r\n"
    )
    evidence = tuple(at(message, octets, "bcc") for octets in ("x@mail.evil.com", "y@evil.com"))
    told = lines(one(message, Finding("some-rule", "EVIL.com", Severity.LOW, "two strangers", evidence)))
    assert [line for line in told if line.startswith("   >")] == [
        "   >   bcc[0]  x@mail.evil.com",
        "   >   bcc[2]  y@evil.com",
    ]
    assert told[0].startswith("headerguard: 2 unexpected recipients in 1 message")
    assert len([line for line in told if "two strangers" in line]) == 1


def test_two_findings_about_one_recipient_stand_below_it() -> None:
    message = Message.from_bytes(RECEIPT)
    second = Finding("other-rule", "copy@arxxwalls.com", Severity.LOW, "and another thing", copied(message).evidence)
    told = lines(one(message, copied(message), second))
    assert told[0].startswith("headerguard: 1 unexpected recipient in 1 message")
    row = told.index("   >   bcc[1]  copy@arxxwalls.com")
    assert told[row + 1].startswith("       unfamiliar-blind-recipient")
    assert told[row + 3] == "       other-rule (low): and another thing"


def test_only_the_place_that_the_evidence_names_is_marked() -> None:
    message = Message.from_bytes(b"To: a@evil.com\r\nBcc: b@evil.com\r\n\r\n")
    told = lines(one(message, Finding("some-rule", "evil.com", Severity.LOW, "x", (at(message, "b@evil.com", "bcc"),))))
    assert [line for line in told if line.startswith("   >")] == ["   >   bcc[0]  b@evil.com"]


def test_only_the_octets_that_the_evidence_names_are_marked() -> None:
    message = Message.from_bytes(b"Bcc: a@evil.com, b@evil.com\r\n\r\n")
    finding = Finding("some-rule", "evil.com", Severity.LOW, "x", (at(message, "b@evil.com", "bcc"),))
    assert [line for line in lines(one(message, finding)) if line.startswith("   >")] == ["   >   bcc[1]  b@evil.com"]


def test_a_recipient_has_the_colour_of_the_worst_that_is_said_about_it() -> None:
    message = Message.from_bytes(RECEIPT)
    mild = Finding("other-rule", "copy@arxxwalls.com", Severity.LOW, "x", copied(message).evidence)
    for findings in ((copied(message), mild), (mild, copied(message))):
        assert "\x1b[31m   >   bcc[1]" in render(one(message, *findings), colour=True)


def test_a_reply_address_does_not_mark_the_recipient_of_the_same_name() -> None:
    message = Message.from_bytes(b"To: a@evil.com\r\nReply-To: a@evil.com\r\n\r\n")
    piece = Evidence("reply[0]", "reply-to", 0, "a@evil.com", (26, 36))
    told = lines(one(message, Finding("reply-elsewhere", "a@evil.com", Severity.LOW, "x", (piece,))))
    assert told[0].startswith("headerguard: 1 finding in 1 message")
    assert told[2] == "       to[0]  a@evil.com"
    assert told[3] == "   >   reply[0]  a@evil.com"


def test_a_finding_about_the_field_cc_is_not_about_a_recipient_in_the_cocos_islands() -> None:
    message = Message.from_bytes(b"Cc: a@shop.cc\r\nCc: b@shop.cc\r\n\r\n")
    told = lines(one(message, Finding("repeated-field", "cc", Severity.LOW, "x", (at(message, "a@shop.cc", "cc"),))))
    assert "       cc[0]  a@shop.cc" in told


def test_an_envelope_recipient_is_marked_where_the_header_names_it() -> None:
    message = Message.from_bytes(RECEIPT, Envelope(None, ("alice@customer.com", "copy@arxxwalls.com")))
    evidence = (Evidence("envelope[1]", "rcpt to", 1, "copy@arxxwalls.com", None), *copied(message).evidence)
    told = lines(one(message, Finding("some-rule", "copy@arxxwalls.com", Severity.LOW, "x", evidence)))
    assert "   >   bcc[1]  copy@arxxwalls.com" in told
    assert "             also at envelope[1]: copy@arxxwalls.com" in told
    assert not [line for line in told if "also at bcc[1]" in line]


def test_how_sure_a_reading_is() -> None:
    message = Message.from_bytes(b"To: a@x.example\r\nBc\x00c: c@x.example\r\nBcc: <r@x.example\r\n\r\n")
    told = lines(one(message, simple("to")))
    tiers = {str(recipient.address): str(recipient.tier) for recipient in message.recipients}
    assert tiers["a@x.example"] == "plain"
    assert tiers["r@x.example"] == "recovered"
    assert [line.endswith("a@x.example") for line in told if "a@x.example" in line] == [True]
    assert next(line for line in told if "r@x.example" in line).endswith("  (recovered from broken syntax)")


def test_a_candidate_reading_is_called_one() -> None:
    message = Message.from_bytes(b"To: a@x.example\r\nX-Note: 1\rBcc: c@evil.example\r\n\r\n")
    finding = Finding("some-rule", "c@evil.example", Severity.LOW, "x", (at(message, "c@evil.example", "bcc"),))
    assert "   >   bcc[0]  c@evil.example  (candidate: only some readers take this for an address)" in lines(
        one(message, finding)
    )


def test_a_copy_without_recipients_says_so() -> None:
    assert "       (this copy names no recipient)" in lines(
        one(Message.from_bytes(b"From: a@x.example\r\n"), simple("to"))
    )


# ---- what is about no recipient


def test_a_field_is_shown_with_its_octets_escaped() -> None:
    message = Message.from_bytes(b"To: a@x.example\r\nX-Tag: a\x1b[2J\x00b\r\n \xe2\x80\xaec\r\n\r\n")
    piece = Evidence("x-tag", "x-tag", 0, "X-Tag: a\x1b[2J\x00b\r\n \u202ec\r\n", (17, 40), "two lines")
    finding = Finding("odd-field", "x-tag", Severity.MEDIUM, "it is odd", (piece,))
    assert lines(one(message, finding))[3:6] == [
        r"   >   x-tag  X-Tag: a\x1b[2J\x00b\r\n \u202ec\r\n",
        "       odd-field (medium): it is odd",
        "             here: two lines",
    ]


def test_findings_at_one_place_stand_together() -> None:
    message = Message.from_bytes(b"To: a@x.example\r\nReply-To: b@evil.com\r\n\r\n")
    piece = at(message, "b@evil.com", "reply-to", "reply[0]")
    first = Finding("one-rule", "b@evil.com", Severity.LOW, "first", (piece,))
    second = Finding("two-rule", "b@evil.com", Severity.LOW, "second", (piece,))
    told = lines(one(message, first, simple("to"), second))
    assert [line for line in told if line.startswith("   >")] == ["   >   reply[0]  b@evil.com", "   >   to"]
    row = told.index("   >   reply[0]  b@evil.com")
    assert told[row + 1 : row + 3] == ["       one-rule (low): first", "       two-rule (low): second"]


def test_a_finding_without_evidence_shows_its_subject() -> None:
    missing = simple("jane@client.example", "jane@client.example was declared and is absent")
    told = lines(one(Message.from_bytes(RECEIPT), missing))
    assert told[0].startswith("headerguard: 1 finding in 1 message")
    assert "   >   jane@client.example" in told


def test_a_mixture_is_called_findings() -> None:
    message = Message.from_bytes(RECEIPT)
    assert lines(one(message, copied(message), simple("to")))[0].startswith("headerguard: 2 findings in 1 message")


def test_long_source_is_cut() -> None:
    piece = Evidence("x", "x", 0, "y" * 100_000, None)
    told = render(one(clean().message, Finding("some-rule", "x", Severity.LOW, "odd", (piece,))))
    assert f"   >   x  {'y' * 200}[... 99,800 characters more]\n" in told
    assert len(told) < 1_000


# ---- what it rests on


def test_all_that_a_finding_rests_on() -> None:
    message = Message.from_bytes(RECEIPT)
    places = [Evidence(f"envelope[{n}]", "rcpt to", n, f"r{n}@x.example", None, "seen" if n else "") for n in range(5)]
    finding = Finding(
        "some-rule",
        "copy@arxxwalls.com",
        Severity.HIGH,
        "a copy",
        (at(message, "copy@arxxwalls.com", "bcc", "bcc[1]", "it is new"), *places),
        layer="relay",
        p_value=3.2e-5,
        prior=True,
        history=History(1, None, None, (), "arxwalls.com"),
    )
    assert "             odds: 1 in 31,000 messages" in lines(one(message, replace(finding, prior=False)))
    assert lines(one(message, finding))[5:14] == [
        "       some-rule (high): a copy",
        "             1 message of this stream; most like arxwalls.com",
        "             odds: 1 in 31,000 messages (shipped prior)",
        "             got in at: relay, as far as a copy of stage submitted shows",
        "             here: it is new",
        "             also at envelope[0]: r0@x.example",
        "             also at envelope[1]: r1@x.example (seen)",
        "             also at envelope[2]: r2@x.example (seen)",
        "             also at 2 more places",
    ]


def test_a_stream_without_history_says_so() -> None:
    finding = Finding("some-rule", "to", Severity.LOW, "odd", (), history=History())
    assert "             no earlier message of this stream is known" in lines(one(clean().message, finding))


@pytest.mark.parametrize(
    ("p_value", "said"),
    [
        (None, ""),
        (3.2e-5, "1 in 31,000 messages"),
        (1e-4, "1 in 10,000 messages"),
        (0.0123, "1 in 81 messages"),
        (0.3, "1 in 3.3 messages"),
        (1.0, "1 in 1 messages"),
        (1e-9, "1 in 1,000,000,000 messages"),
        (0.0, "less than 1 in 1,000,000,000 messages"),
        (5e-324, "less than 1 in 1,000,000,000 messages"),
        (float("nan"), ""),
        (float("inf"), ""),
        (-1.0, ""),
    ],
)
def test_odds(p_value: float | None, said: str) -> None:
    assert odds(p_value) == said
    assert odds(p_value, prior=True) == (f"{said} (shipped prior)" if said else "")


# ---- what to type next


def _commands(report: Report) -> list[str]:
    return [line[13:] for line in lines(report) if line[3:12] in ("explain: ", "allow:   ")]


@pytest.mark.parametrize(
    ("header", "observed", "known", "last"),
    [
        (b"", None, None, "YYYY-MM-DD"),
        (b"", None, History(1), "YYYY-MM-DD"),
        (b"", None, History(1, None, date(2026, 11, 22)), "2027-01-31"),
        (b"Date: Tue, 1 Dec 2026 10:00:00 +0000\r\n", None, History(1, None, date(2020, 1, 1)), "2027-02-09"),
        (b"Date: Tue, 1 Dec 2026 10:00:00 +0000\r\n", datetime(2026, 12, 2, tzinfo=UTC), None, "2027-02-10"),
        (b"Date: Fri, 31 Dec 9999 10:00:00 +0000\r\n", None, None, "YYYY-MM-DD"),
    ],
)
def test_an_allowance_ends_seventy_days_after_the_message(
    header: bytes, observed: datetime | None, known: History | None, last: str
) -> None:
    message = Message.from_bytes(header + b"To: a@x.example\r\n\r\n", Envelope(None, (), observed=observed))
    finding = Finding("some-rule", "a@x.example", Severity.LOW, "odd", (), history=known)
    assert _commands(one(message, finding))[1].endswith(f'--reason "..." --until {last}')


def test_commands_are_not_repeated_and_not_endless() -> None:
    message = clean().message
    findings = [simple("a.example"), simple("a.example"), *(simple(f"b{n}.example") for n in range(4))]
    told = lines(one(message, *findings))
    assert len([line for line in told if line.startswith("   explain:")]) == 1
    assert [line.split()[4] for line in told if line.startswith("   allow:")] == [
        "a.example",
        "b0.example",
        "b1.example",
    ]
    assert told[-1] == "             ... and 2 more"


@given(st.one_of(HOSTILE, st.text(min_size=1)), HOSTILE)
@example("##[error]x", "##vso[task.complete]")
@example("--reason=x@evil.example", "")
def test_a_command_can_be_pasted_into_a_shell_whatever_it_names(subject: str, stream_name: str) -> None:
    finding = Finding("some-rule", subject, Severity.LOW, "odd", (), stream=stream_name)
    (allow,) = (line[13:] for line in lines(one(Message.from_bytes(b"\r\n"), finding)) if line.startswith("   allow:"))
    words = shlex.split(allow)
    assert words[:3] == ["headerguard", "baseline", "allow"]
    if visible(subject) in (subject, subject.replace("\\", "\\\\")):
        assert words.count(subject) >= 1
    if subject.startswith("-"):
        assert words[-2] == "--"
    named = ["--stream"] if stream_name else []
    assert [word for word in words if word in ("--stream", "--reason", "--until")][-3:] == [
        *named,
        "--reason",
        "--until",
    ]
    assert len(words) == 8 + 2 * len(named) + subject.startswith("-")


def test_a_redacted_stream_is_left_out_of_a_command() -> None:
    finding = Finding("some-rule", "evil.example", Severity.LOW, "odd", (), stream="author:jane@shop.example")
    assert "--stream author:jane@shop.example" in render(one(clean().message, finding))
    assert "--stream" not in render(one(clean().message, finding), redact="local")


def test_a_redacted_subject_is_not_offered_for_allowing() -> None:
    told = render(one(clean().message, simple("jane@evil.example"), simple("evil.example")), redact="local")
    assert [line.split()[4] for line in told.splitlines() if line.startswith("   allow:")] == ["evil.example"]


# ---- colour and hostile text


def test_colour_adds_nothing_but_colour() -> None:
    message = Message.from_bytes(RECEIPT)
    report = Report(message, (copied(message), simple("to")), failures=(Failure("broken", "x"),))
    coloured = render(report, colour=True)
    assert _SGR.sub("", coloured) == render(report)
    assert "\x1b[31m   >   bcc[1]  copy@arxxwalls.com\x1b[0m" in coloured
    assert "\x1b[33m   >   to\x1b[0m" in coloured
    assert coloured.count("\x1b[") % 2 == 0


@given(hostile_reports(), st.booleans(), st.sampled_from(("none", "local")))
def test_no_text_of_others_reaches_the_terminal_raw(report: Report, colour: bool, redact: str) -> None:
    told = render([report], colour=colour, verbose=True, redact=redact)
    plain = _SGR.sub("", told) if colour else told
    for line in plain.split("\n"):
        assert line.isprintable()
        assert not line.lstrip().startswith("::")
        assert not re.search(r"##(\[|vso\[|teamcity\[)", line, re.IGNORECASE)
    assert all(line.startswith(("   ", "headerguard: ")) or not line for line in plain.split("\n"))
    told.encode("utf-8")
