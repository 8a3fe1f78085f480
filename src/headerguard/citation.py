"""What a finding cites, as it stands in the message. Rules cite places; this reads what is there."""

from __future__ import annotations

from dataclasses import replace

from headerguard.finding import Evidence, Finding, Severity
from headerguard.message import Message

__all__ = ["Citations"]


class Citations:
    """Puts into a finding what only the message knows: stream, place among its role, octets as they stand."""

    def __init__(self, message: Message, stream: str) -> None:
        """Those of one message; `stream` is the name of its stream."""
        self.message, self.stream = message, stream
        self._texts: dict[tuple[int, int], str] = {}
        self._numbers: dict[int, int] | None = None
        self._named: dict[tuple[str, str, int, tuple[int, int] | None, str], str] | None = None

    def __call__(self, finding: Finding, severity: Severity) -> Finding:
        """The finding, which weighs as much as is said, with its evidence complete."""
        return replace(
            finding,
            severity=severity,
            evidence=tuple(map(self._evidence, finding.evidence)),
            account=self.message.account,
            stream=self.stream,
        )

    def _evidence(self, evidence: Evidence) -> Evidence:
        text, span, occurrence = evidence.text, evidence.span, evidence.occurrence
        if span is not None:
            occurrence = self._occurrences().get(span[0], occurrence)
            text = self._text(span)
        elif evidence.field == "rcpt to" and self.message.envelope:
            text = self.message.envelope.rcpt_to[evidence.occurrence]
        elif evidence.field == "mail from" and self.message.envelope:
            text = self.message.envelope.mail_from or text
        key = (evidence.place, evidence.field, evidence.occurrence, span, evidence.text)
        return replace(evidence, text=text, occurrence=occurrence, place=self._places().get(key, evidence.place))

    def _text(self, span: tuple[int, int]) -> str:
        """The source there, once for all the findings on a field that packs thousands of addresses."""
        if span not in self._texts:
            octets = self.message.header.text[span[0] : span[1]].encode("latin-1")
            self._texts[span] = octets.decode("utf-8", "replace")
        return self._texts[span]

    def _occurrences(self) -> dict[int, int]:
        """Which of its name the field is that starts at an offset."""
        if self._numbers is None:
            self._numbers = {part.line.start: part.occurrence for part in self.message.parts}
        return self._numbers

    def _places(self) -> dict[tuple[str, str, int, tuple[int, int] | None, str], str]:
        """The number of every sighting among those of its role."""
        if self._named is None:
            counts: dict[str, int] = {}
            self._named = {}
            for s in self.message.sightings:
                number = counts.get(s.role, 0)
                counts[s.role] = number + 1
                key = (str(s.role), s.field, s.occurrence, s.span, str(s.address))
                self._named.setdefault(key, f"{s.role}[{number}]")
        return self._named
