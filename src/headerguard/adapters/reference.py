"""Whom a framework sends as when nobody says otherwise: what tells an author who is not of the house."""

from __future__ import annotations

from collections.abc import Iterator

from headerguard import Role, Sighting
from headerguard.adapters.submission import addresses_in

__all__ = ["of_django", "of_flask"]


def of_django() -> Iterator[Sighting]:
    """DEFAULT_FROM_EMAIL and SERVER_EMAIL, where the project sets them: Django's own values name nobody."""
    from django.conf import settings

    for name in ("DEFAULT_FROM_EMAIL", "SERVER_EMAIL") if settings.configured else ():
        if settings.is_overridden(name):
            yield from addresses_in(f"settings.{name}", [getattr(settings, name)], Role.IDENTITY)


def of_flask(extension: str) -> Iterator[Sighting]:
    """MAIL_DEFAULT_SENDER of the application whose context is active, as an extension holds it."""
    from flask import current_app, has_app_context

    state = current_app.extensions.get(extension) if has_app_context() else None
    if sender := getattr(state, "default_sender", None):
        yield from addresses_in("settings.MAIL_DEFAULT_SENDER", [sender], Role.IDENTITY)
