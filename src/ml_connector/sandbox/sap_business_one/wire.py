"""Rows as they travel: every property of the installation's year, dates and annotations of the version."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from ml_connector.sandbox.sap_business_one.errors import malformed
from ml_connector.sandbox.sap_business_one.schema import TAGGED_SETS, TYPES, EntityType, Row
from ml_connector.sandbox.sap_business_one.table import etag

BOGUS_TAG = 'W/"DA39A3EE5E6B4B0D3255BFEF95601890AFD80709"'
"""What a $select answer carries for every row: a tag that fits none (B1 dossier 5.6)."""


@dataclass(frozen=True, slots=True)
class Form:
    """How answers are written: the OData version, the installation's year, and whether days end in a time."""

    version: int
    profile: int
    zulu: bool
    """Days as `2026-03-31T00:00:00Z`; always so on OData 4, by build on OData 3 (B1 dossier 5.5)."""


@dataclass(frozen=True, slots=True)
class _Template:
    blank: Row
    dates: tuple[str, ...]
    nested: tuple[tuple[str, EntityType], ...]


@cache
def _template(name: str, profile: int) -> _Template:
    entity = TYPES[name]
    kept = {each: value for each, value in entity.blank.items() if entity.has(each, profile)}
    plain = {each: 0.0 if isinstance(value, Decimal) else value for each, value in kept.items()}
    nested = tuple((each, TYPES[kind]) for each, kind in entity.nested.items() if each in kept)
    return _Template(plain, tuple(each for each in entity.dates if each in kept), nested)


def shown(entity: EntityType, row: Row, form: Form, select: Sequence[str] | None = None) -> Row:
    """The row as it travels, without annotations."""
    template = _template(entity.name, form.profile)
    wanted = template.blank if select is None else {name: template.blank[name] for name in select}
    result = {name: row.get(name, value) for name, value in wanted.items()}
    if form.zulu:
        for name in template.dates:
            if result.get(name):
                result[name] = f"{result[name]}T00:00:00Z"
    for name, inner in template.nested:
        if result.get(name):
            result[name] = [shown(inner, line, form) for line in result[name]]
    if entity.name == "Attachments2" and form.version == 3 and "AbsoluteEntry" in result:
        result["AbsoluteEntry"] = str(result["AbsoluteEntry"])  # As the manual prints it (B1 dossier 7.4).
    return result


def annotated(entity_set: str, entity: EntityType, row: Row, form: Form, *, select: Sequence[str] | None = None) -> Row:
    """The row with its tag in front where the set has tags; a $select carries a bogus one, on OData 4 only."""
    body = shown(entity, row, form, select)
    if not is_tagged(entity_set, form.profile):
        return body
    if select is None:
        return {"@odata.etag" if form.version == 4 else "odata.etag": etag(row), **body}
    return {"@odata.etag": BOGUS_TAG, **body} if form.version == 4 else body


def is_tagged(entity_set: str, profile: int) -> bool:
    """True for the sets with ETags, in installations that have DataVersion."""
    return entity_set in TAGGED_SETS and profile >= 2024


def parse_json(body: bytes) -> Any:
    """The body with decimals kept exact, an empty one as {}; raises B1Error when it is not JSON."""
    if not body.strip():
        return {}
    try:
        return json.loads(body, parse_float=Decimal)
    except ValueError:
        raise malformed("The request body is no valid JSON") from None


def dump_json(body: Any) -> str:
    """JSON with amounts as numbers that have a decimal point, as B1 writes Edm.Double."""
    return json.dumps(body, default=_number, ensure_ascii=False)


def _number(value: Any) -> float:
    if not isinstance(value, Decimal):
        message = f"{type(value).__name__} is not for the wire"
        raise TypeError(message)
    return float(value)
