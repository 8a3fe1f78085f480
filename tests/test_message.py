"""A message: every address once per place, who receives it, who is hidden, and what kind of copy it is."""

from __future__ import annotations

import email
import email.message
import email.policy
import email.utils
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from email.header import Header as StandardHeader
from email.headerregistry import Address as StandardAddress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headerguard.address_list import Tier
from headerguard.fields import CATALOGUE, DESTINATION, HIDDEN, RECIPIENT, VISIBLE, Role
from headerguard.header import DefectName
from headerguard.message import Envelope, Message, Origin, Recipient, Sighting, Stage
from strategies import blocks, lists


def read(*lines: str, eol: str = "\r\n", **more: Any) -> Message:
    """A message of header lines, one character per octet."""
    return Message.from_bytes(
        (eol.join(lines) + eol + eol + "body: body@never.example" + eol).encode("latin-1"), **more
    )


def recipient(message: Message, address: str) -> Recipient:
    (found,) = [r for r in message.recipients if str(r.address) == address]
    return found


# ---- the catalogue -------------------------------------------------------------------------------------------

ROLES = {
    # RFC 5322 section 3.6.2, 3.6.3, 3.6.6
    "From": Role.FROM,
    "Sender": Role.SENDER,
    "Reply-To": Role.REPLY,
    "To": Role.TO,
    "Cc": Role.CC,
    "Bcc": Role.BCC,
    "Resent-From": Role.RESENT_FROM,
    "Resent-Sender": Role.RESENT_FROM,
    "Resent-To": Role.RESENT_TO,
    "Resent-Cc": Role.RESENT_CC,
    "Resent-Bcc": Role.RESENT_BCC,
    # RFC 5321 section 4.4, RFC 2076, RFC 8098, RFC 9228 and the servers' own
    "Return-Path": Role.BOUNCE,
    "Errors-To": Role.BOUNCE,
    "Disposition-Notification-To": Role.RECEIPT,
    "Return-Receipt-To": Role.RECEIPT,
    "Delivered-To": Role.DELIVERED,
    "X-Original-To": Role.DELIVERED,
    "Envelope-To": Role.ENVELOPE,
    "Apparently-To": Role.ENVELOPE,
    "Mail-Followup-To": Role.REPLY,
    "X-MC-BccAddress": Role.CONTROL,
}


@pytest.mark.parametrize(("name", "role"), list(ROLES.items()), ids=list(ROLES))
@pytest.mark.parametrize("case", [str, str.lower, str.upper])
def test_the_role_of_a_field(name: str, role: Role, case: Callable[[str], str]) -> None:
    line = f"{case(name)}: <jane@client.example>"
    (sighting,) = read("X-Before: 1", line).sightings
    at = len("X-Before: 1\r\n") + line.index("jane")
    assert sighting == Sighting(
        sighting.address, role, name.lower(), 0, Tier.PLAIN, (at, at + len("jane@client.example")), None
    )
    assert str(sighting.address) == "jane@client.example"


def test_destination_fields_and_roles_fit_together() -> None:
    assert {"to", "cc", "bcc", "resent-to", "resent-cc", "resent-bcc"} == DESTINATION
    assert {CATALOGUE[name].role for name in DESTINATION} == VISIBLE | {Role.BCC, Role.RESENT_BCC}
    assert not VISIBLE & HIDDEN
    assert VISIBLE | HIDDEN == RECIPIENT
    for name, entry in CATALOGUE.items():
        assert name == entry.name.lower()
        assert entry.reference


def test_every_place_is_a_sighting() -> None:
    message = read("To: a@x.example, b@x.example", "Cc: a@x.example", "To: a@x.example", "Date: today")
    assert [(str(s.address), s.field, s.occurrence) for s in message.sightings] == [
        ("a@x.example", "to", 0),
        ("b@x.example", "to", 0),
        ("a@x.example", "cc", 0),
        ("a@x.example", "to", 1),
    ]


