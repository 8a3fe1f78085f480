"""What the documents show is what happens: every block of code in them is run.

A comment right before a block may say more: `<!-- setup: NAME -->` runs a python block in a namespace of
`SETUPS`; `<!-- skip: REASON -->` leaves out a block of toml or output; `<!-- file: NAME -->` says that a python block is
a file, which tests/test_pytest_plugin.py writes. Nothing else is ever left out.
"""

from __future__ import annotations

import contextlib
import glob
import importlib
import importlib.metadata
import re
import shlex
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scenes import SCENES

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

RUN = frozenset(("python", "console", "sh", "toml"))
"""Languages that are run or parsed."""

SHOWN = frozenset(("text", "output", "json", "ini"))
"""Languages that are only shown."""

SKIPPABLE = frozenset(("toml", "text", "output"))
"""Languages that a document may ask to leave out."""

COMMANDS = ("headerguard ", ".venv/bin/headerguard ")


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    document: str
    line: int
    """Of the first line inside the fence, from 1."""
    language: str
    text: str
    setup: str | None = None
    skip: str | None = None
    file: str | None = None
    """The file that the block is: tests that follow a page write it."""

    @property
    def place(self) -> str:
        return f"{self.document}:{self.line}"


FENCE = re.compile(
    r"(?:^<!-- *(?P<word>setup|skip|file): *(?P<value>.*?) *-->\n\s*?)?"
    r"^(?P<fence>`{3,})(?P<language>[^\n`]*)\n(?P<text>.*?)^(?P=fence)`*[ \t]*$",
    re.MULTILINE | re.DOTALL,
)


def blocks(document: str, text: str) -> Iterator[Block]:
    """The fenced blocks of a document, without directives of the documentation system."""
    for match in FENCE.finditer(text):
        language = match["language"].strip()
        if not language.startswith("{"):
            comment = {match["word"]: match["value"]} if match["word"] else {}
            line = text.count("\n", 0, match.start("text")) + 1
            yield Block(
                document, line, language, match["text"], comment.get("setup"), comment.get("skip"), comment.get("file")
            )


def commands(text: str) -> Iterator[str]:
    """The lines of a block that call headerguard, prompts taken off and continued lines joined."""
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        line = line.removeprefix("$ ").strip()
        if f"{line} ".startswith(COMMANDS):
            yield line


# ---- the sandbox that blocks run in ------------------------------------------------------------------------


def receipt(number: int, *more: str) -> str:
    """A receipt of a shop that keeps a copy of each."""
    return "\n".join(
        (
            "From: Shop <no-reply@shop.example>",
            f"To: buyer{number}@client{number}.example",
            "Bcc: audit@shop.example",
            *more,
            f"Subject: Your receipt {1000 + number}",
            f"Date: {1 + number % 28:02d} Oct 2026 10:{number % 60:02d}:00 +0000",
            f"Message-ID: <{number}@shop.example>",
            "",
            "Thank you.",
            "",
        )
    )


ONE_TOO_MANY = "Bcc: copies@collector.example"


def sandbox(folder: Path) -> None:
    """The files that documents speak of; tests/test_documents.py is where to add one."""
    (folder / "receipt.eml").write_text(receipt(201))
    (folder / "tapped.eml").write_text(receipt(202, ONE_TOO_MANY))
    (folder / "outbox").mkdir()
    for number in range(301, 304):
        (folder / "outbox" / f"{number}.eml").write_text(receipt(number))
    with open(folder / "archive.mbox", "w") as mailbox:
        for number in range(120):
            mailbox.write(f"From no-reply@shop.example Thu Oct  1 10:00:00 2026\n{receipt(number)}\n")
    (folder / "mail-expectations.json").write_text('{"schema": 1, "streams": {"receipts": {"to": 1}}}\n')
    (folder / "headerguard.toml").write_text('own-domains = ["shop.example"]\n')


def learned(folder: Path) -> None:
    """Add the baseline that the archive teaches."""
    public = importlib.import_module("headerguard")
    public.Guard().learn(public.read(str(folder / "archive.mbox"))).save(str(folder / "baseline.json"))


def pipeline() -> dict[str, object]:
    """A message on its way out, with its envelope, and somewhere to put it."""
    kept: list[tuple[object, ...]] = []
    return {
        "message": receipt(203).encode(),
        "mail_from": "no-reply@shop.example",
        "rcpt_to": ["buyer203@client203.example", "audit@shop.example"],
        "quarantine": lambda *args: kept.append(args),
    }


