"""Text in a field that wants to be a field of its own."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.fields import DESTINATION
from headerguard.finding import Finding, Severity
from headerguard.header import DefectName, decode_words, decoded_words
from headerguard.known import Known
from headerguard.message import Message
from headerguard.rule import Example, Rule

_NAMED = DESTINATION | {"from", "sender", "reply-to"}
_NAMES = "|".join(sorted(_NAMED, key=len, reverse=True))
_INJECTED = re.compile(rf"(?:\r\n|[\r\n])[ \t]*(?:{_NAMES})[ \t]*:[^\r\n]*@", re.IGNORECASE)
_LINE_END = re.compile(r"[\r\n]")
_FREE_TEXT = frozenset(("subject", "comments", "keywords", "from", "to", "cc", "reply-to", "sender"))


@dataclass(frozen=True)
class HeaderInjection(Rule):
    """A value that carries a line end and a destination field.

    Flags: a Subject, a display name or another free text that holds, plainly folded, behind a bare CR, or inside an
    encoded-word, a line end followed by a field such as "Bcc: somebody@example.com".

    Why: this is what a form field or a customer's name looks like when somebody tries to write recipients into the
    header of a message. One server or library that unfolds or decodes too early is enough.

    When it is wrong: a subject that quotes a header on purpose; the quoted line end does not survive in honest mail.

    What to do: reject line ends in every value that comes from outside, where the message is built.

    References: CWE-93; RFC 5322 section 2.2; RFC 2047 section 5.
    """

    id = "header-injection"
    severity = Severity.HIGH
    fields = _FREE_TEXT
    defects = frozenset((DefectName.INJECTED_LINE,))
    examples = (
        Example(
            flagged="To: jane@client.example\nSubject: =?utf-8?q?Hello=0D=0ABcc=3A_copy=40arxxwalls.com?=\n",
            clean="To: jane@client.example\nSubject: =?utf-8?q?Hello_Bcc=3A_copy=40arxxwalls.com?=\n",
            cites="Subject: =?utf-8?q?Hello=0D=0ABcc=3A_copy=40arxxwalls.com?=",
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Search the raw value, then the decoded one; an ordinary address list can hold neither."""
        text, encoded = message.header.text, "=?" in message.header.text
        for field in message.header.fields if message.header.defects else ():
            if field.defect and field.defect.name is DefectName.INJECTED_LINE and field.name.lower() in _NAMED:
                yield self.finding(field, f"a value carries a line end and the field {field.name}")
        doubtful = [
            line
            for line in message.header.lines
            if line[0] in _FREE_TEXT and (encoded or _has_lines(text, line[2], line[3] - 2))
        ]
        ordinary = {p.line.start for p in message.parts_named(_FREE_TEXT) if message.is_ordinary(p)} if doubtful else ()
        for line in doubtful:
            if line.start not in ordinary and _is_injected(text[line.value : line.end].rstrip("\r\n")):
                field = message.header.field(line)
                yield self.finding(field, f"{field.name} carries a line end and a destination field")


def _has_lines(text: str, start: int, end: int) -> bool:
    """Whether a value has a line end inside, and what a field in it would have."""
    return text.find(":", start, end) >= 0 and _LINE_END.search(text, start, end) is not None


def _is_injected(raw: str) -> bool:
    """Look at the raw value if it has a line end inside, and at the decoded one if an encoded-word has."""
    if ("\n" in raw or "\r" in raw) and _INJECTED.search(raw):
        return True
    words = decoded_words(raw, 0, len(raw)) if "=?" in raw else ()
    return any("\n" in word or "\r" in word for word in words) and bool(_INJECTED.search(decode_words(raw)))
