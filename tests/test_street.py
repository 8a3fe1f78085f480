"""The street: every module has its place, imports only from before it, and loads nothing heavy."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import headerguard

STREET = (
    "version",
    "errors",
    "file",
    "header",
    "address",
    "confusable",
    "lookalike",
    "lists",
    "tokens",
    "addr_spec",
    "address_list",
    "role",
    "grammar",
    "fields",
    "trace",
    "seal",
    "stream",
    "sighting",
    "part",
    "provenance",
    "recipient",
    "message",
    "finding",
    "pseudonym",
    "riders",
    "frequent",
    "sibling",
    "novelty",
    "role_history",
    "profile",
    "profile_record",
    "traits",
    "horizon",
    "stores",
    "crowds",
    "baseline",
    "live",
    "acknowledgement",
    "budget",
    "stranger",
    "incident",
    "declared",
    "protection",
    "name_server",
    "resolver",
    "mail_policy",
    "dns_facts",
    "known",
    "rule",
    "rules",
    "sources",
    "setting",
    "expectation",
    "config",
    "logical",
    "reconcile",
    "citation",
    "triage",
    "inquiry",
    "rendering",
    "blindness",
    "guard",
    "proof",
    "rehearsal",
    "demo",
    "scenario",
    "terminal",
    "explain",
    "upkeep",
    "arguments",
    "review",
    "command",
    "expect",
    "cli",
    "__main__",
    "adapters",
)
"""A module may import from modules that stand before it. docs/architecture.md shows the same table."""

NEIGHBOURS = frozenset(("grammar", "sources", "rendering", "stores", "adapters"))
"""Packages whose modules may import one another, as long as no circle comes of it."""

ONLY_IN = {
    "dns": "name_server",
    "email_validator": "address",
    "idna": "address",
    "tldextract": "address",
    "mailparser": "trace",
}
"""Third-party packages with a single user."""

FORBIDDEN_NAMES = frozenset(("utils", "util", "helpers", "helper", "core", "manager", "managers", "common", "misc"))

PACKAGE = "headerguard"
ROOT = Path(__file__).resolve().parents[1] / "src" / PACKAGE


@dataclass(frozen=True)
class Module:
    """A source file of the package."""

    name: str
    """Dotted, without the package: "address", "rules.multiple_blind_fields"; "" is the package itself."""
    tree: ast.Module
    is_package: bool = False

    @property
    def house(self) -> str:
        """The first part of the name, which is what has a place in the street."""
        return self.name.partition(".")[0]


@dataclass(frozen=True)
class Import:
    """One imported module: for `from a import b` both a.b (which may be a module) and what it comes from."""

    module: str
    """Dotted and absolute."""
    name: str | None
    """What was taken from it; None for `import a.b`."""
    line: int
    at_load: bool
    """Whether it happens as soon as the importing module is loaded."""


def load(root: Path) -> dict[str, Module]:
    """Every module below `root`, by name."""
    modules = {}
    for path in sorted(root.rglob("*.py")):
        parts = list(path.relative_to(root).with_suffix("").parts)
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        modules[name] = Module(name, ast.parse(path.read_text(encoding="utf-8"), str(path)), is_package)
    return modules


def imports(module: Module) -> Iterator[Import]:
    """Every import of a module outside `if TYPE_CHECKING:` blocks, those inside functions included."""
    yield from _walk(module, module.tree, at_load=True)


def _walk(module: Module, node: ast.AST, at_load: bool) -> Iterator[Import]:
    if isinstance(node, ast.If) and _is_type_checking(node.test):
        for statement in node.orelse:
            yield from _walk(module, statement, at_load)
        return
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Import(alias.name, None, node.lineno, at_load)
    elif isinstance(node, ast.ImportFrom):
        source = _absolute(module, node)
        for alias in node.names:
            yield Import(source, alias.name, node.lineno, at_load)
    elif isinstance(node, ast.Call) and (dynamic := _dynamic(node)):
        yield Import(dynamic, None, node.lineno, at_load)
    inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    for child in ast.iter_child_nodes(node):
        yield from _walk(module, child, at_load and not inside)


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    here = [PACKAGE, *filter(None, module.name.split("."))]
    up = node.level - 1 if module.is_package else node.level
    return ".".join([*here[: len(here) - up], *filter(None, [node.module])])


def _dynamic(node: ast.Call) -> str | None:
    """The module that `import_module("...")` or `__import__("...")` loads."""
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
    if called in ("import_module", "__import__") and node.args and isinstance(node.args[0], ast.Constant):
        return str(node.args[0].value)
    return None


def target(modules: dict[str, Module], imported: Import) -> str | None:
    """The module that an import reaches, without the package name; None when it leaves the package."""
    if imported.module != PACKAGE and not imported.module.startswith(PACKAGE + "."):
        return None
    name = imported.module[len(PACKAGE) + 1 :]
    longer = ".".join(filter(None, (name, imported.name)))
    return longer if longer in modules else name


def upward(modules: dict[str, Module]) -> Iterator[str]:
    """Every import that does not point down the street."""
    for module in modules.values():
        if module.name and module.house not in STREET:
            yield f"{module.name}: has no place in the street"
        if module.is_package or module.house not in STREET:
            continue
        public = public_names(modules)
        for imported in imports(module):
            reached = target(modules, imported)
            if reached is None:
                continue
            if module.house == "adapters" and not _is_below(module, reached):
                if reached or imported.name not in public:
                    said = f"adapters import public names only, not {_said(imported)}"
                    yield f"{module.name}:{imported.line}: {said}"
            elif not _is_below(module, reached):
                yield f"{module.name}:{imported.line}: {_said(imported)} stands further up the street"


def _is_below(module: Module, reached: str) -> bool:
    house = reached.partition(".")[0]
    if not house or house not in STREET:  # the package itself stands above everything
        return False
    if house == module.house:
        return house in NEIGHBOURS and reached not in (house, module.name)
    if module.house == "adapters":
        return False
    return STREET.index(house) < STREET.index(module.house)


def _said(imported: Import) -> str:
    return f"{imported.module}.{imported.name}" if imported.name else imported.module


def public_names(modules: dict[str, Module]) -> frozenset[str]:
    """What `__all__` of the package lists."""
    for node in modules[""].tree.body if "" in modules else ():
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets):
                return frozenset(ast.literal_eval(node.value))
    return frozenset()


def circles(modules: dict[str, Module]) -> Iterator[str]:
    """Circles among neighbours, where the order of the street does not rule them out."""
    edges: dict[str, set[str]] = {}
    for module in modules.values():
        if module.house in NEIGHBOURS and not module.is_package:
            reached = {target(modules, imported) for imported in imports(module)}
            edges[module.name] = {name for name in reached if name and name.partition(".")[0] == module.house}
    while leaves := [name for name, after in edges.items() if not after & edges.keys()]:
        for name in leaves:
            del edges[name]
    if edges:
        yield "import one another in a circle: " + ", ".join(sorted(edges))


def heavy(modules: dict[str, Module]) -> Iterator[str]:
    """Third-party packages that load with a module, and those used outside their one house."""
    for module in modules.values():
        for imported in imports(module):
            top = imported.module.partition(".")[0]
            if top in sys.stdlib_module_names or top == PACKAGE:
                continue
            # An adapter is loaded by the framework it adapts, so that one is there already.
            framework = module.house == "adapters" and top not in LAZY
            if imported.at_load and not framework:
                yield f"{module.name or PACKAGE}:{imported.line}: {top} must be imported inside a function"
            if module.name != ONLY_IN.get(top, module.name):
                yield f"{module.name or PACKAGE}:{imported.line}: only {ONLY_IN[top]} imports {top}"


LAZY = frozenset(("dns", "email_validator", "idna", "mailparser", "rich", "tldextract"))
"""Imports of third-party packages that happen inside the one function that needs them."""


def badly_named(modules: dict[str, Module]) -> Iterator[str]:
    """Names that say nothing about what is inside."""
    for name in modules:
        if FORBIDDEN_NAMES & {part.strip("_") for part in name.split(".")}:
            yield f"{name}: say what it holds"


# ---- the package -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def street() -> dict[str, Module]:
    modules = load(ROOT)
    assert "message" in modules
    return modules


@pytest.mark.parametrize("rule", [upward, circles, heavy, badly_named])
def test_the_street_is_in_order(street: dict[str, Module], rule: type) -> None:
    assert list(rule(street)) == []


def test_the_page_shows_the_same_street() -> None:
    page = (Path(__file__).resolve().parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1].strip(" `") for line in page.splitlines() if line.startswith("| `")]
    assert [row.removesuffix("/") for row in rows if row.removesuffix("/") in STREET] == list(STREET)


LOADED = """
import json, sys
before = set(sys.modules)
opened = []
sys.addaudithook(lambda event, args: opened.append(event) if event.startswith("socket.") else None)
import headerguard
if len(sys.argv) > 1:
    for name in headerguard.__all__:
        getattr(headerguard, name)