@pytest.mark.parametrize(
    ("value", "addresses"),
    [
        ("from a by b for <jane@x.example>; Mon, 1 Jan 2024 00:00:00 +0000", ["jane@x.example"]),
        ("from a by b\r\n\tfor jane@x.example; Mon, 1 Jan 2024 00:00:00 +0000", ["jane@x.example"]),
        ("from a by b (envelope-from <eve@x.example>) id 1; Mon, 1 Jan 2024 00:00:00 +0000", []),
        ("from a by b with SMTP for everybody; Mon, 1 Jan 2024 00:00:00 +0000", []),
        ("from user@helo.example by b id 1; Mon, 1 Jan 2024 00:00:00 +0000", []),
        ("(nothing)", []),
    ],
)
def test_only_the_for_clause_of_received_says_who_got_it(value: str, addresses: list[str]) -> None:
    message = read(f"Received: {value}")
    assert [str(s.address) for s in message.sightings_of({Role.DELIVERED})] == addresses
    assert {s.role for s in message.sightings} <= {Role.DELIVERED, Role.MENTIONED}
    assert message.recipients == ()


@pytest.mark.parametrize("path", ["<>", " < > ", "", "\r\n <>"])
def test_the_null_path_is_nobody_and_nothing_odd(path: str) -> None:
    message = read(f"Return-Path: {path}")
    assert message.sightings == ()
    assert message.defects == ()


def test_a_group_hides_nobody() -> None:
    message = read("To: Friends: a@x.example, B <b@x.example>;, undisclosed: ;")
    assert [str(r.address) for r in message.recipients] == ["a@x.example", "b@x.example"]
    assert message.hidden == ()


def test_the_display_name_is_decoded() -> None:
    message = read("To: =?utf-8?q?J=C3=B6rg=2C?= <j@x.example>", 'Cc: "Doe, Jane" <d@x.example>')
    assert [s.display_name for s in message.sightings] == ["Jörg,", "Doe, Jane"]


def test_a_mention_is_no_recipient() -> None:
    message = read('To: "audit@shop.example" <copy@x.example>')
    assert {(str(s.address), s.role) for s in message.sightings} == {
        ("copy@x.example", Role.TO),
        ("audit@shop.example", Role.MENTIONED),
    }
    assert [str(r.address) for r in message.recipients] == ["copy@x.example"]


def test_a_mention_in_to_does_not_make_a_blind_copy_visible() -> None:
    message = read('To: "eve@x.example" <jane@client.example>', "Bcc: eve@x.example")
    assert message.hidden == ("eve@x.example",)


@given(blocks())
def test_looking_at_some_roles_sees_the_same(block: bytes) -> None:
    """Rules read the fields of some roles only, and in any order."""
    envelope = Envelope("bounce@x.example", ("a@b.example", "<c@d.example>"))
    whole = Message.from_bytes(block, envelope)
    for role in Role:
        parts = Message.from_bytes(block, envelope)
        wanted = [s for s in whole.sightings if s.role is role]
        assert sorted(parts.sightings_of({role}), key=str) == sorted(wanted, key=str)
    before = whole.recipients
    assert set(whole.sightings_of(RECIPIENT)) == {s for r in before for s in r.sightings}


@given(lists())
def test_what_is_ordinary_holds_nothing_but_plain_recipients(spelling: Any) -> None:
    message = Message.from_bytes(f"Bcc: {spelling.text}\r\n".encode("latin-1"))
    for part in message.parts:
        if message.is_ordinary(part):
            sightings = message.read(part)
            assert {(s.tier, s.role) for s in sightings} <= {(Tier.PLAIN, Role.BCC)}
            assert not message.defects


# ---- the envelope --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("jane@client.example", "jane@client.example"),
        ("<jane@client.example>", "jane@client.example"),
        (" <Jane@Client.Example> ", "Jane@client.example"),
        ('"Doe, Jane" <jane@client.example>', "jane@client.example"),
        ("<@relay.example:jane@client.example>", "jane@client.example"),
        ("<postmaster>", "postmaster"),
        ("Postmaster", "Postmaster"),
        ("jane@[192.0.2.1]", "jane@[192.0.2.1]"),
        ("<jörg@bücher.example>", "jörg@xn--bcher-kva.example"),  # RFC 6531
    ],
)
def test_a_forward_path_in_any_form(path: str, address: str) -> None:
    message = read("To: a@x.example", envelope=Envelope("", ("a@x.example", path)))
    assert [(str(s.address), s.role, s.field, s.occurrence, s.span) for s in message.sightings[:2]] == [
        ("a@x.example", Role.ENVELOPE, "rcpt to", 0, None),
        (address, Role.ENVELOPE, "rcpt to", 1, None),
    ]
    assert message.hidden == (address,)


