"""The header block: where it ends, which fields it holds, what is odd about it, and that no octet is lost."""

from __future__ import annotations

import re
import tracemalloc
from typing import SupportsIndex

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headerguard.fields import CATALOGUE
from headerguard.header import (
    Defect,
    DefectName,
    Field,
    Header,
    decode_octets,
    decode_words,
    header_length,
)
from headerguard.message import Message
from strategies import blocks

# ---- the end of the block ------------------------------------------------------------------------------------


def reference_length(octets: bytes) -> int:
    """RFC 5322 section 2.1, slowly: lines up to the first empty one; empty lines before any other are stepped over."""
    position = 0
    seen = False
    while position < len(octets):
        end = octets.find(b"\n", position) + 1 or len(octets)
        empty = octets[position:end] in (b"\n", b"\r\n")
        if empty and seen:
            return position
        seen = seen or not empty
        position = end
    return position


@pytest.mark.parametrize(
    ("octets", "block"),
    [
        (b"A: 1\r\n\r\nbody", b"A: 1\r\n"),
        (b"A: 1\n\nbody", b"A: 1\n"),
        (b"A: 1\n\r\nbody", b"A: 1\n"),
        (b"A: 1\r\n\nbody", b"A: 1\r\n"),
        (b"A: 1\r\nB: 2\n\r\nC: 3\n\n", b"A: 1\r\nB: 2\n"),
        (b"A: 1\n\nB: 2\r\n\r\n", b"A: 1\n"),
        (b"A: 1\r\n\r\n\n\n", b"A: 1\r\n"),
        (b"A: 1\r\n \r\nB: 2\r\n\r\nbody", b"A: 1\r\n \r\nB: 2\r\n"),  # a line of blanks continues
        (b"A: 1\r\n\t\n\r\nbody", b"A: 1\r\n\t\n"),
        (b"A: 1\r\n", b"A: 1\r\n"),
        (b"A: 1", b"A: 1"),
        (b"A: 1\r\r\n\r\nbody", b"A: 1\r\r\n"),
        (b"A: 1\r\rB: 2\r\n\r\nbody", b"A: 1\r\rB: 2\r\n"),  # bare CRs end nothing
        (b"\r\n\nA: 1\r\n\r\nbody", b"\r\n\nA: 1\r\n"),
        (b"\n\n\n", b"\n\n\n"),
        (b"\rA: 1\n\nbody", b"\rA: 1\n"),
        (b"", b""),
    ],
)
def test_where_the_block_ends(octets: bytes, block: bytes) -> None:
    assert octets[: header_length(octets)] == block


@pytest.mark.parametrize("ending", [b"\n\n", b"\n\r\n", b"\r\n\n", b"\r\n\r\n"])
@pytest.mark.parametrize("window", [16_384, 65_536, 262_144])
def test_the_end_is_found_wherever_it_lies_in_a_window(ending: bytes, window: int) -> None:
    for shift in range(-6, 7):
        head = b"A: ".ljust(window + shift, b"x")
        octets = head + ending + b"To: body@x.example\n\nmore"
        assert octets[: header_length(octets)] == head + ending[: ending.index(b"\n") + 1]


@given(blocks() | st.text("\r\nA: \t", max_size=30).map(str.encode))
@example(b"\r\n\r\n")
@example(b"\n\r\nA: 1\n\n")
@example(b"A\n\r")
def test_the_end_is_where_the_rfc_puts_it(octets: bytes) -> None:
    assert header_length(octets) == reference_length(octets)


class Watched(bytes):
    """Octets that note how far they were looked at."""

    furthest = 0

    def find(  # type: ignore[override]
        self, sub: bytes, start: SupportsIndex | None = 0, end: SupportsIndex | None = None
    ) -> int:
        self.furthest = max(self.furthest, len(self) if end is None else int(end))
        return super().find(sub, start, end)

    def __getitem__(self, key: object) -> bytes:  # type: ignore[override]
        assert isinstance(key, slice)
        self.furthest = max(self.furthest, key.indices(len(self))[1])
        return super().__getitem__(key)


