"""Rows as they travel: wrapped values, dates with the user's offset, links (Acumatica dossier 3)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from ml_connector.sandbox.acumatica.plugs import Visit
from ml_connector.sandbox.acumatica.schema import ENTITIES, Contract, Row, custom_kind

_SPACE = uuid.UUID("b1a7a2c6-5a4b-4a0e-8f0d-6a6f3b2a9c11")


@dataclass(frozen=True, slots=True)
class Selection:
    """What of an entity is answered."""

    expand: frozenset[str] = frozenset()
    """Paths of nested entities, with those that lead to them; `files` and `Details/files` among them."""
    select: frozenset[str] | None = None
    """Paths of fields and nested entities; None for all."""
    custom: tuple[str, ...] = ()
    """[Details/]View.Field."""

    def takes(self, path: str) -> bool:
        """True when a field is answered: named itself, or with all of what it is nested in."""
        return self.select is None or _is_covered(path, self.select)

    def opens(self, path: str) -> bool:
        """True when a nested entity is answered: expanded, and selected where there is a selection."""
        if path not in self.expand or self.select is None:
            return path in self.expand
        return _is_covered(path, self.select) or any(each.startswith(f"{path}/") for each in self.select)


def _is_covered(path: str, select: frozenset[str]) -> bool:
    while path:
        if path in select:
            return True
        path = path.rpartition("/")[0]
    return False


@dataclass(frozen=True, slots=True)
class Rendering:
    """One answer in the making."""

    visit: Visit
    entity: str
    selection: Selection
    faults: Mapping[str, str] = field(default_factory=dict)
    """Texts by path, `Details/0/Account`, for 422."""
    files: Sequence[Row] = ()

    @property
    def zone(self) -> ZoneInfo:
        """The time zone that dates are written in."""
        return self.visit.books.zone


def shown(rendering: Rendering, row: Row, *, number: int = 1) -> Row:
    """The record as it travels."""
    described = ENTITIES[rendering.entity]
    contract = described.contract(rendering.visit.version)
    root, record = rendering.visit.root, row.get("id") or str(uuid.uuid5(_SPACE, "new"))
    body: Row = {"id": record, "rowNumber": number, "note": _note(row)}
    body |= _members(rendering, contract, row, "")
    body["custom"] = _custom(rendering, row, "")
    if "files" in rendering.selection.expand:
        body["files"] = list(rendering.files)
    body["_links"] = {
        "self": f"{root}/{rendering.entity}/{record}",
        "files:put": f"{root}/files/{described.graph}/{described.view}/{record}/{{filename}}",
    }
    return body


def _note(row: Row) -> Row:
    return {"value": row.get("note") or ""}


def _members(rendering: Rendering, contract: Contract, row: Row, place: str) -> Row:
    """Fields and opened nested entities, in the order of the alphabet; `place` is where faults are told, with rows."""
    selection, zone, faults = rendering.selection, rendering.zone, rendering.faults
    prefix = f"{contract.path}/" if contract.path else ""
    result: Row = {}
    owner = row.get("id", "")
    for name, each in contract.fields.items():
        if selection.takes(prefix + name):
            value = row.get(name) if each.view else None
            result[name] = {} if value is None else {"value": as_wire(value, zone)}
        if faults and (text := faults.get(f"{place}{name}")):
            result[name] = {**result.get(name, {}), "error": text}
    for name, inner in contract.nested.items():
        if selection.opens(prefix + name) or any(path.startswith(f"{place}{name}/") for path in faults):
            result[name] = _nested(
                rendering, inner, row.get(name), place=f"{place}{name}", owner=owner, many=name in contract.lists
            )
    return dict(sorted(result.items()))


def _nested(rendering: Rendering, contract: Contract, value: Any, *, place: str, owner: str, many: bool) -> Any:
    if many:
        return [
            _detail(rendering, contract, line, number=number, place=f"{place}/{number - 1}/", owner=owner)
            for number, line in enumerate(value or (), 1)
        ]
    row = value or {}
    body = {"id": str(uuid.uuid5(_SPACE, f"{place}{owner}")), "rowNumber": 1, "note": None}
    return body | _members(rendering, contract, row, f"{place}/") | {"custom": {}}


def _detail(rendering: Rendering, contract: Contract, line: Row, *, number: int, place: str, owner: str) -> Row:
    visit = rendering.visit
    stored = line.get("id") or str(uuid.uuid5(_SPACE, f"{owner}/{contract.path}/{number}"))
    known = visit.session.line_id(stored)
    visit.session.lines[known] = (owner, stored)
    body: Row = {"id": known, "rowNumber": number, "note": _note(line)}
    if rendering.faults and (text := rendering.faults.get(place.rstrip("/"))):
        body["error"] = text
    body |= _members(rendering, contract, line, place)
    body["custom"] = _custom(rendering, line, f"{contract.path}/")
    if f"{contract.path}/files" in rendering.selection.expand:
        body["files"] = []
    graph = ENTITIES[rendering.entity].graph
    body["_links"] = {"files:put": f"{visit.root}/files/{graph}/{contract.view}/{known}/{{filename}}"}
    return body


def _custom(rendering: Rendering, row: Row, prefix: str) -> Row:
    result: Row = {}
    kept = row.get("custom") or {}
    for path in rendering.selection.custom:
        element = path.removeprefix(prefix)
        kind = custom_kind(rendering.entity, path)
        if kind is None or not path.startswith(prefix) or "/" in element:
            continue
        view, _, name = element.partition(".")
        block: Row = {"type": f"Custom{kind}Field"}
        if kept.get(element) is not None:
            block["value"] = as_wire(kept[element], rendering.zone)
        result.setdefault(view, {})[name] = block
    return result


def as_wire(value: Any, zone: ZoneInfo) -> Any:
    """A day as its local midnight with the offset of that day, an instant in the user's zone (dossier 3.3)."""
    if isinstance(value, datetime):
        return _stamp(value.astimezone(zone))
    if isinstance(value, date):
        return _stamp(midnight(value, zone))
    return value


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which a day begins for the user."""
    return datetime.combine(day, time(), zone)


def _stamp(moment: datetime) -> str:
    """Up to three digits of a second, without the zeros at the end."""
    offset = moment.strftime("%z")
    fraction = f"{moment.microsecond // 1000:03d}".rstrip("0")
    return f"{moment:%Y-%m-%dT%H:%M:%S}{'.' if fraction else ''}{fraction}{offset[:3]}:{offset[3:5]}"


def dump_json(body: Any) -> str:
    """JSON with decimals as numbers."""
    return json.dumps(body, default=_number, ensure_ascii=False)


def _number(value: Any) -> float | str:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date):
        return value.isoformat()
    message = f"{type(value).__name__} is not for the wire"
    raise TypeError(message)
