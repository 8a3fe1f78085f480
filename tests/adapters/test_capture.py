"""What each library hands over is read whole, at the moment it is read; what is no message is refused with a sentence."""

from __future__ import annotations

import copy
import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any
from unittest import mock

import pytest

import headerguard
from frameworks import ADAPTERS, Mail, django_settings, flask_context
from headerguard import Envelope, Message, Role, Stage
from headerguard.adapters.capture import as_message, messages_of
from installed import need

pytestmark = pytest.mark.usefixtures("named_host")

FULL = Mail(
    ("Mike <mike@client.example>",),
    cc=("Ann <ann@client.example>",),
    bcc=("audit@shop.example",),
    reply_to=("help@shop.example",),
    headers={"X-Order": "17"},
)
CUSTOMER = "mike@client.example"


def captured(name: str, mail: Mail = FULL) -> Message:
    adapter = ADAPTERS[name]
    need(name)
    with adapter.around(mail):
        sent = adapter.send(mail, adapter.build(mail))
        return messages_of(sent)[0] if isinstance(sent, dict) else as_message(sent)


def in_role(message: Message, role: Role) -> list[str]:
    return [str(sighting.address) for sighting in message.sightings_of((role,))]


EVERY = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.real] if a.real else []) for n, a in ADAPTERS.items()]
)


@EVERY
def test_everybody_is_seen_and_the_blind_one_is_hidden(name: str) -> None:
    message = captured(name)
    everybody = {CUSTOMER, "ann@client.example", "audit@shop.example"}
    assert {str(recipient.address) for recipient in message.recipients} == everybody
    assert message.hidden == ("audit@shop.example",)
    assert message.stage is Stage.SUBMITTED
    assert message.author == "no-reply@shop.example"
    assert in_role(message, Role.REPLY) == ["help@shop.example"]
    assert message.subject == "Your receipt"
    assert not message.header.names & {"x-peer", "x-mailfrom", "x-rcptto"}
    attribute = name in ("Django", "django-anymail", "Flask-Mail", "Flask-Mailman", "FastAPI-Mail", "email.message")
    assert in_role(message, Role.BCC) == (["audit@shop.example"] if attribute or name == "Mailpit" else [])


@EVERY
def test_the_envelope_is_whole_where_the_application_hands_it_over_whole(name: str) -> None:
    envelope = captured(name).envelope
    if name in ("email.message", "FastAPI-Mail"):
        assert envelope is None
    elif name != "Mailpit":
        assert envelope is not None
        assert {path.rpartition(" ")[2].strip("<>") for path in envelope.rcpt_to} >= {CUSTOMER, "audit@shop.example"}
        whole = name in ("Django", "django-anymail", "Flask-Mail", "Flask-Mailman")
        assert envelope.complete is (True if whole else None)


@pytest.mark.parametrize("name", ["Django", "Flask-Mail", "Flask-Mailman", "email.message"])
def test_a_message_is_read_as_it_is_at_that_moment(name: str) -> None:
    adapter = ADAPTERS[name]
    need(name)
    with adapter.around(FULL):
        sent = adapter.send(FULL, adapter.build(FULL))
        before = as_message(sent)
        lists = [value for value in vars(sent).values() if isinstance(value, list)]
        for value in lists:
            value.append("late@arxxwalls.com")
        if isinstance(sent, EmailMessage):
            sent["Resent-To"] = "late@arxxwalls.com"
        assert "late@arxxwalls.com" not in {str(sighting.address) for sighting in before.sightings}
        if name != "email.message":
            assert "late@arxxwalls.com" in {str(recipient.address) for recipient in as_message(sent).recipients}


# ---- Django and anymail ----------------------------------------------------------------------------------------------


@pytest.fixture
def django() -> Iterator[Any]:
    need("django-anymail")
    with django_settings(ANYMAIL={}):
        from django.core import mail

        yield mail


