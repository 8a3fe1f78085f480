"""What a test needs and may not find on this machine: it skips and says why, or fails if told to.

HEADERGUARD_REQUIRE names the parts that have to be there, separated by commas, or says "all".
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

__all__ = ["is_required", "require", "shared"]


def is_required(part: str) -> bool:
    """Whether the absence of a part is a failure in this run."""
    named = {name.strip() for name in os.environ.get("HEADERGUARD_REQUIRE", "").split(",")}
    return "all" in named or part in named


def require(part: str, present: bool, reason: str) -> None:
    """Go on when the part is present; otherwise skip, or fail where HEADERGUARD_REQUIRE asks for the part.

    Works inside a test, inside a fixture and at the top of a test module.
    """
    __tracebackhide__ = True
    if present:
        return
    if is_required(part):
        pytest.fail(f"{part} is required here (HEADERGUARD_REQUIRE) and missing: {reason}", pytrace=False)
    pytest.skip(f"{part}: {reason}", allow_module_level=True)


def shared(*parts: str) -> Path:
    """A path in the shared research data, which is no part of this repository.

    It lies beside the working copy, or where HEADERGUARD_SHARED says. A test that asks for something absent
    is skipped, under HEADERGUARD_REQUIRE=all too: the repository has to pass its tests alone.
    """
    __tracebackhide__ = True
    override = os.environ.get("HEADERGUARD_SHARED")
    root = Path(override) if override else Path(__file__).resolve().parents[2] / "shared"
    path = root.joinpath(*parts)
    if not path.exists():
        where = "in HEADERGUARD_SHARED" if override else "beside this working copy"
        name = "/".join(("shared", *parts))
        pytest.skip(f"shared data: no {name} {where}", allow_module_level=True)
    return path
