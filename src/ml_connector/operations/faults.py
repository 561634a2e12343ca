"""What is wrong with a file, and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

Place = tuple[str | int, ...]
"""Where in the file: keys and positions in lists, from the top."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. Values never appear in it: any may have come from a secret's reference."""

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.key + ': ' if self.key else ''}{self.message}"


class ConfigurationError(ValueError):
    """The file cannot be used; all its faults, in the order of its lines."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: (fault.line, fault.key, fault.message)))
        super().__init__("\n".join(str(fault) for fault in self.faults))


def render(place: Place) -> str:
    """A place as people write it: `connections.acme.mapping.dimensions[0].erp`."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def nearest(word: str, known: Iterable[str]) -> str:
    """A suggestion as a sentence's tail: the nearest known word, or all of them."""
    words = sorted(known)
    close = get_close_matches(word, words, n=1)
    return f"Did you mean {close[0]}?" if close else f"Known: {', '.join(words)}."
