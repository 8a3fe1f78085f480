"""The rules of the house, one file each, in two visible tables."""

from headerguard.rule import Rule
from headerguard.rules.ambiguous_destination import AmbiguousDestination
from headerguard.rules.control_recipient import ControlRecipient
from headerguard.rules.disclosed_blind_recipient import DisclosedBlindRecipient
from headerguard.rules.embedded_address import EmbeddedAddress
from headerguard.rules.header_injection import HeaderInjection
from headerguard.rules.hidden_field import HiddenField
from headerguard.rules.missing_envelope_recipient import MissingEnvelopeRecipient
from headerguard.rules.missing_sealed_recipient import MissingSealedRecipient
from headerguard.rules.reader_disagreement import ReaderDisagreement
from headerguard.rules.repeated_field import RepeatedField
from headerguard.rules.unbelieved_seal import UnbelievedSeal
from headerguard.rules.unexpected_recipient import UnexpectedRecipient
from headerguard.rules.unexpected_reply_path import UnexpectedReplyPath
from headerguard.rules.unfamiliar_domain import (
    UnfamiliarAuthor,
    UnfamiliarBlindRecipient,
    UnfamiliarBouncePath,
    UnfamiliarRecipient,
    UnfamiliarReplyPath,
)
from headerguard.rules.unnamed_envelope_recipient import UnnamedEnvelopeRecipient
from headerguard.rules.unsealed_recipient import UnsealedRecipient

__all__ = ["BUILTIN", "RENAMED"]

BUILTIN: tuple[type[Rule], ...] = (
    UnexpectedRecipient,
    UnexpectedReplyPath,
    UnsealedRecipient,
    MissingSealedRecipient,
    UnbelievedSeal,
    UnfamiliarBlindRecipient,
    UnfamiliarRecipient,
    UnfamiliarAuthor,
    UnfamiliarReplyPath,
    UnfamiliarBouncePath,
    ControlRecipient,
    UnnamedEnvelopeRecipient,
    MissingEnvelopeRecipient,
    DisclosedBlindRecipient,
    RepeatedField,
    HiddenField,
    HeaderInjection,
    EmbeddedAddress,
    AmbiguousDestination,
    ReaderDisagreement,
)
"""Every rule that runs unless the configuration says otherwise, strongest evidence first."""

RENAMED: dict[str, str] = {}
"""Old rule id to new: an id that was published once resolves for ever."""
