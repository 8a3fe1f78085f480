"""The splitter of JSON: the values that json.loads gives, however the octets come, and one broken value alone lost."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headerguard.sources import json_values
from headerguard.sources.json_values import LIMIT, MOST, BrokenValueError, decoded, folded, values
from headerguard.sources.window import Window

TEXT = st.text(st.sampled_from('ab{}[]",:\\/\n\r\t @é\u2028\U0001f600 '), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | TEXT
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)
OBJECTS = st.dictionaries(TEXT, JSON, max_size=4)
SIZES = st.lists(st.integers(1, 9), min_size=1, max_size=6) | st.just([1 << 20])
BETWEEN = st.sampled_from(["\n", "\r\n", " ", ",", ", ", "\n\n", ",\n", "\x1e", "\n\x1e", "\t"])
STYLES = st.fixed_dictionaries({"indent": st.sampled_from([None, 0, 1, 4]), "ensure_ascii": st.booleans()})


class Chunks:
    """A file that gives a few octets at a time."""

    def __init__(self, octets: bytes, sizes: list[int]) -> None:
        self.file, self.sizes, self.turn = io.BytesIO(octets), sizes, 0

    def read(self, size: int) -> bytes:
        self.turn += 1
        return self.file.read(min(size, self.sizes[self.turn % len(self.sizes)]))


def split(text: str | bytes, sizes: list[int] | None = None, *, whole: bool = False) -> list[Any]:
    octets = text.encode() if isinstance(text, str) else text
    return list(values(Window(Chunks(octets, sizes or [1 << 20])), whole=whole))


def saved(found: list[Any]) -> Iterator[Any]:
    """The values, and of broken ones the lines that are whole."""
    for value in found:
        if isinstance(value, BrokenValueError):
            yield from (rescued for rescued, own_line in value.rescued() if own_line)
        else:
            yield value


@given(
    items=st.lists(OBJECTS | SCALARS.filter(lambda v: v != ""), max_size=5), between=BETWEEN, sizes=SIZES, style=STYLES
)
@example(items=[{"a": {"b": 1}}, {"": [{}]}], between="\n", sizes=[1], style={"indent": 0, "ensure_ascii": True})
def test_values_one_after_the_other(items: list[Any], between: str, sizes: list[int], style: dict[str, Any]) -> None:
    text = between.join(json.dumps(item, **style) for item in items)
    assert split(text, sizes) == items
    assert split("\N{ZERO WIDTH NO-BREAK SPACE}" + text + between, sizes) == items


@given(items=st.lists(JSON, max_size=5), sizes=SIZES, style=STYLES, before=st.sampled_from(["", " ", "\n\n", "\r\n"]))
@example(items=[[{}], {"a": [{"b": {}}]}], sizes=[1], style={"indent": 0, "ensure_ascii": False}, before="")
def test_values_of_an_array(items: list[Any], sizes: list[int], style: dict[str, Any], before: str) -> None:
    text = before + json.dumps(items, **style)
    assert split(text, sizes) == items
    assert split(text, sizes, whole=True) == [json.loads(text)]
    assert split(text + "\n" + text, sizes) == items * 2


@given(value=OBJECTS, cut=st.integers(0, 200), sizes=SIZES, before=OBJECTS, after=OBJECTS)
@example(value={"a": {"b": {"c": {"d": {"e": {"f": {"g": {}}}}}}}}, cut=37, sizes=[9], before={}, after={"n": 1})
def test_a_line_that_was_cut_off_costs_itself_alone(
    value: dict[str, Any], cut: int, sizes: list[int], before: dict[str, Any], after: dict[str, Any]
) -> None:
    line = json.dumps(value)
    cut_off = line[: cut % len(line)]
    found = split("\n".join((json.dumps(before), cut_off, json.dumps(after), json.dumps(before), "")), sizes)
    assert list(saved(found)) == [before, after, before]
    if not cut_off.rstrip().endswith((":", "[", ",")):  # there the next line might belong to it
        assert [value for value in found if not isinstance(value, BrokenValueError)] == [before, after, before]


@given(line=st.text(st.sampled_from('{}[]",:\\ 1an'), max_size=12), sizes=SIZES)
@example(line="[", sizes=[1])
@example(line='{"a":"\\', sizes=[2])
@example(line='[[1,{"a":', sizes=[3])
def test_a_line_of_anything_costs_itself_alone(line: str, sizes: list[int]) -> None:
    others = [{"n": 1, "to": ["a"]}, {"n": 2, "to": [{}]}, {"n": 3}]
    first, *rest = map(json.dumps, others)
    found = list(saved(split("\n".join([first, line, *rest]), sizes)))
    assert [value for value in found if isinstance(value, dict) and "n" in value] == others


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('[{"n":1}, {"a":[1}, {"n":2}]', [1, 2]),
        ('[{"n":1}, {"a" 1}, {"n":2}]', [1, 2]),
        ('[{"n":1}, nul, {"n":2}]', [1, 2]),
        ('[{"n":1}, {"a":"\\x"}, {"n":2}]', [1, 2]),
        ('[\n{"n":1},\n{"a":"not closed},\n{"n":2}\n]\n{"n":3}', [1, 2, 3]),
        ('[{"n":1}, {"a":1, \n{"n":2}]{"n":3}', [1, 2, 3]),
        ('[{"n":1}, {"a":1] {"n":2}', [1, 2]),
        ('{"n":1}\n{"a":["not closed,\n{"n":2}', [1, 2]),
        ('{"n":1}\n{"a":1,\n{"n":2}\n{"n":3}', [1, 2, 3]),
        ('{"n":1}\n{"a":"b\\\n{"n":2}', [1, 2]),
        ('{"n":1}\n{"a":"b"\n[{"n":2}]', [1, 2]),
        ('[{"n":1}, {"a":{"b":1]\n{"n":2}', [1, 2]),
    ],
)
def test_a_broken_value_of_an_array_costs_itself_alone(text: str, kept: list[int]) -> None:
    for sizes in ([1], [2, 3], [1 << 20]):
        found = split(text, sizes)
        assert [value["n"] for value in found if not isinstance(value, BrokenValueError)] == kept
        assert sum(isinstance(value, BrokenValueError) for value in found) == 1


def test_what_opens_a_line_is_saved_from_a_value_in_which_much_was_tried_in_vain() -> None:
    text = '{"a": [' * 50 + '\n{"n": 1},\n{"n": 2'
    assert list(BrokenValueError("", text).rescued()) == [({"n": 1}, True)]
    assert list(BrokenValueError("", text + "}").rescued()) == [({"n": 1}, True), ({"n": 2}, True)]
    assert list(BrokenValueError("", '{"a": {"n": 1}').rescued()) == [({"n": 1}, False)]


@pytest.mark.parametrize("size", [1_000, 1_008, 1_016, 1_023, 1_024, 4_090, 20_000])
def test_an_object_of_any_length_is_saved(size: int) -> None:
    for value in (
        {"n": "x" * size},
        {"x" * size: 1},
        {"n": ["\u00fc\\" * (size // 3)] * 3},
        {"n": [True, None] * (size // 8)},
    ):
        text = json.dumps(value)
        assert list(BrokenValueError("", f"{{1: {text}, {text}").rescued()) == [(value, False)] * 2


@given(text=st.text(st.sampled_from('{}[]",:\\ \n1a\x1e'), max_size=40), sizes=SIZES)
def test_chunks_make_no_difference(text: str, sizes: list[int]) -> None:
    assert repr(split(text, sizes)) == repr(split(text))


def test_values_that_are_too_much_are_told_and_the_next_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_values, "LIMIT", 1 << 20)
    monkeypatch.setattr(json_values, "MOST", 100)
    long = b'{"a": "' + b"x" * (1 << 20) + b'"}'
    many = json.dumps(["a@b.example"] * 101).encode()
    escaped = b'["' + b"\\u0040" * 101 + b'"]'
    objects = json.dumps([{}] * 400).encode()
    found = split(
        b'{"n":1}\n' + b"\n".join((long, b"[%s]" % many, b"[%s]" % escaped, b"[%s]" % objects)) + b'\n{"n":2}'
    )
    assert [value for value in found if not isinstance(value, BrokenValueError)] == [{"n": 1}, {"n": 2}]
    assert [str(value) for value in found if isinstance(value, BrokenValueError)] == [
        "longer than 1 MiB",
        "holds more than 100 addresses",
        "holds more than 100 addresses",
        "holds more than 400 objects",
    ]


def test_a_million_recipients_are_within_the_limits() -> None:
    assert len('"a.customer.of.ours@mail.customer.example",') * 1_000_000 < LIMIT
    assert MOST >= 1_000_000


def test_a_repeated_key_loses_nothing() -> None:
    assert decoded('{"to": "a", "to": "b"}') == {"to": "b", "(repeated)": ["a"]}


@given(text=st.text(max_size=20) | st.sampled_from(["[" * 100_000, "9" * 5_000, '"\\ud800"', "NaN", "1e999"]))
def test_what_is_no_json_says_why(text: str) -> None:
    found = decoded(text)
    if isinstance(found, BrokenValueError):
        assert str(found).startswith("is no JSON: ")
    else:
        assert repr(found) == repr(json.loads(text))


def test_members_are_found_in_any_case() -> None:
    value = folded({"ToAddresses": [{"Email": 1}], "to": 2, "TO": 3})
    assert (value.get("toaddresses")[0].get("EMAIL"), value.get("to"), value.get("TO"), value.get("To")) == (1, 2, 3, 2)
    assert value.get("cc") is None
