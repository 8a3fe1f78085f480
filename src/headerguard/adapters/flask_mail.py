"""Flask-Mail's Message: a header, and Bcc in an attribute beside it."""

from __future__ import annotations

from typing import Any

from headerguard import Envelope, Message
from headerguard.adapters.reference import of_flask
from headerguard.adapters.submission import Items, entries_of, list_of, submitted, text_of

__all__ = ["read"]


def read(message: Any) -> Message:
    """The header that Flask-Mail writes; `send_to`, which is what it gives to the server, as the envelope."""
    items: Items = [("Subject", str(message.subject or "")), ("From", text_of(message.sender or ""))]
    lists = (("To", message.recipients), ("Cc", message.cc), ("Reply-To", [message.reply_to]))
    items += [(name, listed) for name, entries in lists if (listed := list_of(entries))]
    items += [(str(name), str(value)) for name, value in (message.extra_headers or {}).items()]
    rcpt_to = [entry for found in (message.recipients, message.cc, message.bcc) for entry in entries_of(found)]
    sent = {*map(text_of, rcpt_to), *map(text_of, message.send_to)}  # the latter a set, and what a subclass changes
    envelope = Envelope(text_of(message.sender or ""), tuple(sorted(sent)), complete=True)
    return submitted(items, envelope, message.bcc, of_flask("mail"))
