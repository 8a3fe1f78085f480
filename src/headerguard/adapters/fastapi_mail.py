"""FastAPI-Mail's MessageSchema. What its outbox holds is a message of the standard library, Bcc field included."""

from __future__ import annotations

from typing import Any

from headerguard import Message
from headerguard.adapters.submission import Items, list_of, submitted, text_of

__all__ = ["read"]


def read(schema: Any) -> Message:
    """The header that FastAPI-Mail writes; the default sender stands in its configuration and not here."""
    lists = (("To", schema.recipients), ("Cc", schema.cc), ("Bcc", schema.bcc), ("Reply-To", schema.reply_to))
    items: Items = [(name, list_of(entries)) for name, entries in lists if entries]
    sender = getattr(schema, "from_email", None)
    if sender:
        items.append(("From", text_of((getattr(schema, "from_name", None), sender))))
    items.append(("Subject", str(schema.subject or "")))
    return submitted(items + [(str(name), str(value)) for name, value in (schema.headers or {}).items()])