print(json.dumps({"loaded": sorted(set(sys.modules) - before), "opened": opened}))
"""


def loading(*more: str) -> dict[str, list[str]]:
    """What a fresh interpreter loads and does with sockets: for the package, or with all public names."""
    command = [sys.executable, "-I", "-c", LOADED, *more]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    seen: dict[str, list[str]] = json.loads(run.stdout)
    return seen


def third_party(loaded: list[str]) -> set[str]:
    return {name.partition(".")[0] for name in loaded} - set(sys.stdlib_module_names) - {PACKAGE}


def test_importing_the_package_loads_nothing_heavy_and_opens_nothing() -> None:
    seen = loading()
    assert PACKAGE in seen["loaded"]
    assert third_party(seen["loaded"]) == set()
    assert not {"socket", "_socket", "asyncio", "http", "urllib.request", "ssl"} & set(seen["loaded"])
    assert seen["opened"] == []


def test_taking_every_public_name_loads_no_third_party_package_and_opens_nothing() -> None:
    seen = loading("every name")
    assert third_party(seen["loaded"]) == set()
    assert seen["opened"] == []


def test_all_lists_what_is_there() -> None:
    assert [name for name in headerguard.__all__ if not hasattr(headerguard, name)] == []


# ---- the tests above can fail ------------------------------------------------------------------------------


def town(**sources: str) -> dict[str, Module]:
    """Modules made up for a test; a double underscore in a name is a dot."""
    names = {key.replace("__", "."): source for key, source in sources.items()}
    modules = {name: Module(name, ast.parse(source)) for name, source in names.items()}
    return {"": Module("", ast.parse('__all__ = ["Guard"]'), is_package=True), **modules}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("address", "from headerguard.guard import Guard"),
        ("address", "from headerguard import guard"),
        ("address", "from headerguard import Guard"),
        ("address", "import headerguard.guard"),
        ("address", "import headerguard"),
        ("address", "from . import guard"),
        ("address", "from .guard import Guard"),
        ("address", "from headerguard.address import Address"),
        ("address", "from headerguard import __version__"),
        ("address", "def f():\n    from headerguard.guard import Guard"),
        ("address", "import importlib\nimportlib.import_module('headerguard.guard')"),
        ("address", "if TYPE_CHECKING:\n    pass\nelse:\n    from headerguard.guard import Guard"),
        ("rules__one", "from headerguard.rules.two import Two"),
        ("rules__one", "from ..guard import Guard"),
        ("sources__one", "from headerguard.sources import read"),
        ("adapters__one", "from headerguard.guard import Guard"),
        ("adapters__one", "from headerguard import guard"),
        ("adapters__one", "from headerguard import _private"),
        ("adapters__one", "import headerguard"),
        ("attic", ""),
    ],
)
def test_an_upward_import_is_found(module: str, source: str) -> None:
    modules = town(guard="", rules__two="", sources__two="", **{module: source})
    found = list(upward(modules))
    assert len(found) == 1, found
    assert found[0].startswith(module.replace("__", "."))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("guard", "from headerguard.address import Address"),
        ("guard", "from headerguard import address"),
        ("guard", "from headerguard.rules import BUILTIN"),
        ("address", "if TYPE_CHECKING:\n    from headerguard.guard import Guard"),
        ("address", "import typing\nif typing.TYPE_CHECKING:\n    from headerguard.guard import Guard"),
        ("rules__one", "from ..rule import Rule"),
        ("sources__one", "from headerguard.sources.two import Two"),
        ("adapters__one", "from headerguard import Guard\nimport pytest"),
        ("adapters__one", "from headerguard.adapters import two"),
    ],
)
def test_a_downward_import_is_not(module: str, source: str) -> None:
    made = town(
        **{"address": "", "rule": "", "rules": "", "guard": "", "sources__two": "", "adapters__two": "", module: source}
    )
    assert list(upward(made)) == []


def test_a_circle_of_neighbours_is_found() -> None:
    straight = town(sources__a="from headerguard.sources.b import B", sources__b="")
    assert list(circles(straight)) == []
    bent = town(sources__a="from headerguard.sources.b import B", sources__b="from headerguard.sources import a")
    assert list(circles(bent)) == ["import one another in a circle: sources.a, sources.b"]


@pytest.mark.parametrize(
    ("module", "source", "said"),
    [
        ("address", "import tldextract", "address:1: tldextract must be imported inside a function"),
        (
            "address",
            "try:\n    import idna\nfinally: ...",
            "address:2: idna must be imported inside a function",
        ),
        ("cli", "class A:\n    from rich import print", "cli:2: rich must be imported inside a function"),
        ("guard", "def f():\n    import tldextract", "guard:2: only address imports tldextract"),
        ("address", "def f():\n    from mailparser import x", "address:2: only trace imports mailparser"),
        ("cli", "import requests", "cli:1: requests must be imported inside a function"),
        ("adapters__one", "import rich.table", "adapters.one:1: rich must be imported inside a function"),
        ("dns_facts", "def f():\n    import dns.message", "dns_facts:2: only name_server imports dns"),
        ("address", "def f():\n    import idna", None),
        ("trace", "def f():\n    import mailparser", None),
        ("name_server", "import math\ndef f():\n    import dns.resolver", None),
        ("adapters__one", "import django", None),
    ],
)
def test_a_heavy_import_is_found(module: str, source: str, said: str | None) -> None:
    assert list(heavy(town(**{module: source}))) == ([said] if said else [])


def test_a_name_that_says_nothing_is_found() -> None:
    assert list(badly_named(town(rules___utils="", address="", core=""))) == [
        "rules._utils: say what it holds",
        "core: say what it holds",
    ]
