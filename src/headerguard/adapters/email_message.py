"""Django's EmailMessage and the one that Flask-Mailman made of it: a header, and Bcc in an attribute beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headerguard import Envelope, Message
from headerguard.adapters.reference import of_flask
from headerguard.adapters.submission import Items, list_of, submitted, text_of

__all__ = ["attributes_of", "items_of", "read"]

_OVERRIDING = ("From", "To", "Cc", "Reply-To")
"""Fields that `extra_headers` takes over from the attributes, when it spells them so."""


def read(message: Any) -> Message:
    """Of Flask-Mailman: the header that it would write, and the envelope that it would give to the server.

    Bcc is left out of the header and stands in `recipients()`; `extra_headers` decides what To and From show, the
    attributes who receives it.
    """
    given = attributes_of(message)
    envelope = Envelope(text_of(given["from_email"]), tuple(map(text_of, message.recipients())), complete=True)
    return submitted(items_of(given), envelope, given["bcc"], of_flask("mailman"))


def attributes_of(message: Any) -> dict[str, Any]:
    """What says who sends and who receives. Raises AttributeError for an object that is half built."""
    names = ("subject", "from_email", "to", "cc", "bcc", "reply_to", "extra_headers")
    return {name: getattr(message, name) for name in names}


def items_of(given: Mapping[str, Any]) -> Items:
    """The fields that follow from the attributes alone: none that takes the body, a clock or a setting."""
    extra: Mapping[str, object] = given["extra_headers"] or {}
    lists = {"To": list_of(given["to"]), "Cc": list_of(given["cc"]), "Reply-To": list_of(given["reply_to"])}
    items = [("Subject", given["subject"]), ("From", str(extra.get("From", text_of(given["from_email"]))))]
    for name, entries in lists.items():
        if name in extra or entries:
            items.append((name, str(extra[name]) if name in extra else entries))
    # Django drops a second spelling such as "to", Flask-Mailman writes it, and both write every other field.
    return items + [(str(name), str(value)) for name, value in extra.items() if name not in _OVERRIDING]
