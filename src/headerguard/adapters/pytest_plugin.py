"""The pytest plugin: a fixture, a marker, an audit of every outbox, and the recording of expectations.

Nothing of headerguard but its version is imported before a test asks for it.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from headerguard import Case, Rehearsal, Report

__all__ = ["Checks"]

_KEYWORDS = ("allow", "ignore", "stream")
_AUDITS = ("off", "warn", "error")
_OUTBOXES = {"mailoutbox": None, "smtpd": "messages", "smtpserver": "outbox"}
"""Fixtures of pytest-django, smtpdfix and pytest-localserver that hold what was sent, and where in them."""


# ---- options ---------------------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, and the keys of the ini file that say the same for good."""
    group = parser.getgroup("headerguard", "who receives the mail of the tests")
    group.addoption("--headerguard-config", metavar="FILE", help="the configuration (the nearest headerguard.toml)")
    group.addoption("--headerguard-baseline", metavar="FILE", help="judge by what this file of learned mail knows, too")
    group.addoption("--headerguard-expected", metavar="FILE", help="the expectations (mail-expectations.json)")
    group.addoption("--headerguard-update", action="store_true", help="record who is in the mail of these tests")
    group.addoption(
        "--headerguard-update-new-only", action="store_true", help="the same, of streams that are not recorded yet"
    )
    group.addoption(
        "--headerguard-prune", action="store_true", help="drop from the expectations what a whole run has not seen"
    )
    group.addoption("--headerguard-report", metavar="sarif:FILE", help="write the findings for code scanning")
    parser.addini("headerguard_config", "the configuration, relative to the root directory")
    parser.addini("headerguard_baseline", "a baseline to judge by, relative to the root directory")
    parser.addini("headerguard_expected", "the file of expectations, relative to the root directory")
    parser.addini("headerguard_audit", "check the outbox of every test: off, warn or error", default="off")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and refuse options that mean nothing."""
    config.addinivalue_line(
        "markers",
        "headerguard(allow=[], ignore=[], stream=None): what the check of the mail of a test accepts (subjects, ids of"
        " rules), and the name of its stream",
    )
    audit, report = config.getini("headerguard_audit"), config.getoption("headerguard_report")
    if audit not in _AUDITS:
        raise pytest.UsageError(f"headerguard_audit takes off, warn or error, not {audit!r}")
    if report is not None and not report.removeprefix("sarif:").strip():
        raise pytest.UsageError("--headerguard-report takes sarif:FILE")
    if report is not None and not report.startswith("sarif:"):
        raise pytest.UsageError(f"--headerguard-report takes sarif:FILE, not {report!r}")
    config.stash[_RUN] = Run(config)


# ---- the run ---------------------------------------------------------------------------------------------------------


class Run:
    """One run of pytest, or one worker of it."""

    def __init__(self, config: pytest.Config) -> None:
        """Note what was asked for; nothing is read yet."""
        self.config = config
        self.audit: str = config.getini("headerguard_audit")
        self.recording = "all" if config.getoption("headerguard_update") else ""
        if config.getoption("headerguard_update_new_only"):
            self.recording = "new"
        self.prune: bool = config.getoption("headerguard_prune")
        self.unseen: list[str] = []
        """Why the run has not seen all mail, a few words each."""
        self.written: list[str] = []
        self._rehearsal: Rehearsal | None = None

    @property
    def used(self) -> bool:
        """Whether any mail was looked at."""
        return self._rehearsal is not None

    @property
    def rehearsal(self) -> Rehearsal:
        """What judges, made when it is first needed. Raises HeaderguardError for a file that cannot be used."""
        if self._rehearsal is None:
            from headerguard import Rehearsal

            config, baseline, expected = map(self.option, ("config", "baseline", "expected"))
            self._rehearsal = Rehearsal.at(self.config.rootpath, config, baseline, expected, self.recording)
        return self._rehearsal

    def option(self, name: str) -> str | None:
        """What the command line says, else the ini file."""
        return self.config.getoption(f"headerguard_{name}") or self.config.getini(f"headerguard_{name}") or None

    def incomplete(self, status: int) -> str:
        """Why the run may not have seen all mail that tests send, or nothing."""
        options = self.config.option
        narrowing = ("keyword", "markexpr", "lf", "stepwise", "deselect", "ignore", "ignore_glob")
        why = [f"--{name.replace('_', '-')}" for name in narrowing if getattr(options, name, None)]
        if self.config.args_source is pytest.Config.ArgsSource.ARGS:
            asked = {str((self.config.invocation_params.dir / arg).resolve()) for arg in self.config.args}
            whole = {str((self.config.rootpath / path).resolve()) for path in self.config.getini("testpaths")}
            if asked != whole and asked != {str(self.config.rootpath)}:
                why.append("only some tests were named")
        elif not self.config.getini("testpaths") and self.config.invocation_params.dir != self.config.rootpath:
            why.append("it began below the root directory")
        why += dict.fromkeys(self.unseen)
        if status:
            why.append("not all tests passed")
        return ", ".join(why)


_RUN = pytest.StashKey[Run]()
_JUDGED = pytest.StashKey[list[object]]()


def _run(config: pytest.Config) -> Run:
    return config.stash[_RUN]


# ---- the fixture -----------------------------------------------------------------------------------------------------


@pytest.fixture
def headerguard(request: pytest.FixtureRequest) -> Checks:
    """Check who receives the mail that a test sends."""
    return Checks(request.node)


class Checks:
    """What the fixture `headerguard` gives: checks of the mail of one test."""

    def __init__(self, item: pytest.Item) -> None:
        """Check in the name of a test."""
        self._item = item

    @property
    def outbox(self) -> list[object]:
        """What the test has sent so far, as far as Django or a fixture of the test holds it: as it is at this moment.

        These are the outboxes of Django and of the fixtures `mailoutbox`, `smtpd` and `smtpserver`.
        """
        return _outbox(self._item)

    def assert_clean(
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
        """Fail the test when anybody is in a message whom nobody named, or when anything else is wrong with it.

        `recipients` bounds To, Cc, the envelope and ESP control fields, `blind` bounds Bcc (None: as `recipients`, []:
        nobody); an entry without an @ is a registrable domain. Without either, the recorded expectation of the stream
        decides. `stream` names the stream, else the message or the test does. `missing` also fails a declared address
        that is absent. `allow` are subjects, `ignore` ids of rules that the test accepts. Raises FindingsError, an
        AssertionError; TypeError for what is no message, ValueError for an unreadable declaration.
        """
        __tracebackhide__ = True
        reports, case = self._judge(message_or_outbox, recipients, blind, stream, missing, allow, ignore)
        if not reports:
            raise AssertionError("the outbox is empty: nothing was sent, so there is nothing to check")
        from headerguard import FindingsError

        try:
            _run(self._item.config).rehearsal.raise_for(reports, case, recipients, blind)
        except FindingsError as error:  # the frames below are no business of who reads the failure
            raise error.with_traceback(None) from None

    def check(
        self,
        message: object,
        recipients: Iterable[str] | None = None,
        blind: Iterable[str] | None = None,
        stream: str | None = None,
        *,
        missing: bool = False,
        allow: Iterable[str] = (),
        ignore: Iterable[str] = (),
    ) -> Report:
        """The report of one message, for a test that looks at it itself; its `repr` says what is wrong."""
        __tracebackhide__ = True
        reports, _ = self._judge([message], recipients, blind, stream, missing, allow, ignore)
        return reports[0]

    def _judge(
        self,
        sent: object,
        recipients: Iterable[str] | None,
        blind: Iterable[str] | None,
        stream: str | None,
        missing: bool,
        allow: Iterable[str],
        ignore: Iterable[str],
    ) -> tuple[list[Report], Case]:
        __tracebackhide__ = True
        from headerguard import HeaderguardError
        from headerguard.adapters.outbox import messages_in

        try:
            messages = messages_in(sent)
        except TypeError as error:
            raise error.with_traceback(None) from None
        self._item.stash.setdefault(_JUDGED, []).extend(sent if isinstance(sent, list) else [sent])
        marked, case = _marked(self._item), _case(self._item)
        try:
            reports = _run(self._item.config).rehearsal.judge(
                messages,
                case,
                stream or marked["stream"],
                recipients,
                blind,
                missing,
                [*_listed(allow), *marked["allow"]],
                [*_listed(ignore), *marked["ignore"]],
            )
        except HeaderguardError as error:
            pytest.fail(f"headerguard: {error}", pytrace=False)
        _note(self._item, reports)
        return reports, case


def _listed(entries: Iterable[str]) -> list[str]:
    return [entries] if isinstance(entries, str) else list(entries)


def _note(item: pytest.Item, reports: Sequence[Report]) -> None:
    """Count for the properties of the JUnit report of pytest."""
    counts = {"headerguard_messages": len(reports), "headerguard_findings": sum(len(r.findings) for r in reports)}
    known = {name: value for name, value in item.user_properties if name in counts}
    item.user_properties[:] = [pair for pair in item.user_properties if pair[0] not in counts]
    for name, value in counts.items():
        before = known.get(name, 0)
        item.user_properties.append((name, value + (before if isinstance(before, int) else 0)))


def _case(item: pytest.Item) -> Case:
    """The test as its failure text and its record name it, at the line of it that runs now."""
    from headerguard import Case

    path, number, _ = item.location
    line = number + 1 if number is not None else None
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_code.co_filename == str(item.path):
            line = frame.f_lineno
            break
    return Case(item.nodeid, Path(path).as_posix(), line)


# ---- the marker ------------------------------------------------------------------------------------------------------


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse a marker that says nothing known, and let a unittest mixin take part in the run."""
    for marker in item.iter_markers("headerguard"):
        if problem := _problem(marker):
            pytest.fail(f"@pytest.mark.headerguard {problem}", pytrace=False)
    case_class = getattr(item, "cls", None)
    if case_class is not None and hasattr(case_class, "assertMailClean"):
        case_class.headerguard_checks = Checks(item)


