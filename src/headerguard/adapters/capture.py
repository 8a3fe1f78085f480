"""Whatever a framework hands over as a Message: Bcc, envelope and all, as it is at this moment.

No framework is imported here: an object says by the names of its classes which library made it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from headerguard import Message
from headerguard.adapters import anymail, caught, email_message, fastapi_mail, flask_mail, smtp

__all__ = ["as_message", "messages_of"]

_PASS = (
    "pass a message of Django, Flask-Mail, Flask-Mailman or FastAPI-Mail, an email.message.Message, its octets, "
    "a call of a mocked send_message or sendmail, an envelope of aiosmtpd, the JSON of Mailpit or MailHog "
    "as a dict, or a headerguard.Message"
)


def as_message(obj: object) -> Message:
    """The message that an object of a mail library stands for; what is changed later does not change it.

    Raises TypeError, with a sentence that says what to pass instead, for anything that is no message, that cannot be
    read, or that names nobody who would receive it.
    """
    if isinstance(obj, Message):
        message = obj
    else:
        reader = _reader_of(obj)
        if reader is None:
            raise TypeError(f"{_refused(obj)}: {_HINTS.get(_known_as(obj), _PASS)}")
        message = _read(reader, obj)
    if not message.recipients:
        raise TypeError(
            f"{_refused(obj)} that anybody receives: it names no recipient; pass it as it is sent, with its "
            "recipients: the call of the mock or the envelope, or Message.from_email(message, Envelope(rcpt_to=...))"
        )
    return message


def messages_of(outbox: object) -> list[Message]:
    """Every message of an outbox: a list of whatever `as_message` takes, or the JSON that lists what was caught.

    Raises TypeError, with a sentence that says what to pass instead, for what is no outbox, and for the first member
    that `as_message` refuses.
    """
    if isinstance(outbox, dict):
        return _read(caught.read_all, outbox)
    if isinstance(outbox, str | bytes | bytearray | memoryview) or not isinstance(outbox, Sequence):
        raise TypeError(f"{_named(outbox)} is no outbox: {_no_outbox(outbox)}")
    if "unittest.mock._Call" in _lineage(outbox):
        raise TypeError("a single call is no outbox: pass call_args_list, or give the call to as_message")
    messages = []
    for number, member in enumerate(outbox):
        try:
            messages.append(as_message(member))
        except TypeError as error:
            raise TypeError(f"outbox[{number}]: {error}") from error
    return messages


def _no_outbox(outbox: object) -> str:
    """What to pass instead of something that is no list."""
    if _known_as(outbox) == "mock":
        return "pass its calls, such as smtp.send_message.call_args_list"
    if hasattr(type(outbox), "__next__"):
        return "it can be read only once; pass list(outbox), made before anything else reads it"
    if outbox is None:
        return "pass the list, such as mail.outbox; read it when the test has sent, not before"
    if _reader_of(outbox) is not None:
        return "it is one message; pass [message], or give it to as_message"
    return "pass a list of messages, such as mail.outbox or smtpd.messages"


# ---- whose object it is ----------------------------------------------------------------------------------------------

_READERS: dict[str, Callable[[Any], Message]] = {
    "unittest.mock._Call": smtp.read_call,
    "django.core.mail.message.EmailMessage": anymail.read,
    "flask_mailman.message.EmailMessage": email_message.read,
    "flask_mail.Message": flask_mail.read,
    "fastapi_mail.schemas.MessageSchema": fastapi_mail.read,
    "aiosmtpd.smtp.Envelope": smtp.read_envelope,
    "email.message.Message": smtp.read_email,
}
"""Who reads an object, by the name of a class of it."""

_HINTS = {
    "NoneType": f"nothing was sent, or the mock was not called; {_PASS}",
    "str": "pass the message object itself, or the octets as they are sent (text.encode())",
    "mock": "pass one call of it, such as smtp.send_message.call_args, or call_args_list to what takes an outbox",
    "list": "pass one of its members, or the whole list to what takes an outbox",
    "generator": "pass one message, or list(outbox) to what takes an outbox",
}


def _reader_of(obj: object) -> Callable[[Any], Message] | None:
    if isinstance(obj, bytes | bytearray | memoryview):
        return Message.from_bytes
    if isinstance(obj, dict):
        return caught.read_one
    return next((_READERS[name] for name in _lineage(obj) if name in _READERS), None)


def _lineage(obj: object) -> list[str]:
    """The full names of the classes of an object; what it says itself of its class, as mocks do, does not count."""
    return [f"{cls.__module__}.{cls.__qualname__}" for cls in type(obj).__mro__]


def _known_as(obj: object) -> str:
    if "unittest.mock.NonCallableMock" in _lineage(obj):
        return "mock"
    if isinstance(obj, list | tuple | set | frozenset):
        return "list"
    return "generator" if hasattr(type(obj), "__next__") else type(obj).__name__


def _refused(obj: object) -> str:
    return f"{_named(obj)} is no message"


def _named(obj: object) -> str:
    """What an object is, for people."""
    name = f"{type(obj).__module__}.{type(obj).__qualname__}".removeprefix("builtins.")
    return "None" if obj is None else name


_T = TypeVar("_T")


def _read(reader: Callable[[Any], _T], obj: object) -> _T:
    try:
        return reader(obj)
    except Exception as error:  # whatever code of a framework or a half-built object may raise
        raise TypeError(
            f"{_named(obj)} cannot be read, {type(error).__name__}: {error}; pass the finished message, as it is sent"
        ) from error