@pytest.mark.parametrize(
    ("mail_from", "found"),
    [
        (None, []),
        ("", []),
        ("<>", []),
        ("bounce@shop.example", ["bounce@shop.example"]),
        ("<bounce@shop.example>", ["bounce@shop.example"]),
        ("<b+jane=client.example@esp.example>", ["b+jane=client.example@esp.example"]),
    ],
)
def test_the_reverse_path(mail_from: str | None, found: list[str]) -> None:
    message = read("To: a@x.example", envelope=Envelope(mail_from))
    bounces = [s for s in message.sightings if s.role is Role.BOUNCE]
    assert [str(s.address) for s in bounces] == found
    assert all((s.field, s.occurrence, s.span) == ("mail from", 0, None) for s in bounces)


def test_an_entry_of_the_envelope_loses_nobody() -> None:
    """Whoever joins two recipients into one string has still sent to both."""
    message = read("To: a@x.example", envelope=Envelope("", ("a@x.example, copy@y.example",)))
    assert {str(s.address) for s in message.sightings if s.role is Role.ENVELOPE} == {"a@x.example", "copy@y.example"}


def test_an_entry_that_is_no_text_of_unicode_is_still_read() -> None:
    """JSON can carry a lone surrogate, and bad mail is never an exception."""
    message = read("To: a@x.example", envelope=Envelope("\ud800@x.example", ("\ud800eve@y.example",)))
    assert {s.address.domain for s in message.sightings if s.field == "rcpt to"} == {"y.example"}


def test_recipients_may_come_in_any_iterable_or_alone() -> None:
    assert Envelope("", iter(("a@x.example", "b@x.example"))).rcpt_to == ("a@x.example", "b@x.example")  # type: ignore[arg-type]
    assert Envelope("", "a@x.example").rcpt_to == ("a@x.example",)  # type: ignore[arg-type]
    assert Envelope("", ["a@x.example"]).rcpt_to == ("a@x.example",)  # type: ignore[arg-type]
    assert Envelope().rcpt_to == ()


# ---- hidden recipients ---------------------------------------------------------------------------------------

VISIBLE_FIELDS = ("To", "Cc", "Resent-To", "Resent-Cc")
HIDDEN_FIELDS = ("Bcc", "Resent-Bcc", "Envelope-To", "X-Envelope-To", "Apparently-To", "X-MC-BccAddress")
NEITHER = (
    "From",
    "Sender",
    "Reply-To",
    "Return-Path",
    "Errors-To",
    "Delivered-To",
    "X-Original-To",
    "Disposition-Notification-To",
    "Resent-From",
    "Mail-Followup-To",
)


@pytest.mark.parametrize("name", HIDDEN_FIELDS)
def test_a_field_that_hides(name: str) -> None:
    message = read("To: jane@client.example", f"{name}: copy@x.example")
    assert message.hidden == ("copy@x.example",)
    assert recipient(message, "copy@x.example").hidden
    assert not recipient(message, "jane@client.example").hidden


@pytest.mark.parametrize("name", VISIBLE_FIELDS)
@pytest.mark.parametrize("hiding", HIDDEN_FIELDS)
def test_whoever_is_shown_is_not_hidden(name: str, hiding: str) -> None:
    message = read(f"{hiding}: COPY@x.example", f"{name}: copy@X.Example", envelope=Envelope("", ("<Copy@x.example>",)))
    assert message.hidden == ()
    (only,) = message.recipients
    assert not only.hidden
    assert only.roles >= {Role.ENVELOPE}
    assert len(only.sightings) == 3


