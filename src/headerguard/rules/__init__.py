"""The rules of the house, one file each, in two visible tables."""

from headerguard.rule import Rule
from headerguard.rules.ambiguous_destination import AmbiguousDestination
from headerguard.rules.changed_setting import ChangedSetting
from headerguard.rules.contradicting_stamp import ContradictingStamp
from headerguard.rules.control_recipient import ControlRecipient
from headerguard.rules.disagreeing_copies import (
    ConstantCompanion,
    FoldedDelivery,
    ReplayedSeal,
    RevealedBlindRecipient,
    UndeliveredRequest,
    UnrequestedDelivery,
)
from headerguard.rules.disclosed_blind_recipient import DisclosedBlindRecipient
from headerguard.rules.embedded_address import EmbeddedAddress
from headerguard.rules.exposed_recipients import ExposedRecipients
from headerguard.rules.extra_recipient import ExtraRecipient
from headerguard.rules.folded_recipient import FoldedRecipient
from headerguard.rules.foreign_error_copy import ForeignErrorCopy
from headerguard.rules.forwarding_trace import ForwardingTrace
from headerguard.rules.freemail_blind_recipient import FreemailBlindRecipient
from headerguard.rules.frequent_recipient import FrequentRecipient
from headerguard.rules.header_injection import HeaderInjection
from headerguard.rules.hidden_field import HiddenField
from headerguard.rules.lookalike_domain import LookalikeDomain
from headerguard.rules.lookalike_mailbox import LookalikeMailbox
from headerguard.rules.mailto_recipient import MailtoRecipient
from headerguard.rules.missing_envelope_recipient import MissingEnvelopeRecipient
from headerguard.rules.missing_seal import MissingSeal
from headerguard.rules.missing_sealed_recipient import MissingSealedRecipient
from headerguard.rules.moved_stream import MovedStream
from headerguard.rules.reader_disagreement import ReaderDisagreement
from headerguard.rules.repeated_field import RepeatedField
from headerguard.rules.riding_recipient import RidingRecipient
from headerguard.rules.routed_recipient import RoutedRecipient
from headerguard.rules.surplus_recipient import SurplusRecipient
from headerguard.rules.unbelieved_seal import UnbelievedSeal
from headerguard.rules.unexpected_author import UnexpectedAuthor
from headerguard.rules.unexpected_recipient import UnexpectedRecipient
from headerguard.rules.unexpected_reply_path import UnexpectedReplyPath
from headerguard.rules.unfamiliar_account import UnfamiliarAccount
from headerguard.rules.unfamiliar_address import UnfamiliarAddress
from headerguard.rules.unfamiliar_domain import (
    UnfamiliarAuthor,
    UnfamiliarBlindRecipient,
    UnfamiliarBouncePath,
    UnfamiliarRecipient,
    UnfamiliarReplyPath,
)
from headerguard.rules.unfamiliar_relay import UnfamiliarRelay
from headerguard.rules.unfamiliar_signing_domain import UnfamiliarSigningDomain
from headerguard.rules.unfamiliar_stream import UnfamiliarStream
from headerguard.rules.unfamiliar_tracking_host import UnfamiliarTrackingHost
from headerguard.rules.unnamed_envelope_recipient import UnnamedEnvelopeRecipient
from headerguard.rules.unrecorded_stream import UnrecordedStream
from headerguard.rules.unsealed_recipient import UnsealedRecipient

__all__ = ["BUILTIN", "RENAMED"]

BUILTIN: tuple[type[Rule], ...] = (
    UnexpectedRecipient,
    SurplusRecipient,
    UnexpectedReplyPath,
    UnexpectedAuthor,
    UnsealedRecipient,
    MissingSealedRecipient,
    UnbelievedSeal,
    MissingSeal,
    FoldedRecipient,
    LookalikeDomain,
    LookalikeMailbox,
    RoutedRecipient,
    ExtraRecipient,
    RidingRecipient,
    FrequentRecipient,
    ExposedRecipients,
    MovedStream,
    ChangedSetting,
    UnfamiliarAccount,
    UnfamiliarAddress,
    UnfamiliarBlindRecipient,
    FreemailBlindRecipient,
    UnfamiliarRecipient,
    UnfamiliarAuthor,
    UnfamiliarReplyPath,
    UnfamiliarBouncePath,
    UnfamiliarTrackingHost,
    UnfamiliarSigningDomain,
    UnfamiliarRelay,
    ForwardingTrace,
    MailtoRecipient,
    ControlRecipient,
    ContradictingStamp,
    ForeignErrorCopy,
    UnnamedEnvelopeRecipient,
    MissingEnvelopeRecipient,
    UnrecordedStream,
    UnfamiliarStream,
    DisclosedBlindRecipient,
    RepeatedField,
    HiddenField,
    HeaderInjection,
    EmbeddedAddress,
    AmbiguousDestination,
    ReaderDisagreement,
    UnrequestedDelivery,
    FoldedDelivery,
    RevealedBlindRecipient,
    UndeliveredRequest,
    ReplayedSeal,
    ConstantCompanion,
)
"""Every rule that runs unless the configuration says otherwise, strongest evidence first; then those that judge in a
reconciliation."""

RENAMED: dict[str, str] = {}
"""Old rule id to new: an id that was published once resolves for ever."""
