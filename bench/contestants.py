"""What is measured against what: each contestant reads one message and throws the result away."""

from __future__ import annotations

import logging
from collections.abc import Callable
from email import policy
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from typing import NamedTuple

from bench.messages import Made

from headerguard import Baseline, Envelope, Guard, Message

__all__ = ["CONTESTANTS", "REFERENCE", "Contestant"]

Work = Callable[[Made], object]


class Contestant(NamedTuple):
    """One way to read a message."""

    name: str
    """What to call it in the output."""
    start: Callable[[Baseline], Work]
    """Makes it anew, so that nothing of the round before is remembered. Gets what the guard has learned."""
    peer: bool = False
    """Somebody else's; runs on a part of the messages, as it is slow."""


def _reference(_: Baseline) -> Work:
    parse = BytesHeaderParser(policy=policy.compat32).parsebytes
    return lambda made: parse(made.header)


def _model(_: Baseline) -> Work:
    def work(made: Made) -> None:
        message = Message.from_bytes(made.octets)
        _ = message.sightings

    return work


def _check(baseline: Baseline) -> Work:
    check = Guard(baseline=baseline).check
    return lambda made: check(made.octets)


def _check_with_envelope(baseline: Baseline) -> Work:
    check = Guard(baseline=baseline).check
    return lambda made: check(made.octets, Envelope(made.mail_from, made.rcpt_to))


def _observe(baseline: Baseline) -> Work:
    observe = Guard(baseline=baseline.merge()).observe  # a copy, as what one round learns is not for the next
    return lambda made: observe(made.octets)


def _mail_parser(_: Baseline) -> Work:
    import mailparser

    for name in ("mailparser", "mailparser.core", "mailparser.utils"):
        logging.getLogger(name).setLevel(logging.CRITICAL)

    def work(made: Made) -> object:
        try:
            parsed = mailparser.parse_from_bytes(made.header)
            return parsed.from_, parsed.to, parsed.cc, parsed.bcc, parsed.reply_to
        except Exception as error:  # it refuses some mail by design
            return error

    return work


def _default_policy(_: Baseline) -> Work:
    parse = BytesHeaderParser(_class=EmailMessage, policy=policy.default).parsebytes

    def work(made: Made) -> object:
        try:
            message = parse(made.header)
            names = ("from", "to", "cc", "bcc", "reply-to")
            return [field.addresses for name in names for field in message.get_all(name, ())]
        except Exception as error:  # it raises on some mail
            return error

    return work


REFERENCE = Contestant("stdlib BytesHeaderParser, compat32 (reference)", _reference)
CONTESTANTS = {
    "reference": REFERENCE,
    "model": Contestant("full model: every sighting, every recipient", _model),
    "check": Contestant("Guard.check, all default rules, learned", _check),
    "check+envelope": Contestant("the same with an envelope", _check_with_envelope),
    "observe": Contestant("Guard.observe: judge, then learn", _observe),
    "mail-parser": Contestant("mail-parser", _mail_parser, peer=True),
    "policy.default": Contestant("stdlib policy.default, .addresses", _default_policy, peer=True),
}
