"""Somebody who was asked for, at a domain that nobody knows."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.fields import RECIPIENT
from headerguard.finding import Finding, Severity
from headerguard.message import Message
from headerguard.rule import Example, Known, Rule, layer_of
from headerguard.seal import fold

_CLEAN = "From: shop@shop.example\nTo: jane.miller@client.example\n"
_DECLARED = {"recipients": ["jane.miller@client.example", "second.example"]}


@dataclass(frozen=True)
class LookalikeMailbox(Rule):
    """The name of somebody who was declared, at a domain that nobody knows.

    Flags: a recipient at a domain that no stream knows and nobody declared, whose local part, without a plus-tag and
    after Unicode folding, is that of an address that the caller or the configuration declared. The local part has to
    tell somebody: six characters, and no name of an office such as support or accounts.

    Why: people who check a list of recipients read the part before the @. The same person at another domain is how a
    copy is made to look as if it belonged there, and how a mail goes to somebody's namesake.

    When it is wrong: the person has a second address, and it was not declared.

    What to do: ask the person. If the address is theirs, declare it.

    References: CVE-2023-7028; CVE-2019-19844.
    """

    id = "lookalike-mailbox"
    severity = Severity.MEDIUM
    roles = RECIPIENT
    examples = (
        Example(
            flagged=_CLEAN + "Cc: jane.miller+copy@arxxwalls.com\n",
            clean=_CLEAN + "Cc: jane.miller+copy@second.example\n",
            cites="jane.miller+copy@arxxwalls.com",
            declared=_DECLARED,
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Nothing is read where no address was declared."""
        bounds = (known.declared.recipients, known.declared.blind, *known.declared.expected.values())
        declared = {key for bound in bounds if bound is not None for key in bound.addresses}
        if not declared:
            return
        people = {_person(key): key for key in sorted(declared)}
        for recipient in message.recipients:
            person = people.get(_person(recipient.address.key))
            if not person or recipient.address.key in declared or known.declares(recipient):
                continue
            if known.is_stranger(recipient.sightings[0]) and _tells_somebody(_person(person)):
                summary = f"{recipient.address} is called like {person}, and nobody knows its domain"
                yield self.finding(recipient, summary, layer=layer_of(recipient, message.stage))


def _person(key: str) -> str:
    """The local part of an address as people and databases compare it."""
    local = fold(key.rpartition("@")[0])
    return local[: local.index("+", 1)] if "+" in local[1:] else local


def _tells_somebody(local: str) -> bool:
    from headerguard.lookalike import is_common

    return len(local) >= 6 and not is_common(local)
