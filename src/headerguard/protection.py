"""What protects each part of a message of a stream, and what nothing protects.

A detector that is silent where it cannot see looks like one that saw nothing. So a report says in `blind_spots` which
roles of the stream stay open, and `headerguard baseline show` tells it for each stream, with what would change it. The
ways to tell a stranger are named in the order of their strength: intent, shape, company, addresses, novelty.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from headerguard.baseline import Baseline
from headerguard.declared import Declared
from headerguard.profile import CONCEALED, PARTIES, SIGNER, TRACKING_HOST, Profile
from headerguard.role import HIDDEN, VISIBLE, Role
from headerguard.role_history import CLOSED_VALUES

__all__ = ["RARE", "Protection", "gaps", "protections"]

RARE = 1_000
"""One message of so many may be beyond a shape (`extra-recipient`)."""


@dataclass(frozen=True, slots=True)
class Protection:
    """How a stranger in one part of a message would be told."""

    part: str
    """Which part: its recipients shown or hidden, its authors, where replies or bounces go, signatures, links."""
    ways: tuple[str, ...]
    """What tells a stranger, strongest first; none: nothing does."""
    gap: str = ""
    """What nothing tells, and what would change that; "" for nothing worth a word."""


_NOVEL = {
    "authors": ((Role.FROM, Role.SENDER), "declare own-domains"),
    "replies": ((Role.REPLY, Role.RECEIPT), "expect the domains of the role in [streams.NAME.expected]"),
    "bounces": ((Role.BOUNCE,), "expect the domains of the role in [streams.NAME.expected]"),
}

_NAMED = {"signatures": SIGNER, "links to track or unsubscribe": TRACKING_HOST}
"""Parts without an address; where they vary nobody is in danger, so that no gap is worth a word."""


def protections(
    profile: Profile, baseline: Baseline, rate: float = 1e-4, declared: Declared | None = None
) -> Iterator[Protection]:
    """What protects the parts of a stream that is old enough to be judged, one after the other.

    `rate` is the false-alarm rate of the odds; `declared` what was declared of the message or is expected of its
    stream.
    """
    declared = declared or Declared()
    yield _shown(profile, baseline, rate, declared)
    yield _hidden(profile, baseline, rate, declared)
    for part, (roles, remedy) in _NOVEL.items():
        used = [role for role in roles if role in profile.roles]
        if part == "replies" and not used:
            used = [Role.REPLY]
        ways = _expected(declared, used)
        novel = _novelty(profile, baseline, rate, used)
        if used:
            yield Protection(part, (*ways, *novel), "" if ways or novel else f"a stranger in {_named(used)}: {remedy}")
    for part, learned in _NAMED.items():
        shown = profile.values(learned)
        if learned in profile.roles:
            told = shown is not None and 0 < len(shown) <= CLOSED_VALUES
            yield Protection(
                part, ("novelty: a domain other than " + " and ".join(sorted(shown or ())),) if told else ()
            )


def gaps(profile: Profile, baseline: Baseline, rate: float = 1e-4, declared: Declared | None = None) -> Iterator[str]:
    """What nothing tells in a message of the stream, a sentence each."""
    for protection in protections(profile, baseline, rate, declared):
        if protection.gap:
            yield f"nothing in the history tells {protection.gap}"


def _shown(profile: Profile, baseline: Baseline, rate: float, declared: Declared) -> Protection:
    ways = ["intent"] if declared.recipients is not None else _expected(declared, VISIBLE)
    limit = profile.limit(PARTIES, RARE)
    if limit:
        apart = "" if profile.divides(1, RARE) else ", not in copies of their own either"
        ways.append(f"shape: never {limit} unrelated parties{apart}")
    ways.append("company: who is beside unrelated recipients again and again")
    novel = _novelty(profile, baseline, rate, [Role.TO, Role.CC])
    gap = ""
    if declared.recipients is None and not _novelty(profile, baseline, rate, [Role.TO]):
        alone = "a stranger in the place of the right recipient, or in a copy of his own before his twentieth"
        gap = alone if _is_tight(profile, PARTIES) else f"a recipient more until he has come thrice, nor {alone}"
        gap += ": declare recipients="
    return Protection("recipients shown", (*ways, *novel), gap)


def _hidden(profile: Profile, baseline: Baseline, rate: float, declared: Declared) -> Protection:
    ways = ["intent"] if declared.given else _expected(declared, HIDDEN)
    limit = profile.limit(CONCEALED, RARE)
    if limit:
        ways.append(f"shape: never {limit} hidden recipients")
    ways.append("company: who is beside unrelated recipients again and again")
    used = [role for role in sorted(HIDDEN) if role in profile.roles]
    novel = _novelty(profile, baseline, rate, used or [Role.BCC])
    gap = ""
    if not (declared.given or novel or _is_tight(profile, CONCEALED)):
        gap = "a hidden recipient more until he has come thrice: declare blind="
    elif Role.ENVELOPE not in profile.roles and not declared.given:
        gap = "a recipient in the envelope alone, which this stream has never shown: hand over the envelope"
    return Protection("recipients hidden", (*ways, *novel), gap)


def _is_tight(profile: Profile, shape: str) -> bool:
    """Whether a recipient more than usual is beyond the shape in whatever message: there is one usual number."""
    history = profile.roles.get(shape)
    if history is None or not history.values or profile.limit(shape, RARE) is None:
        return False
    usual = [number for number, seen in history.values.items() if seen.count * RARE > history.messages]
    return len(usual) == 1 and usual[0] in _EXACT


_EXACT = ("0", "1", "2")
"""Numbers of recipients that are learned as they are; of more, one more may look the same."""


def _expected(declared: Declared, roles: Collection[Role]) -> list[str]:
    named = sorted(role for role in declared.expected if role in roles)
    return [f"declared for {_named(named)}"] if named else []


def _novelty(profile: Profile, baseline: Baseline, rate: float, roles: list[Role]) -> list[str]:
    """The roles in which a domain that is new everywhere would be called so, as often as was promised."""
    able = [role for role in roles if _is_told(baseline.odds(profile, role, ""), role, rate)]
    return [f"novelty: a new domain in {_named(able)}, wrong in one of {1 / rate:,.0f} messages"] if able else []


def _is_told(odds: float | None, role: Role, rate: float) -> bool:
    """In To and Cc the odds silence nothing (`unfamiliar-recipient`)."""
    return odds is not None and (role in VISIBLE or odds <= rate)


def _named(roles: list[Role]) -> str:
    return ", ".join(str(role) for role in roles)
