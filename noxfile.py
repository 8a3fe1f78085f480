"""The tests of the adapters with other releases than those that `pip install '.[test]'` brings."""

import nox

nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = False  # a machine has the Pythons that it has

_ADAPTERS = ("python", "-m", "pytest", "-q", "tests/adapters")
_FRAMEWORKS = nox.project.load_toml("pyproject.toml")["project"]["optional-dependencies"]["frameworks"]


@nox.session
def oldest(session: nox.Session) -> None:
    """The oldest supported release of each library: the floors of the extra `frameworks`."""
    session.install("-q", ".[events]", "hypothesis", "pytest", *(floor.replace(">=", "==") for floor in _FRAMEWORKS))
    session.run(*_ADAPTERS, env={"HEADERGUARD_REQUIRE": "all"})


@nox.session(python=["3.12", "3.13", "3.14"])
def current(session: nox.Session) -> None:
    """The current release of each library on a Python that Django 6 runs on."""
    session.install("-q", ".[events]", "hypothesis", "pytest", *_FRAMEWORKS)
    session.run(*_ADAPTERS, env={"HEADERGUARD_REQUIRE": "all"})
