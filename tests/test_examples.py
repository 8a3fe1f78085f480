"""The examples run as they stand: the programs, and the projects by the commands of their own README."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

from needs import require

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
NEEDED = {"django_shop": ("django", "anymail"), "flask_app": ("flask_mail",), "jinja_templates": ("jinja2",)}
_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Command(NamedTuple):
    """One command of a README, and what it says there about its output."""

    project: str
    line: str
    shown: tuple[str, ...]

    @property
    def fails(self) -> bool:
        return any(re.fullmatch(r"\d+ failed.*", line) for line in self.shown)


def commands(project: str, text: str) -> Iterator[Command]:
    """The commands of the blocks that show a console, each with the lines below it."""
    for block in _BLOCK.findall(text):
        for part in block.split("$ ")[1:]:
            line, *shown = part.splitlines()
            yield Command(project, line, tuple(shown))


COMMANDS = [
    command
    for path in sorted(EXAMPLES.glob("*/README.md"))
    for command in commands(path.parent.name, path.read_text(encoding="utf-8"))
]


def run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a project, with this Python as `python`."""
    away = ("PYTEST", "DJANGO", "COV_", "HEADERGUARD")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(away)}
    environment["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), environment.get("PATH", "")))
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    return subprocess.run(
        line, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: f"{command.project}: {command.line}")
def test_a_project_does_what_its_readme_says(command: Command) -> None:
    for module in NEEDED[command.project]:
        require(module, find_spec(module) is not None, f"{module} is not installed")
    ran = run(command.line + " -p no:cacheprovider", EXAMPLES / command.project)
    said = ran.stdout + ran.stderr
    assert ran.returncode == command.fails, said
    assert [line for line in command.shown if line.strip() not in said] == []


def test_every_project_says_how_to_run_it() -> None:
    projects = {path.name for path in EXAMPLES.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert {command.project for command in COMMANDS} == projects == NEEDED.keys()
    assert any(command.fails for command in COMMANDS)


@pytest.mark.parametrize(
    ("line", "code", "shown"),
    [
        ("python own_rule.py", 0, "the examples hold"),
        ("python pipeline.py", 1, "copy@arxxwalls.com"),
        ("python -m pytest -q -p no:cacheprovider template_test.py", 0, "2 passed"),
        ("python archive.py {folder}/baseline.json {folder}/sent.eml", 0, "no-reply@shop.example: new stream"),
    ],
)
def test_a_program_does_what_it_says(line: str, code: int, shown: str, tmp_path: Path) -> None:
    (tmp_path / "sent.eml").write_bytes(b"From: no-reply@shop.example\r\nTo: jane@client.example\r\n\r\n")
    ran = run(line.format(folder=tmp_path), EXAMPLES)
    assert (ran.returncode, shown in ran.stdout) == (code, True), ran.stdout + ran.stderr


def test_every_program_is_run() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == {
        "archive.py",
        "own_rule.py",
        "pipeline.py",
        "template_test.py",
    }


def test_a_command_that_fails_says_so() -> None:
    text = "```console\n$ python -m pytest -q\n> it\n2 failed\n$ ls\n```\n```text\n$ not this\n```\n"
    found = list(commands("p", text))
    assert found == [Command("p", "python -m pytest -q", ("> it", "2 failed")), Command("p", "ls", ())]
    assert [command.fails for command in found] == [True, False]