def test_extra_headers_decide_what_is_shown_and_the_attributes_who_receives_it(django: Any) -> None:
    headers = {"To": "Subscribers <list@shop.example>", "From": "Ann <ann@shop.example>"}
    django.EmailMessage("s", "b", "bounce@shop.example", [CUSTOMER], headers=headers).send()
    message = messages_of(django.outbox)[0]
    assert in_role(message, Role.TO) == ["list@shop.example"]
    assert in_role(message, Role.FROM) == ["ann@shop.example"]
    assert in_role(message, Role.BOUNCE) == ["bounce@shop.example"]
    assert message.hidden == (CUSTOMER,)


def test_a_shown_recipient_needs_no_attribute(django: Any) -> None:
    headers = {"To": "list@shop.example", "Return-Path": "<bounce@shop.example>"}
    message = as_message(django.EmailMessage("s", "b", "shop@shop.example", bcc=[CUSTOMER], headers=headers))
    assert in_role(message, Role.TO) == ["list@shop.example"]
    assert message.stage is Stage.SUBMITTED


def test_a_name_in_bcc_is_no_recipient(django: Any) -> None:
    bcc = ['"copy@arxxwalls.com" <audit@shop.example>']
    message = as_message(django.EmailMessage("s", "b", "shop@shop.example", [CUSTOMER], bcc=bcc))
    assert in_role(message, Role.BCC) == ["audit@shop.example"]
    assert in_role(message, Role.MENTIONED) == ["copy@arxxwalls.com"]


def test_a_subclass_of_a_message_is_read_and_may_add_recipients(django: Any) -> None:
    class Archived(django.EmailMessage):  # type: ignore[misc]
        def recipients(self) -> list[str]:
            return [*super().recipients(), "archive@arxxwalls.com"]

    message = as_message(Archived("s", "b", "shop@shop.example", [CUSTOMER]))
    assert message.hidden == ("archive@arxxwalls.com",)


def test_a_lazy_subject_is_text(django: Any) -> None:
    from django.utils.functional import lazystr

    message = as_message(django.EmailMessage(lazystr("Your receipt"), "b", "shop@shop.example", [CUSTOMER]))
    assert message.subject == "Your receipt"


def anymail_message(django: Any, **options: Any) -> Any:
    message = django.EmailMessage("s", "b", "shop@shop.example", [CUSTOMER])
    for name, value in options.items():
        setattr(message, name, value)
    return message


@pytest.mark.parametrize("backend", ["locmem", "anymail"])
def test_what_anymail_adds_is_seen_with_its_test_backend_and_without(django: Any, backend: str) -> None:
    paths = {"locmem": "django.core.mail.backends.locmem", "anymail": "anymail.backends.test"}
    message = anymail_message(
        django,
        template_id="receipt",
        tags=["orders"],
        metadata={"order": "17", "by": "clerk@shop.example"},
        merge_data={CUSTOMER: {"name": "Mike"}},
        esp_extra={"personalizations": [{"bcc": [{"email": "copy@arxxwalls.com"}], "cc": ["ann@client.example"]}]},
        envelope_sender="bounces@shop.example",
    )
    with django_settings(f"{paths[backend]}.EmailBackend", ANYMAIL={"SEND_DEFAULTS": {"bcc": ["all@arxxwalls.com"]}}):
        message.send()
        seen = as_message(django.outbox[0])
    assert in_role(seen, Role.BCC) == ["all@arxxwalls.com", "copy@arxxwalls.com"]
    assert in_role(seen, Role.CC) == ["ann@client.example"]
    assert in_role(seen, Role.BOUNCE) == ["bounces@shop.example"]
    assert set(in_role(seen, Role.MENTIONED)) == {CUSTOMER, "clerk@shop.example"}
    assert seen.stream == "template:receipt"
    assert [level.name for level in seen.levels[:2]] == ["template:receipt", "tag:orders"]


