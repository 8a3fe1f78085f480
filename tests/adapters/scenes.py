"""What the blocks of docs/adapters.md speak of: a mail that was sent through a library, under the names used there."""

from __future__ import annotations

from collections.abc import Callable
from email import message_from_bytes
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from frameworks import ADAPTERS, Mail
from headerguard import Case, Rehearsal
from headerguard.adapters.outbox import messages_in
from installed import need

__all__ = ["SCENES"]

_MAIL = Mail(("Jane <jane@client.example>",))


def assert_clean(message: object, recipients: list[str], blind: list[str] | None = None) -> None:
    """The assertion of a template test."""
    rehearsal, case = Rehearsal(), Case("test_mail.py::test_receipt")
    rehearsal.raise_for(rehearsal.judge(messages_in(message), case, None, recipients, blind), case, recipients, blind)


def _scene(name: str) -> dict[str, object]:
    """Everything under which a block may speak of what was sent."""
    sent = _caught(name) if ADAPTERS[name].real else _sent(name)
    return {
        "headerguard": SimpleNamespace(assert_clean=assert_clean),
        "mail": SimpleNamespace(outbox=[sent]),
        "outbox": [sent],
        "smtp": SimpleNamespace(send_message=SimpleNamespace(call_args=sent), sendmail=SimpleNamespace(call_args=sent)),
        "send": SimpleNamespace(call_args=sent),
        "smtpd": SimpleNamespace(messages=[sent]),
        "smtpserver": SimpleNamespace(outbox=[sent]),
        "envelope": sent,
        "message": sent,
        "answer": SimpleNamespace(json=lambda: sent),
    }


def _sent(name: str) -> Any:
    need(name)
    adapter = ADAPTERS[name]
    with pytest.MonkeyPatch.context() as patch, adapter.around(_MAIL):
        patch.setattr("socket.getfqdn", lambda name="": "shop.example")
        return adapter.send(_MAIL, adapter.build(_MAIL))


def _caught(name: str) -> Any:
    """What a server on the loopback interface would have caught, as no block opens a socket."""
    rcpt_to = _MAIL.recipients
    if name == "aiosmtpd":
        need(name)
        from aiosmtpd.smtp import Envelope

        envelope = Envelope()
        envelope.mail_from, envelope.rcpt_tos, envelope.content = "no-reply@shop.example", rcpt_to, _MAIL.octets
        return envelope
    message = message_from_bytes(_MAIL.octets)
    if name == "pytest-localserver":
        message.details = mock.Mock(mailfrom="no-reply@shop.example", rcpttos=rcpt_to)  # type: ignore[attr-defined]
    else:
        message["X-Peer"], message["X-MailFrom"] = "('127.0.0.1', 40000)", "no-reply@shop.example"
        message["X-RcptTo"] = ", ".join(rcpt_to)
    return message


def _setup(name: str) -> Callable[[], dict[str, object]]:
    return lambda: _scene(name)


SCENES: dict[str, Callable[[], dict[str, object]]] = {name: _setup(name) for name in ADAPTERS}
"""The namespace of a block, by the name of the adapter."""
