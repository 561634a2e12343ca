"""What an endpoint does: lists, records, upserts, actions, files (Acumatica dossier 1, 4-7)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

from ml_connector.sandbox.acumatica.bodies import Reader, parse_json
from ml_connector.sandbox.acumatica.calls import Answer, Call
from ml_connector.sandbox.acumatica.errors import (
    Invalid,
    Refusal,
    bad_request,
    no_entity,
    no_rights,
    not_found,
    precondition_failed,
)
from ml_connector.sandbox.acumatica.masters import put_master
from ml_connector.sandbox.acumatica.operations import Operations
from ml_connector.sandbox.acumatica.plugs import Body, Documents, Files, LongRun, Sent, Visit
from ml_connector.sandbox.acumatica.query import Optimizer, read_query, read_selection, run_query
from ml_connector.sandbox.acumatica.schema import CUSTOM, DOCUMENTS, ENTITIES, INQUIRIES, TERMS, VERSIONS, Entity, Row
from ml_connector.sandbox.acumatica.wire import Rendering, Selection, shown

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_RECORDS = {"Bill": "AP Transactions", "Check": "AP Payment", "PurchaseOrder": "Purchase Order"}
"""What messages call an entity's record."""
_PROJECT_FORMS = frozenset({"Project", "ProjectTask", "CostCode"})


