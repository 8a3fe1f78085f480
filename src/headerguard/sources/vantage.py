"""How to obtain each kind of copy that is no payload, and what such a copy cannot show."""

from __future__ import annotations

__all__ = ["BLIND_SPOTS", "OBTAINED"]

_SEED = "Make a mailbox of your own a recipient of the routine, and keep what it receives."
_WAY = "Let a relay or the test of the application keep what it hands over to the provider."
_ONE_COPY = "this is the copy of one recipient: blind recipients of other copies are invisible here"
_LATER = "what the account at the provider adds later is invisible here"
_SEEDS = ("mailchimp", "mailgun", "mandrill", "postmark", "sendgrid", "ses", "sparkpost")
_WAYS = ("brevo", "mailgun", "mailjet", "mandrill", "postmark", "sendgrid", "ses", "sparkpost")

OBTAINED: dict[str, str] = {
    **{f"{vendor}_delivered": _SEED for vendor in _SEEDS},
    **{f"{vendor}_submitted": _WAY for vendor in _WAYS},
    "maildir": "Point at the folder of a mail server or client.",
    "mbox": "Export a mailbox.",
    "mboxo": "Export a mailbox.",
    "mboxrd": "Export a mailbox, as Google Takeout and mutt do.",
    "mboxcl2": "Export a mailbox, as older Unix systems do.",
    "eml": "Save a message.",
    "postfix_always_bcc": "Set always_bcc, sender_bcc_maps or recipient_bcc_maps to an archive mailbox.",
    "exim_shadow_transport": "Set shadow_transport, or an unseen router, with envelope_to_add.",
    "imap_sent": "FETCH BODY[] from the folder that the client keeps sent mail in.",
    "google_routing_copy": 'Set a routing rule "Also deliver to" with the option that adds X-Gm-Original-To.',
    "resent_block": "Keep what a user or a tool sends again.",
    "m365_autoforward": "Keep outbound copies of a tenant of Microsoft 365.",
    "exchange_journal": "Set a journal rule that sends to a mailbox of yours.",
    "delivery_status": "Keep what arrives at the bounce address.",
    "exim_bsmtp": "Set use_bsmtp on an appendfile or pipe transport.",
    "milter_events": "Write the callbacks of a milter down, one object each.",
    "outlook_msg": "Save a message from Outlook, or drag it onto a folder of the disk.",
    "postfix_log": "Take the mail log.",
    "json": "Take any payload.",
}
"""How to obtain a copy, by kind."""

BLIND_SPOTS: dict[str, tuple[str, ...]] = {
    **{f"{vendor}_delivered": (_ONE_COPY,) for vendor in _SEEDS},
    **{f"{vendor}_submitted": (_LATER,) for vendor in _WAYS},
    "postfix_always_bcc": ("the real recipients are not stored: join with the log by the queue id",),
    "exim_shadow_transport": ("a shadow transport copies local deliveries only",),
    "imap_sent": ("the client wrote this copy: what a server or provider adds is invisible here",),
    "google_routing_copy": ("this is the copy of one route: other recipients are invisible here",),
    "m365_autoforward": ("whom it is forwarded to stands in the envelope alone",),
    "resent_block": ("where Resent- fields stand, sendmail -t takes the recipients from them alone",),
    "exchange_journal": (
        "several reports of one message are normal, each with some recipients: unite them by Message-ID",
        "copies that an ESP or a later server makes are in no journal",
    ),
    "delivery_status": (
        "one report names one recipient or several: the other recipients of the message are invisible here",
    ),
    "outlook_msg": (
        "what was saved from a folder of sent mail has no header: what a server added later is invisible here",
    ),
    "json": ("nothing says who receives this",),
}
"""What a copy cannot show, by kind, beside what the message itself tells; payloads say it in their table."""
