"""A local part that says where a server shall pass the message on to."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.address import Address
from headerguard.fields import RECIPIENT
from headerguard.finding import Finding, Severity
from headerguard.known import Known, layer_of
from headerguard.message import Message
from headerguard.rule import Example, Rule

_SIGNS = frozenset("%!@")
_ROUTE = re.compile(r"[%!@:]")
_HOST = re.compile(r"(?:[a-z0-9_-]{1,63}\.){1,8}[a-z][a-z0-9-]{1,62}", re.IGNORECASE)
_LONGEST = 1_000


@dataclass(frozen=True)
class RoutedRecipient(Rule):
    """A recipient whose local part names another host, to which a server may pass the message on.

    Flags: a recipient whose local part holds a percent sign, an exclamation mark or a quoted at sign beside a host
    outside the domain of the address: `copy%arxxwalls.com@shop.example`, `arxxwalls.com!copy@shop.example`,
    `"copy@arxxwalls.com"@shop.example`.

    Why: the domain is one's own and passes every check of domains, and a server that still honours such routes sends
    the message to the host in front of it.

    When it is wrong: a gateway to another mail system that writes its addresses so.

    What to do: find who wrote the address, and have the server refuse such routes.

    References: RFC 5321 section 5.1 and appendix F.2; RFC 1123 section 5.2.16.
    """

    id = "routed-recipient"
    severity = Severity.MEDIUM
    roles = RECIPIENT
    examples = (
        Example(
            flagged="From: shop@shop.example\nTo: copy%arxxwalls.com@shop.example\n",
            clean="From: shop@shop.example\nTo: copy@shop.example\n",
            cites="copy%arxxwalls.com@shop.example",
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Look for a sign of a route in the local parts."""
        for recipient in message.recipients:
            if not _SIGNS.isdisjoint(recipient.address.local_part) and (host := _routed_to(recipient.address, known)):
                if known.declares(recipient):
                    continue
                summary = f"{recipient.address} asks for being passed on to {host}"
                yield self.finding(recipient, summary, layer=layer_of(recipient, message.stage))


def _routed_to(address: Address, known: Known) -> str | None:
    """The host in a local part that lies outside the domain of the address."""
    local = address.local_part
    if len(local) > _LONGEST or not _ROUTE.search(local) or "=" in local:  # "=" is how return paths are encoded
        return None
    own = known.registrable(address)
    hosts = (part for part in _ROUTE.split(local) if _HOST.fullmatch(part))
    return next((host for host in hosts if known.suffixes.registrable_domain(host.lower()) != own), None)