def test_defaults_of_one_provider_and_a_setting_of_its_own_count(django: Any) -> None:
    options = {"MAILGUN_SEND_DEFAULTS": {"bcc": "one@arxxwalls.com"}}
    with django_settings(ANYMAIL=options, ANYMAIL_SEND_DEFAULTS={"cc": ["two@arxxwalls.com"]}):
        seen = as_message(anymail_message(django))
    assert in_role(seen, Role.BCC) == ["one@arxxwalls.com"]
    assert in_role(seen, Role.CC) == ["two@arxxwalls.com"]
    assert in_role(seen, Role.ENVELOPE) == [CUSTOMER, "two@arxxwalls.com", "one@arxxwalls.com"]


def test_a_field_among_the_defaults_is_seen_unless_the_message_has_its_own(django: Any) -> None:
    message = anymail_message(django)
    message.extra_headers = {"Reply-To": "help@shop.example"}
    headers = {"X-MC-BccAddress": "copy@arxxwalls.com", "Reply-To": "other@shop.example"}
    with django_settings(ANYMAIL={"SEND_DEFAULTS": {"extra_headers": headers}}):
        seen = as_message(message)
    assert in_role(seen, Role.CONTROL) == ["copy@arxxwalls.com"]
    assert in_role(seen, Role.REPLY) == ["help@shop.example"]


def test_what_anymail_recorded_counts_whatever_the_settings_say_later(django: Any) -> None:
    with django_settings("anymail.backends.test.EmailBackend", ANYMAIL={"SEND_DEFAULTS": {"bcc": ["x@arxxwalls.com"]}}):
        anymail_message(django).send()
        sent = django.outbox[0]
    with django_settings(ANYMAIL={"SEND_DEFAULTS": {"bcc": ["later@shop.example"]}}):
        assert in_role(as_message(sent), Role.BCC) == ["x@arxxwalls.com"]


def test_a_field_that_only_the_copy_of_one_recipient_gets_is_seen(django: Any) -> None:
    seen = as_message(anymail_message(django, merge_headers={CUSTOMER: {"Reply-To": "help@arxxwalls.com"}}))
    assert in_role(seen, Role.REPLY) == ["help@arxxwalls.com"]


def test_a_seal_in_metadata_is_found(django: Any) -> None:
    seal = headerguard.Guard(seal_key=bytes(32)).seal([CUSTOMER])
    assert as_message(anymail_message(django, metadata={"seal": seal})).seals == (seal,)


def test_options_nested_without_end_are_read_all_the_same(django: Any) -> None:
    circle: dict[str, Any] = {"bcc": "copy@arxxwalls.com"}
    circle["again"] = circle
    assert set(in_role(as_message(anymail_message(django, esp_extra=circle)), Role.BCC)) == {"copy@arxxwalls.com"}


def test_what_esp_extra_puts_in_the_place_of_a_list_is_seen_beside_it(django: Any) -> None:
    message = anymail_message(django, esp_extra={"bcc": {"email": "copy@arxxwalls.com"}, "cc": "ann@client.example"})
    with django_settings("anymail.backends.test.EmailBackend", ANYMAIL={}):
        message.send()
        seen = as_message(django.outbox[0])
    assert in_role(seen, Role.BCC) == ["copy@arxxwalls.com"]
    assert in_role(seen, Role.CC) == ["ann@client.example"]
    assert in_role(seen, Role.TO) == [CUSTOMER]


# ---- Flask-Mail ------------------------------------------------------------------------------------------------------


def flask_mail_message(**attributes: Any) -> Any:
    need("Flask-Mail")
    message = ADAPTERS["Flask-Mail"].build(Mail((CUSTOMER,)))
    for name, value in attributes.items():
        setattr(message, name, value)
    return message


def test_a_name_beside_its_address_is_quoted() -> None:
    name = 'Mike "copy@arxxwalls.com, x" <copy@arxxwalls.com>, Inc.'
    seen = as_message(flask_mail_message(recipients=[(name, CUSTOMER)], cc=[("", "ann@client.example")]))
    assert {str(recipient.address) for recipient in seen.recipients} == {CUSTOMER, "ann@client.example"}


