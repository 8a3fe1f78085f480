"""Write src/headerguard/confusables.txt: which characters look like which, for people who read a domain.

    pip install PyICU && python scripts/confusables.py > src/headerguard/confusables.txt

The pairs are those of Unicode's confusables.txt (UTS #39), read through ICU's SpoofChecker, which carries that file.
Where the prototype there is no ASCII letter, two more places are asked: the capital of the letter, and its Unicode name
("LATIN SMALL LETTER B WITH HOOK" looks like b). What compatibility and case folding or the removal of combining marks
does at run time anyway is left out; what they would make another letter of stands there as it looks before them (the
lunate sigma looks like c, and folds to a sigma, which looks like o).
"""

import re
import sys
import unicodedata

import icu

CHECKER = icu.SpoofChecker()
PLAIN = re.compile(r"[a-z0-9-]+")
NAMED = re.compile(
    r"LATIN (?:SMALL LETTER|LETTER SMALL CAPITAL) (?:TURNED |REVERSED |OPEN |DOTLESS )?([A-Z])(?: WITH .*| BAR)?"
)
UNMAPPED = {
    "\N{LATIN SMALL LETTER EZH}": "3",
    "\N{LATIN SMALL LETTER SCHWA}": "a",
    "\N{LATIN SMALL LETTER ENG}": "n",
    "\N{LATIN LETTER WYNN}": "p",
    "\N{LATIN SMALL LETTER IOTA}": "i",
    "\N{LATIN SMALL LETTER KRA}": "k",
}
"""Seen in lists of imitations and by none of the three ways."""
ONE = str.maketrans("i10", "llo")
"""Letters and digits that are one to whoever reads the table."""
HEAD = """\
# Characters that look like others, before and after compatibility and case folding: what they look like, a space, the
# characters. Written by scripts/confusables.py; not to be edited.
# Source: confusables.txt (UTS #39) of Unicode {}, as ICU {} carries it; names and capitals: Unicode {}
# Licence: Unicode-3.0 (https://www.unicode.org/license.txt), Copyright 1991-2022 Unicode, Inc."""


def folded(text: str) -> str:
    """What the run time does before it looks into the table."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.category(c).startswith("M"))


def prototype(char: str) -> str:
    """What a character looks like, as far as one step tells."""
    if char in UNMAPPED:
        return UNMAPPED[char]
    skeleton = folded(CHECKER.getSkeleton(0, char)).replace("rn", "m")
    if PLAIN.fullmatch(skeleton):
        return skeleton
    capital = CHECKER.getSkeleton(0, char.upper())
    if PLAIN.fullmatch(capital.lower()):
        return capital.lower().replace("rn", "m")
    named = NAMED.fullmatch(unicodedata.name(char, ""))
    return named[1].lower() if named else skeleton


def main() -> None:
    """Write the table."""
    chars = [c for c in map(chr, range(0x80, sys.maxunicode + 1)) if unicodedata.category(c)[0] in "LNPS"]
    usual = [c for c in chars if folded(c) == c]
    changed = [c for c in chars if c == c.lower() and folded(c) != c]
    table = {c: p for c in usual if (p := prototype(c)) != c and p}
    for char in table:  # a prototype may have one of its own
        for _ in range(4):
            table[char] = "".join(table.get(c, c) for c in table[char])
    for char in changed:
        usually = "".join(table.get(c, c) for c in folded(char))
        if PLAIN.fullmatch(before := prototype(char)) and before.translate(ONE) != usually.translate(ONE):
            table[char] = before
    looks: dict[str, list[str]] = {}
    for char, target in table.items():
        if PLAIN.fullmatch(target) or not (target.isascii() or target == char):
            looks.setdefault(target, []).append(char)
    print(HEAD.format(icu.UNICODE_VERSION, icu.ICU_VERSION, unicodedata.unidata_version))
    for target in sorted(looks, key=lambda t: (not t.isascii(), t)):
        print(target, "".join(looks[target]))


if __name__ == "__main__":
    main()
