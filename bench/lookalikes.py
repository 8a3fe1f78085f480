#!/usr/bin/env python3
"""What telling imitations costs: bench/lookalikes.py [NAMES ...]

The index over so many known names (10,000, 100,000 and 1,000,000 unless said): processor time to build it, memory that
it takes, processor time of a question. Before that mail without strangers: what was loaded and called for it of all
that is about strangers, and what the rules on strangers add to a check.
"""

from __future__ import annotations

import gc
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import process_time
from types import FrameType

SYLLABLES = (
    "ba be bo ca co da de di do el en er fa fi ga go ha he in ka la le li lo ma me mi mo na ne no on or pa pe po ra re "
    "ri ro sa se si so ta te ti to tra ver vi wa za shop tech net web soft data care home"
)
STRANGE = tuple(
    f"headerguard.{name}"
    for name in ("lookalike", "confusable", "inquiry", "dns_facts", "mail_policy", "name_server", "resolver")
)
"""Modules of which mail without strangers needs nothing."""
ASKING = ("imitated", "_explained")
"""Functions elsewhere that ask about a stranger."""
SUFFIXES = ("com", "com", "net", "de", "co.uk", "io", "example")
ASKED = 500


def names(count: int) -> list[str]:
    chance, syllables = random.Random(count), SYLLABLES.split()
    made: dict[str, None] = {}
    while len(made) < count:
        label = "".join(chance.choices(syllables, k=chance.randint(4, 6)))
        made[f"{label}.{chance.choice(SUFFIXES)}"] = None
    return list(made)


def strangers(known: list[str]) -> Iterator[str]:
    """Half of them one slip away from a known name, the others from nowhere."""
    chance = random.Random(1)
    for name in chance.sample(known, ASKED // 2):
        place = chance.randrange(2, 8)
        yield name[:place] + chance.choice("abcdefghijklmnopqrstuvwxyz") + name[place + 1 :]
        yield "x" + name.partition(".")[0][::-1] + ".org"


def resident() -> int:
    """Octets of memory that the process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def index(count: int) -> None:
    from headerguard.lookalike import Lookalikes

    Lookalikes(["warm.example"]).imitated("warn-me.example")
    known = names(count)
    gc.collect()
    held, start = resident(), process_time()
    lookalikes = Lookalikes(known)
    built, taken = process_time() - start, resident() - held
    times, found = [], 0
    for stranger in strangers(known):
        start = process_time()
        found += lookalikes.imitated(stranger) is not None
        times.append(process_time() - start)
    times.sort()
    print(
        f"{count:>9,} names: built in {built:6.2f} s, {taken / 2**20:5.0f} MiB; a question takes "
        f"{median(times) * 1e6:4.0f} us, the slowest of a hundred {times[-ASKED // 100] * 1e6:5.0f} us; "
        f"{found} of {ASKED} told"
    )


def idle(check: Callable[[], object]) -> str:
    """What one check loads and calls of the modules that are about strangers."""
    called: Counter[str] = Counter()

    def note(frame: FrameType, event: str, _: object) -> None:
        module, name = frame.f_globals.get("__name__", ""), frame.f_code.co_name
        if event == "call" and (module in STRANGE or module.partition(".")[0] == "dns" or name in ASKING):
            called[f"{module}.{name}" if name in ASKING else module] += 1

    sys.setprofile(note)
    check()
    sys.setprofile(None)
    loaded = [name for name in (*STRANGE, "dns") if name in sys.modules]
    calls = ", ".join(f"{name} {times:,} times" for name, times in sorted(called.items()))
    return f"loaded for it: {', '.join(loaded) or 'nothing'}; called: {calls or 'nothing'}"


def clean_mail() -> None:
    from headerguard import Guard
    from headerguard.config import parse

    new = ("lookalike-domain", "lookalike-mailbox", "freemail-blind-recipient", "routed-recipient")
    text = (
        b"From: shop@shop.example\r\nTo: jane@client.example\r\nBcc: audit@shop.example\r\nSubject: Your receipt\r\n"
        b"Message-ID: <1@shop.example>\r\nX-MC-Template: receipt\r\n\r\n"
    )

    def guard(disable: tuple[str, ...] = (), mail: bytes = text, dns: bool = False) -> Callable[[], object]:
        settings = {"own-domains": ["shop.example"], "disable": list(disable), "dns": {"enable": dns}}
        made = Guard(config=parse(settings))
        made.learn([text] * 30)
        return lambda: made.check(mail)

    checks = {"with": guard(()), "without": guard(new)}
    taken: dict[str, list[float]] = {name: [] for name in checks}
    for _ in range(30):
        for name, check in checks.items():
            start = process_time()
            for _ in range(200):
                check()
            taken[name].append((process_time() - start) / 200 * 1e6)
    print(
        f"mail without strangers: {median(taken['with']):.0f} us a check, {median(taken['without']):.0f} us without the"
        f" rules on strangers; {idle(checks['with'])}"
    )
    print(f"the same with [dns] enabled: {idle(guard(dns=True))}")
    print(f"mail with one, to see that this tells: {idle(guard(mail=text.replace(b'audit@', b'audit@x')))}")


def main() -> None:
    clean_mail()
    for count in map(int, sys.argv[1:] or ("10000", "100000", "1000000")):
        index(count)


if __name__ == "__main__":
    main()