def archive() -> dict[str, object]:
    """Paths of an archive."""
    return {"paths": ["archive.mbox"]}


SETUPS: dict[str, Callable[[], dict[str, object]]] = {"pipeline": pipeline, "archive": archive, **SCENES}


# ---- every block -------------------------------------------------------------------------------------------


def collected() -> list[Block]:
    return [
        block
        for path in DOCUMENTS
        for block in blocks(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
    ]


BLOCKS = collected()


def complaint(block: Block) -> str | None:
    """What is wrong with the way a block is marked."""
    if block.language not in RUN | SHOWN:
        named = ", ".join(sorted(RUN | SHOWN))
        return f"says {block.language!r}, and a block is one of: {named}"
    if block.skip is not None and block.language not in SKIPPABLE:
        return f"a {block.language} block is never skipped"
    if block.skip == "":
        return "a skip gives its reason"
    if block.file is not None and block.language != "python":
        return "only python blocks are files"
    if block.setup is not None and (block.language != "python" or block.setup not in SETUPS):
        return f"the setup {block.setup!r} is not for this block: {', '.join(SETUPS)}, before python"
    return None


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.place)
def test_a_block_is_marked_properly(block: Block) -> None:
    assert complaint(block) is None


def of(*languages: str) -> pytest.MarkDecorator:
    chosen = [block for block in BLOCKS if block.language in languages and block.skip is block.file is None]
    return pytest.mark.parametrize("block", chosen, ids=lambda block: block.place)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    sandbox(tmp_path)
    learned(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@of("python")
def test_python(block: Block, folder: Path) -> None:
    namespace: dict[str, object] = {"__name__": "document"}
    if block.setup:
        namespace |= SETUPS[block.setup]()
    code = compile("\n" * (block.line - 1) + block.text, block.document, "exec", dont_inherit=True)
    exec(code, namespace)


@of("console", "sh")
def test_commands(block: Block, folder: Path) -> None:
    for command in commands(block.text):
        code = call(command)
        assert code in (0, 1), f"{command}: exit {code}"


def call(command: str) -> object:
    """Run one command line the way a shell would, as far as documents need: globs, `<` and `>`."""
    words = shlex.split(command, comments=True)[1:]
    odd = [word for word in words if re.fullmatch(r"\||\|\||&&?|;|2>.*|>>", word)]
    assert not odd, f"a document shows one plain command a line, without {odd[0]}"
    with contextlib.ExitStack() as stack:
        while words[-2:-1] in (["<"], [">"]):
            name, sign = words.pop(), words.pop()
            if sign == "<":
                stack.enter_context(_standard_input(name))
            else:
                stack.enter_context(contextlib.redirect_stdout(stack.enter_context(open(name, "w"))))
        argv = [found for word in words for found in (sorted(glob.glob(word)) if "*" in word else [word])]
        try:
            return importlib.import_module("headerguard.cli").main(argv)
        except SystemExit as stop:
            return stop.code or 0


@contextlib.contextmanager
def _standard_input(name: str) -> Iterator[None]:
    before = sys.stdin
    with open(name) as sys.stdin:
        try:
            yield
        finally:
            sys.stdin = before


@of("toml")
def test_toml(block: Block) -> None:
    parsed = tomllib.loads(block.text)
    assert parsed
    try:
        config = importlib.import_module("headerguard.config")
    except ModuleNotFoundError as missing:
        assert missing.name == "headerguard.config"  # not there yet, and nothing else is missing
        return
    if hasattr(config, "parse"):
        config.parse(parsed, block.place)


# ---- the page of the fields --------------------------------------------------------------------------------


@pytest.fixture
def field_page(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_ext"))
    return importlib.import_module("field_page")


def test_the_page_of_the_fields_is_that_of_the_catalogue(field_page: Any) -> None:
    assert (ROOT / "docs" / "fields.md").read_text(encoding="utf-8") == field_page.page(), "build the documentation"


def test_the_page_of_the_fields_shows_every_line(field_page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = importlib.import_module("headerguard.fields").FIELDS
    shown = field_page.page().replace("\\|", "|")
    for entry in fields:
        assert f"| `{entry.name}` | " in shown
        assert f" | `{entry.sample}` |" in shown or not entry.sample
    rows = [line for line in field_page.page().splitlines() if line.startswith("| `")]
    assert len(rows) == len(fields)
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {7}
    assert set(field_page.READ) == {entry.grammar.partition(" ")[0] for entry in fields}
    monkeypatch.setattr(field_page, "FIELDS", fields[:-1])
    assert field_page.page() != (ROOT / "docs" / "fields.md").read_text(encoding="utf-8")


# ---- the change log ----------------------------------------------------------------------------------------


def test_the_change_log_starts_with_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    top = re.search(r"^## \[(\d[^\]]*)\]", text, re.MULTILINE)
    assert top is not None
    assert top[1] == importlib.metadata.version("headerguard")
    assert top[1] == importlib.import_module("headerguard").__version__


# ---- the tests above can fail ------------------------------------------------------------------------------

PAGE = """\
Text.

```python
first = 1
```

<!-- setup: pipeline -->
```python
assert message
```

<!-- skip: shown elsewhere -->

```toml
not toml
```

````text
```python
inside another block
```
````

```{toctree}
start
```
"""


def test_blocks_are_found() -> None:
    assert list(blocks("page.md", PAGE)) == [
        Block("page.md", 4, "python", "first = 1\n"),
        Block("page.md", 9, "python", "assert message\n", setup="pipeline"),
        Block("page.md", 15, "toml", "not toml\n", skip="shown elsewhere"),
        Block("page.md", 19, "text", "```python\ninside another block\n```\n"),
    ]


@pytest.mark.parametrize(
    "block",
    [
        Block("page.md", 1, "python", "", skip="too hard"),
        Block("page.md", 1, "console", "", skip="too hard"),
        Block("page.md", 1, "toml", "", skip=""),
        Block("page.md", 1, "toml", "", file="x.toml"),
        Block("page.md", 1, "toml", "", setup="pipeline"),
        Block("page.md", 1, "python", "", setup="unheard-of"),
        Block("page.md", 1, "py", ""),
        Block("page.md", 1, "", ""),
    ],
    ids=lambda block: f"{block.language or 'none'}-{block.setup}-{block.skip}",
)
def test_a_badly_marked_block_is_found(block: Block) -> None:
    assert complaint(block) is not None


def test_a_failing_block_fails_at_its_line(tmp_path: Path) -> None:
    with pytest.raises(AssertionError) as caught:
        test_python(Block("page.md", 7, "python", "x = 1\nassert x == 2\n"), tmp_path)
    assert (caught.traceback[-1].path, caught.traceback[-1].lineno + 1) == ("page.md", 8)


def test_commands_are_found() -> None:
    text = "$ headerguard show a.eml \\\n    --format json\nfound: 1\n.venv/bin/headerguard demo  # now\nls\n"
    assert list(commands(text)) == [
        "headerguard show a.eml --format json",
        ".venv/bin/headerguard demo  # now",
    ]


def test_a_command_with_a_pipe_is_refused() -> None:
    with pytest.raises(AssertionError, match="one plain command a line"):
        call("headerguard show a.eml | head")


@pytest.fixture
def source_page(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_ext"))
    return importlib.import_module("source_page")


def test_the_page_of_the_sources_is_that_of_the_tables(source_page: Any) -> None:
    assert (ROOT / "docs" / "sources.md").read_text(encoding="utf-8") == source_page.page(), "build the documentation"


def test_the_page_of_the_sources_says_of_every_kind_how_to_obtain_it(source_page: Any) -> None:
    page = source_page.page()
    kinds = importlib.import_module("headerguard.sources").KINDS
    assert page.count("*Obtain it:* ") == len(kinds)
    for kind in kinds:
        assert f"\n## {kind}\n" in page
    vantage = importlib.import_module("headerguard.sources.vantage")
    assert set(vantage.BLIND_SPOTS) <= set(vantage.OBTAINED) <= set(kinds)


@pytest.fixture
def leak_table(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_ext"))
    return importlib.import_module("leak_table")


def test_the_table_of_planted_leaks_is_that_of_the_tests(leak_table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    written = leak_table.PAGE.read_text(encoding="utf-8")
    assert written == leak_table.page(), "build the documentation"
    lines = list(leak_table.table())
    assert len({line.count("|") for line in lines}) == 1
    assert "".join(f"{line}\n" for line in lines) in written
    monkeypatch.setattr(leak_table, "table", lambda: lines[:-1])
    assert leak_table.page() != written
