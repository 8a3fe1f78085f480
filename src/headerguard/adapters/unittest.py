"""unittest: an assertion for test cases."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

__all__ = ["HeaderguardMixin"]


class HeaderguardMixin:
    """Adds `assertMailClean` to a `unittest.TestCase`."""

    headerguard_root: ClassVar[str] = "."
    """The folder of the project, which the configuration and the expectations are looked for in."""
    headerguard_checks: ClassVar[Any] = None
    """What checks in a run of pytest, where the plugin sets it: such a run records, too."""

    def assertMailClean(  # noqa: N802  # the style of unittest
        self,
        message_or_outbox: object,
        recipients: Iterable[str] | None = None,
        blind: Iterable[str] | None = None,
        stream: str | None = None,
        *,
        missing: bool = False,
        allow: Iterable[str] = (),
        ignore: Iterable[str] = (),
    ) -> None:
        """Fail when anybody is in a message whom nobody named, or when anything else is wrong with it.

        The arguments are those of `assert_clean` of the pytest fixture. Raises FindingsError, an AssertionError;
        TypeError for what is no message; HeaderguardError for a file that cannot be used.
        """
        __tracebackhide__ = True
        said: dict[str, Any] = {"missing": missing, "allow": allow, "ignore": ignore}
        if self.headerguard_checks is not None:
            self.headerguard_checks.assert_clean(message_or_outbox, recipients, blind, stream, **said)
            return
        from headerguard import Case, Rehearsal
        from headerguard.adapters.outbox import messages_in

        messages = messages_in(message_or_outbox)
        if not messages:
            raise AssertionError("the outbox is empty: nothing was sent, so there is nothing to check")
        name = str(getattr(self, "id", lambda: type(self).__name__)())
        case = Case(name, run="python -m unittest {}", record=None, allow="self.assertMailClean(..., allow={})")
        rehearsal = Rehearsal.at(self.headerguard_root)
        reports = rehearsal.judge(messages, case, stream, recipients, blind, **said)
        rehearsal.raise_for(reports, case, recipients, blind)
