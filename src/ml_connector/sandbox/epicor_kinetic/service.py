"""The OData root behind its door: sets, keys, navigation and methods, each call all or nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from ml_connector.sandbox.epicor_kinetic import reading
from ml_connector.sandbox.epicor_kinetic.books import Books
from ml_connector.sandbox.epicor_kinetic.calls import Call, read_key, read_step
from ml_connector.sandbox.epicor_kinetic.errors import (
    Refusal,
    bad_body,
    bad_query,
    no_path,
    no_record,
    not_simulated,
    server_error,
    wrong_verb,
)
from ml_connector.sandbox.epicor_kinetic.metadata import describe
from ml_connector.sandbox.epicor_kinetic.plugs import OPERATIONS, WRITERS, Outcome, Visit
from ml_connector.sandbox.epicor_kinetic.query import Query, read_query, run_query
from ml_connector.sandbox.epicor_kinetic.schema import (
    SERVICES,
    TABLES,
    Entity,
    EntitySet,
    Method,
    Row,
    Service,
)
from ml_connector.sandbox.epicor_kinetic.table import Store
from ml_connector.sandbox.epicor_kinetic.wire import parse_json, read_row, read_tableset, shown, shown_tableset

SILENT_SETS = frozenset({"PODetails"})
"""Child sets that answer a filter with nothing at all (Epicor dossier 5.4)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: a JSON body, or text of another type, or nothing."""

    status: int = 200
    body: Any = None
    text: str | None = None
    content_type: str = "application/json"


@dataclass(slots=True)
class Habits:
    """How this installation reads, which differs from server to server."""

    heavy: set[str] = field(default_factory=set)
    """Services that answer direct reads of their sets with 500 (Epicor dossier 5.4)."""
    sysrevid: bool = True
    """OData takes filters on SysRevID."""
    next_link: bool = False
    cap: int = 0
    """The most rows of an answer, whatever $top says; 0 for none."""


Checked = Callable[[str], None]
"""Refuses a method the caller has no rights on, by its name: `Erp.BO.Vendor.GetRows`."""


@dataclass(slots=True)
class OData:
    """Answers calls in the books of their company."""

    store: Store
    habits: Habits

    def answer(self, call: Call, visit: Visit, check: Checked) -> Answer:
        """Does what a call asks; what raises Refusal leaves nothing behind. Does not commit."""
        mark = self.store.mark()
        try:
            return self._route(call, visit, check)
        except Refusal:
            self.store.rollback(mark)
            raise

    def _route(self, call: Call, visit: Visit, check: Checked) -> Answer:
        service = SERVICES.get(call.service)
        if service is None or len(call.steps) > 2:
            raise no_path("/".join((call.service, *call.steps)))
        if not call.steps:
            listed = [{"name": name, "kind": "EntitySet", "url": name} for name in service.sets]
            return Answer(body={"@odata.context": f"{call.root}/{service.name}/$metadata", "value": listed})
        name, key = read_step(call.steps[0])
        if name == "$metadata":
            return Answer(text=describe(service.name), content_type="application/xml")
        if name in service.sets:
            return self._on_set(call, visit, check, service.sets[name], key)
        if name == "List" and service.main is not None and call.method == "GET":
            check(f"{service.object}.GetList")
            return self._short(call, visit, service, service.main)
        if name in service.methods and len(call.steps) == 1:
            return self._method(call, visit, check, service.methods[name])
        raise no_path(f"{call.service}/{'/'.join(call.steps)}")

    def _on_set(self, call: Call, visit: Visit, check: Checked, asked: EntitySet, key: str | None) -> Answer:
        service = SERVICES[asked.service]
        if call.method != "GET":
            check(f"{service.object}.Update")
            return self._write(call, visit, asked, key)
        check(f"{service.object}.{'GetRows' if key is None else 'GetByID'}")
        if key is None:
            if len(call.steps) > 1:
                raise no_path("/".join(call.steps))
            return self._list(call, visit, asked)
        row = visit.books.table(asked.table).get(*read_key(asked, key, visit.books.id))
        if row is None:
            raise no_record()
        return self._one(call, visit, asked, row) if len(call.steps) == 1 else self._below(call, visit, asked, row)

    def _list(self, call: Call, visit: Visit, asked: EntitySet) -> Answer:
        if asked.service in self.habits.heavy:
            raise server_error()
        query = read_query(asked.entity, call.options, revisions=self.habits.sysrevid)
        expanded = _expanded(asked, query)
        if asked.name in SILENT_SETS or asked.table not in visit.books.tables:
            return Answer(body={**_context(call, asked), "value": []})
        page = run_query(visit.books.table(asked.table), query, cap=self.habits.cap)
        body = _context(call, asked)
        if page.count is not None:
            body["@odata.count"] = page.count
        body["value"] = [_nested(visit.books, asked, row, query, expanded) for row in page.rows]
        if self.habits.next_link and page.more and query.top != len(page.rows):
            body["@odata.nextLink"] = _next_link(call, query, len(page.rows))
        return Answer(body=body)

    def _one(self, call: Call, visit: Visit, asked: EntitySet, row: Row) -> Answer:
        query = read_query(asked.entity, call.options)
        body = _nested(visit.books, asked, row, query, _expanded(asked, query))
        context = f"{call.root}/{asked.service}/$metadata#{asked.name}/$entity"
        return Answer(body={"@odata.context": context, **body})

    def _below(self, call: Call, visit: Visit, asked: EntitySet, row: Row) -> Answer:
        """Navigation: `APInvoices('EPIC06',1042,'INV-77')/APInvDtls`."""
        child = reading.child_sets(SERVICES[asked.service]).get(call.steps[1])
        if child is None or child.table not in visit.books.tables:
            raise no_path(call.steps[1])
        query = read_query(child.entity, call.options)
        rows = [each for each in _lines(visit.books, asked, child, row) if query.condition.test(each)]
        return Answer(
            body={**_context(call, child), "value": [shown(child.entity, each, query.select) for each in rows]}
        )

    def _short(self, call: Call, visit: Visit, service: Service, main: EntitySet) -> Answer:
        """`.../List`: short rows, without SysRevID (Epicor dossier 17.18)."""
        if service.name in self.habits.heavy:
            raise server_error()
        entity = TABLES[reading.list_entity(service)]
        query = read_query(entity, call.options)
        page = run_query(visit.books.table(main.table), query, cap=self.habits.cap)
        rows = [shown(entity, reading.list_row(row, main), query.select) for row in page.rows]
        count = {} if page.count is None else {"@odata.count": page.count}
        return Answer(body={"@odata.context": f"{call.root}/{service.name}/$metadata#List", **count, "value": rows})

    def _write(self, call: Call, visit: Visit, asked: EntitySet, key: str | None) -> Answer:
        how = WRITERS.get(asked.table)
        if how is None:
            raise not_simulated(f"writing {asked.name}")
        if call.method == "POST" and key is None:
            row = how.create(visit, _body_row(asked.entity, call))
            context = f"{call.root}/{asked.service}/$metadata#{asked.name}/$entity"
            return Answer(201, {"@odata.context": context, **shown(asked.entity, row)})
        if key is None or call.method not in ("PATCH", "DELETE"):
            raise wrong_verb(call.method)
        row = visit.books.table(asked.table).get(*read_key(asked, key, visit.books.id))
        if row is None:
            raise no_record()
        if call.method == "DELETE":
            how.delete(visit, row)
        else:
            how.change(visit, row, _body_row(asked.entity, call))
        return Answer(204)

    def _method(self, call: Call, visit: Visit, check: Checked, method: Method) -> Answer:
        if call.method != method.verb and not (method.name in reading.BOTH_VERBS and call.method in ("GET", "POST")):
            raise wrong_verb(call.method)
        service = SERVICES[method.service]
        check(f"{service.object}.{method.name}")
        asked = _parameters(call, method)
        run = OPERATIONS.get((method.service, method.name))
        if run is not None:
            return _answered(method, service, run(visit, asked))
        if method.name in ("GetRows", "GetByID", "GetList", "GetBySysRowID"):
            return _answered(method, service, reading.read(visit.books, service, method.name, asked))
        raise not_simulated(f"{method.service}/{method.name}")


def _parameters(call: Call, method: Method) -> Row:
    """Every declared parameter, tablesets read; one that is left out is refused (Epicor dossier 17.25)."""
    given = dict(call.options) if call.method == "GET" else parse_json(call.body)
    if not isinstance(given, dict):
        raise bad_body("The parameters of a method are a JSON object.")
    for name in method.parameters:
        if name not in given:
            raise bad_body(f"Parameter {name} is not found in the input object.")
    return {
        name: read_tableset(value) if name in method.tablesets else _unquoted(value, call)
        for name, value in given.items()
    }


def _unquoted(value: Any, call: Call) -> Any:
    """Texts in a query may come in quotes."""
    if call.method == "GET" and len(value) > 1 and value[0] == value[-1] == "'":
        return value[1:-1].replace("''", "'")
    return value


def _answered(method: Method, service: Service, outcome: Outcome) -> Answer:
    body: Row = {}
    if outcome.returned is not None or method.returns:
        body["returnObj"] = _shown(service, method.returns, outcome.returned)
    if outcome.parameters is not None:
        body["parameters"] = {
            name: _shown(service, method.tablesets.get(name, ""), value) for name, value in outcome.parameters.items()
        }
    return Answer(body=body)


def _shown(service: Service, kind: str, value: Any) -> Any:
    names = service.tablesets.get(kind)
    return value if names is None else shown_tableset(names, value or {})


def _body_row(entity: Entity, call: Call) -> Row:
    given = parse_json(call.body)
    if not isinstance(given, dict):
        raise bad_body("The body is not an object.")
    return read_row(entity, given)


def _context(call: Call, asked: EntitySet) -> Row:
    return {"@odata.context": f"{call.root}/{asked.service}/$metadata#{asked.name}"}


def _expanded(asked: EntitySet, query: Query) -> list[EntitySet]:
    children = reading.child_sets(SERVICES[asked.service])
    for name in query.expand:
        if name not in children:
            raise bad_query(f"Could not find a property named '{name}' on type '{asked.entity.type_name}'.")
    return [children[name] for name in query.expand]


def _nested(books: Books, asked: EntitySet, row: Row, query: Query, expanded: list[EntitySet]) -> Row:
    body = shown(asked.entity, row, query.select)
    for child in expanded:
        body[child.name] = [shown(child.entity, line) for line in _lines(books, asked, child, row)]
    return body


def _lines(books: Books, asked: EntitySet, child: EntitySet, row: Row) -> list[Row]:
    return books.table(child.table).below(*(row[key] for key in asked.keys))


def _next_link(call: Call, query: Query, count: int) -> str:
    options = {**call.options, "$skip": str(query.skip + count)}
    if query.top is not None:
        options["$top"] = str(query.top - count)
    safe = ",$()'"
    pairs = "&".join(f"{name}={quote(value, safe=safe)}" for name, value in options.items())
    return f"{call.root}/{call.service}/{call.steps[0]}?{pairs}"