def _problem(marker: pytest.Mark) -> str:
    """What is wrong with a marker, or nothing."""
    if marker.args:
        return f"takes allow=, ignore= and stream=, not {marker.args[0]!r} without a name"
    for name, value in marker.kwargs.items():
        if name not in _KEYWORDS:
            import difflib

            near = difflib.get_close_matches(name, _KEYWORDS, n=1)
            return f"does not take {name!r}; " + (
                f"did you mean {near[0]!r}?" if near else "it takes allow, ignore, stream"
            )
        if name == "stream" and not isinstance(value, str):
            return f"takes a name as stream=, not {value!r}"
        if name != "stream" and not (isinstance(value, str | list | tuple | set | frozenset)):
            return f"takes a list of strings as {name}=, not {value!r}"
    return ""


def _marked(item: pytest.Item) -> dict[str, Any]:
    """What the markers of a test say; lists add up, the nearest stream counts."""
    said: dict[str, Any] = {"allow": [], "ignore": [], "stream": None}
    for marker in item.iter_markers("headerguard"):
        for name in ("allow", "ignore"):
            said[name] += _listed(marker.kwargs.get(name, ()))
        said["stream"] = said["stream"] or marker.kwargs.get("stream")
    return said


# ---- the audit -------------------------------------------------------------------------------------------------------


