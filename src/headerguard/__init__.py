"""Watch the mail a system sends: who receives each message, who else is named in it, and is any of that new?

Importing this package loads no third-party package and opens no socket. Public names are loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headerguard.version import __version__

if TYPE_CHECKING:
    from headerguard.acknowledgement import Acknowledgement, Acknowledgements, Verdict
    from headerguard.address import Address, SuffixList
    from headerguard.address_list import Tier
    from headerguard.baseline import Baseline
    from headerguard.config import Config
    from headerguard.dns_facts import Facts, look_up, look_up_async
    from headerguard.errors import BaselineError, ConfigError, FindingsError, HeaderguardError, SourceError
    from headerguard.expectation import Expectations
    from headerguard.fields import Role
    from headerguard.finding import Evidence, Failure, Finding, History, Report, Severity, Skipped
    from headerguard.guard import Guard
    from headerguard.header import Defect, DefectName, Field, Header
    from headerguard.incident import Incident, Incidents, Status
    from headerguard.known import Known
    from headerguard.message import Envelope, Mark, Message, Origin, Recipient, Record, Sighting, Stage
    from headerguard.profile import Profile
    from headerguard.proof import check_examples
    from headerguard.reconcile import Reconciliation
    from headerguard.rehearsal import Case, Rehearsal
    from headerguard.rendering import render
    from headerguard.resolver import Resolver
    from headerguard.role_history import Seen
    from headerguard.rule import Example, Rule
    from headerguard.sources import read
    from headerguard.trace import Relay, relays

_HOME = {
    "acknowledgement": ("Acknowledgement", "Acknowledgements", "Verdict"),
    "address": ("Address", "SuffixList"),
    "address_list": ("Tier",),
    "baseline": ("Baseline",),
    "config": ("Config",),
    "dns_facts": ("Facts", "look_up", "look_up_async"),
    "errors": ("BaselineError", "ConfigError", "FindingsError", "HeaderguardError", "SourceError"),
    "expectation": ("Expectations",),
    "fields": ("Role",),
    "finding": ("Evidence", "Failure", "Finding", "History", "Report", "Severity", "Skipped"),
    "guard": ("Guard",),
    "header": ("Defect", "DefectName", "Field", "Header"),
    "incident": ("Incident", "Incidents", "Status"),
    "known": ("Known",),
    "message": ("Envelope", "Mark", "Message", "Origin", "Recipient", "Record", "Sighting", "Stage"),
    "proof": ("check_examples",),
    "profile": ("Profile",),
    "reconcile": ("Reconciliation",),
    "rehearsal": ("Case", "Rehearsal"),
    "rendering": ("render",),
    "resolver": ("Resolver",),
    "role_history": ("Seen",),
    "rule": ("Example", "Rule"),
    "sources": ("read",),
    "trace": ("Relay", "relays"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "Acknowledgement",
    "Acknowledgements",
    "Address",
    "Baseline",
    "BaselineError",
    "Case",
    "Config",
    "ConfigError",
    "Defect",
    "DefectName",
    "Envelope",
    "Evidence",
    "Example",
    "Expectations",
    "Facts",
    "Failure",
    "Field",
    "Finding",
    "FindingsError",
    "Guard",
    "Header",
    "HeaderguardError",
    "History",
    "Incident",
    "Incidents",
    "Known",
    "Mark",
    "Message",
    "Origin",
    "Profile",
    "Recipient",
    "Reconciliation",
    "Record",
    "Rehearsal",
    "Relay",
    "Report",
    "Resolver",
    "Role",
    "Rule",
    "Seen",
    "Severity",
    "Sighting",
    "Skipped",
    "SourceError",
    "Stage",
    "Status",
    "SuffixList",
    "Tier",
    "Verdict",
    "__version__",
    "check_examples",
    "look_up",
    "look_up_async",
    "read",
    "relays",
    "render",
]


def __getattr__(name: str) -> Any:
    """Load a public name from the module that defines it (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return __all__