@pytest.mark.parametrize("name", NEITHER)
def test_a_field_that_neither_shows_nor_hides(name: str) -> None:
    message = read("To: jane@client.example", f"{name}: copy@x.example")
    assert [str(r.address) for r in message.recipients] == ["jane@client.example"]
    with_envelope = read(
        "To: jane@client.example", f"{name}: copy@x.example", envelope=Envelope("", ("copy@x.example",))
    )
    assert with_envelope.hidden == ("copy@x.example",)


def test_an_envelope_recipient_that_no_field_names_is_hidden() -> None:
    envelope = Envelope("", ("jane@client.example", "<copy@x.example>"))
    assert read("To: jane@client.example", envelope=envelope).hidden == ("copy@x.example",)


def test_a_copy_without_any_destination_field_hides_only_what_it_calls_so() -> None:
    """house: only what it labels bcc or archive; nobody of the envelope can be told to be hidden."""
    envelope = Envelope("", ("jane@client.example", "copy@x.example"))
    message = read("From: shop@shop.example", "Bcc: copy@x.example", envelope=envelope)
    assert not message.shows_destination
    assert message.hidden == ("copy@x.example",)
    assert read("From: shop@shop.example", envelope=envelope).hidden == ()
    assert read("From: shop@shop.example", "Apparently-To: a@x.example").hidden == ()


def test_an_empty_destination_field_shows_that_nobody_is_named() -> None:
    message = read("To: undisclosed-recipients:;", envelope=Envelope("", ("jane@client.example",)))
    assert message.shows_destination
    assert message.hidden == ("jane@client.example",)


def test_recipients_are_merged_over_their_places_the_envelope_first() -> None:
    envelope = Envelope("", ("b@x.example", "A@x.example"))
    message = read("To: a@x.example", "Cc: b@x.example, c@x.example", "Bcc: a@x.example", envelope=envelope)
    assert [str(r.address) for r in message.recipients] == ["b@x.example", "A@x.example", "c@x.example"]
    first = recipient(message, "A@x.example")
    assert [(s.field, s.occurrence) for s in first.sightings] == [("rcpt to", 1), ("to", 0), ("bcc", 0)]
    assert first.roles == {Role.ENVELOPE, Role.TO, Role.BCC}
    assert message.hidden == ()


def test_the_tier_of_a_recipient_is_its_surest() -> None:
    message = read("To: jane@client.example <copy@x.example>", "Cc: (x) jane@client.example")
    assert recipient(message, "jane@client.example").tier is Tier.PLAIN
    assert recipient(message, "copy@x.example").tier is Tier.PLAIN
    only = read("To: Jane <jane@client.example")
    assert recipient(only, "jane@client.example").tier is Tier.RECOVERED


def test_a_candidate_in_a_hidden_role_is_hidden_too() -> None:
    message = read("To: jane@client.example", "Bcc: =?utf-8?q?copy=40x.example?=")
    assert message.hidden == ("copy@x.example",)
    assert recipient(message, "copy@x.example").tier is Tier.CANDIDATE


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Jane@client.example", "JANE@CLIENT.example", True),
        ("jane@client.example", "jane@client.example.", True),
        ("jane@bücher.example".encode().decode("latin-1"), "jane@xn--bcher-kva.example", True),
        ('"jane"@client.example', "jane@client.example", True),
        ("jane@client.example", "j.ane@client.example", False),
        ("JÖRG@x.example".encode().decode("latin-1"), "jörg@x.example".encode().decode("latin-1"), False),
    ],
)
def test_which_spellings_are_one_recipient(one: str, other: str, same: bool) -> None:
    message = read(f"To: {one}", f"Bcc: {other}")
    assert len(message.recipients) == (1 if same else 2)
    assert (message.hidden == ()) is same


@pytest.mark.parametrize(
    ("shown", "hidden"),
    [
        ("jane@client.example", "jane+orders@client.example"),
        ("jane+a@client.example", "Jane+b@client.example"),
        ("j.doe@gmail.com", "jdoe+x@googlemail.com"),
    ],
)
def test_another_way_to_write_a_mailbox_that_is_shown_hides_nobody(shown: str, hidden: str) -> None:
    message = read(f"To: {shown}", f"Bcc: {hidden}")
    assert [str(r.address) for r in message.recipients] == [shown, hidden]  # the exact forms stay
    assert message.hidden == ()
    assert read("To: j.doe@client.example", "Bcc: jdoe@client.example").hidden == ("jdoe@client.example",)