def _outbox(item: pytest.Item) -> list[object]:
    """What a test has sent as far as Django and its fixtures hold it, each object once."""
    django = sys.modules.get("django.core.mail")
    held: list[object] = list(getattr(django, "outbox", None) or ())
    fixtures: Mapping[str, Any] = getattr(item, "funcargs", {})
    for name, attribute in _OUTBOXES.items():
        if name in fixtures:
            held += fixtures[name] if attribute is None else getattr(fixtures[name], attribute, ())
    return list({id(message): message for message in held}.values())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Check what the test has sent and not checked itself, where that is asked for."""
    audit = _run(item.config).audit
    if audit == "off":
        return (yield)
    before = _outbox(item)
    result = yield
    judged = [*before, *item.stash.get(_JUDGED, [])]
    sent = [message for message in _outbox(item) if not any(message is known for known in judged)]
    if sent:
        _audit(item, sent, audit)
    return result


def _audit(item: pytest.Item, sent: list[object], audit: str) -> None:
    from headerguard import FindingsError

    try:
        Checks(item).assert_clean(sent)
        return
    except FindingsError as error:
        said = f"headerguard: {error}"
    if audit == "error":
        pytest.fail(said, pytrace=False)  # no line of the test is to blame
    item.warn(pytest.PytestWarning(said))


# ---- the end of the run ----------------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None, None, None]:
    """Remember that the run is a partial one, even where a plugin takes tests out without a word."""
    collected = len(items)
    yield
    if len(items) < collected:
        _run(config).unseen.append("tests were deselected")


class _Watch:
    """Sees the outcome of every test, those of workers included."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember that a test was skipped: what it would have sent was not seen."""
        if report.skipped:
            self.run.unseen.append("tests were skipped")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Watch outcomes where that matters."""
    run = _run(session.config)
    if run.prune:
        session.config.pluginmanager.register(_Watch(run))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take what a worker of pytest-xdist hands over."""
    run = _run(node.config)
    handed = getattr(node, "workeroutput", {}).get("headerguard")
    if handed is None:
        run.unseen.append("a worker was lost")
        return
    run.unseen += handed["unseen"]
    if handed["mail"]:
        import json

        run.rehearsal.take(json.loads(handed["mail"]))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write what was asked for, or hand it to whom writes."""
    run, config = _run(session.config), session.config
    if hasattr(config, "workeroutput"):
        import json

        mail = json.dumps(run.rehearsal.handed_over()) if run.used else None  # no text of mail can break the transport
        config.workeroutput["headerguard"] = {"unseen": run.unseen, "mail": mail}
        return
    if config.getoption("collectonly"):
        return
    if not _write(run, int(exitstatus)):
        session.exitstatus = pytest.ExitCode.USAGE_ERROR


def _write(run: Run, status: int) -> bool:
    """Write what was asked for; gives whether that worked."""
    report = run.config.getoption("headerguard_report")
    if not (run.used or report or run.prune):
        return True
    from headerguard import HeaderguardError

    try:
        if run.recording or run.prune:
            why = run.incomplete(status) if run.prune else ""
            if why:
                run.written.append(f"nothing was pruned, as the run has not seen all mail: {why}")
            changed = run.rehearsal.write(run.prune and not why)
            run.written.append(f"{run.rehearsal.file}: {_count(len(changed), 'stream')} changed")
            run.written += changed
        if report:
            path = run.config.invocation_params.dir / report.removeprefix("sarif:")
            path.write_text(run.rehearsal.sarif(), encoding="utf-8")
            run.written.append(f"{path}: {_count(run.rehearsal.found, 'message')} with findings")
    except (HeaderguardError, OSError) as error:
        run.written.append(str(error))
        return False
    return True


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say what the mail of the tests is judged by, where the project has anything to do with it."""
    run = _run(config)
    expected = run.option("expected")
    file = config.rootpath / (expected or "mail-expectations.json")
    if not (expected or file.exists() or run.recording or run.audit != "off"):
        return None
    state = "" if file.exists() else " (not there yet)"
    recording = {"": "", "all": ", recording", "new": ", recording what is new"}[run.recording]
    return f"headerguard: expectations {file.name}{state}, audit {run.audit}{recording}"


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what was looked at, and what was written."""
    run = _run(config)
    if not run.used and not run.written:
        return
    terminalreporter.section("headerguard")
    if run.used:
        rehearsal = run.rehearsal
        terminalreporter.line(f"{_count(rehearsal.messages, 'message')} checked, {rehearsal.found} with findings")
    for line in run.written:
        terminalreporter.line(line)
