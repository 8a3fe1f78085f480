"""The command: arguments, exit codes, and which part of the library answers.

Only the standard library is imported with this module; everything else is when a command needs it, so that `--version`
and `--help` are quick.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import date

__all__ = ["main", "parser"]

CLEAN, FINDINGS, WRONG, INCOMPLETE, INTERRUPTED, NOBODY_READS = 0, 1, 2, 3, 130, 141
"""Exit codes. The last two are those of a process that SIGINT or SIGPIPE ends."""

_FORMATS = ("text", "json", "sarif", "junit", "github")
_SEVERITIES = ("low", "medium", "high", "critical")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code. Nothing that a user does wrong raises."""
    try:
        code = _answer(argv)
        if sys.stdout is not None:
            sys.stdout.flush()  # a closed pipe or a full disk shows here at the latest
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _abandon_output()
        return NOBODY_READS
    except OSError as error:
        _abandon_output()
        return _complain([f"the output cannot be written: {error.strerror or error}"], INCOMPLETE)


def _answer(argv: Sequence[str] | None) -> int:
    try:
        arguments = parser().parse_args(argv)
        return _run(arguments) if arguments.run else _version(arguments)
    except SystemExit as stop:  # argparse has said what is wrong, or what was asked for
        return stop.code if isinstance(stop.code, int) else WRONG


def _run(arguments: argparse.Namespace) -> int:
    """Run a command, or say what keeps it from being run."""
    from headerguard import command, expect
    from headerguard.errors import BaselineError, ConfigError
    from headerguard.terminal import Terminal

    try:
        home = expect if arguments.run.startswith("expect_") else command
        code: int = getattr(home, arguments.run)(arguments, Terminal())
        return code
    except ConfigError as error:
        return _complain(error.problems, WRONG)
    except BaselineError as error:
        return _complain([str(error)], WRONG)


def _complain(sentences: Iterable[str], code: int) -> int:
    from headerguard.terminal import Terminal

    terminal = Terminal()
    for sentence in sentences:
        terminal.say(sentence)
    return code


def _version(arguments: argparse.Namespace) -> int:
    if not arguments.version:
        parser().error("a command is missing; headerguard --help lists them")
    from headerguard.version import __version__

    print(f"headerguard {__version__}")
    if arguments.verbose:
        from headerguard.command import parts

        print(*parts(), sep="\n")
    return CLEAN


def _abandon_output() -> None:
    """Let what is still to be written go: nobody reads it, and the interpreter would complain about it at the end."""
    import os
    from contextlib import suppress

    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


# ---- arguments -------------------------------------------------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = argparse.ArgumentParser(
        prog="headerguard",
        description="Watches the mail a system sends: who receives each message, who else is named in it, and whether"
        " any of that is new for its stream.",
        epilog="exit: 0 clean, 1 findings at --fail-on or above, 2 wrong usage or configuration, 3 incomplete (input"
        " that could not be read, or a rule that failed)",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="store_true", help="print the version and exit")
    top.add_argument(
        "--verbose",
        action="store_true",
        help="with --version: also Python, the dependencies, and the date of the Public Suffix List",
    )
    top.set_defaults(run="")
    commands = top.add_subparsers(title="commands", metavar="COMMAND")
    for add in (_add_demo, _add_check, _add_learn, _add_reconcile, _add_show, _add_explain, _add_rules, _add_baseline):
        add(commands)
    _add_expect(commands)
    return top


def _command(commands: Any, name: str, run: str, summary: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=summary[:1].upper() + summary[1:] + ".", allow_abbrev=False
    )
    made.set_defaults(run=run)
    return made


def _add_demo(commands: Any) -> None:
    demo = _command(commands, "demo", "demo", "replay an incident from packaged samples, offline")
    which = demo.add_mutually_exclusive_group()
    which.add_argument("--incident", metavar="NAME", default="digitalocean-2022", help="which one (%(default)s)")
    which.add_argument("--list", action="store_true", help="list the incidents that are packaged")


def _add_check(commands: Any) -> None:
    check = _command(commands, "check", "check", "judge copies of mail, by intent, shape and history")
    _add_input(check, "the copies")
    _add_judging(check)
    check.add_argument("--baseline", "-b", metavar="FILE", help="judge by what this file knows (configuration)")
    check.add_argument("--learn", action="store_true", help="learn what was not flagged, and save the baseline")
    check.add_argument("--format", choices=_FORMATS, default="text", help="how to write the reports (%(default)s)")
    check.add_argument(
        "--fail-on",
        choices=_SEVERITIES,
        metavar="SEVERITY",
        help=f"exit with 1 from this severity on: {', '.join(_SEVERITIES)} (configuration, else medium)",
    )
    check.add_argument("--verbose", action="store_true", help="say too what was skipped, and what no copy can show")
    _add_dns(check, "ask DNS about strangers in findings", "off, or configuration")