# ---- message objects of the standard library -----------------------------------------------------------------


def compat32(**fields: str) -> email.message.Message:
    copy = email.message.Message()
    for name, value in fields.items():
        copy[name.replace("_", "-")] = value
    return copy


def modern(**fields: Any) -> email.message.EmailMessage:
    copy = email.message.EmailMessage()
    for name, value in fields.items():
        copy[name.replace("_", "-")] = value
    return copy


@pytest.fixture
def no_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever serialises a message here fails: it folds, re-encodes, and drops what it finds odd."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the message was serialised")

    for kind in (email.message.Message, email.message.EmailMessage):
        for name in ("as_bytes", "as_string", "__bytes__", "__str__"):
            monkeypatch.setattr(kind, name, refuse)


@pytest.mark.usefixtures("no_writing")
@pytest.mark.parametrize("make", [compat32, modern])
def test_a_message_object_is_read_without_being_written(make: Callable[..., email.message.EmailMessage]) -> None:
    copy = make(From="shop@shop.example", To="Jane <jane@client.example>", Bcc="copy@x.example", Subject="Hello")
    message = Message.from_email(copy)
    assert [(str(s.address), s.role, s.span) for s in message.sightings] == [
        ("shop@shop.example", Role.FROM, None),
        ("jane@client.example", Role.TO, None),
        ("copy@x.example", Role.BCC, None),
    ]
    assert message.hidden == ("copy@x.example",)
    assert message.subject == "Hello"
    assert not message.header.has_octets
    assert all(defect.span is None for defect in message.defects)


@pytest.mark.usefixtures("no_writing")
def test_a_line_end_in_a_value_is_a_field_of_its_own() -> None:
    """The old policy takes it, and a server that gets the message written out acts on it."""
    for eol in ("\n", "\r\n"):
        copy = compat32(To="jane@client.example", Subject=f"Hello{eol}Bcc: copy@x.example")
        message = Message.from_email(copy)
        assert message.hidden == ("copy@x.example",)
        assert [(s.field, s.role) for s in message.sightings] == [("to", Role.TO), ("bcc", Role.BCC)]
        assert DefectName.INJECTED_LINE in {defect.name for defect in message.defects}


def test_an_empty_line_in_a_value_hides_nothing() -> None:
    copy = compat32(To="jane@client.example", Subject="Hello\n\nBcc: copy@x.example")
    assert Message.from_email(copy).hidden == ("copy@x.example",)


def test_a_folded_value_is_one_field() -> None:
    copy = compat32(To="jane@client.example,\n\tjoe@client.example", Subject="Hello\n world")
    message = Message.from_email(copy)
    assert [field.name for field in message.header.fields] == ["To", "Subject"]
    assert len(message.recipients) == 2
    assert message.subject == "Hello world"


def test_header_objects_are_read() -> None:
    copy = email.message.Message()
    copy["Subject"] = StandardHeader("Grüße, jane@client.example", "utf-8")  # type: ignore[assignment]
    name = StandardHeader("Jörg", "utf-8").encode()
    copy["To"] = f"{name} <j@x.example>"
    message = Message.from_email(copy)
    assert message.subject == "Grüße, jane@client.example"
    assert [(str(s.address), s.role, s.display_name) for s in message.sightings] == [
        ("jane@client.example", Role.MENTIONED, None),
        ("j@x.example", Role.TO, "Jörg"),
    ]


def test_address_objects_are_read() -> None:
    copy = modern(
        To=[StandardAddress("Doe, Jane", "jane", "client.example"), StandardAddress("Jörg", addr_spec="j@x.example")],
        Bcc=StandardAddress(username="copy", domain="x.example"),
    )
    message = Message.from_email(copy)
    assert [str(r.address) for r in message.recipients] == ["jane@client.example", "j@x.example", "copy@x.example"]
    assert message.hidden == ("copy@x.example",)


