"""One mail, sent through each library that an adapter reads, and what a test of that library gets to see of it.

The libraries are imported inside the functions that use them, so that this can be read where none is installed.
"""

from __future__ import annotations

import asyncio
import importlib.util
import smtplib
import socket
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.mime.text import MIMEText
from email.utils import parseaddr
from typing import Any
from unittest import mock

__all__ = ["ADAPTERS", "Adapter", "Mail", "django_settings", "flask_context"]

SENDER = "Shop <no-reply@shop.example>"


@dataclass(frozen=True)
class Mail:
    """What an application asks for."""

    to: tuple[str, ...]
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    sender: str = SENDER
    reply_to: tuple[str, ...] = ()
    subject: str = "Your receipt"
    headers: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """SEND_DEFAULTS of anymail."""

    @property
    def recipients(self) -> list[str]:
        return [bare(entry) for entry in (*self.to, *self.cc, *self.bcc)]

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The fields as an application without a mail library writes them; Bcc is an attribute."""
        lists = {"To": self.to, "Cc": self.cc, "Reply-To": self.reply_to}
        written = {name: ", ".join(entries) for name, entries in lists.items() if entries}
        return list({"From": self.sender, "Subject": self.subject, **written, **self.headers}.items())

    @property
    def octets(self) -> bytes:
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.fields)
        return f"{lines}\r\nThank you.\r\n".encode()


def bare(entry: str) -> str:
    """The addr-spec of an entry."""
    return parseaddr(entry)[1] or entry


@dataclass(frozen=True)
class Adapter:
    """How a library takes a mail, and what a test gets."""

    build: Callable[[Mail], Any]
    """The object that the library makes of it."""
    send: Callable[[Mail, Any], Any]
    """Send it as an application does, and give what a test finds afterwards."""
    package: str | None
    """What has to be installed: the name of a distribution, or None."""
    real: bool = False
    """Whether it takes a server on the loopback interface."""
    around: Callable[[Mail], AbstractContextManager[None]] = lambda mail: nullcontext()
    """The settings in force while it is built, sent and looked at."""


# ---- Django and anymail ----------------------------------------------------------------------------------------------

_ANYMAIL = "anymail.backends.test.EmailBackend"
_LOCMEM = "django.core.mail.backends.locmem.EmailBackend"


@contextmanager
def django_settings(backend: str = _LOCMEM, **changed: Any) -> Iterator[None]:
    """Django, set up once for all tests, with some settings of this one."""
    import django
    from django.conf import settings
    from django.core import mail
    from django.core.mail.utils import DNS_NAME
    from django.test.utils import override_settings

    if not settings.configured:
        settings.configure(**_backend(_LOCMEM))
        django.setup()
    DNS_NAME._fqdn = "shop.example"  # else it asks the network
    mail.outbox = []
    with override_settings(**(_backend(backend) | changed)):
        yield


def _backend(backend: str) -> dict[str, Any]:
    """The setting that names the backend, as this version of Django has it."""
    import django

    mailers = {"default": {"BACKEND": backend}}
    return {"MAILERS": mailers} if django.VERSION >= (6, 1) else {"EMAIL_BACKEND": backend}


def _django_message(mail: Mail) -> Any:
    from django.core.mail import EmailMultiAlternatives

    return EmailMultiAlternatives(
        mail.subject,
        "Thank you.",
        mail.sender,
        list(mail.to),
        bcc=list(mail.bcc),
        cc=list(mail.cc),
        reply_to=list(mail.reply_to),
        headers=dict(mail.headers),
    )


def _django_sent(mail: Mail, message: Any) -> Any:
    from django.core.mail import outbox

    message.send()
    assert len(outbox) == 1
    return outbox[0]


def _django_around(backend: str) -> Callable[[Mail], AbstractContextManager[None]]:
    return lambda mail: django_settings(backend, ANYMAIL={"SEND_DEFAULTS": dict(mail.defaults)})


# ---- Flask -----------------------------------------------------------------------------------------------------------


def _flask_app() -> Any:
    from flask import Flask

    app = Flask("shop")
    app.config.update(TESTING=True, MAIL_DEFAULT_SENDER=SENDER)
    return app


@contextmanager
def flask_context(**config: Any) -> Iterator[None]:
    """The context of an application with both extensions."""
    from flask_mail import Mail as FlaskMail
    from flask_mailman import Mail as Mailman

    app = _flask_app()
    app.config.update(config)
    FlaskMail(app)
    Mailman(app)
    with app.app_context():
        yield


def _flask_mail_message(mail: Mail) -> Any:
    from flask_mail import Mail as FlaskMail
    from flask_mail import Message

    app = _flask_app()
    FlaskMail(app)
    with app.app_context():
        return Message(
            mail.subject,
            recipients=list(mail.to),
            body="Thank you.",
            sender=mail.sender,
            cc=list(mail.cc),
            bcc=list(mail.bcc),
            reply_to=mail.reply_to[0] if mail.reply_to else "help@shop.example",
            extra_headers=dict(mail.headers),
        )


def _flask_mail_sent(mail: Mail, message: Any) -> Any:
    from flask_mail import Mail as FlaskMail

    app = _flask_app()
    flask_mail = FlaskMail(app)
    with app.app_context(), flask_mail.record_messages() as outbox:
        flask_mail.send(message)
    return outbox[0]


def _flask_mailman_message(mail: Mail) -> Any:
    from flask_mailman import EmailMessage as FlaskMessage
    from flask_mailman import Mail as Mailman

    app = _flask_app()
    Mailman(app)
    with app.app_context():
        return FlaskMessage(
            mail.subject,
            "Thank you.",
            mail.sender,
            list(mail.to),
            list(mail.bcc),
            cc=list(mail.cc),
            reply_to=list(mail.reply_to),
            headers=dict(mail.headers),
        )


def _flask_mailman_sent(mail: Mail, message: Any) -> Any:
    from flask_mailman import Mail as Mailman

    app = _flask_app()
    mailman = Mailman(app)
    with app.app_context():
        message.connection = mailman.get_connection()
        message.send()
        return app.extensions["mailman"].outbox[0]


# ---- FastAPI-Mail ----------------------------------------------------------------------------------------------------


def _fastapi() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # older releases use what pydantic has deprecated since
        import fastapi_mail
    return fastapi_mail


def _fastapi_message(mail: Mail) -> Any:
    fastapi_mail = _fastapi()
    return fastapi_mail.MessageSchema(
        subject=mail.subject,
        recipients=list(mail.to),
        cc=list(mail.cc),
        bcc=list(mail.bcc),
        reply_to=list(mail.reply_to),
        body="Thank you.",
        subtype=fastapi_mail.MessageType.plain,
        headers=dict(mail.headers),
    )


def _fastapi_sent(mail: Mail, message: Any) -> Any:
    fastapi_mail = _fastapi()
    config = fastapi_mail.ConnectionConfig(
        MAIL_USERNAME="shop",
        MAIL_PASSWORD="none",
        MAIL_FROM=bare(mail.sender),
        MAIL_PORT=25,
        MAIL_SERVER="localhost",
        MAIL_STARTTLS=False,
        MAIL_SSL_TLS=False,
        SUPPRESS_SEND=1,
    )
    sender = fastapi_mail.FastMail(config)
    with sender.record_messages() as outbox:
        asyncio.run(sender.send_message(message))
    return outbox[0]


# ---- SMTP libraries, mocked ------------------------------------------------------------------------------------------


def _mime_message(mail: Mail) -> Any:
    """A message of the old API of the standard library, which takes any value."""
    message = MIMEText("Thank you.")
    for name, value in mail.fields:
        message[name] = value
    return message


def _email_message(mail: Mail) -> Any:
    """A message of the new API, with Bcc as a field, as most programs do it."""
    message = EmailMessage()
    for name, value in mail.fields:
        message[name] = value
    if mail.bcc:
        message["Bcc"] = ", ".join(mail.bcc)
    message.set_content("Thank you.")
    return message


def _send_message_call(mail: Mail, message: Any) -> Any:
    with mock.patch("smtplib.SMTP") as smtp, smtplib.SMTP("mail.shop.example") as client:
        client.send_message(message, to_addrs=mail.recipients)
    return smtp.return_value.__enter__.return_value.send_message.call_args


def _sendmail_call(mail: Mail, message: Any) -> Any:
    with mock.patch.object(smtplib.SMTP, "sendmail", autospec=True) as sendmail:
        smtplib.SMTP().sendmail(bare(mail.sender), mail.recipients, mail.octets.decode())
    return sendmail.call_args


def _aiosmtplib_call(mail: Mail, message: Any) -> Any:
    import aiosmtplib

    with mock.patch("aiosmtplib.send") as send:
        asyncio.run(aiosmtplib.send(message, recipients=mail.recipients, hostname="mail.shop.example"))
    return send.call_args


# ---- SMTP servers on the loopback interface --------------------------------------------------------------------------


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _ports_of_loopback() -> AbstractContextManager[Any]:
    """Newer releases of smtpdfix look for a port on every interface, even where they are given one."""
    newer = importlib.util.find_spec("portpicker") is not None
    return mock.patch("portpicker.pick_unused_port", _free_port) if newer else nullcontext()


def _submit(mail: Mail, host: str, port: int) -> None:
    utf8 = not "".join(mail.recipients).isascii()
    with smtplib.SMTP(host, port, local_hostname="shop.example", timeout=10) as client:
        client.sendmail(bare(mail.sender), mail.recipients, mail.octets, ["SMTPUTF8"] if utf8 else [])


def _aiosmtpd_sent(mail: Mail, message: Any) -> Any:
    from aiosmtpd.controller import Controller

    caught = []

    class Handler:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
            caught.append(envelope)
            return "250 OK"

    controller = Controller(Handler(), hostname="127.0.0.1", port=_free_port(), server_hostname="mail.shop.example")
    controller.start()
    try:
        _submit(mail, "127.0.0.1", controller.port)
    finally:
        controller.stop()
    return caught[0]


def _smtpdfix_sent(mail: Mail, message: Any) -> Any:
    from smtpdfix import SMTPDFix

    with _ports_of_loopback(), SMTPDFix("127.0.0.1", _free_port()) as smtpd:
        _submit(mail, smtpd.hostname, smtpd.port)
        return smtpd.messages[0]


def _localserver_sent(mail: Mail, message: Any) -> Any:
    from pytest_localserver.smtp import Server

    server = Server("127.0.0.1")
    server.start()
    try:
        _submit(mail, *server.addr)
    finally:
        server.stop()
    return server.outbox[0]


# ---- servers with an API ---------------------------------------------------------------------------------------------


def _mailpit_json(mail: Mail, message: Any) -> Any:
    """GET /api/v1/message/{id}: the fields, and under Bcc whom the envelope names and they do not."""

    def listed(entries: tuple[str, ...]) -> list[dict[str, str]]:
        return [dict(zip(("Name", "Address"), parseaddr(entry), strict=True)) for entry in entries]

    return {
        "ID": "d7a5543b",
        "MessageID": "1@shop.example",
        "From": listed((mail.sender,))[0],
        "To": listed((mail.headers["To"],) if "To" in mail.headers else mail.to),
        "Cc": listed(mail.cc),
        "Bcc": listed(mail.bcc),
        "ReplyTo": listed(mail.reply_to),
        "ReturnPath": bare(mail.sender),
        "Subject": mail.subject,
        "Date": "2026-11-01T10:00:00Z",
        "Tags": ["receipt"],
        "Text": "Thank you.",
    }


def _mailhog_json(mail: Mail, message: Any) -> Any:
    """GET /api/v2/messages."""

    def split(address: str) -> dict[str, Any]:
        local_part, _, domain = address.rpartition("@")
        return {"Relays": None, "Mailbox": local_part, "Domain": domain, "Params": ""}

    item = {
        "ID": "x@mailhog.example",
        "From": split(bare(mail.sender)),
        "To": [split(address) for address in mail.recipients],
        "Content": {"Headers": {name: [value] for name, value in mail.fields}, "Body": "Thank you."},
        "Created": "2026-11-01T10:00:00Z",
        "Raw": {"From": bare(mail.sender), "To": mail.recipients, "Data": mail.octets.decode(), "Helo": "shop.example"},
    }
    return {"total": 1, "count": 1, "start": 0, "items": [item]}


def _nothing(mail: Mail) -> None:
    return None


def _same(mail: Mail, message: Any) -> Any:
    return message


ADAPTERS: dict[str, Adapter] = {
    "Django": Adapter(_django_message, _django_sent, "django", around=_django_around(_LOCMEM)),
    "django-anymail": Adapter(_django_message, _django_sent, "django-anymail", around=_django_around(_ANYMAIL)),
    "Flask-Mail": Adapter(_flask_mail_message, _flask_mail_sent, "Flask-Mail"),
    "Flask-Mailman": Adapter(_flask_mailman_message, _flask_mailman_sent, "Flask-Mailman"),
    "FastAPI-Mail": Adapter(_fastapi_message, _fastapi_sent, "fastapi-mail"),
    "email.message": Adapter(_email_message, _same, None),
    "send_message": Adapter(_mime_message, _send_message_call, None),
    "sendmail": Adapter(_nothing, _sendmail_call, None),
    "aiosmtplib": Adapter(_mime_message, _aiosmtplib_call, "aiosmtplib"),
    "aiosmtpd": Adapter(_nothing, _aiosmtpd_sent, "aiosmtpd", real=True),
    "smtpdfix": Adapter(_nothing, _smtpdfix_sent, "smtpdfix", real=True),
    "pytest-localserver": Adapter(_nothing, _localserver_sent, "pytest-localserver", real=True),
    "Mailpit": Adapter(_nothing, _mailpit_json, None),
    "MailHog": Adapter(_nothing, _mailhog_json, None),
}
"""Every library that an adapter reads, under the name that the documentation gives it."""
