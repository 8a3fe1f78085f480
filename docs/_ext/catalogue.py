"""Writes docs/rules/, docs/fields.md, docs/sources.md and a table of docs/adapters.md before a build.

A page for every built-in rule comes from its docstring and examples; these are not kept under version control. What a
rule does not say becomes a warning, and with `-W` a failed build. The other pages
are kept (see `field_page`).
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import field_page
import leak_table
import source_page
from sphinx.application import Sphinx
from sphinx.util import logging

SECTIONS = ("Flags", "Why", "When it is wrong", "What to do", "References")
_HEADING = re.compile(rf"^({'|'.join(SECTIONS)}):[ \t]*", re.MULTILINE)
_LINK = re.compile(r"(?<![<(])\bhttps?://[^\s<>)]+[^\s<>).,;]")
_LOG = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict[str, bool]:
    """Ask to be called before the source files are listed."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write(app: Sphinx) -> None:
    """Bring the pages up to date: changed ones are written, stale ones removed."""
    folder = Path(app.srcdir) / "rules"
    folder.mkdir(exist_ok=True)
    rules = sorted(load(), key=lambda rule: str(rule.id))
    wanted = {"table.txt": table(rules), **{f"{rule.id}.md": page(rule) for rule in rules}}
    for stale in {path.name for path in folder.iterdir()} - wanted.keys():
        (folder / stale).unlink()
    pages = {folder / name: text for name, text in wanted.items()}
    pages[Path(app.srcdir) / "fields.md"] = field_page.page()
    pages[Path(app.srcdir) / "sources.md"] = source_page.page()
    pages[Path(app.srcdir) / "adapters.md"] = leak_table.page()
    for path, text in pages.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def load() -> tuple[Any, ...]:
    """The built-in rules that can be shown; a warning for each that cannot."""
    try:
        builtin = importlib.import_module("headerguard.rules").BUILTIN
    except (ImportError, AttributeError) as error:
        _LOG.warning("the catalogue of rules cannot be read: %s", error)
        return ()
    shown = []
    for rule in builtin:
        if isinstance(getattr(rule, "id", None), str):
            shown.append(rule)
        else:
            _LOG.warning("%r in headerguard.rules.BUILTIN has no id", rule)
    return tuple(shown)


def sections(docstring: str) -> dict[str, str]:
    """A docstring cut at its headings; what stands before the first is the "summary"."""
    parts = _HEADING.split(inspect.cleandoc(docstring))
    said = {"summary": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}
    return {name: text.strip()[:1].upper() + text.strip()[1:] for name, text in said.items()}


def table(rules: list[Any]) -> str:
    """All rules on one page, with a link to each."""
    lines = ["| rule | severity | |", "|---|---|---|"]
    for rule in rules:
        summary = " ".join(sections(rule.__doc__ or "")["summary"].split()).replace("|", "\\|")
        lines.append(f"| [`{rule.id}`](rules/{rule.id}.md) | {rule.severity} | {summary} |")
    return "\n".join(lines) + "\n"


def page(rule: Any) -> str:
    """The page of one rule."""
    said = sections(rule.__doc__ or "")
    for missing in [name for name in ("summary", *SECTIONS) if not said.get(name)]:
        _LOG.warning("rule %s says nothing under %r", rule.id, missing)
    parts = [f"# `{rule.id}`", said["summary"], _facts(rule)]
    for name in SECTIONS[:-1]:
        if said.get(name):
            parts += [f"## {name}", said[name]]
    parts += _options(rule)
    parts += _examples(rule)
    if said.get("References"):
        parts += ["## References", _LINK.sub(r"<\g<0>>", said["References"])]
    return "\n\n".join(parts) + "\n"


def _facts(rule: Any) -> str:
    facts = [f"Severity: **{rule.severity}**"]
    for title, name in (("Looks at", "roles"), ("Needs", "needs")):
        values = getattr(rule, name, None)
        if isinstance(values, set | frozenset | tuple | list) and values:
            facts.append(f"{title}: " + ", ".join(f"`{value}`" for value in sorted(map(str, values))))
    return " \\\n".join(facts)


def _options(rule: Any) -> list[str]:
    """The fields of the dataclass, which are the options of the rule."""
    fields = dataclasses.fields(rule) if dataclasses.is_dataclass(rule) else ()
    if not fields:
        return []
    lines = [f"Set them under `[rules.{rule.id}]`.", "", "| option | default |", "|---|---|"]
    for field in fields:
        default: object = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        shown = "none: it must be set" if default is dataclasses.MISSING else f"`{default!r}`"
        lines.append(f"| `{field.name.replace('_', '-')}` | {shown} |")
    return ["## Options", "\n".join(lines)]


def _examples(rule: Any) -> list[str]:
    parts: list[str] = []
    for number, example in enumerate(getattr(rule, "examples", ())):
        parts += ["## Examples"] if not number else []
        parts += ["Flagged" + _scene(example) + ":", _fenced(example.flagged)]
        if getattr(example, "cites", None):
            parts.append(f"The finding points at `{example.cites}`.")
        parts += ["Left alone:", _fenced(example.clean)]
    if not parts:
        _LOG.warning("rule %s has no example", rule.id)
    return parts


def _scene(example: Any) -> str:
    """What surrounds an example, in words."""
    said = list(_around(example))
    return f" ({', '.join(said)})" if said else ""


def _around(example: Any) -> Iterator[str]:
    envelope = getattr(example, "envelope", None)
    recipients = getattr(envelope, "rcpt_to", envelope)
    if recipients and not isinstance(recipients, str):
        yield "delivered to " + ", ".join(f"`{recipient}`" for recipient in recipients)
    history = getattr(example, "history", None)
    if history:
        yield f"after {len(history)} earlier messages"
    if getattr(example, "declared", None):
        yield "with declared recipients"
    if getattr(example, "config", None):
        yield "with a configuration"


def _fenced(text: object) -> str:
    shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", shown)), default=0))
    return f"{fence}text\n{shown.rstrip()}\n{fence}"