def test_a_line_end_in_a_name_beside_its_address_is_found() -> None:
    seen = as_message(flask_mail_message(recipients=[("Mike\r\nBcc: copy@arxxwalls.com", CUSTOMER)]))
    assert "copy@arxxwalls.com" in {str(recipient.address) for recipient in seen.recipients}


@pytest.mark.parametrize("attribute", ["recipients", "cc", "bcc"])
def test_text_where_a_list_belongs_is_one_address(attribute: str) -> None:
    seen = as_message(flask_mail_message(**{attribute: "copy@arxxwalls.com"}))
    assert "copy@arxxwalls.com" in {str(recipient.address) for recipient in seen.recipients}


def test_an_empty_entry_is_left_out() -> None:
    seen = as_message(flask_mail_message(recipients=["", CUSTOMER, None]))
    assert [field.text for field in seen.header.all("to")] == [CUSTOMER]


def test_attributes_may_be_none() -> None:
    seen = as_message(flask_mail_message(cc=None, bcc=None, reply_to=None, subject=None, extra_headers=None))
    assert [str(recipient.address) for recipient in seen.recipients] == [CUSTOMER]


def test_a_schema_of_fastapi_mail_is_read_before_it_is_sent() -> None:
    need("FastAPI-Mail")
    seen = as_message(ADAPTERS["FastAPI-Mail"].build(FULL))
    assert seen.hidden == ("audit@shop.example",)
    assert in_role(seen, Role.REPLY) == ["help@shop.example"]
    assert [field.text for field in seen.header.all("x-order")] == ["17"]


def test_the_sender_of_a_schema_is_seen_where_it_names_one() -> None:
    need("FastAPI-Mail")
    schema = ADAPTERS["FastAPI-Mail"].build(FULL)
    if not hasattr(schema, "from_email"):
        pytest.skip("this release of FastAPI-Mail takes the sender from its configuration alone")
    schema.from_email, schema.from_name = "shop@shop.example", "Shop"
    assert as_message(schema).author == "shop@shop.example"


# ---- the author ------------------------------------------------------------------------------------------------------


def authors_found(obj: Any) -> list[str]:
    """The subjects of the findings on the author, without any configuration."""
    report = headerguard.Guard().check(as_message(obj), recipients=[CUSTOMER])
    return [finding.subject for finding in report.findings if finding.rule == "unexpected-author"]


SWAPPED = "help@arxxwalls.com"


@pytest.mark.parametrize("backend", ["django.core.mail.backends.locmem", "anymail.backends.test"])
@pytest.mark.parametrize("setting", ["DEFAULT_FROM_EMAIL", "SERVER_EMAIL"])
def test_a_swapped_author_is_told_by_the_settings_of_django(django: Any, setting: str, backend: str) -> None:
    for sender, found in ((SWAPPED, [SWAPPED]), ("Ann <ann@mail.shop.example>", [])):
        with django_settings(f"{backend}.EmailBackend", **{setting: "Shop <no-reply@shop.example>"}):
            django.EmailMessage("s", "b", sender, [CUSTOMER]).send()
            assert authors_found(django.outbox[0]) == found


def test_no_author_is_told_by_a_setting_that_nobody_made(django: Any) -> None:
    assert authors_found(django.EmailMessage("s", "b", SWAPPED, [CUSTOMER])) == []


@pytest.mark.parametrize("name", ["Flask-Mail", "Flask-Mailman"])
def test_a_swapped_author_is_told_by_the_settings_of_flask(name: str) -> None:
    need(name)
    build = ADAPTERS[name].build
    swapped, clean = build(Mail((CUSTOMER,), sender=SWAPPED)), build(Mail((CUSTOMER,), sender="ann@shop.example"))
    with flask_context():
        assert (authors_found(swapped), authors_found(clean)) == ([SWAPPED], [])
    assert authors_found(swapped) == []  # no application to ask


