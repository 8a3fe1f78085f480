"""Somebody who was asked for, at a domain that nobody knows."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.address import Address
from headerguard.fields import RECIPIENT, Role
from headerguard.finding import Finding, Severity
from headerguard.known import Known, layer_of
from headerguard.message import Message
from headerguard.recipient import Recipient
from headerguard.rule import Example, Rule
from headerguard.seal import fold

_CLEAN = "From: shop@shop.example\nTo: jane.miller@client.example\n"
_DECLARED = {"recipients": ["jane.miller@client.example", "second.example"]}


@dataclass(frozen=True)
class LookalikeMailbox(Rule):
    """The name of somebody who was declared, or who is usual here, at a domain that nobody knows.

    Flags: a recipient at a domain that no stream knows and nobody declared, whose local part is that of an address that
    the caller or the configuration declared or, in a closed role, of one that a closed role of this stream has shown.
    Plus-tags, percent-hacked routes, quotes and what Unicode folds make no difference. The local part has to tell
    somebody: six characters, and no name of an office such as support or accounts. A baseline holds no address, so
    the name of the stranger is tried at each domain of the role: who is usual under a host below it is not found.

    Why: people who check a list of recipients read the part before the @. The same person at another domain is how a
    copy is made to look as if it belonged there, and how a mail goes to somebody's namesake.

    When it is wrong: the person has a second address, and it was not declared.

    What to do: ask the person. If the address is theirs, declare it.

    References: CVE-2023-7028; CVE-2019-19844.
    """

    id = "lookalike-mailbox"
    severity = Severity.MEDIUM
    roles = RECIPIENT
    news = RECIPIENT
    examples = (
        Example(
            flagged=_CLEAN + "Cc: jane.miller+copy@arxxwalls.com\n",
            clean=_CLEAN + "Cc: jane.miller+copy@second.example\n",
            cites="jane.miller+copy@arxxwalls.com",
            declared=_DECLARED,
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Nothing is read where no address was declared and no role is closed."""
        bounds = (known.declared.recipients, known.declared.blind, *known.declared.expected.values())
        declared = {key for bound in bounds if bound is not None for key in bound.addresses}
        homes = _homes(known)
        if not declared and not homes:
            return
        people = {_person(key): key for key in sorted(declared)}
        for recipient in message.recipients:
            if recipient.address.key in declared or not known.is_stranger(recipient.sightings[0]):
                continue
            local = _person(recipient.address.key)
            person = people.get(local) or _usual(local, recipient, homes, known)
            if person and _tells_somebody(local) and not known.declares(recipient):
                summary = f"{recipient.address} is called like {person}, and nobody knows its domain"
                yield self.finding(recipient, summary, layer=layer_of(recipient, message.stage))


def _homes(known: Known) -> dict[str, list[Role]]:
    """The domains of closed roles of recipients whose exact addresses are kept, each with these roles."""
    homes: dict[str, list[Role]] = {}
    histories = known.profile.roles if known.profile else {}
    for role in known.closed_roles(unused=False) & RECIPIENT:
        history = histories[role]
        for domain in (history.values or ()) if history.addresses else ():
            homes.setdefault(domain, []).append(role)
    return homes


def _usual(local: str, recipient: Recipient, homes: dict[str, list[Role]], known: Known) -> Address | None:
    """The address of that name in a closed role, if that is where the recipient stands: customers have namesakes."""
    if not any(known.closed(role) for role in recipient.roles if role is not Role.ENVELOPE or recipient.hidden):
        return None
    addresses = ((Address(local, domain), roles) for domain, roles in sorted(homes.items()))
    return next((address for address, roles in addresses if known.knows_address(roles, address)), None)


def _person(key: str) -> str:
    """The local part of an address as people and databases compare it; where it routes, that of whom it names."""
    local = fold(key.rpartition("@")[0]).partition("%")[0]
    return local[: local.index("+", 1)] if "+" in local[1:] else local


def _tells_somebody(local: str) -> bool:
    from headerguard.lookalike import is_common

    return len(local) >= 6 and not is_common(local)