def _add_learn(commands: Any) -> None:
    learn = _command(commands, "learn", "learn", "learn from copies of mail what is normal, without judging them")
    _add_input(learn, "the copies")
    _add_judging(learn)
    learn.add_argument(
        "--baseline", "-b", metavar="FILE", help="add to this file, which is made where there is none (configuration)"
    )


def _add_input(command: argparse.ArgumentParser, what: str) -> None:
    command.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help=f"{what}: a message, mailbox, Maildir, directory, or - (standard input)",
    )
    command.add_argument("--kind", help="the kind of copy, such as eml or mbox; recognised where not said")


def _add_judging(command: argparse.ArgumentParser) -> None:
    command.add_argument("--stage", help="what the copies show: submitted, delivered, event, archive, unknown")
    command.add_argument("--stream", metavar="NAME", help="the stream that all of them belong to, as you call it")
    command.add_argument("--config", metavar="FILE", help="the configuration (the nearest headerguard.toml upwards)")


def _add_reconcile(commands: Any) -> None:
    summary = "join copies of the same messages over stages, and say where a recipient got in"
    reconcile = _command(commands, "reconcile", "reconcile", summary)
    _add_input(reconcile, "the copies, of any kinds, in any order")
    reconcile.add_argument("--stage", help="what the copies show: submitted, delivered, event, archive, unknown")
    reconcile.add_argument("--config", metavar="FILE", help="the configuration (the nearest headerguard.toml upwards)")
    reconcile.add_argument(
        "--fail-on",
        choices=_SEVERITIES,
        metavar="SEVERITY",
        help=f"exit with 1 from this severity on: {', '.join(_SEVERITIES)} (configuration, else medium)",
    )
    _add_format(reconcile, _FORMATS)


def _add_show(commands: Any) -> None:
    show = _command(
        commands, "show", "show", "list every address of a message, where it stands and what it is there for"
    )
    _add_input(show, "the copies")
    _add_format(show)


def _add_explain(commands: Any) -> None:
    explain = _command(commands, "explain", "explain", "explain a rule, or how an address or domain is read")
    explain.add_argument(
        "subject", metavar="RULE|ADDRESS|DOMAIN|-", help="what to explain; - reads names, one a line, and writes JSON"
    )
    explain.add_argument("--known", metavar="FILE", help="names of your own, one a line, to tell others from")
    explain.add_argument(
        "--baseline", "-b", metavar="FILE", help="say where this file has seen a domain (configuration)"
    )
    _add_dns(explain, "ask DNS about the domain", "off")
    _add_format(explain)


def _add_dns(command: argparse.ArgumentParser, what: str, usual: str) -> None:
    command.add_argument(
        "--dns",
        action="store_true",
        help=f"{what}, which tells whoever runs its name servers that somebody looked ({usual})",
    )


def _add_rules(commands: Any) -> None:
    _add_format(_command(commands, "rules", "rules", "list the rules that are installed"))


def _add_format(command: argparse.ArgumentParser, formats: Sequence[str] = ("text", "json")) -> None:
    command.add_argument("--format", choices=formats, default="text", help="how to write it (%(default)s)")


def _add_baseline(commands: Any) -> None:
    baseline = _command(commands, "baseline", "", "look after a baseline and the allowances")
    below = baseline.add_subparsers(title="commands", metavar="COMMAND", required=True)
    show = _command(below, "show", "baseline_show", "list what every stream has done")
    _add_beside(show)
    show.add_argument("--stream", metavar="NAME", help="only this stream, as reports name it")
    diff = _command(below, "diff", "baseline_diff", "say how two baselines differ; exit with 1 where they do")
    diff.add_argument("old", metavar="OLD", help="the earlier baseline")
    diff.add_argument("new", metavar="NEW", help="the later one")
    merge = _command(below, "merge", "baseline_merge", "join baselines into one")
    merge.add_argument("baselines", metavar="FILE", nargs="+", help="the baselines")
    merge.add_argument("--output", "-o", metavar="FILE", required=True, help="where to write what they hold together")
    _add_allow(below)
    _add_review(below)
    audit = _command(below, "audit", "baseline_audit", "list who lives in a baseline and was never judged")
    _add_beside(audit)
    forget = _command(below, "forget", "baseline_forget", "remove a domain or a mailbox from every stream")
    forget.add_argument("subject", metavar="ADDRESS|DOMAIN", help="the domain, or an address there")
    _add_file(forget, "the baseline to change", required=True)
    forget.add_argument("--config", metavar="FILE", help="the configuration (the nearest headerguard.toml upwards)")
    prune = _command(below, "prune", "baseline_prune", "drop the streams that have not been seen for long")
    _add_file(prune, "the baseline to change", required=True)
    prune.add_argument("--before", metavar="DATE", type=_date, required=True, help="last seen before this day")