def test_a_flask_application_without_a_default_sender_tells_no_author() -> None:
    need("Flask-Mail")
    with flask_context(MAIL_DEFAULT_SENDER=None):
        assert authors_found(ADAPTERS["Flask-Mail"].build(Mail((CUSTOMER,), sender=SWAPPED))) == []


# ---- calls of mocks --------------------------------------------------------------------------------------------------

PLAIN = "From: shop@shop.example\r\nTo: mike@client.example\r\n\r\n"
COPIED = [CUSTOMER, "copy@arxxwalls.com"]


def email_message() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "shop@shop.example", CUSTOMER
    return message


@pytest.mark.parametrize(
    "call",
    [
        mock.call(email_message(), "shop@shop.example", COPIED),
        mock.call(email_message(), to_addrs=COPIED),
        mock.call(msg=email_message(), to_addrs=COPIED),
        mock.call(email_message(), recipients=COPIED),
        mock.call(PLAIN, recipients=COPIED),
        mock.call(PLAIN.encode(), sender="shop@shop.example", recipients=COPIED),
        mock.call("shop@shop.example", COPIED, PLAIN),
        mock.call("shop@shop.example", COPIED, PLAIN.encode()),
        mock.call("shop@shop.example", COPIED, msg=PLAIN),
        mock.call("shop@shop.example", to_addrs=COPIED, msg=PLAIN),
        mock.call(from_addr="shop@shop.example", to_addrs=COPIED, msg=PLAIN),
        mock.call(None, COPIED, PLAIN),
        mock.call(object.__new__(smtplib.SMTP), email_message(), to_addrs=COPIED),  # autospec
        mock.call().__enter__().send_message(email_message(), to_addrs=COPIED),
    ],
    ids=repr,
)
def test_the_arguments_of_a_call_are_told_apart(call: Any) -> None:
    message = as_message(call)
    assert [str(recipient.address) for recipient in message.recipients] == COPIED
    assert message.hidden == ("copy@arxxwalls.com",)
    assert message.author == "shop@shop.example"


@pytest.mark.parametrize("name", ["from_addr", "sender"])
def test_a_call_may_name_another_sender_than_the_message(name: str) -> None:
    seen = as_message(mock.call(email_message(), **{name: "bounce@shop.example", "to_addrs": COPIED}))
    assert in_role(seen, Role.BOUNCE) == ["bounce@shop.example"]


def test_one_recipient_may_be_given_as_text() -> None:
    assert as_message(mock.call("shop@shop.example", "copy@arxxwalls.com", PLAIN)).hidden == ("copy@arxxwalls.com",)


def test_every_bcc_field_is_seen_though_smtplib_takes_the_first() -> None:
    message = email_message()
    message["Bcc"] = "audit@shop.example"
    message._headers.append(("BCC", "copy@arxxwalls.com"))  # type: ignore[attr-defined]
    assert as_message(mock.call(message)).hidden == ("audit@shop.example", "copy@arxxwalls.com")


def test_the_calls_of_a_mock_are_an_outbox() -> None:
    smtp = mock.MagicMock(spec=smtplib.SMTP)
    for _ in range(2):
        smtp.send_message(email_message(), to_addrs=COPIED)
    assert len(messages_of(smtp.send_message.call_args_list)) == 2


# ---- what is no message ----------------------------------------------------------------------------------------------


class Broken(EmailMessage):
    """A message whose attributes are not there yet."""

    def raw_items(self) -> Any:
        raise RuntimeError("not rendered yet")


def caught_by_mailhog() -> Any:
    return ADAPTERS["MailHog"].send(FULL, None)["items"][0]