def test_the_body_is_not_looked_at() -> None:
    head = b"From: a@x.example\r\nTo: b@x.example\r\n"
    octets = Watched(head + b"\r\n" + b"x" * 5_000_000)
    message = Message.from_bytes(octets)
    assert message.header.text.encode("latin-1") == head
    assert octets.furthest < 100_000


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_the_body_is_not_copied(kind: type) -> None:
    head = b"To: b@x.example\r\n"
    octets = kind(head + b"\r\n" + bytes(8_000_000))
    tracemalloc.start()
    try:
        assert header_length(octets) == len(head)
        assert Message.from_bytes(octets).header.text == head.decode()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


# ---- fields --------------------------------------------------------------------------------------------------


def shown(header: Header) -> list[tuple[str, bytes]]:
    return [(field.name, field.octets) for field in header.fields]


@pytest.mark.parametrize("eol", [b"\r\n", b"\n"])
def test_fields_keep_their_octets_their_order_and_their_places(eol: bytes) -> None:
    parts = [
        b"Received: one" + eol,
        b"TO: a@x.example," + eol + b"\tb@x.example" + eol,
        b"Received: two" + eol,
        b"to:c@x.example" + eol,
        b"Subject:" + eol,
    ]
    header = Header(b"".join(parts))
    assert [field.octets for field in header.fields] == parts
    assert [field.name for field in header.fields] == ["Received", "TO", "Received", "to", "Subject"]
    assert [field.octets for field in header.all("To")] == [parts[1], parts[3]]
    assert header.names == {"received", "to", "subject"}
    starts = [len(b"".join(parts[:n])) for n in range(6)]
    assert [(field.start, field.end) for field in header.fields] == list(zip(starts, starts[1:], strict=False))
    assert header.defects == ()


@given(blocks())
@example(b"\r\n\r\nA: 1")
@example(b" \n:\n\x00: \r")
def test_the_fields_joined_are_the_block(block: bytes) -> None:
    header = Header(block)
    assert b"".join(field.octets for field in header.fields) == block


@given(blocks())
def test_spans_slice_to_what_they_stand_for(block: bytes) -> None:
    header = Header(block)
    for field in header.fields:
        assert field.start is not None
        assert block[field.start : field.end] == field.octets
        assert field.defect is None or field.defect.span == (field.start, field.end)
    for defect in header.defects:
        assert defect.span is not None
        start, end = defect.span
        assert 0 <= start <= end <= len(block)
        if defect.name in _ONE_OCTET:
            assert end - start == 1
            assert defect.name is not DefectName.NUL or block[start:end] == b"\x00"
            assert defect.name is not DefectName.BARE_CR or block[start:end] == b"\r"
            assert defect.name is not DefectName.NOT_UTF8 or block[start] > 127


_ONE_OCTET = {DefectName.NUL, DefectName.BARE_CR, DefectName.NOT_UTF8}


@given(blocks())
def test_nothing_raises_on_any_octets(block: bytes) -> None:
    for copy in (block, bytearray(block), memoryview(block)):
        message = Message.from_bytes(copy)
        texts = [field.text for field in message.header.fields]
        assert all(isinstance(text, str) for text in texts)
        assert isinstance(message.defects, tuple)
        assert isinstance(message.subject, str)
        assert len(message.levels) >= 1
        assert message.hidden == tuple(str(r.address) for r in message.recipients if r.hidden)
        assert message.correlation == tuple(filter(None, message.correlation))
        assert message.date is None or message.date.utcoffset() is not None


def test_a_copy_without_octets_has_no_places() -> None:
    header = Header(b"Bcc : a@x.example\r\nTo: \xff\r\n", has_octets=False)
    assert [(field.start, field.end) for field in header.fields] == [(None, None), (None, None)]
    assert [(defect.name, defect.span) for defect in header.defects] == [
        (DefectName.BLANK_BEFORE_COLON, None),
        (DefectName.NOT_UTF8, None),
    ]
    assert header.span(3, 5) is None


def test_what_is_printed_in_a_log_names_nobody() -> None:
    message = Message.from_bytes(b"To: jane@client.example\r\nSubject: secret\r\n")
    assert "jane" not in repr(message.header) + repr(message)
    assert "secret" not in repr(message.header) + repr(message)
    assert "2 fields" in repr(message.header)


