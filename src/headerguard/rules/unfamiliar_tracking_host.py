"""Clicks and unsubscribe requests go to a host that this stream has never named."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.fields import CATALOGUE, TRACKED, Role
from headerguard.finding import Finding, Severity
from headerguard.known import Known
from headerguard.message import Message
from headerguard.profile import TRACKING_HOST
from headerguard.role_history import CLOSED_VALUES
from headerguard.rule import Example, Rule

_ASKED = frozenset(name for name in TRACKED if CATALOGUE[name].stage == "submitted")
_LINES = "From: shop@shop.example\nTo: jane@client.example\nList-Unsubscribe: <https://click.esp.example/u>\n"


@dataclass(frozen=True)
class UnfamiliarTrackingHost(Rule):
    """A tracking or unsubscribe host at a domain that this stream has never shown.

    Flags: a host of X-MC-TrackingDomain, List-Unsubscribe, Archived-At or a filter of X-SMTPAPI at a registrable domain
    that the stream never showed there, where it has shown one or two in at least 20 messages, or none at all and the
    field asks the ESP for it; not the author's or the operator's own.

    Why: whoever runs the host reads every link, those that reset a password included.

    When it is wrong: the ESP renames its hosts, or a tracking domain of one's own is set up.

    What to do: find out who runs the host. If it is yours, allow the domain, or add it to own-domains.

    References: RFC 8058; Mailchimp Transactional: SMTP headers; the Trezor report of April 2022.
    """

    id = "unfamiliar-tracking-host"
    severity = Severity.MEDIUM
    fields = TRACKED
    news = frozenset((TRACKING_HOST,))
    needs = frozenset(("baseline",))
    examples = (
        Example(
            flagged=_LINES.replace("click.esp.example", "click.arxxwalls.com"),
            clean=_LINES,
            cites="<https://click.arxxwalls.com/u>",
            history=(_LINES,) * 20,
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Compare the hosts with those that the stream has shown."""
        shown = known.profile.values(TRACKING_HOST) if known.profile else None
        fields = TRACKED
        if not shown and known.profile and TRACKING_HOST not in known.profile.roles and not known.borrowed:
            shown, fields = frozenset(), _ASKED  # a stream that never tracked; an unsubscribe link alone is no news
        if shown is None or len(shown) > CLOSED_VALUES:
            return
        familiar = shown | known.own_domains | known.author_domains(message)
        for mark in message.marks_of(fields):
            if mark.kind == "host" and mark.role is Role.TRACKING and mark.field in fields:
                domain = known.suffixes.registrable_domain(mark.value)
                if domain not in familiar:
                    yield self.finding(
                        mark,
                        f"{mark.field} leads to {domain}, which {known.level} has never shown there",
                        subject=domain,
                        history=known.history(TRACKING_HOST),
                    )
