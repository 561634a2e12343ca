"""The read methods that every business object has: GetRows, GetByID, GetBySysRowID and GetList (Epicor dossier 5.5)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from ml_connector.sandbox.epicor_kinetic.books import Books
from ml_connector.sandbox.epicor_kinetic.conditions import number
from ml_connector.sandbox.epicor_kinetic.errors import bad_body, no_path, no_record
from ml_connector.sandbox.epicor_kinetic.plugs import Outcome
from ml_connector.sandbox.epicor_kinetic.query import matching, ordered
from ml_connector.sandbox.epicor_kinetic.schema import TABLES, EntitySet, Row, Service, Tableset
from ml_connector.sandbox.epicor_kinetic.where import parse_where

BOTH_VERBS = frozenset({"GetRows", "GetByID", "GetList"})
"""Taken with GET and with POST (Epicor dossier 17.8)."""


def read(books: Books, service: Service, method: str, asked: Row) -> Outcome:
    """Answers one of the read methods; raises Refusal."""
    main = service.main
    if main is None:
        raise no_path(method)
    match method:
        case "GetRows":
            return _get_rows(books, service, main, asked)
        case "GetList":
            return _get_list(books, service, main, asked)
        case "GetBySysRowID":
            row = books.table(main.table).by_id(str(asked["id"]))
        case _:
            row = books.table(main.table).get(*_key(books, service, main, asked))
    if row is None:
        raise no_record()
    return Outcome(returned=tableset_of(books, service, method, [row]))


def tableset_of(books: Books, service: Service, method: str, rows: list[Row]) -> Tableset:
    """The header rows with all that hangs on them, as the method's tableset."""
    main = service.main
    assert main is not None
    names = service.tables_of(method)
    found: Tableset = {main.entity.name: rows}
    own = {each.table for each in child_sets(service).values()} & books.tables.keys()
    for name in names:
        if name in own:
            prefixes = [tuple(row[key] for key in main.keys) for row in rows]
            found[name] = [line for prefix in prefixes for line in books.table(name).below(*prefix)]
    return found


def _key(books: Books, service: Service, main: EntitySet, asked: Row) -> Iterator[Any]:
    given = [asked[name] for name in service.methods["GetByID"].parameters]
    if len(given) < len(main.keys):
        yield books.id
    for name, value in zip(main.keys[-len(given) :], given, strict=True):
        yield _typed(main, name, value)


def _typed(main: EntitySet, name: str, value: Any) -> Any:
    blank = main.entity.blank[name]
    if isinstance(blank, bool):
        return value if isinstance(value, bool) else str(value).lower() == "true"
    if isinstance(blank, int):
        read = number(str(value), main.entity.columns[name])
        if read is None:
            raise bad_body(f"'{value}' is not a valid value for '{name}'.")
        return read
    return str(value)


def _get_rows(books: Books, service: Service, main: EntitySet, asked: Row) -> Outcome:
    where = parse_where(main.entity.name, str(asked[f"whereClause{main.entity.name}"] or ""))
    table = books.table(main.table)
    rows, more = _paged(ordered(table, matching(table, where.condition), where.order), asked)
    found = tableset_of(books, service, "GetRows", rows)
    for name, lines in found.items():
        clause = str(asked.get(f"whereClause{name}") or "")
        if clause and name != main.entity.name:
            test = parse_where(name, clause).condition.test
            found[name] = [line for line in lines if test(line)]
    return Outcome(returned=found, parameters={"morePages": more})


def _get_list(books: Books, service: Service, main: EntitySet, asked: Row) -> Outcome:
    where = parse_where(main.entity.name, str(asked["whereClause"] or ""))
    table = books.table(main.table)
    rows, more = _paged(ordered(table, matching(table, where.condition), where.order), asked)
    name = list_entity(service)
    return Outcome(returned={name: [list_row(row, main) for row in rows]}, parameters={"morePages": more})


def list_entity(service: Service) -> str:
    """The short row of a service: `VendorList`."""
    names = service.tables_of("GetList") if "GetList" in service.methods else ()
    name = next((each for each in names if each in TABLES), None)
    if name is None:
        raise no_path("List")
    return name


def list_row(row: Row, main: EntitySet) -> Row:
    """A row as the short form has it: GLAccount1 is plain GLAccount there (Epicor dossier 8.1)."""
    renamed = f"{main.entity.name}1"
    return {**row, main.entity.name: row[renamed]} if renamed in row else row


def _paged(rows: Iterator[Row], asked: Row) -> tuple[list[Row], bool]:
    """A page of uneven length, and whether more follow; pages 0 and 1 are the first (Epicor dossier 17.17)."""
    size, page = _whole(asked, "pageSize"), max(_whole(asked, "absolutePage"), 1)
    if size <= 0:
        raise bad_body("pageSize must be greater than zero.")
    lengths = [max(size - each % 3, 1) for each in range(page)]
    start = sum(lengths[:-1])
    found = list(islice(rows, start, start + lengths[-1] + 1))
    return found[: lengths[-1]], len(found) > lengths[-1]


def _whole(asked: Row, name: str) -> int:
    try:
        return int(asked[name])
    except (TypeError, ValueError):
        raise bad_body(f"'{asked[name]}' is not a valid value for '{name}'.") from None


def child_sets(service: Service) -> dict[str, EntitySet]:
    """The sets that hang on the header's, by name."""
    main = service.main
    if main is None:
        return {}
    return {name: each for name, each in service.sets.items() if each is not main}