# ---- what is odd ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("block", "name", "cited", "field"),
    [
        (b"Bcc : a@x.example\r\nTo: b\r\n", "blank-before-colon", b"Bcc : a@x.example\r\n", "bcc"),
        (b"Bcc\t\t: a@x.example\r\n", "blank-before-colon", b"Bcc\t\t: a@x.example\r\n", "bcc"),
        (b"To: b\n: value\nCc: c\n", "empty-name", b": value\n", ""),
        (b"To: b\n \t: value\n", None, b"", ""),  # that one continues To
        (b" : value\nTo: b\n", "empty-name", b" : value\n", ""),
        (b" Bcc: a@x.example\r\nTo: b\r\n", "leading-blank", b" Bcc: a@x.example\r\n", "bcc"),
        (b"\tBcc: a@x.example\r\n", "leading-blank", b"\tBcc: a@x.example\r\n", "bcc"),
        (b"\r\nTo: b\r\n", "leading-blank", b"\r\n", ""),
        (b"To: b\r\nno such thing\r\nCc: c\r\n", "no-colon", b"no such thing\r\n", ""),
        (b"From a@x.example Mon Jan  1 00:00:00 2024\nTo: b\n", "mbox-from-line", None, ""),
        (b">From a@x.example Mon Jan  1 00:00:00 2024\nTo: b\n", "mbox-from-line", None, ""),
        (b"\xef\xbb\xbfTo: b\r\n", "byte-order-mark", b"\xef\xbb\xbfTo: b\r\n", "to"),
        (b"My Bcc: a@x.example\r\n", "malformed-name", b"My Bcc: a@x.example\r\n", "bcc"),
        (b"\x0bTo: b\r\n", "malformed-name", b"\x0bTo: b\r\n", "to"),
        (b"\xc3\xa9To: b\r\n", "malformed-name", b"\xc3\xa9To: b\r\n", "to"),
        (b"A: 1\r\nTo: b\xc3\r\n", "not-utf8", b"\xc3", "to"),
        (b"A: 1\r\nTo: \xc3\xa9 \xff\xfe\r\n", "not-utf8", b"\xff", "to"),
        (b"A: 1\r\nTo: \xed\xa0\x80\r\n", "not-utf8", b"\xed", "to"),  # a surrogate, RFC 3629 section 3
        (b"To: \xc3\xa9\xe2\x82\xac\r\n", None, b"", ""),
        (b"A: 1\r\nTo: a\x00b\r\n", "nul", b"\x00", "to"),
        (b"A: 1\r\nTo: a\rBcc: b\r\n", "bare-cr", b"\r", "to"),
        (b"To: a\r\r\n", "bare-cr", b"\r", "to"),
        (b"To: a", "unterminated", b"", ""),
        (b"To: a\r", "unterminated", b"", ""),
        (b"To: a\r\n", None, b"", ""),
    ],
)
def test_an_oddity_has_a_name_a_place_and_a_field(
    block: bytes, name: str | None, cited: bytes | None, field: str
) -> None:
    """Each block holds one oddity of the RFC's section 2.2 syntax, or none."""
    header = Header(block)
    found = {str(defect.name): defect for defect in header.defects}
    if name is None:
        assert found == {}
        return
    defect = found[name]
    cited = block[: block.index(b"\n") + 1] if cited is None else cited
    if name == "bare-cr":
        at = len(re.split(rb"\r(?!\n)", block)[0])
    else:
        at = len(block) if cited == b"" else block.index(cited)
    assert defect.span == (at, at + len(cited))
    assert defect.field == field


@pytest.mark.parametrize(
    ("block", "names"),
    [
        (b"T\x00o: x\r\n", {"malformed-name", "nul"}),
        (b"To\r: a@x.example\r\n", {"blank-before-colon", "bare-cr"}),
        (b"T\xffo: x\r\n", {"malformed-name", "not-utf8"}),
        (b"Bcc : a\rb\x00\xff", {"blank-before-colon", "bare-cr", "nul", "not-utf8", "unterminated"}),
    ],
)
def test_oddities_that_come_together_are_all_named(block: bytes, names: set[str]) -> None:
    assert {str(defect.name) for defect in Header(block).defects} == names


