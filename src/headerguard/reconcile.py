"""Copies of one logical message compared over stages: asked for, submitted, carried, delivered, reported.

Copies are joined by every id that they share: the seal's own first, then those of ESPs and journals, the Message-ID,
the queue id. Findings wait where the copies do, on disk, and the order of the copies makes no difference to any. What
they mean is in `rules.disagreeing_copies`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from headerguard.address import SuffixList
from headerguard.finding import Evidence, Finding, Severity
from headerguard.logical import Is, Joined, stored, taken_apart
from headerguard.message import Message
from headerguard.rule import Rule
from headerguard.rules.disagreeing_copies import (
    ConstantCompanion,
    FoldedDelivery,
    ReplayedSeal,
    RevealedBlindRecipient,
    UndeliveredRequest,
    UnrequestedDelivery,
)
from headerguard.seal import Seal

__all__ = ["FINDINGS", "Reconciliation", "reconcile"]

FINDINGS = 10_000
"""Findings that are handed out, the strongest; the others are counted."""
_MAILING = 50
"""Recipients of one message above which it says nothing about the company that they keep."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What joining the copies showed."""

    copies: int
    """Copies that were read."""
    messages: int
    """Logical messages that they make."""
    joined: int
    """Copies that share an id with another one."""
    unjoined: int
    """Copies that share an id with no other."""
    ambiguous: int
    """Copies of messages that carry more than one seal, so that two messages may have been taken for one."""
    findings: tuple[Finding, ...] = field(default=())
    """The strongest first, at most `FINDINGS`."""
    omitted: int = 0
    """Findings besides, none stronger than the last."""

    @property
    def worst(self) -> Severity | None:
        """The highest severity among the findings."""
        return max((finding.severity for finding in self.findings), default=None)


def reconcile(
    copies: Iterable[Message],
    believed: Callable[[Message], Seal | None],
    rules: Mapping[str, Rule],
    suffixes: SuffixList,
    own_domains: frozenset[str] = frozenset(),
    weighed: Callable[[Finding], Finding | None] = lambda finding: finding,
) -> Reconciliation:
    """Join copies and compare what each stage shows.

    `believed` gives the seal of a copy, `rules` are those that may speak, by id, and `weighed` gives a finding as it is
    to be reported, None for one that is allowed.
    """
    with Joined() as store:
        for message in copies:
            store.add(message, believed(message))
        return _Comparison(store, rules, suffixes, own_domains, weighed).result()


_REPLAYS = """
SELECT sealed, stage, count(DISTINCT name), max(name) FROM copy JOIN seal ON seal.id = sealed
    WHERE stage IN ('submitted', 'delivered', 'archive') GROUP BY sealed, stage
    HAVING count(DISTINCT name) > CASE WHEN stage = 'submitted' AND NOT apart THEN 1
    ELSE max(1, (length(shown) + length(blind)) / 6) END
"""
_FINDING = """
INSERT INTO finding VALUES (?, CAST(? AS TEXT), ?, ?, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), ?)
    ON CONFLICT DO UPDATE SET severity = excluded.severity, layer = excluded.layer, summary = excluded.summary,
    field = excluded.field, text = excluded.text, note = excluded.note
    WHERE (-excluded.severity, excluded.layer, excluded.summary, excluded.field, excluded.text, excluded.note)
    < (-severity, layer, summary, field, text, note)
"""
"""What is the same over many messages is told once, by the strongest, and by one that does not hang on the order."""


class _Recipient(NamedTuple):
    """One recipient of a logical message, with all that the copies say of both."""

    part: int
    canonical: str
    folded: str
    what: int
    named: int
    seen: str
    copies: int
    submitted: int
    events: int
    seals: int
    recipients: int
    told: int

    @property
    def address(self) -> str:
        """As it stood at the first of its places."""
        return taken_apart(self.seen)[0]

    @property
    def place(self) -> str:
        """Stage and field of that."""
        return taken_apart(self.seen)[1]