class Service:
    """Answers what is asked below an endpoint."""

    def __init__(self, operations: Operations, documents: Documents, files: Files) -> None:
        self.optimizer = Optimizer()
        self.operations = operations
        self._documents = documents
        self._files = files

    def answer(self, visit: Visit, call: Call) -> Answer:
        """Raises Refusal and Invalid; the caller takes back what was written then."""
        if call.steps[0] == "files":
            return self._file(visit, call)
        entity = self._open(visit, call.steps[0])
        rest = call.steps[1:]
        if call.method == "GET" and len(rest) == 3 and rest[1] == "status":
            return self._status(visit, entity, rest[0], rest[2])
        self.operations.require_idle(visit.session, entity.name)
        if call.method == "POST":
            return self._act(visit, entity, call)
        if call.method == "GET":
            return self._get(visit, entity, call)
        if call.method == "PUT":
            return self._legacy_file(visit, entity, call) if "files" in rest else self._put(visit, entity, call)
        if call.method == "DELETE" and rest:
            return self._delete(visit, entity, rest)
        raise Refusal(405, {"message": f"The requested resource does not support http method '{call.method}'."})

    def invalid(self, visit: Visit, name: str, refused: Invalid) -> Row:
        """The body of a 422: the entity with `error` members (Acumatica dossier 8.1)."""
        faults = {path: text for path, text in refused.faults.items() if path}
        row = {"id": str(uuid.uuid4()), **refused.row}
        body = shown(Rendering(visit, name, Selection(), faults), row)
        record = _RECORDS.get(name, name)
        text = f"Inserting  '{record}' record raised at least one error. Please review the errors."
        # Only the record itself is linked to: nothing can be attached to what was not saved.
        links = {"self": body["_links"]["self"]}
        return {"id": body["id"], "rowNumber": 1, "error": refused.error or text, **body, "_links": links}

    def _open(self, visit: Visit, name: str) -> Entity:
        """The entity by its name in this endpoint; raises Refusal (404, 403)."""
        entity = ENTITIES.get(name)
        if entity is None or (name == TERMS) is (visit.version in VERSIONS):
            raise not_found(f"No HTTP resource was found that matches the entity '{name}'.")
        switches = visit.books.switches
        hidden = (name == "Subaccount" and not switches.subaccounts) or (
            name in _PROJECT_FORMS and not switches.projects
        )
        if hidden or name in visit.books.no_rights:
            raise no_rights(name, entity.form)
        return entity

    def _get(self, visit: Visit, entity: Entity, call: Call) -> Answer:
        rest = call.steps[1:]
        if rest == ("$adHocSchema",):
            return Answer(200, _schema(visit, entity))
        if rest:
            # Key reads skip the optimiser (Acumatica dossier 4.2).
            selection = read_selection(entity.name, visit.version, call.options)
            return Answer(200, self._shown(visit, entity, self._record(visit, entity, rest), selection))
        query = read_query(entity.name, visit.version, call.options, visit.books.zone)
        contract = entity.contract(visit.version)
        self.optimizer.check(entity.name, contract, query.selection)
        if self.optimizer.hides(entity.name, query.filter):
            return Answer(200, [])
        rows = run_query(visit.books.table(entity.name), query)
        return Answer(
            200,
            [self._shown(visit, entity, row, query.selection, number=number) for number, row in enumerate(rows, 1)],
        )

    def _shown(self, visit: Visit, entity: Entity, row: Row, selection: Selection, *, number: int = 1) -> Row:
        files = self._files.listed(visit, entity.name, row) if "files" in selection.expand else ()
        return shown(Rendering(visit, entity.name, selection, files=files), row, number=number)

    def _record(self, visit: Visit, entity: Entity, keys: tuple[str, ...]) -> Row:
        table = visit.books.table(entity.name)
        row = table.by_id(keys[0]) if len(keys) == 1 and _GUID.fullmatch(keys[0]) else None
        row = row or table.get(*keys)
        if row is None or entity.name in INQUIRIES:
            raise no_entity()
        return row

    def _put(self, visit: Visit, entity: Entity, call: Call) -> Answer:
        if len(call.steps) > 1:
            raise Refusal(405, {"message": "The requested resource does not support http method 'PUT'."})
        contract = entity.contract(visit.version)
        selection = read_selection(entity.name, visit.version, call.options)
        body = Reader(entity.name, visit.books.zone).read(contract, parse_json(call.body))
        if entity.name in INQUIRIES:
            (row,) = visit.books.table(entity.name).all()
            return Answer(200, self._shown(visit, entity, row, selection))
        found = self._found(visit, entity, body, call.options)
        _keep_preconditions(call.headers, found)
        return Answer(200, self._shown(visit, entity, self._saved(visit, entity, found, body), selection))

    def _saved(self, visit: Visit, entity: Entity, found: Row | None, body: Body) -> Row:
        if entity.name not in DOCUMENTS:
            return put_master(visit, entity, found, body)
        mark = visit.books.store.mark()
        row = self._documents.put(visit, entity.name, found, body)
        if visit.books.switches.saves_silently and entity.name == "Bill":
            # A form that may be viewed only: 200, and nothing is saved (Acumatica dossier 15.39).
            visit.books.store.rollback(mark)
            return found or {**row, "ReferenceNbr": "<NEW>"}
        return row

    def _found(self, visit: Visit, entity: Entity, body: Body, options: Mapping[str, str]) -> Row | None:
        """The record that an upsert means: by id, by `$filter`, by the keys in the body (Acumatica dossier 5)."""
        table = visit.books.table(entity.name)
        if body.id is not None:
            row = table.by_id(body.id)
            if row is None:
                raise no_entity()
            return row
        if "$filter" in options:
            query = read_query(entity.name, visit.version, {**options, "$top": "1"}, visit.books.zone)
            return next(iter(run_query(table, query)), None)
        keys = [body.get(name, "Bill" if (entity.name, name) == ("Bill", "Type") else None) for name in entity.keys]
        return None if None in keys else table.get(*keys)

    def _delete(self, visit: Visit, entity: Entity, keys: tuple[str, ...]) -> Answer:
        row = self._record(visit, entity, keys)
        if entity.name in DOCUMENTS:
            self._documents.delete(visit, entity.name, row)
        else:
            visit.books.table(entity.name).drop(row)
        return Answer(204)

    def _act(self, visit: Visit, entity: Entity, call: Call) -> Answer:
        if len(call.steps) == 1:
            raise Refusal(405, {"message": "The requested resource does not support http method 'POST'."})
        name = call.steps[1]
        action = entity.actions.get(name)
        if entity.name not in DOCUMENTS or (action is not None and visit.version < action.since):
            raise not_found(f"No action '{name}' was found.")
        raw = parse_json(call.body)
        asked = {each.lower(): value for each, value in raw.items()} if isinstance(raw, dict) else {}
        reader = Reader(entity.name, visit.books.zone)
        body = reader.read(entity.contract(visit.version), asked.get("entity"))
        parameters = reader.values(action.parameters if action else {}, asked.get("parameters"))
        row = self._found(visit, entity, body, {})
        if row is None:
            raise no_entity()
        try:
            run = self._documents.act(visit, entity.name, name, row, parameters)
        except LookupError:
            raise not_found(f"No action '{name}' was found.") from None
        return self._ran(visit, entity, name, run)

    def _ran(self, visit: Visit, entity: Entity, action: str, run: LongRun | None) -> Answer:
        if run is None:
            return Answer(204)
        if not self.operations.immediate:
            address = self.operations.start(visit.session, entity.name, action, run)
            return Answer(202, headers={"Location": f"{visit.root}/{address}"})
        if run.failure is not None:
            raise run.failure
        # It looks like the processed entity's address and does not resolve (Acumatica dossier 6).
        dead = {"Location": f"{visit.root}/{entity.name}/{action}/{run.record_id}"} if self.operations.location else {}
        return Answer(204, headers=dead)

    def _status(self, visit: Visit, entity: Entity, action: str, operation: str) -> Answer:
        if self.operations.poll(visit.session, f"{entity.name}/{action}", operation):
            return Answer(204)
        address = f"{visit.root}/{entity.name}/{action}/status/{operation}"
        return Answer(202, headers={"Location": address})

    def _file(self, visit: Visit, call: Call) -> Answer:
        if call.method == "GET" and len(call.steps) == 2:
            found = self._files.download(visit, call.steps[1])
            if found is None:
                raise not_found("The file was not found.")
            name = found[1].encode("ascii", "replace").decode()
            return Answer(200, raw=found[0], headers={"Content-Disposition": f'attachment; filename="{name}"'})
        if call.method != "PUT" or len(call.steps) < 5:
            raise not_found("No HTTP resource was found.")
        _, graph, view, record, *name = call.steps
        entity = next((each for each in ENTITIES.values() if each.graph == graph), None)
        if entity is None:
            raise not_found("No HTTP resource was found.")
        row, line = self._owner(visit, self._open(visit, entity.name), view, record)
        return self._attached(visit, entity, row, call, "/".join(name), line=line)

    def _owner(self, visit: Visit, entity: Entity, view: str, record: str) -> tuple[Row, Row | None]:
        """The record, or the record and its line, that a `files:put` address names."""
        table = visit.books.table(entity.name)
        if view == entity.view:
            row = table.by_id(record)
            if row is None:
                raise no_entity()
            return row, None
        known = visit.session.lines.get(record)
        row = None if known is None else table.by_id(known[0])
        if known is None or row is None:
            raise no_entity()
        lines = (line for name in entity.contract(visit.version).lists for line in row.get(name, ()))
        return row, next((line for line in lines if line.get("id") == known[1]), None)

    def _legacy_file(self, visit: Visit, entity: Entity, call: Call) -> Answer:
        """`Bill/Bill/000123/files/name`: by keys only, by GUID it is 404 (Acumatica dossier 7)."""
        at = call.steps.index("files")
        keys, name = call.steps[1:at], "/".join(call.steps[at + 1 :])
        row = visit.books.table(entity.name).get(*keys)
        if row is None or not name:
            raise not_found("No HTTP resource was found.")
        return self._attached(visit, entity, row, call, name)

    def _attached(
        self, visit: Visit, entity: Entity, row: Row, call: Call, name: str, *, line: Row | None = None
    ) -> Answer:
        sent = Sent(name, call.body, call.headers.get("px-cbfilecomment", ""))
        if len(sent.comment) > 500:
            raise bad_request("The comment is longer than 500 characters.")
        file_id = self._files.attach(visit, entity.name, row, sent, line=line)
        return Answer(204, headers={"Location": f"{visit.root}/files/{file_id}"})


def _keep_preconditions(headers: Mapping[str, str], found: Row | None) -> None:
    if headers.get("if-none-match") == "*" and found is not None:
        raise precondition_failed()
    if headers.get("if-match") == "*" and found is None:
        raise precondition_failed()


def _schema(visit: Visit, entity: Entity) -> Any:
    """`$adHocSchema`: an empty entity with everything opened, and the form's elements that the contract lacks."""
    contract = entity.contract(visit.version)
    blank: Row = {name: [{}] if name in contract.lists else {} for name in contract.nested}
    opened = Selection(expand=frozenset(contract.nested), custom=tuple(CUSTOM.get(entity.name, ())))
    body = shown(Rendering(visit, entity.name, opened), blank)
    body.pop("_links")
    return body | {"_workflowActions": []}