IN_A_LIST = {
    DefectName.AMBIGUOUS_MEMBER: b"To: jane@client.example <copy@x.example>\r\n",
    DefectName.EMBEDDED_ADDRESS: b'To: "jane@client.example" (or joe@x.example) <copy@x.example>\r\n',
    DefectName.ENCODED_ADDRESS: b"To: =?utf-8?q?jane=40client.example?=\r\n",
    DefectName.MISSING_COMMA: b"To: <a@x.example> <b@x.example>\r\n",
    DefectName.NO_ADDRESS: b"To: undisclosed recipients\r\n",
    DefectName.UNBALANCED: b"To: Jane <jane@client.example\r\n",
}
IN_THE_HEADER = {
    DefectName.BARE_CR: b"To: a\rb\r\n",
    DefectName.BLANK_BEFORE_COLON: b"To : a\r\n",
    DefectName.BYTE_ORDER_MARK: b"\xef\xbb\xbfTo: a\r\n",
    DefectName.CONTROL_CHARACTER: b"To: a\x01@x.example\r\n",
    DefectName.EMPTY_NAME: b": a\r\n",
    DefectName.LEADING_BLANK: b" To: a\r\n",
    DefectName.MALFORMED_NAME: b"T o: a\r\n",
    DefectName.MBOX_FROM_LINE: b"From a@x.example Mon Jan  1 00:00:00 2024\r\n",
    DefectName.NO_COLON: b"To a\r\n",
    DefectName.NOT_UTF8: b"To: \xff\r\n",
    DefectName.NUL: b"To: \x00\r\n",
    DefectName.OVER_LIMIT: b"X: " + b"x" * 2_000_000 + b"\r\nTo: a\r\n",
    DefectName.UNTERMINATED: b"To: a",
}


def _injected() -> Message:
    import email.message

    copy = email.message.Message()
    copy["Subject"] = "Hello\nBcc: copy@x.example"
    return Message.from_email(copy)


@pytest.mark.parametrize("name", list(DefectName), ids=str)
def test_every_name_of_the_closed_list_is_used(name: DefectName) -> None:
    """A name that nothing ever gets is a promise that is not kept."""
    if name is DefectName.INJECTED_LINE:
        message = _injected()
    else:
        message = Message.from_bytes({**IN_A_LIST, **IN_THE_HEADER}[name])
    assert name in {defect.name for defect in message.defects}


@pytest.mark.parametrize(("name", "octets"), list(IN_A_LIST.items()), ids=map(str, IN_A_LIST))
def test_an_oddity_of_a_list_stands_inside_its_value(name: DefectName, octets: bytes) -> None:
    found = [defect for defect in Message.from_bytes(octets).defects if defect.name is name]
    assert {defect.field for defect in found} == {"to"}
    span = found[0].span
    assert span is not None
    assert len(b"To:") <= span[0] < span[1] <= len(octets)


def test_reading_the_defects_twice_gives_them_once() -> None:
    message = Message.from_bytes(b"To: Jane <jane@client.example\r\n")
    assert message.defects == message.defects
    assert len(message.defects) == 1


def test_the_defect_of_a_field_is_that_of_its_syntax() -> None:
    header = Header(b"Bcc : a@x.example\r\nTo: a\x00\r\n")
    bcc, to = header.fields
    assert bcc.defect == Defect(DefectName.BLANK_BEFORE_COLON, (0, 19), "bcc")
    assert to.defect is None


@pytest.mark.parametrize(
    "line",
    [
        b"From shop@shop.example Mon Jan  1 12:34:56 2024\n",
        b">From shop@shop.example Mon Jan  1 12:34:56 2024\n",
        b"no such thing\r\n",
    ],
)
def test_the_text_of_a_line_without_a_name_is_the_line(line: bytes) -> None:
    field = Header(line).fields[0]
    assert (field.name, field.text) == ("", line.decode().strip())


@pytest.mark.parametrize("line", [b"Bcc", b"Bcc ", b"Bcc\t\t", b"bcc", b"\xef\xbb\xbfBcc", b"\xef\xbb\xbf Bcc "])
def test_the_name_of_a_field_is_found_behind_what_surrounds_it(line: bytes) -> None:
    block = line + b": a@x.example\r\n"
    header = Header(block)
    assert header.names == {"bcc"}
    assert [field.name.lower() for field in header.all("BCC")] == ["bcc"]
    assert header.all("Bcc")[0].text == "a@x.example"


# ---- folding -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("eol", ["\r\n", "\n"])
@pytest.mark.parametrize(
    ("folded", "text"),
    [
        ("a| b", "a b"),
        ("a|\tb", "a\tb"),  # RFC 5322 section 2.2.3: the CRLF goes, the blank stays
        ("a|  |  b", "a    b"),
        ("a| \t| b", "a \t b"),  # a line of blanks only (section 4.2 obs-FWS)
        ("|  a", "a"),
        ("a| ", "a"),
        ("a|\t|\t| b", "a\t\t b"),
    ],
)
def test_folding_is_undone(eol: str, folded: str, text: str) -> None:
    block = f"X: {folded.replace('|', eol)}{eol}Y: 1{eol}".encode()
    header = Header(block)
    assert [field.name for field in header.fields] == ["X", "Y"]
    assert header.fields[0].text == text
    assert header.defects == ()


