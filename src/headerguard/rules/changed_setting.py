"""An account at an ESP is set to do something that it was not set to do before."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.fields import Role
from headerguard.finding import Finding, Severity
from headerguard.known import Known
from headerguard.message import Message
from headerguard.profile import SETTING
from headerguard.rule import Example, Rule

_COPIES = ("bcc ", "archive ", "forward ", "webhook ")
_EXPORT = '{{"mail_settings/bcc": {{"enabled": true, "email": "{}"}}}}\n'


@dataclass(frozen=True)
class ChangedSetting(Rule):
    """A setting of the account at an ESP that no earlier export has shown.

    Flags: in an export of settings (kinds that end in _settings), every blind copy, archive, forwarding address,
    webhook, sender and user that is in none of the exports that were learned before; one of them is enough. Senders
    and users weigh MEDIUM.

    Why: a blind copy that the account makes of every message leaves no trace in any header, and none in what the
    application logs. The settings are the only place where it shows.

    When it is wrong: somebody of yours changed the setting.

    What to do: ask who did, before the next mail goes out. If it belongs there, learn the export.

    References: the ChunkHost report of March 2014; the vendors' API references, as in the page of the sources.
    """

    id = "changed-setting"
    severity = Severity.HIGH
    roles = frozenset((Role.CONTROL, Role.IDENTITY))
    examples = (
        Example(
            flagged=_EXPORT.format("copy@arxxwalls.com"),
            clean=_EXPORT.format("audit@shop.example"),
            cites="bcc copy@arxxwalls.com",
            history=(_EXPORT.format("audit@shop.example"),),
            kind="sendgrid_settings",
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Compare with all that was learned of these settings, however little that is."""
        marks = [mark for mark in (message.record.marks if message.record else ()) if mark.kind == SETTING]
        profile = known.baseline.streams.get(known.stream.key) if marks and known.stream else None
        history = profile.roles.get(SETTING) if profile else None
        if history is None or history.values is None:
            return
        for mark in {mark.value: mark for mark in marks}.values():
            if mark.value not in history.values:
                copies = mark.value.startswith(_COPIES)
                yield self.finding(
                    mark,
                    f"the account is set to {mark.value}, as in no export before",
                    severity=None if copies else Severity.MEDIUM,
                    layer="esp account",
                )
