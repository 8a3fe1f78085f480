"""Single messages of which the place they were taken from says more than their header.

An ESP acts on the Bcc of what is submitted to it; Mandrill delivers a copy of its own to each recipient; the archive
mailbox of Postfix stamps its own address on everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from headerguard.fields import VISIBLE, Role
from headerguard.message import Message, Record, Sighting
from headerguard.sources import rfc5322
from headerguard.sources.window import Items, Place, Reader, Window

__all__ = ["read_archived", "read_single", "read_submitted"]

Stated = Callable[[Message], Iterable[Sighting]]


def _read(stated: Stated, window: Window, place: Place) -> Items:
    for item in rfc5322.read(window, place):
        if isinstance(item, Message) and (found := tuple(stated(item))):
            yield Message(item.header, item.envelope, item.stage, item.account, item.origin, Record(found))
        else:
            yield item


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


read_submitted: Reader = partial(_read, _controls)
"""A message on its way to an ESP that takes recipients from Bcc."""
read_single: Reader = partial(_read, _sole_recipient)
"""A message that an ESP delivered to one recipient alone."""
read_archived: Reader = partial(_read, _archives)
"""A message in the archive mailbox of a mail server."""