# ---- encoded-words -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "decoded"),
    [
        # RFC 2047 section 8
        ("=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.example>", "Keith Moore <moore@cs.utk.example>"),
        ("=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?=", "Keld Jørn Simonsen"),
        ("=?ISO-8859-1?Q?Andr=E9?= Pirard", "André Pirard"),
        (
            "=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
            "If you can read this you understand the example.",
        ),
        ("(=?ISO-8859-1?Q?a?=)", "(a)"),
        ("(=?ISO-8859-1?Q?a?= b)", "(a b)"),
        ("(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"),
        ("(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)", "(ab)"),
        ("(=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=)", "(ab)"),
        ("(=?ISO-8859-1?Q?a_b?=)", "(a b)"),
        ("(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)"),
        # section 4: hexadecimal digits of either case are read; "=20" and "_" are the same
        ("=?utf-8?q?=c3=A9=20_?=", "é  "),
        ("=?utf-8?b?w6k=?=", "é"),
        ("=?UTF-8?B?w6k?=", "é"),  # padding left out
        # RFC 2231 section 5
        ("=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore"),
        ("=?utf-8*de-CH?Q?Z=C3=BCrich?=", "Zürich"),
        # what cannot be decoded stays
        ("=?x-no-such-charset?q?abc?=", "=?x-no-such-charset?q?abc?="),
        ("=?utf-8?b?!!!notbase64?=", "=?utf-8?b?!!!notbase64?="),
        ("=?utf-8?b?a?=", "=?utf-8?b?a?="),
        ("=?utf-8?x?abc?=", "=?utf-8?x?abc?="),
        ("=?utf-8?q?a b?=", "=?utf-8?q?a b?="),  # section 2: no blanks inside
        ("=?rot13?q?abc?=", "=?rot13?q?abc?="),  # a codec of the language, no charset of mail
        ("=?idna?q?abc?=", "=?idna?q?abc?="),
        # octets that the charset does not have become the replacement character, the word is still decoded
        ("=?utf-8?q?a=FF?=", "a\ufffd"),
        # once, and only once
        ("=?utf-8?q?=3D=3Futf-8=3Fq=3Fx=3F=3D?=", "=?utf-8?q?x?="),
        ("no words = ? here", "no words = ? here"),
        ("=?utf-8?q??=", ""),
    ],
)
def test_encoded_words(text: str, decoded: str) -> None:
    assert decode_words(text) == decoded


@given(st.text(st.sampled_from("=?utf-8qQbB*_ \r\n\t=40ZYUBi!~é\xff\x00"), max_size=40))
def test_decoding_words_never_raises(text: str) -> None:
    assert isinstance(decode_words(text), str)


@pytest.mark.parametrize(
    "charset", ["utf-8", "utf-7", "utf-16", "iso-2022-jp", "hz-gb-2312", "euc-kr", "big5", "gb18030"]
)
@given(payload=st.binary(max_size=12))
def test_a_word_in_a_stateful_charset_never_raises(charset: str, payload: bytes) -> None:
    word = f"=?{charset}?q?{''.join(f'={octet:02X}' for octet in payload)}?="
    assert isinstance(decode_words(word), str)


@given(payload=st.binary(max_size=8) | st.from_regex(rb"\A\+[A-Za-z0-9+/]{2,6}-?\Z"))
@example(payload=b"+2AA-")
def test_what_is_decoded_can_be_written(payload: bytes) -> None:
    """Python reads UTF-7 and UTF-16 into lone surrogates, and then no file takes the text."""
    for charset in ("utf-7", "utf-8", "utf-16", "utf-16le", "gb18030"):
        word = f"=?{charset}?q?{''.join(f'={octet:02X}' for octet in payload)}?="
        assert decode_words(word).encode("utf-8")[:0] == b""


def test_unfolding_comes_before_decoding() -> None:
    header = Header(b"Subject: =?utf-8?q?a?=\r\n\t=?utf-8?q?b?= c\r\n")
    assert header.all("subject")[0].text == "ab c"


