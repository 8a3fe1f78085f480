"""What an address is there for."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["HIDDEN", "RECIPIENT", "VISIBLE", "Role"]


class Role(StrEnum):
    """What an address is there for. The values are part of the output and do not change."""

    FROM = "from"
    SENDER = "sender"
    REPLY = "reply"
    TO = "to"
    CC = "cc"
    BCC = "bcc"
    ENVELOPE = "envelope"
    BOUNCE = "bounce"
    RECEIPT = "receipt"
    CONTROL = "control"
    ARCHIVE = "archive"
    DELIVERED = "delivered"
    RELAY = "relay"
    IDENTITY = "identity"
    TRACKING = "tracking"
    LIST = "list"
    THREAD = "thread"
    MENTIONED = "mentioned"
    RESENT_FROM = "resent_from"
    RESENT_TO = "resent_to"
    RESENT_CC = "resent_cc"
    RESENT_BCC = "resent_bcc"


VISIBLE = frozenset((Role.TO, Role.CC, Role.RESENT_TO, Role.RESENT_CC))
"""Roles that every recipient of the message can read."""

HIDDEN = frozenset((Role.BCC, Role.RESENT_BCC, Role.ENVELOPE, Role.CONTROL, Role.ARCHIVE))
"""Roles that prove or ask for a delivery without showing it to the others."""

RECIPIENT = VISIBLE | HIDDEN
"""Roles that make an address a recipient."""
