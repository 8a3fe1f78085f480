"""Single messages of which the place they were taken from says more than their header.

An ESP acts on the Bcc of what is submitted to it; Mandrill delivers a copy of its own to each recipient; the archive
mailbox of Postfix stamps its own address on everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from headerguard.fields import VISIBLE, Role
from headerguard.message import Message, Record, Sighting
from headerguard.sources.window import Items, MessageReader, Place

__all__ = ["read_archived", "read_single", "read_submitted"]

Stated = Callable[[Message], Iterable[Sighting]]


def _read(stated: Stated, message: Message, body: Iterable[bytes], place: Place) -> Items:
    found, record = tuple(stated(message)), message.record or Record()
    if found:
        record = replace(record, sightings=(*record.sightings, *found))
        message = Message(message.header, message.envelope, message.stage, message.account, message.origin, record)
    yield message


def _controls(message: Message) -> Iterable[Sighting]:
    """A Bcc that an ESP reads is a recipient whom nobody is shown."""
    return (s._replace(role=Role.CONTROL) for s in message.sightings_of((Role.BCC,)))


def _sole_recipient(message: Message) -> Iterable[Sighting]:
    """With preserve_recipients off a copy shows one recipient, who then is the one of its envelope."""
    shown = message.sightings_of(VISIBLE)
    return (shown[0]._replace(role=Role.ENVELOPE),) if len({s.address.key for s in shown}) == 1 else ()


def _archives(message: Message) -> Iterable[Sighting]:
    """X-Original-To and Delivered-To name the mailbox in which the copy lies (Postfix local(8))."""
    stamped = message.sightings_of((Role.DELIVERED,))
    return (s._replace(role=Role.ARCHIVE) for s in stamped if s.field in ("x-original-to", "delivered-to"))


read_submitted: MessageReader = partial(_read, _controls)
"""A message on its way to an ESP that takes recipients from Bcc."""
read_single: MessageReader = partial(_read, _sole_recipient)
"""A message that an ESP delivered to one recipient alone."""
read_archived: MessageReader = partial(_read, _archives)
"""A message in the archive mailbox of a mail server."""
