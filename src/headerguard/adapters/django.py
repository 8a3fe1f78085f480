"""An email backend for Django that judges each message before it hands it on to the backend that sends it."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail.backends.base import BaseEmailBackend
from django.utils.module_loading import import_string

from headerguard import FindingsError, Guard
from headerguard.adapters.capture import as_message

__all__ = ["EmailBackend"]

_LOG = logging.getLogger("headerguard")


class EmailBackend(BaseEmailBackend):  # type: ignore[misc]
    """Checks, then sends with another backend.

    The setting HEADERGUARD, or the OPTIONS of an entry of MAILERS in lower case, says how: BACKEND, the path of the
    backend that sends; FAIL, "closed" (what is flagged at `fail-on` or above, or cannot be checked, is not sent) or
    "open" (it is sent, and logged as an error); CONFIG, the path of headerguard.toml. All other options are for the
    backend that sends. Raises ImproperlyConfigured where BACKEND or FAIL is missing, ConfigError or BaselineError
    where the files are not in order.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        """Make the backend that sends; nothing is opened yet."""
        super().__init__()
        said: Mapping[str, Any] = getattr(settings, "HEADERGUARD", None) or {}
        backend, fail, config = (options.pop(name.lower(), said.get(name)) for name in ("BACKEND", "FAIL", "CONFIG"))
        if not backend or fail not in ("open", "closed"):
            raise ImproperlyConfigured(
                'HEADERGUARD needs BACKEND, the path of the backend that sends, and FAIL, which is "open" or "closed"'
            )
        self.alias = options.get("alias")
        self.fail_silently = bool(options.get("fail_silently", args[0] if args else False))
        self._closed = fail == "closed"
        self._guard = _guard(os.fspath(config), os.stat(config).st_mtime_ns) if config else Guard()
        self._sender = import_string(backend)(*args, **options)

    def open(self) -> Any:
        """Open the connection of the backend that sends."""
        return self._sender.open()

    def close(self) -> None:
        """Close it."""
        self._sender.close()

    def send_messages(self, email_messages: Sequence[Any]) -> int:
        """Check all, then send all, and say how many were sent.

        Where one is not in order and FAIL is "closed", none is sent and FindingsError or TypeError is raised, so that
        trying again sends nothing twice; with `fail_silently` the others are sent.
        """
        passed = [message for message in email_messages or () if self._passes(message)]
        return (self._sender.send_messages(passed) or 0) if passed else 0

    def __deepcopy__(self, memo: object) -> EmailBackend:
        """Itself: the locmem backend copies a message with its connection."""
        return self

    def _passes(self, message: Any) -> bool:
        """Whether to send a message. What goes into the log names rules and no address."""
        if not message.recipients():
            return True  # Django sends it to nobody
        try:
            self._guard.check(as_message(message)).raise_for_findings(self._guard.config.fail_on)
        except Exception as error:
            if isinstance(error, FindingsError) and error.report is not None:
                why = ", ".join(sorted({finding.rule for finding in error.report.findings})) or "a rule failed"
            else:
                why = type(error).__name__
            _LOG.error("a message is %s: %s", "held back" if self._closed else "sent all the same", why)
            if self._closed and not self.fail_silently:
                raise
            return not self._closed
        return True


@lru_cache(maxsize=4)
def _guard(config: str, changed: int) -> Guard:
    """The guard of a configuration file as it stood when it was changed last; Django makes a backend for each send."""
    return Guard.from_config(config)