@pytest.mark.parametrize("policy", [email.policy.compat32, email.policy.default, email.policy.SMTP])
def test_a_parsed_message_reads_like_its_octets(policy: Any) -> None:
    octets = (
        b"From: shop@shop.example\r\nTo: Jane\r\n <jane@client.example>,\r\n\tj\xc3\xb6rg@x.example\r\n"
        b'Cc: "Doe, J" <j@x.example>\r\nBcc: copy@x.example\r\nSubject: a\xff\r\n\r\nbody'
    )
    parsed = email.message_from_bytes(octets, policy=policy)
    message, other = Message.from_bytes(octets), Message.from_email(parsed)
    assert [s._replace(span=None) for s in message.sightings] == list(other.sightings)
    assert message.hidden == other.hidden
    assert message.subject == other.subject


def test_a_message_object_with_a_lone_surrogate_is_read() -> None:
    copy = compat32(To="jane@client.example", Subject="\ud800", Bcc="copy@x.example")
    assert Message.from_email(copy).hidden == ("copy@x.example",)


def test_what_is_passed_along_is_kept() -> None:
    envelope, origin = Envelope("", ("a@x.example",)), Origin("eml", "mail/1.eml", 3)
    for message in (
        Message.from_bytes(b"To: a@x.example\r\n", envelope, "archive", "acme", origin=origin),
        Message.from_email(compat32(To="a@x.example"), envelope, "archive", "acme", origin=origin),
    ):
        assert (message.envelope, message.stage, message.account, message.origin) == (
            envelope,
            Stage.ARCHIVE,
            "acme",
            origin,
        )


@pytest.mark.parametrize("wrong", ["To: a@x.example", None, 3, ["To: a@x.example"], object()])
def test_what_is_no_message_is_a_type_error(wrong: Any) -> None:
    with pytest.raises(TypeError, match=type(wrong).__name__):
        Message.from_bytes(wrong)
    with pytest.raises(TypeError, match=type(wrong).__name__):
        Message.from_email(wrong)
    with pytest.raises(TypeError):
        Message.from_email(b"To: a@x.example")  # type: ignore[arg-type]


def test_a_stage_that_does_not_exist_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="sent"):
        Message.from_bytes(b"To: a@x.example\r\n", stage="sent")


# ---- the stage -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("octets", "envelope", "stage"),
    [
        (b"To: a@x.example\r\n", None, Stage.SUBMITTED),
        (b"To: a@x.example\r\n", Envelope("", ("a@x.example",)), Stage.SUBMITTED),
        (b"", Envelope("", ("a@x.example",)), Stage.SUBMITTED),
        (b"", None, Stage.UNKNOWN),
        (b"Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\nTo: a@x.example\r\n", None, Stage.DELIVERED),
        (b"Return-Path: <>\r\nTo: a@x.example\r\n", None, Stage.DELIVERED),
        (b"Delivered-To: a@x.example\r\n", None, Stage.DELIVERED),
        (b"X-Original-To: a@x.example\r\n", None, Stage.DELIVERED),
        (b"Envelope-To: a@x.example\r\n", None, Stage.DELIVERED),
        (b"RETURN-PATH : <>\r\n", None, Stage.DELIVERED),
    ],
)
def test_the_stage_is_told_by_the_trace_fields(octets: bytes, envelope: Envelope | None, stage: Stage) -> None:
    assert Message.from_bytes(octets, envelope).stage is stage
    assert Message.from_bytes(octets, envelope, stage="event").stage is Stage.EVENT


# ---- fields that only some readers see -----------------------------------------------------------------------


def test_a_field_behind_a_bare_cr_is_a_candidate() -> None:
    octets = b"To: jane@client.example\rBcc: copy@x.example\rX-Y: 1\r\nCc: c@x.example\r\n"
    message = Message.from_bytes(octets)
    found = {(str(s.address), s.field, s.tier) for s in message.sightings}
    assert found == {
        ("jane@client.example", "to", Tier.PLAIN),
        ("copy@x.example", "bcc", Tier.CANDIDATE),
        ("c@x.example", "cc", Tier.PLAIN),
    }
    (span,) = [s.span for s in message.sightings if s.field == "bcc"]
    assert span is not None
    assert octets[slice(*span)] == b"copy@x.example"
    assert message.hidden == ("copy@x.example",)


