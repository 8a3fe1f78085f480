"""What SMTP libraries are given and test servers catch: messages, calls of a mock, envelopes."""

from __future__ import annotations

from email.message import Message as EmailMessage
from typing import Any

from headerguard import Envelope, Message, Stage
from headerguard.adapters.submission import entries_of, text_of

__all__ = ["read_call", "read_email", "read_envelope"]


def read_email(message: EmailMessage) -> Message:
    """A message of the standard library, with the envelope where a test server left it on the object.

    pytest-localserver hangs it on the message (`details`), and aiosmtpd's Message handler, which smtpdfix builds on,
    writes it into X-MailFrom and X-RcptTo, in front of which stands X-Peer.
    """
    details: Any = getattr(message, "details", None)
    if hasattr(details, "rcpttos"):
        return Message.from_email(message, Envelope(details.mailfrom, tuple(details.rcpttos)), Stage.SUBMITTED)
    items = list(message.raw_items())
    caught = [number for number, (name, _) in enumerate(items) if name == "X-Peer"]
    if caught and [name for name, _ in items[caught[-1] :]] == ["X-Peer", "X-MailFrom", "X-RcptTo"]:
        (_, mail_from), (_, rcpt_to) = items[caught[-1] + 1 :]
        envelope = Envelope(str(mail_from), tuple(filter(None, str(rcpt_to).split(", "))))
        return Message.from_items(items[: caught[-1]], envelope, Stage.SUBMITTED)
    return Message.from_email(message, stage=Stage.SUBMITTED)


def read_envelope(envelope: Any) -> Message:
    """An envelope of aiosmtpd. It is one transaction, and servers split a message into several."""
    content = envelope.original_content if envelope.content is None else envelope.content
    return _sent(content, envelope.mail_from, envelope.rcpt_tos)


def read_call(call: Any) -> Message:
    """The arguments of one call of `send_message`, `sendmail` or aiosmtplib's `send`, as a mock recorded them.

    Raises ValueError for a call that sends no message.
    """
    *_, args, kwargs = tuple(call)
    args = tuple(argument for argument in args if not _is_client(argument))  # autospec records `self`
    given = dict(kwargs)
    alone = len(args) == 1 and not {"message", "msg"} & given.keys()
    if alone or (args and not isinstance(args[0], str | type(None))):
        names = ("message", "sender", "recipients")  # send_message and send
    else:
        names = ("sender", "recipients", "message")  # sendmail
    given |= dict(zip(names, args, strict=False))
    message = given.get("message", given.get("msg"))
    sender = given.get("sender", given.get("from_addr"))
    return _sent(message, sender, given.get("recipients", given.get("to_addrs")))


def _is_client(argument: object) -> bool:
    return any(cls.__name__ in ("SMTP", "LMTP") for cls in type(argument).__mro__)


def _sent(message: object, mail_from: object, rcpt_to: Any) -> Message:
    """A message in any form that SMTP libraries take, with its envelope; without recipients the header names them."""
    sender = None if mail_from is None else text_of(mail_from)
    envelope = None if rcpt_to is None else Envelope(sender, tuple(map(text_of, entries_of(rcpt_to))))
    if isinstance(message, str):
        message = message.encode("utf-8", "surrogateescape")
    if isinstance(message, bytes | bytearray | memoryview):
        return Message.from_bytes(message, envelope, Stage.SUBMITTED)
    if not isinstance(message, EmailMessage):
        raise ValueError(f"it sends {type(message).__name__}, which is no message")
    return Message.from_email(message, envelope, Stage.SUBMITTED)
