"""Dimensions as the settings name them, and subaccounts taken apart and put together. Pure functions.

A subaccount is one code in segments, such as `D010-A01`; the mask is no part of any entity, so it is learnt from the
codes: segments are what stands between the hyphens (Acumatica dossier 9.1.1, 9.4).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SEPARATOR: Final = "-"
_SEGMENT: Final = re.compile(r"subaccount\.([1-9]\d?)", re.IGNORECASE)


class DimensionKind(StrEnum):
    """What a line can carry beside its account."""

    SUBACCOUNT = "Subaccount"
    """The whole code."""
    SEGMENT = "Subaccount segment"
    PROJECT = "Project"
    TASK = "ProjectTask"


@dataclass(frozen=True, slots=True)
class Dimension:
    """One dimension; `segment`, counted from 1, where it is one of a subaccount."""

    kind: DimensionKind
    segment: int = 0


_PLAIN: Final = {
    kind.value.lower(): Dimension(kind)
    for kind in (DimensionKind.SUBACCOUNT, DimensionKind.PROJECT, DimensionKind.TASK)
}


def dimension_of(setting: str) -> Dimension | None:
    """What a mapping rule's name means: Subaccount, Subaccount.2, Project or ProjectTask; None for anything else."""
    name = setting.strip()
    found = _SEGMENT.fullmatch(name)
    if found:
        return Dimension(DimensionKind.SEGMENT, int(found.group(1)))
    return _PLAIN.get(name.lower())


def segments(code: str) -> tuple[str, ...]:
    """The segments of a subaccount's code."""
    return tuple(each.strip() for each in code.split(SEPARATOR))


def is_blank(segment: str) -> bool:
    """True for a segment that says nothing: zeros only."""
    return not segment.strip("0")


def blank_of(codes: Iterable[str]) -> str:
    """The code that says nothing, as the known codes show it: `0000-000`; empty where there are none."""
    first = next(iter(codes), "")
    return SEPARATOR.join("0" * len(each) for each in segments(first)) if first else ""


def put_together(given: Mapping[int, str], *, base: str) -> str | None:
    """The code with these segments (counted from 1), and the others as in `base`.

    None where `base` has no such segment.
    """
    parts = list(segments(base)) if base else []
    for number, value in given.items():
        if number > len(parts):
            return None
        parts[number - 1] = value
    return SEPARATOR.join(parts)