def nobody() -> EmailMessage:
    message = EmailMessage()
    message["From"] = "shop@shop.example"
    return message


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (None, "^None is no message: nothing was sent, or the mock was not called; pass "),
        (17, "^int is no message: pass a message of Django, "),
        (object(), "^object is no message: pass a message of Django, "),
        ("To: mike@client.example", r"^str is no message: pass the message object itself, or .*text\.encode\(\)"),
        ([email_message()], "^list is no message: pass one of its members"),
        (iter([email_message()]), "list_iterator is no message: pass one message, or list"),
        (mock.MagicMock(spec=EmailMessage), r"MagicMock is no message: pass one call of it, .*call_args"),
        (Broken(), "Broken cannot be read, RuntimeError: not rendered yet; pass the finished message"),
        (mock.call(17), "_Call cannot be read, ValueError: it sends int, which is no message; pass the finished"),
        (mock.call("shop@shop.example", [object()], 17), "_Call cannot be read"),
        ({}, "dict cannot be read, ValueError: it is not the JSON of a message"),
        ({"author": "shop@shop.example"}, "dict cannot be read, ValueError: it is not the JSON of a message"),
        ({"items": []}, "dict cannot be read"),
        ({"items": [caught_by_mailhog(), caught_by_mailhog()]}, "it holds 2 messages: give it to what takes an outbox"),
        (b"", "bytes is no message that anybody receives: it names no recipient; pass it as it is sent"),
        (nobody(), r"EmailMessage is no message that anybody receives: .*Envelope\(rcpt_to="),
        (Message.from_bytes(b"Subject: s\r\n\r\n"), "Message is no message that anybody receives"),
    ],
)
def test_what_is_no_message_is_refused_with_a_sentence(given: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        as_message(given)


def test_half_built_objects_of_a_framework_are_refused_with_a_sentence(django: Any) -> None:
    hollow = django.EmailMessage.__new__(django.EmailMessage)
    with pytest.raises(TypeError, match=r"EmailMessage cannot be read, AttributeError: .*; pass the finished message"):
        as_message(hollow)
    defaults = {"SEND_DEFAULTS": {"bcc": ["audit@shop.example"]}}  # to nobody, anymail sends nothing
    with django_settings(ANYMAIL=defaults), pytest.raises(TypeError, match="it names no recipient"):
        as_message(django.EmailMessage("s", "b", "shop@shop.example"))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (None, r"^None is no outbox: pass the list, such as mail\.outbox; read it when the test has sent"),
        ((m for m in [email_message()]), r"^generator is no outbox: it can be read only once; pass list\(outbox\)"),
        ("outbox", "^str is no outbox: pass a list of messages"),
        (b"To: mike@client.example", "^bytes is no outbox: it is one message; pass"),
        (email_message(), r"EmailMessage is no outbox: it is one message; pass \[message\]"),
        (mock.call(email_message()), "a single call is no outbox: pass call_args_list"),
        (mock.MagicMock(), r"MagicMock is no outbox: pass its calls, such as smtp\.send_message\.call_args_list"),
        ([email_message(), None], r"^outbox\[1\]: None is no message"),
        ({"items": "x"}, "dict cannot be read"),
    ],
)
def test_what_is_no_outbox_is_refused_with_a_sentence(given: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        messages_of(given)


def test_an_empty_outbox_holds_nothing() -> None:
    assert messages_of([]) == messages_of(()) == []


def test_a_message_is_itself_and_octets_are_one() -> None:
    message = Message.from_bytes(b"", Envelope(rcpt_to=(CUSTOMER,)))
    assert as_message(message) is message
    assert as_message(bytearray(PLAIN.encode())).author == "shop@shop.example"
    assert as_message(copy.deepcopy(email_message())).author == "shop@shop.example"


def test_no_framework_is_loaded_before_an_object_of_it_is_there() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from headerguard.adapters.capture import as_message; "
        "as_message(b'To: mike@client.example\\r\\n\\r\\n'); "
        "print({'django', 'flask', 'fastapi_mail', 'aiosmtpd', 'jmespath', 'smtplib'} & sys.modules.keys())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
