"""Checks what comes in against the entities' field tables: required, unknown, types, lengths, ranges, values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ml_connector.sandbox.basware.entities import ENTITIES, ENUMS, PATTERNS
from ml_connector.sandbox.basware.wire import moment_of

Check = Callable[[Any, str], Iterator[str]]

_RUN = re.compile(r"^(.*?)(\d+)\.\.(\d+)$")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an entity."""

    required: bool
    check: Check


def problems(entity: str, value: object, *, partial: bool = False) -> list[str]:
    """Everything that is wrong with `value` as that entity; `partial` lets required fields be left out."""
    return list(_object_problems(entity, value, "", partial))


def _object_problems(entity: str, value: object, path: str, partial: bool = False) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"The value of {path or entity} must be an object."
        return
    fields = FIELDS[entity]
    for name, content in value.items():
        field = fields.get(name)
        if field is None:
            yield f"The field {path}{name} is not known."  # U3: unknown fields are rejected
        elif content is not None:
            yield from field.check(content, path + name)
    if not partial:
        for name, field in fields.items():
            if field.required and value.get(name) is None:
                yield f"The {path}{name} field is required."


def _text(least: int, most: int | None, pattern: str | None) -> Check:
    compiled = re.compile(PATTERNS[pattern]) if pattern else None

    def check(value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, str):
            yield f"The field {path} must be a string."
        elif len(value) < least or (most is not None and len(value) > most):
            yield (
                f"The field {path} must be a string with a minimum length of {least} and a maximum length of {most}."
            )
        elif compiled is not None and not compiled.match(value):
            yield f"The field {path} must match the regular expression."

    return check


def _number(least: Decimal | None, most: Decimal | None, *, whole: bool) -> Check:
    def check(value: Any, path: str) -> Iterator[str]:
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            yield f"The field {path} must be a number."
        elif whole and value != int(value):
            yield f"The field {path} must be a whole number."
        elif (least is not None and value < least) or (most is not None and value > most):
            yield f"The field {path} must be between {least} and {most}."

    return check


def _boolean(value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, bool):
        yield f"The field {path} must be true or false."


def _moment(value: Any, path: str) -> Iterator[str]:
    try:
        moment_of(value)
    except (TypeError, ValueError):
        yield f"The field {path} must be a date-time."


def _one_of(name: str) -> Check:
    def check(value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, str) or value not in ENUMS[name]:
            yield f"The value '{value}' is not valid for {path}."

    return check


def _object(entity: str) -> Check:
    return lambda value, path: _object_problems(entity, value, f"{path}.")


def _list(inner: Check) -> Check:
    def check(value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"The field {path} must be an array."
            return
        for index, element in enumerate(value):
            yield from inner(element, f"{path}[{index}]")

    return check


def _check_of(kind: str) -> Check:
    if kind.startswith("["):
        return _list(_check_of(kind[1:-1]))
    if kind.startswith("{"):
        return _object(kind[1:-1])
    if kind.startswith("enum:"):
        return _one_of(kind[5:])
    if kind in {"bool", "date"}:
        return _boolean if kind == "bool" else _moment
    name, _, limits = kind.partition(" ")
    if name in {"num", "int"}:
        least, _, most = limits.partition("..")
        return _number(Decimal(least) if least else None, Decimal(most) if most else None, whole=name == "int")
    least, _, most = name[1:].partition("-")
    return _text(int(least or 0), int(most) if most else None, limits.lstrip("~") or None)


def _names(words: list[str]) -> Iterator[str]:
    for word in words:
        run = _RUN.match(word)
        if run is None:
            yield word
        else:
            yield from (f"{run[1]}{number}" for number in range(int(run[2]), int(run[3]) + 1))


def _read(text: str) -> dict[str, dict[str, Field]]:
    tables: dict[str, dict[str, Field]] = {}
    entity = ""
    for line in text.replace("\n      ", " ").splitlines():
        if not line.strip():
            continue
        if not line.startswith(" "):
            entity = line.strip()
            tables[entity] = {}
            continue
        kind, _, names = line.strip().partition(": ")
        check = _check_of(kind.removeprefix("!"))
        for name in _names(names.split()):
            tables[entity][name] = Field(kind.startswith("!"), check)
    return tables


FIELDS = _read(ENTITIES)
