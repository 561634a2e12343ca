"""Query options of a read, down through nested `$expand` (BC dossier 4.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ml_connector.sandbox.business_central.errors import Refused, bad_request
from ml_connector.sandbox.business_central.filters import Filter, parse_filter, unknown_property
from ml_connector.sandbox.business_central.schema import TYPES, EntityType

_KNOWN = {
    "$filter",
    "$select",
    "$expand",
    "$orderby",
    "$top",
    "$skip",
    "$skiptoken",
    "$schemaversion",
    "aid",
    "company",
    "tenant",
}


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of one entity set."""

    entity: EntityType
    select: tuple[str, ...]
    """Properties to return, in page order; streams apart."""
    enums: tuple[str, ...] = ()
    """Those of them whose values are encoded."""
    streams: tuple[str, ...] = ()
    """Streams to link to."""
    filter: Filter | None = None
    order: tuple[tuple[str, bool], ...] = ()
    """Properties to sort by; True for descending."""
    top: int | None = None
    skip: int = 0
    token: str = ""
    expand: dict[str, Query] = field(default_factory=dict)


def parse_query(entity: EntityType, options: Mapping[str, str]) -> Query:
    """Reads the options of a request or of one expanded part; raises Refused for what is not supported."""
    for name in options:
        if name not in _KNOWN:
            # `$count` and `$search` among them (dossier U15).
            raise bad_request(f"The query parameter '{name}' is not supported.")
    schema_21 = options.get("$schemaversion") == "2.1"
    condition = options.get("$filter")
    names = _select(entity, options.get("$select", ""))
    kinds = {name: entity.properties[name].kind for name in names}
    return Query(
        entity=entity,
        select=tuple(name for name in names if kinds[name] != "stream"),
        enums=tuple(name for name in names if kinds[name] == "enum"),
        streams=tuple(name for name in names if kinds[name] == "stream"),
        filter=parse_filter(entity, condition, schema_21=schema_21) if condition else None,
        order=tuple(_order(entity, options.get("$orderby", ""))),
        top=_number(options, "$top"),
        skip=_number(options, "$skip") or 0,
        token=options.get("$skiptoken", ""),
        expand=dict(_expand(entity, options.get("$expand", ""))),
    )


def _select(entity: EntityType, text: str) -> tuple[str, ...]:
    if not text:
        return tuple(entity.properties)
    wanted = {name.strip() for name in text.split(",")}
    for name in wanted:
        if name not in entity.properties and name not in entity.parts:
            raise unknown_property(entity, name)
    return tuple(name for name in entity.properties if name in wanted)


def _order(entity: EntityType, text: str) -> Iterator[tuple[str, bool]]:
    for term in filter(None, (term.strip() for term in text.split(","))):
        name, _, direction = term.partition(" ")
        if name not in entity.properties:
            raise unknown_property(entity, name)
        if not entity.properties[name].filterable or direction.strip() not in ("", "asc", "desc"):
            raise Refused(400, "BadRequest_MethodNotImplemented", f"Sorting by '{term}' is not supported.")
        yield name, direction.strip() == "desc"


def _number(options: Mapping[str, str], name: str) -> int | None:
    text = options.get(name)
    if text is None:
        return None
    if not text.isdigit():
        raise bad_request(f"Invalid value '{text}' for {name} query option found.")
    return int(text)


def _expand(entity: EntityType, text: str) -> Iterator[tuple[str, Query]]:
    for term in split_outside(text, ","):
        name, _, rest = term.partition("(")
        part = entity.parts.get(name.strip())
        if part is None:
            raise unknown_property(entity, name.strip())
        options = dict(_option(option) for option in split_outside(rest.removesuffix(")"), ";"))
        yield part.name, parse_query(TYPES[part.entity_set], options)


def _option(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip(), value


def split_outside(text: str, divider: str) -> Iterator[str]:
    """Splits at dividers that are neither inside brackets nor inside a quoted text."""
    depth = 0
    quoted = False
    start = 0
    for at, letter in enumerate(text):
        if letter == "'":
            quoted = not quoted
        elif not quoted:
            depth += (letter == "(") - (letter == ")")
            if letter == divider and depth == 0:
                yield text[start:at].strip()
                start = at + 1
    if text[start:].strip():
        yield text[start:].strip()