@pytest.mark.parametrize(
    "line",
    [
        "Subject: Hello\rBcc: copy@x.example",
        "Subject: Hello\r Bcc : copy@x.example",
        "X-Any: \rbcc:copy@x.example",
        "no colon here\rBcc: copy@x.example",
        "X-Any: a\r\r\rBcc: copy@x.example",
    ],
)
def test_a_bare_cr_hides_no_recipient(line: str) -> None:
    message = read("To: jane@client.example", line)
    assert "copy@x.example" in [str(r.address) for r in message.recipients]
    assert recipient(message, "copy@x.example").tier is Tier.CANDIDATE


def test_occurrences_behind_a_bare_cr_are_counted_on() -> None:
    message = read("Bcc: a@x.example", "Subject: x\rBcc: b@x.example\rBcc: c@x.example", "Bcc: d@x.example")
    numbers = sorted((s.occurrence, str(s.address)) for s in message.sightings)
    assert len({number for number, _ in numbers}) == 4
    assert {address for _, address in numbers} == {f"{name}@x.example" for name in "abcd"}


@pytest.mark.parametrize(
    ("line", "tier"),
    [
        ("Bcc : copy@x.example", Tier.PLAIN),  # obsolete syntax (RFC 5322 section 4.5): every server acts on it
        ("Bcc\t: copy@x.example", Tier.PLAIN),
        ("\xef\xbb\xbfBcc: copy@x.example", Tier.RECOVERED),
        ("X Bcc: copy@x.example", Tier.CANDIDATE),
        ("\x00Bcc: copy@x.example", Tier.CANDIDATE),
        ("\xa0Bcc: copy@x.example", Tier.CANDIDATE),
        ("Bcc\xc2\xa0: copy@x.example", Tier.CANDIDATE),  # a blank to whoever trims Unicode
        ("Bcc\x00: copy@x.example", Tier.CANDIDATE),  # the end of the name to whoever counts on NUL
    ],
)
def test_under_a_damaged_name_an_address_is_less_sure(line: str, tier: Tier) -> None:
    message = read(line, "To: jane@client.example")
    assert recipient(message, "copy@x.example").tier is tier
    assert message.hidden == ("copy@x.example",)


def test_a_first_line_that_starts_with_a_blank_is_still_read() -> None:
    message = read(" Bcc: copy@x.example", "To: jane@client.example")
    assert recipient(message, "copy@x.example").tier is Tier.RECOVERED


@pytest.mark.parametrize(
    "line", ["no colon at all", "From shop@shop.example Mon Jan  1 00:00:00 2024", ": nameless", "\xff\xfe", "\x00"]
)
def test_what_stands_behind_an_odd_line_is_not_lost(line: str) -> None:
    message = read("To: jane@client.example", line, "Bcc: copy@x.example")
    assert message.hidden == ("copy@x.example",)


def test_the_tier_is_never_raised_by_a_damaged_name() -> None:
    message = read("X Bcc: Jane <copy@x.example", "To: jane@client.example")
    assert recipient(message, "copy@x.example").tier is Tier.CANDIDATE


def test_the_defects_of_an_odd_copy_have_one_place_each() -> None:
    message = Message.from_bytes(b"To: Jane <a@x.example\rBcc: b@x.example\r\n", None)
    assert [defect.name for defect in message.defects].count(DefectName.BARE_CR) == 1
    without = Message(message.header, None)
    assert without.defects == message.defects


