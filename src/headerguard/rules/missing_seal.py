"""A message of a stream whose mail is sealed carries no seal."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.finding import Finding, Severity
from headerguard.known import Known
from headerguard.message import Message
from headerguard.profile import SEAL
from headerguard.role import RECIPIENT, Role
from headerguard.rule import Example, Rule

_SEAL = "X-Seal: hg1-AAd9kHhJchbCAAAAARFcVDJykQibw1MwiHK-L087s4\n"
_LINES = "From: shop@shop.example\nTo: jane@client.example\n"


@dataclass(frozen=True)
class MissingSeal(Rule):
    """A copy carries no seal where the others of its stream do.

    Flags: a copy without anything in the form of a seal, where the configuration says that copies of its stream and
    stage carry one (`sealed` under `[streams.NAME]`), or where each of at least 20 that were learned of the stream did.

    Why: who takes the seal off takes off what would tell of an added recipient, and who sends with stolen credentials
    cannot make one.

    When it is wrong: the ESP strips the field from what it delivers (declare the stages that keep it), or a part of the
    application does not seal yet.

    What to do: compare the copy with the application's log; where the ESP drops the field, put the seal into a metadata
    key that its events give back.

    References: `headerguard.seal`.
    """

    id = "missing-seal"
    severity = Severity.MEDIUM
    roles = RECIPIENT | {Role.FROM, Role.DELIVERED}
    examples = (
        Example(
            flagged=_LINES,
            clean=_LINES + _SEAL,
            cites="shop@shop.example",
            declared={"stream": "receipts"},
            config={"streams": {"receipts": {"sealed": ["submitted"]}}},
        ),
        Example(flagged=_LINES, clean=_LINES + _SEAL, cites="shop@shop.example", history=(_LINES + _SEAL,) * 20),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Say who expects a seal here; the place is the first address, as what is missing has none."""
        usual = known.profile is not None and not known.borrowed and known.profile.always(SEAL, str(message.stage))
        if message.stage in known.declared.sealed:
            reason = "is declared to carry one"
        elif usual and known.profile:
            reason = f"always did, in {known.profile.messages:,} messages"
        else:
            return
        if not message.seals and (sightings := message.sightings_of(self.roles)):
            author = min(sightings, key=lambda s: s.role is not Role.FROM)
            summary = f"the copy carries no seal, and {known.stream} {reason}"
            yield self.finding(author, summary, subject="seal", history=known.history(SEAL) if usual else None)
