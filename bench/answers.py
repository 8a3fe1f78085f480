"""Right answers beside the time: a fast check that misses the stranger is worth nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from bench.messages import STREAMS, Made, Source

from headerguard import Baseline, Envelope, Guard, Report, Severity

__all__ = ["Answers", "ask", "learned"]

_EACH = 25  # messages of every stream before it is judged; 20 are needed


class Answers(NamedTuple):
    """Found and planted, by what there was to find them with; and findings on clean mail."""

    hidden: tuple[int, int]
    """Strangers in Bcc, known by history."""
    visible: tuple[int, int]
    """Strangers in To. Mail to customers goes to new domains every day, so history is silent there by design."""
    declared: tuple[int, int]
    """All of them, with `recipients=` given."""
    clean: int
    """Findings of medium or more on clean messages, by history and with `recipients=`."""
    checked: int
    """Clean messages that were checked."""

    @property
    def right(self) -> bool:
        """Whether everything was found that can be, and nothing else."""
        return self.hidden[0] == self.hidden[1] and self.declared[0] == self.declared[1] and not self.clean


def learned(source: Source, kind: str, streams: int = STREAMS) -> Baseline:
    """A baseline that has seen enough clean messages of every stream. The attachment of b is of no interest here."""
    guard = Guard()
    while True:
        guard.learn(source.clean("a" if kind == "b" else kind).header for _ in range(100))
        held = [profile.messages for key, profile in guard.baseline.streams.items() if "/author:" not in key]
        if len(held) >= streams and min(held) >= _EACH:
            return guard.baseline


def ask(clean: Iterable[Made], planted: Iterable[Made], baseline: Baseline) -> Answers:
    """Check clean messages and such with a stranger, with and without saying who should receive them."""
    guard = Guard(baseline=baseline)
    counts = {"hidden": [0, 0], "visible": [0, 0], "declared": [0, 0]}
    for made in planted:
        stranger = made.stranger or ""
        where = "hidden" if f"@{stranger}".encode() in _bcc(made.header) else "visible"
        expected = [address for address in made.rcpt_to if not address.endswith(f"@{stranger}")]
        for name, report in ((where, guard.check(made.octets)), ("declared", _with_intent(guard, made, expected))):
            counts[name][0] += any(stranger in f.subject for f in report.findings if f.severity >= Severity.MEDIUM)
            counts[name][1] += 1
    findings = checked = 0
    for made in clean:
        checked += 1
        for report in (guard.check(made.octets), _with_intent(guard, made, list(made.rcpt_to))):
            findings += sum(f.severity >= Severity.MEDIUM for f in report.findings) + len(report.failures)
    hidden, visible, declared = ((found, all_) for found, all_ in counts.values())
    return Answers(hidden, visible, declared, findings, checked)


def _with_intent(guard: Guard, made: Made, recipients: list[str]) -> Report:
    envelope = Envelope(made.mail_from, made.rcpt_to)
    return guard.check(made.octets, envelope, recipients=recipients, blind=[])


def _bcc(header: bytes) -> bytes:
    start = header.find(b"\r\nBcc:")
    return header[start : header.find(b"\r\nSubject:", start)] if start >= 0 else b""