# ---- what else is known --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "date"),
    [
        ("Fri, 21 Nov 1997 09:55:06 -0600", datetime(1997, 11, 21, 15, 55, 6, tzinfo=UTC)),  # RFC 5322 A.1.1
        (
            "Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n               -0330 (Newfoundland Time)",
            datetime(1969, 2, 14, 3, 2, tzinfo=UTC),
        ),  # A.5
        ("21 Nov 97 09:55:06 GMT", datetime(1997, 11, 21, 9, 55, 6, tzinfo=UTC)),  # A.6.2
        ("Fri, 21 Nov 1997 09:55:06 -0000", datetime(1997, 11, 21, 9, 55, 6, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
        ("Fri, 99 Nov 1997 99:55:06 -0600", None),
        ("Fri, 21 Nov 99999999999 09:55:06 -0600", None),
        ("Fri, 31 Dec 9999 23:59:59 -2300", None),
        ("Fri, 21 Nov 1997 09:55:06 -99999999999", None),
        ("\xff\xfe", None),
    ],
)
def test_the_date(value: str, date: datetime | None) -> None:
    assert read(f"Date: {value}").date == date


@given(st.text(st.characters(max_codepoint=255), max_size=30) | st.text("0123456789 :+-,FriNov", max_size=40))
@example("Fri, 21 Nov 1997 09:55:06 +" + "9" * 30)
@example("1 Jan 2024 0:0:0 +9999")
def test_no_date_is_too_odd(value: str) -> None:
    date = read("Date: " + value.replace("\n", " ")).date
    assert date is None or date.utcoffset() == timedelta(0)


def test_without_a_date_there_is_none() -> None:
    assert read("To: a@x.example").date is None
    assert read("Date: Fri, 21 Nov 1997 09:55:06 -0600", "Date: Sat, 22 Nov 1997 09:55:06 -0600").date == datetime(
        1997, 11, 21, 9, 55, 6, tzinfo=timezone(timedelta(hours=-6))
    )


def test_the_subject_is_the_first_decoded() -> None:
    message = read("Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n =?utf-8?q?!?= a", "Subject: other")
    assert message.subject == "Grüße! a"
    assert read("To: a@x.example").subject == ""


def test_what_joins_the_copies_of_one_message() -> None:
    message = read("Message-ID: <1@x.example>", "message-id:\r\n <2@x.example> ", envelope=Envelope(queue_id="4ABC"))
    assert message.correlation == ("1@x.example", "2@x.example", "4ABC")
    assert read("To: a@x.example").correlation == ()
    assert read("Message-ID: <>").correlation == ()


def test_the_author_is_the_first_sure_one() -> None:
    assert read("From: Shop <Shop@Shop.Example>, b@x.example", "Sender: c@x.example").author == "shop@shop.example"
    assert read("From: =?utf-8?q?a=40x.example?=", "From: b@x.example").author == "b@x.example"
    assert read("Sender: c@x.example").author == "-"
    assert len(read(f"From: {'a' * 2000}@x.example").author) == 320  # RFC 3696: no path is longer


def test_the_places_of_a_copy_with_octets_are_its_own() -> None:
    octets = b"To: J\xc3\xb6rg <j\xc3\xb6rg@x.example>,\r\n jane@client.example\r\n"
    spans = [s.span for s in Message.from_bytes(octets).sightings]
    cut = [octets[slice(*span)] for span in spans if span]
    assert cut == ["jörg@x.example".encode(), b"jane@client.example"]


@given(
    st.datetimes(datetime(1000, 1, 1), datetime(2999, 12, 31)),
    st.sampled_from(["+0000", "-0000", "+0530", "-1145", "+2359", "+2400", "+0060"]),
    st.sampled_from(["", "Mon, ", "Sun, "]),
    st.integers(0, 33),
)
def test_a_date_in_the_usual_form_is_what_the_standard_library_makes_of_it(
    moment: datetime, zone: str, weekday: str, day: int
) -> None:
    text = f"{weekday}{day} {moment:%b} {moment.year} {moment:%H:%M:%S} {zone}"
    try:
        expected = email.utils.parsedate_to_datetime(text)
        expected = (expected if expected.tzinfo else expected.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        expected = None
    assert read(f"Date: {text}").date == expected


@pytest.mark.parametrize("before", ["", "Subject: =?utf-8?q?Hello?=", "X-Odd"])
def test_a_seal_in_an_encoded_word_is_found_whatever_stands_before_it(before: str) -> None:
    lines = [before] * bool(before) + ["X-Note: none", "X-Metadata: =?utf-8?q?hg1=2DAAAAabcd?=", "X-More: =?x"]
    assert read(*lines).seals == ("hg1-AAAAabcd",)
