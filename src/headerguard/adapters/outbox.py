"""One message or many: what a test may hand over to be checked."""

from __future__ import annotations

from headerguard import Message
from headerguard.adapters.capture import as_message, messages_of

__all__ = ["messages_in"]


def messages_in(sent: object) -> list[Message]:
    """The messages of an outbox, or the one that was handed over. Raises TypeError that says what to pass instead."""
    call = type(sent).__name__ == "_Call"  # of a mock: a tuple, and one message
    many = isinstance(sent, list | tuple | dict) or hasattr(sent, "__next__")
    return messages_of(sent) if many and not call else [as_message(sent)]
