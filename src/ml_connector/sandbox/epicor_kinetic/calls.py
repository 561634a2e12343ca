"""One request taken apart: company, service, set or method, key (Epicor dossier 2.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from ml_connector.sandbox.epicor_kinetic.conditions import number
from ml_connector.sandbox.epicor_kinetic.errors import bad_query, no_path, no_record
from ml_connector.sandbox.epicor_kinetic.schema import EntitySet, Kind

INSTANCE = "KineticLive"
_ROOT = [INSTANCE, "api", "v2", "odata"]
_STEP = re.compile(r"([$A-Za-z_][\w]*)(?:\((.*)\))?", re.DOTALL)
_LITERAL = re.compile(r"\s*(?:([A-Za-z_]\w*)=)?('(?:[^']|'')*'|[^,']+)\s*(?:,|$)")


@dataclass(frozen=True, slots=True)
class Call:
    """A request below the OData root."""

    method: str
    company: str
    service: str
    steps: tuple[str, ...]
    """What follows the service, decoded: `POes('EPIC06',4211)`, `PODetails`."""
    options: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    root: str
    """`http://host/KineticLive/api/v2/odata/EPIC06`."""


def read_call(method: str, target: str, headers: Mapping[str, str], body: bytes, origin: str) -> Call | None:
    """The call of a request target as sent; None where it is not below the root."""
    path, _, query = target.partition("?")
    steps = [unquote(step) for step in path.split("/") if step]
    if steps[:4] != _ROOT or len(steps) < 6:
        return None
    return Call(
        method=method,
        company=steps[4],
        service=steps[5],
        steps=tuple(steps[6:]),
        options=read_options(query),
        headers=headers,
        body=body,
        root=f"{origin}/{'/'.join(steps[:5])}",
    )


def read_options(query: str) -> dict[str, str]:
    """The options of a query; a plus sign is one, not a blank (Epicor dossier 17.14)."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    return {unquote(name): unquote(value) for name, _, value in pairs}


def read_step(step: str) -> tuple[str, str | None]:
    """Name and key text of a path step; raises Refusal (404)."""
    found = _STEP.fullmatch(step)
    if found is None:
        raise no_path(step)
    return found[1], found[2]


def read_key(entity_set: EntitySet, text: str, company: str) -> tuple[Any, ...]:
    """The key in parentheses, positional or named; one of another company finds nothing. Raises Refusal."""
    parts: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        match = _LITERAL.match(text, at)
        if match is None:
            raise bad_query(f"Syntax error in the key '{text}'.")
        parts.append((match[1] or "", match[2].strip()))
        at = match.end()
    if len(parts) != len(entity_set.keys):
        raise bad_query(f"The number of keys in '{text}' does not match {entity_set.name}.")
    named = {name: literal for name, literal in parts if name}
    literals = [named.get(key, "") for key in entity_set.keys] if named else [literal for _, literal in parts]
    kinds = entity_set.entity.columns
    values = tuple(_value(kinds[key], literal) for key, literal in zip(entity_set.keys, literals, strict=True))
    if entity_set.keys[0].startswith("Company") and str(values[0]).lower() != company.lower():
        raise no_record()
    return values


def _value(kind: Kind, literal: str) -> Any:
    quoted = len(literal) > 1 and literal.startswith("'") and literal.endswith("'")
    value: Any = None
    match kind:
        case Kind.TEXT:
            value = literal[1:-1].replace("''", "'") if quoted else None
        case Kind.FLAG:
            value = {"true": True, "false": False}.get(literal)
        case Kind.GUID:
            value = literal.lower()
        case _:
            value = None if quoted else number(literal, kind)
    if value is None:
        raise bad_query(f"The key value {literal} has the wrong type.")
    return value