_COMPARED = """
SELECT recipient.part, canonical, folded, what, recipient.named, seen, copies, submitted, events, seals, recipients,
    told FROM recipient JOIN message ON message.part = recipient.part JOIN facts ON facts.part = recipient.part
    ORDER BY recipient.part
"""
_UNMET = """
SELECT sealed, count - coalesce(named, 0), apart, copies FROM message LEFT JOIN facts ON facts.part = message.part
    WHERE seals AND further AND count > coalesce(named, 0)
"""
_RIDERS = "SELECT canonical, count(*) FROM rider GROUP BY canonical HAVING count(*) >= ?"
_BESIDE = """
SELECT DISTINCT recipient.canonical FROM rider JOIN recipient ON recipient.part = rider.part WHERE rider.canonical = ?
"""
_SEEN = """
SELECT min(seen) FROM rider JOIN recipient ON recipient.part = rider.part AND recipient.canonical = rider.canonical
    WHERE rider.canonical = ?
"""


class _Comparison:
    """What the stages of each message, and the messages, disagree on."""

    def __init__(
        self,
        store: Joined,
        rules: Mapping[str, Rule],
        suffixes: SuffixList,
        own_domains: frozenset[str],
        weighed: Callable[[Finding], Finding | None],
    ) -> None:
        self.store, self.rules, self.weighed = store, rules, weighed
        self.suffixes, self.own_domains = suffixes, own_domains

    def result(self) -> Reconciliation:
        """Compare the copies of every logical message."""
        rows = self.store.rows
        self.store.put_together()
        for row in rows(_COMPARED):
            self._compare(_Recipient(*row))
        for seal, missing, apart, copies in rows(_UNMET):
            self._unmet(seal, missing, apart, copies)
        for seal, stage, count, name in rows(_REPLAYS):
            evidence = Evidence("message-id", f"{stage}: message-id", 0, name, None, f"{count} Message-IDs")
            self._note(ReplayedSeal, f"seal {seal}", f"seal {seal} is on {count} messages", evidence)
        self._companions()
        ambiguous = "coalesce(sum(copies) FILTER (WHERE seals > 1), 0)"
        messages, single, mixed = rows(f"SELECT count(*), total(copies = 1), {ambiguous} FROM message").fetchone()
        found = rows(
            "SELECT rule, subject, severity, summary, layer, field, text, note FROM finding"
            " ORDER BY severity DESC, rule, subject LIMIT ?",
            (FINDINGS,),
        )
        findings = tuple(map(_finding, found))
        omitted = rows("SELECT count(*) FROM finding").fetchone()[0] - len(findings)
        copies, alone = self.store.copies, int(single)
        return Reconciliation(copies, messages, copies - alone, alone, mixed, findings, omitted)

    def _compare(self, who: _Recipient) -> None:
        """One recipient, held against what was asked for; where no copy shows that, only its company counts."""
        if not who.named:
            self._ride(who)
        if not (who.seals or who.submitted):
            return
        if not who.named:
            self._stranger(who)
        elif _is_revealed(who):
            layer = "application" if who.what & Is.SHOWN_AT_FIRST else "esp account"
            self._say(RevealedBlindRecipient, who, "is a blind recipient, and stands where all can see it", layer)
        elif who.events and who.told and not who.what & Is.REPORTED:
            self._say(UndeliveredRequest, who, "was asked for, and no event tells of it", severity=Severity.LOW)

    def _stranger(self, who: _Recipient) -> None:
        twin = "SELECT 1 FROM recipient WHERE part = ? AND folded = CAST(? AS TEXT) AND named LIMIT 1"
        behind = "relay" if who.what & Is.CARRIED else "esp account"
        layer = "application" if who.what & Is.SUBMITTED else behind
        if who.what & Is.MEANT or self.store.rows(twin, (who.part, stored(who.folded))).fetchone():
            self._say(FoldedDelivery, who, "only looks like a recipient that was asked for", layer)
        else:
            self._say(UnrequestedDelivery, who, "receives the message, and nobody asked for that", layer)

    def _unmet(self, seal: str, missing: int, apart: int, copies: int) -> None:
        """Some that the seal holds and no copy names: by count alone, as a hash says nothing."""
        number = f"{missing} recipient" + ("" if missing == 1 else "s")
        evidence = Evidence("seal", "seal", 0, seal, None, f"{copies} copies")
        severity = Severity.LOW if apart else None
        self._note(UndeliveredRequest, f"seal {seal}", f"no copy names {number}", evidence, severity=severity)

    # ---- company

    def _ride(self, who: _Recipient) -> None:
        if 2 <= who.recipients <= _MAILING and self._domain(who.canonical) not in self.own_domains:
            self.store.rows("INSERT INTO rider VALUES (CAST(? AS TEXT), ?)", (stored(who.canonical), who.part))

    def _companions(self) -> None:
        """Everybody who is beside enough unrelated domains; no more than `_MAILING / share` can come into question."""
        rule = self.rules.get(ConstantCompanion.id)
        if not isinstance(rule, ConstantCompanion):
            return
        rows = self.store.rows
        rows("CREATE INDEX by_rider ON rider (canonical)")
        several = rows("SELECT count(*) FROM facts WHERE recipients BETWEEN 2 AND ?", (_MAILING,)).fetchone()[0]
        for rider, count in rows(_RIDERS, (max(rule.companions, rule.share * several),)):
            domains: set[str] = {self._domain(rider)}
            for (other,) in rows(_BESIDE, (stored(rider),)):
                domains.add(self._domain(other))
                if len(domains) > rule.companions:
                    self._companion(rider, count, several)
                    break

    def _companion(self, rider: str, count: int, several: int) -> None:
        (seen,) = self.store.rows(_SEEN, (stored(rider),)).fetchone()
        address, place = taken_apart(seen)
        evidence = Evidence("recipient", place, 0, address, None, f"beside {count} unrelated recipients")
        summary = f"{address} receives {count} of {several} messages beside recipients that are unrelated"
        self._note(ConstantCompanion, address, summary, evidence, "esp account")

    def _domain(self, canonical: str) -> str:
        return self.suffixes.registrable_domain(canonical.rpartition("@")[2])

    # ---- findings

    def _say(
        self,
        rule: type[Rule],
        who: _Recipient,
        what: str,
        layer: str = "unknown",
        severity: Severity | None = None,
    ) -> None:
        evidence = Evidence("recipient", who.place, 0, who.address, None, f"{who.copies} copies")
        self._note(rule, who.address, f"{who.address} {what}", evidence, layer, severity)

    def _note(
        self,
        rule: type[Rule],
        subject: str,
        summary: str,
        evidence: Evidence,
        layer: str = "unknown",
        severity: Severity | None = None,
    ) -> None:
        """Keep a finding, unless its rule may not speak, or it is allowed."""
        if rule.id not in self.rules:
            return
        told = self.weighed(Finding(rule.id, subject, severity or rule.severity, summary, (evidence,), layer=layer))
        if told is not None:
            texts = [*map(stored, (told.summary, evidence.field, evidence.text))]
            row = (told.rule, stored(told.subject), int(told.severity), told.layer, *texts, evidence.note)
            self.store.rows(_FINDING, row)


def _is_revealed(who: _Recipient) -> bool:
    """Whether a blind recipient is visible, and not because the application submitted it as a visible one too."""
    if who.what & Is.SEALED_BLIND:
        return bool(who.what & (Is.SHOWN | Is.SHOWN_AT_FIRST))
    return bool(who.what & Is.BLIND and who.what & Is.SHOWN and not who.what & Is.SHOWN_AT_FIRST)


def _finding(row: tuple[Any, ...]) -> Finding:
    rule, subject, severity, summary, layer, where, text, note = row
    place = "recipient" if "@" in subject else where.rpartition(": ")[2]
    return Finding(
        rule, subject, Severity(severity), summary, (Evidence(place, where, 0, text, None, note),), layer=layer
    )
