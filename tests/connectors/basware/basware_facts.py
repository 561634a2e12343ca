"""Names, types and lengths of Basware's entities, from its published description (file version 26.06.05.402)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_FACTS: Mapping[str, Any] = json.loads((Path(__file__).parent / "facts.json").read_text())


def faults(resource: str, payload: Mapping[str, Any]) -> list[str]:
    """What Basware's first step would refuse in an entity of `resource`."""
    root = "lists" if resource.startswith("lists/") else resource
    return _entity(_FACTS["roots"][root], payload, root)


def _entity(schema: str, payload: Mapping[str, Any], path: str) -> list[str]:
    facts = _FACTS["schemas"][schema]
    found = [f"{path}.{name} is required" for name in facts["required"] if payload.get(name) is None]
    for name, value in payload.items():
        fact = facts["members"].get(name)
        if fact is None:
            found.append(f"{path}.{name} is unknown")
        elif fact.get("list"):
            for entry in value:
                found += _value(fact, entry, f"{path}.{name}[]")
        else:
            found += _value(fact, value, f"{path}.{name}")
    return found


def _value(fact: Mapping[str, Any], value: Any, path: str) -> list[str]:
    if "of" in fact:
        return _entity(fact["of"], value, path)
    kinds = {"string": str, "boolean": bool, "integer": int}
    kind = kinds.get(fact["type"], object)
    if not isinstance(value, kind):
        return [f"{path} is no {fact['type']}: {value!r}"]
    if isinstance(value, str):
        size = len(value.encode("utf-16-le", "surrogatepass")) // 2
        if not fact.get("least", 0) <= size <= fact.get("most", 10**9):
            return [f"{path} has {size} characters"]
        if "enum" in fact and value not in fact["enum"]:
            return [f"{path} is {value!r}"]
    return []
