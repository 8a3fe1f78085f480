"""What the copies of one logical message disagree on. No single copy shows it, so `headerguard reconcile` judges.

The classes say what each finding means and weighs, and hold the options; `headerguard.reconcile` makes the findings.
"""

from __future__ import annotations

from dataclasses import dataclass

from headerguard.finding import Severity
from headerguard.rule import Compared, Example

__all__ = [
    "ConstantCompanion",
    "FoldedDelivery",
    "ReplayedSeal",
    "RevealedBlindRecipient",
    "UndeliveredRequest",
    "UnrequestedDelivery",
]

_KEY = b"the key of the examples"
_SEAL = "hg1-AAd9kHhJchbCAAAAARFcVDJykQibw1MwiHK-L087s4"
_SENT = "Message-ID: <m1@shop.example>\nTo: jane@client.example\n"
_BLIND = _SENT + "Bcc: audit@shop.example\n"
_SEEN = "\nReceived: from out.shop.example by mx.client.example\nMessage-ID: <m1@shop.example>\n"


def _events(*recipients: str, message: int = 1) -> str:
    event = '{{"event": "delivered", "email": "{}", "sg_event_id": "1", "smtp-id": "<m{}@shop.example>"}}\n'
    return "".join("\n" + event.format(recipient, message) for recipient in recipients)


_COMPANY = "".join(_events(f"c{n}@client-{n}.example", "copy@arxxwalls.com", message=n) for n in (1, 2))


@dataclass(frozen=True)
class UnrequestedDelivery(Compared):
    """A recipient is in a later copy or event, and nobody asked for it.

    Flags: in joined copies of one message, every recipient that the seal does not hold, or that the submitted copy does
    not name where there is no seal.

    Why: a copy that the account at the ESP or a relay adds is in no header that the application writes.

    When it is wrong: a list or alias that was expanded on the way, or copies that share an id and are not the same
    message.

    What to do: the layer says where it must have got in: application, relay, or the account at the ESP. Declare an
    archive under `[streams.NAME.expected]`.

    References: the ChunkHost report of March 2014.
    """

    id = "unrequested-delivery"
    severity = Severity.HIGH
    examples = (
        Example(
            flagged=_SENT + _events("jane@client.example", "copy@arxxwalls.com"),
            clean=_SENT + _events("jane@client.example"),
            cites="copy@arxxwalls.com",
        ),
    )


@dataclass(frozen=True)
class FoldedDelivery(Compared):
    """A recipient differs from one that was asked for by nothing but case or Unicode compatibility.

    Flags: in joined copies of one message, a recipient that was not asked for and whose folded form (NFKC, full case
    folding, dotless i) is that of one that was.

    Why: where one system folds and another does not, whoever registers the twin gets the mail.

    When it is wrong: the system that delivers holds both for one mailbox, and nobody else can register the twin.

    What to do: see which system wrote the twin, and compare addresses there as they were registered.

    References: CVE-2019-19844; UAX #15; UTR #36.
    """

    id = "folded-delivery"
    severity = Severity.HIGH
    examples = (
        Example(
            flagged=_SENT.replace("jane", "mike") + _SEEN + "To: m\N{LATIN SMALL LETTER DOTLESS I}ke@client.example\n",
            clean=_SENT.replace("jane", "mike") + _SEEN + "To: Mike@client.example\n",
            cites="m\N{LATIN SMALL LETTER DOTLESS I}ke@client.example",
        ),
    )


@dataclass(frozen=True)
class RevealedBlindRecipient(Compared):
    """A blind recipient stands where all can see it.

    Flags: in joined copies of one message, a recipient that was sealed or submitted as a blind one and that a visible
    field of another copy names.

    Why: whoever got the message knows who else did, and that cannot be called back.

    When it is wrong: the recipient answered to all, and the answer carries the ids of the message.

    What to do: look for the step that turned Bcc into To or Cc; an ESP's switch that shows recipients to each other is
    one.

    References: RFC 5322 section 3.6.3.
    """

    id = "revealed-blind-recipient"
    severity = Severity.HIGH
    examples = (
        Example(
            flagged=_BLIND + _SEEN + "To: jane@client.example, audit@shop.example\n",
            clean=_BLIND + _SEEN + "To: jane@client.example\n",
            cites="audit@shop.example",
        ),
    )


@dataclass(frozen=True)
class UndeliveredRequest(Compared):
    """Somebody who was asked for is in no later copy.

    Flags: recipients that a seal holds and no copy names, by their number, as a seal does not say who they are; LOW
    where it was sealed `apart`, and a copy of each may still come. LOW too: a recipient that was submitted, and of whom
    no event tells while events tell of others.

    Why: mail that never left is lost, or was turned round to somebody else.

    When it is wrong: events that have not come yet, or that were not stored.

    What to do: ask the ESP what became of the message.

    References: RFC 5321 section 4.2.5.
    """

    id = "undelivered-request"
    severity = Severity.MEDIUM
    examples = (
        Example(
            flagged=_SENT + "Cc: joe@client.example\n" + _events("jane@client.example"),
            clean=_SENT + _events("jane@client.example"),
            cites="joe@client.example",
        ),
    )


@dataclass(frozen=True)
class ReplayedSeal(Compared):
    """One seal is on several messages.

    Flags: a seal that copies of the same stage carry under several Message-IDs: more than one at submission, more than
    were sealed for in copies that were delivered or archived, or that were sealed `apart`.

    Why: a seal that is copied to another message for the same recipients is believed there, copy by copy.

    When it is wrong: the application sends again what failed, under a new Message-ID and the old seal.

    What to do: look for the message that the application did not send; seal every message anew.

    References: `headerguard.seal`.
    """

    id = "replayed-seal"
    severity = Severity.MEDIUM
    examples = (
        Example(
            flagged=f"{_SENT}X-Seal: {_SEAL}\n\n{_SENT}X-Seal: {_SEAL}\n".replace("m1@", "m2@", 1),
            clean=f"{_SENT}X-Seal: {_SEAL}\n\n{_SENT}X-Seal: {_SEAL}\n",
            cites="m2@shop.example",
            seal_key=_KEY,
        ),
    )


@dataclass(frozen=True)
class ConstantCompanion(Compared):
    """One address rides along with recipients who have nothing to do with one another.

    Flags: an address that nobody asked for, beside recipients at `companions` or more registrable domains besides its
    own, in as many messages and in at least the share `share` of those with several recipients. Needs no
    submitted copy and no seal.

    Why: an account that sends a blind copy of everything leaves no header at all.

    When it is wrong: an archive or a supervisor: declare it under `[streams.NAME.expected]`, or its domain in
    `own-domains`.

    What to do: look into the settings of the account at the ESP: blind copies, forwarding, webhooks.

    References: the ChunkHost report of March 2014.
    """

    id = "constant-companion"
    severity = Severity.HIGH
    companions: int = 3
    share: float = 0.02
    examples = (
        Example(
            flagged=_COMPANY + _events("c3@client-3.example", "copy@arxxwalls.com", message=3),
            clean=_COMPANY + _events("c3@client-3.example", message=3),
            cites="copy@arxxwalls.com",
        ),
    )
