"""`${env:NAME}` and `${file:/path}` in the file's values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ml_connector.operations.faults import Place

_REFERENCE: Final = re.compile(r"\$?\$\{(?P<kind>[^:{}]*)(?::(?P<name>[^{}]*))?\}")
_LARGEST_FILE: Final = 64 * 1024


class ReferenceMissing(ValueError):
    """What a value refers to is not there; the sentence names the reference, never its content."""


@dataclass(slots=True)
class References:
    """Replaces references by what they stand for, and keeps where there were any."""

    environment: Mapping[str, str]
    folder: Path
    """Where relative file names begin: the folder of the configuration file."""
    places: set[Place] = field(default_factory=set)
    missing: dict[Place, str] = field(default_factory=dict)

    def resolve(self, value: Any, place: Place) -> Any:
        """The same data with all references replaced; `missing` tells of those that cannot be."""
        if isinstance(value, dict):
            return {key: self.resolve(each, (*place, key)) for key, each in value.items()}
        if isinstance(value, list):
            return [self.resolve(each, (*place, index)) for index, each in enumerate(value)]
        return self._text(value, place) if isinstance(value, str) else value

    def _text(self, value: str, place: Place) -> str:
        try:
            return _REFERENCE.sub(lambda match: self._replace(match, place), value)
        except ReferenceMissing as missing:
            self.missing[place] = str(missing)
            return value

    def _replace(self, match: re.Match[str], place: Place) -> str:
        if match.group().startswith("$$"):
            return match.group()[1:]  # `$${` is a plain `${`
        kind, name = match.group("kind"), match.group("name") or ""
        self.places.add(place)
        if kind == "env":
            return self._variable(name)
        if kind == "file":
            return self._file(name)
        raise ReferenceMissing(
            "A reference is ${env:NAME} or ${file:/path}; for a value that has `${` in it write `$${`."
        )

    def _variable(self, name: str) -> str:
        value = self.environment.get(name, "").rstrip("\r\n")
        if not value:
            state = "empty" if name in self.environment else "not set"
            raise ReferenceMissing(f"The environment variable {name} is {state}.")
        return value

    def _file(self, name: str) -> str:
        path = self.folder / name
        try:
            with path.open(encoding="utf-8") as file:
                value = file.read(_LARGEST_FILE + 1).rstrip("\r\n")
        except FileNotFoundError:
            raise ReferenceMissing(f"The file {path} does not exist.") from None
        except (OSError, UnicodeDecodeError, ValueError) as error:
            raise ReferenceMissing(f"The file {path} cannot be read ({type(error).__name__}).") from None
        if not value or len(value) > _LARGEST_FILE:
            raise ReferenceMissing(f"The file {path} is {'too long' if value else 'empty'}.")
        return value


def escape(value: str) -> str:
    """A value as it is written where references are read."""
    return _REFERENCE.sub(lambda match: f"${match.group()}", value)
