"""The JSON of servers that catch mail in tests: Mailpit, MailHog, and every other payload that `read` knows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from headerguard import Message, read

__all__ = ["read_all", "read_one"]

_UNKNOWN = "json"


def read_all(payload: Mapping[str, Any]) -> list[Message]:
    """Every message of a payload. Raises ValueError where it is of no known kind, ConfigError without jmespath."""
    messages = list(read(json.dumps(payload, default=str).encode()))
    if any(message.origin is not None and message.origin.kind == _UNKNOWN for message in messages):
        raise ValueError("it is not the JSON of a message as Mailpit, MailHog or another known source gives it")
    return messages


def read_one(payload: Mapping[str, Any]) -> Message:
    """The message of a payload. Raises ValueError where it holds none or several."""
    messages = read_all(payload)
    if len(messages) != 1:
        raise ValueError(f"it holds {len(messages)} messages: give it to what takes an outbox")
    return messages[0]