def _add_expect(commands: Any) -> None:
    expect = _command(commands, "expect", "", "look after recorded expectations of who may be in which mail")
    below = expect.add_subparsers(title="commands", metavar="COMMAND", required=True)
    merge = _command(below, "merge", "expect_merge", "join files of expectations: whom one of them allows is allowed")
    merge.add_argument("files", metavar="FILE", nargs="+", help="the files")
    merge.add_argument("--output", "-o", metavar="FILE", required=True, help="where to write what they hold together")
    export = _command(below, "export", "expect_export", "write expectations as tables of headerguard.toml")
    export.add_argument("file", metavar="FILE", help="the file that pytest --headerguard-update wrote")
    check = _command(below, "check", "expect_check", "judge copies of mail by expectations alone, as production will")
    _add_input(check, "the copies")
    _add_judging(check)
    check.add_argument("--expected", metavar="FILE", help="the expectations (configuration)")
    check.add_argument("--format", choices=_FORMATS, default="text", help="how to write the reports (%(default)s)")
    check.add_argument(
        "--fail-on",
        choices=_SEVERITIES,
        metavar="SEVERITY",
        help=f"exit with 1 from this severity on: {', '.join(_SEVERITIES)} (configuration, else medium)",
    )


def _add_allow(below: Any) -> None:
    allow = _command(
        below,
        "allow",
        "baseline_allow",
        "accept findings about a subject, in the configuration or beside a baseline",
    )
    allow.add_argument("subject", metavar="SUBJECT", help="an address, a registrable domain or a field, as reported")
    allow.add_argument("--reason", metavar="TEXT", required=True, help="why, for whoever reads it in a year")
    _add_scope(allow)
    _add_file(allow, "say it beside this baseline, for workers that run (in the configuration)")
    allow.add_argument("--config", metavar="FILE", help="the file to add it to (the nearest one upwards, or a new one)")


def _add_scope(command: argparse.ArgumentParser) -> None:
    command.add_argument("--stream", metavar="NAME", help="only in this stream")
    command.add_argument("--rule", metavar="ID", help="only findings of this rule")
    command.add_argument("--role", metavar="ROLE", help="only in this role (beside a baseline)")
    command.add_argument("--account", metavar="NAME", help="only in this account (beside a baseline)")
    command.add_argument("--who", metavar="NAME", help="who says so (beside a baseline)")
    command.add_argument("--until", metavar="DATE", type=_date, help="the last day on which it holds (it never lapses)")


def _add_review(below: Any) -> None:
    review = _command(below, "review", "baseline_review", "go through open incidents one by one, or list them")
    _add_beside(review)
    review.add_argument("--verdict", choices=("benign", "hostile"), help="say it of --subject, and ask nothing")
    review.add_argument("--subject", metavar="ADDRESS|DOMAIN", help="whom an open incident is about")
    review.add_argument("--reason", metavar="TEXT", help="why, for whoever reads it in a year")
    _add_scope(review)
    _add_format(review)


def _add_beside(command: argparse.ArgumentParser) -> None:
    _add_file(command, "the baseline (configuration)")
    command.add_argument("--config", metavar="FILE", help="the configuration (the nearest headerguard.toml upwards)")


def _add_file(command: argparse.ArgumentParser, what: str, *, required: bool = False) -> None:
    """A baseline, named either way."""
    either = command.add_mutually_exclusive_group(required=required)
    # Without SUPPRESS the one that is not there would undo the one that is.
    either.add_argument("baseline", metavar="FILE", nargs="?", default=argparse.SUPPRESS, help=what)
    either.add_argument("--baseline", "-b", metavar="FILE", help="the same")


def _date(text: str) -> date:
    from datetime import date

    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day, such as 2027-01-31") from None