@pytest.mark.parametrize(
    ("octets", "text"),
    [("Grüße".encode(), "Grüße"), ("Grüße".encode("latin-1"), "Grüße"), (b"plain", "plain"), (b"\xff", "\xff")],
)
def test_raw_octets_are_utf8_else_latin1(octets: bytes, text: str) -> None:
    """RFC 6532 section 3 allows UTF-8; anything else has no meaning, so it is shown octet by octet."""
    header = Header(b"Subject: " + octets + b"\r\n")
    assert header.all("subject")[0].text == text
    assert decode_octets(octets.decode("latin-1")) == text


def test_a_raw_and_an_encoded_form_meet_in_one_value() -> None:
    header = Header("Subject: é =?iso-8859-1?q?=E9?=\r\n".encode())
    assert header.all("subject")[0].text == "é é"


# ---- the limit -----------------------------------------------------------------------------------------------

PADDING = b"X-Padding: " + b"x" * 87 + b"\r\n"  # 100 octets


def test_past_the_limit_only_named_fields_are_kept() -> None:
    early, late = b"To: early@x.example\r\n", b"Bcc: late@x.example\r\n"
    block = early + PADDING * 3 + late + b"X-Late: 1\r\n" + b"Subject: late\r\n"
    header = Header(block, limit=150, keep={"bcc"})
    # Fields that start before the limit are kept whole.
    assert [field.octets for field in header.fields] == [early, PADDING, PADDING, late]
    assert header.fields[-1].defect == Defect(DefectName.OVER_LIMIT, (321, 321 + len(late)), "bcc")
    whole = [defect for defect in header.defects if defect.field == ""]
    assert [(d.name, d.span) for d in whole] == [(DefectName.OVER_LIMIT, (150, len(block)))]
    assert str(len(block)) in whole[0].note


def test_at_the_limit_nothing_is_lost() -> None:
    block = PADDING * 3
    header = Header(block, limit=300)
    assert len(header.fields) == 3
    assert header.defects == ()
    assert [d.name for d in Header(block, limit=299).defects] == [DefectName.OVER_LIMIT]


def test_past_the_limit_lines_are_looked_at_one_by_one() -> None:
    block = b"X: y\r\n" * 100_000 + b"Bcc: copy@x.example\r\n" + b" Bcc : also@x.example\r\n" + b"X: y\r\n" * 1_000
    header = Header(block, limit=60, keep={"bcc"})
    assert [line.name for line in header.lines] == ["x"] * 10 + ["bcc"]
    assert header.fields[-1].octets == b"Bcc: copy@x.example\r\n Bcc : also@x.example\r\n"
    assert [d.name for d in header.defects] == [DefectName.OVER_LIMIT] * 2


def test_a_damaged_name_past_the_limit_is_kept_under_the_name_that_readers_see() -> None:
    block = PADDING * 3 + b"Bcc : late@x.example\r\n"
    header = Header(block, limit=100, keep={"bcc"})
    assert [field.name for field in header.fields] == ["X-Padding", "Bcc"]
    assert header.fields[1].defect is not None
    assert header.fields[1].defect.name is DefectName.BLANK_BEFORE_COLON


def test_a_message_keeps_every_address_field_past_the_limit() -> None:
    late = "".join(f"{name}: {entry.sample}\r\n" for name, entry in CATALOGUE.items()).encode()
    message = Message.from_bytes(PADDING * 3 + late, limit=100)
    whole = Message.from_bytes(PADDING * 3 + late)
    named = {name for name, entry in CATALOGUE.items() if any("@" in shown for shown in entry.shows)}
    assert {s.field for s in message.sightings} == named
    assert message.sightings == whole.sightings
    assert len(message.header.lines) == 1 + len(CATALOGUE)


def test_the_limit_of_a_message_is_a_mebibyte() -> None:
    message = Message.from_bytes(b"X: " + b"x" * (1 << 20) + b"\r\nY: 1\r\nBcc: late@x.example\r\n")
    assert [field.name for field in message.header.fields] == ["X", "Bcc"]
    assert message.hidden == ("late@x.example",)


def test_a_field_is_made_of_octets() -> None:
    """What `text` shows is told from the octets alone, so a field that somebody else builds reads the same."""
    assert Field("To", b"To: =?utf-8?q?a?=\r\n b\r\n", None, None).text == "a b"
