"""What the API answers to one call, wherever it came from: a request of its own or a part of a batch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote

from ml_connector.sandbox.business_central import writing
from ml_connector.sandbox.business_central.books import Books
from ml_connector.sandbox.business_central.dimensions import dimension_rows
from ml_connector.sandbox.business_central.errors import (
    Refused,
    bad_request,
    bad_token,
    changed_meanwhile,
    dialog,
    no_method,
    no_record,
    no_route,
    no_segment,
)
from ml_connector.sandbox.business_central.query import parse_query
from ml_connector.sandbox.business_central.reading import read_page, write
from ml_connector.sandbox.business_central.schema import GUID, TYPES, EntityType, Row, read_body
from ml_connector.sandbox.business_central.table import Store, Table, etag
from ml_connector.sandbox.business_central.wire import parse_json

PAGE_SIZE = 20_000
_SEGMENT = re.compile(r"([$A-Za-z][\w.]*)(?:\((.*)\))?")
_TAG = re.compile(r'(W/)?"[^"]*"')
_ANNOTATIONS = "application/json; odata.metadata=minimal"
_NEEDS_DOCUMENT = {"purchaseInvoiceLines", "purchaseOrderLines", "purchaseCreditMemoLines"}
_TITLES = {
    "vendors": "Vendor",
    "accounts": "G/L Account",
    "purchaseInvoices": "Purchase Invoice",
    "purchaseOrders": "Purchase Order",
    "purchaseCreditMemos": "Purchase Credit Memo",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call: `path` and `options` are decoded, header names are in lower case."""

    method: str
    path: str
    options: dict[str, str]
    headers: Mapping[str, str]
    body: bytes
    root: str
    """The absolute address of the API, to which `path` is relative."""
    ledgers: bool = False
    """True below the reports' own API group, where the vendor ledger is."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body and headers of the answer; `raw` when it is not JSON."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None


class Segment(NamedTuple):
    """One step of a path."""

    name: str
    key: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a path leads: a set of rows, or one row of it, and what it hangs below."""

    books: Books
    entity: EntityType
    rows: Table | list[Row]
    row: Row | None = None
    parent_set: str = ""
    parent: Row | None = None


@dataclass(slots=True)
class Service:
    """The environment: its companies and the settings that the control pages change."""

    store: Store
    books: dict[str, Books]
    page_size: int = PAGE_SIZE
    language: str = "en-US"
    ledger_entries: bool = True

    def answer(self, call: Call, *, commit: bool = True) -> Answer:
        """Serves one call, all or nothing; a refusal becomes an answer in the caller's language."""
        mark = self.store.mark()
        try:
            answer = self._serve(call)
        except Refused as refused:
            self.store.rollback(mark)
            return self.refusal(refused, call.headers)
        except Exception:
            self.store.rollback(mark)
            raise
        if commit:
            self.store.commit()
        return answer

    def refusal(self, refused: Refused, headers: Mapping[str, str]) -> Answer:
        """The error as it goes over the wire: texts follow Accept-Language, codes do not (dossier 3)."""
        language = headers.get("accept-language") or self.language
        if not language.lower().startswith("en"):
            refused = _translated(refused)
        return Answer(refused.status, refused.envelope(), dict(refused.headers))

    def _serve(self, call: Call) -> Answer:
        if call.method != "GET" and call.headers.get("data-access-intent", "").lower() == "readonly":
            raise bad_request("The data access intent ReadOnly is allowed on GET requests only.")
        segments = _segments(call.path)
        if not segments:
            return self._service_document(call)
        if segments[0].name == "companies":
            if segments[0].key is None:
                return self._companies(call)
            books = self._company(segments[0].key)
            if len(segments) == 1:
                if call.method != "GET":
                    raise no_method(call.method, "companies")
                return Answer(
                    body={"@odata.context": f"{call.root}/$metadata#companies/$entity", **_company_row(books)}
                )
            return self._resource(call, books, segments[1:])
        if segments[0].name not in TYPES:
            raise no_segment(segments[0].name)
        wanted = call.options.get("company") or call.headers.get("company")
        if not wanted:
            raise Refused(404, "Internal_CompanyNotFound", "The company was not found: none was named.")
        return self._resource(call, self._company(wanted), segments)

    def _service_document(self, call: Call) -> Answer:
        sets = [{"name": name, "kind": "EntitySet", "url": name} for name in ("companies", *TYPES)]
        return Answer(body={"@odata.context": f"{call.root}/$metadata", "value": sets})

    def _companies(self, call: Call) -> Answer:
        if call.method != "GET":
            raise no_method(call.method, "companies")
        rows = [_company_row(books) for books in self.books.values()]
        wanted = re.fullmatch(r"(name|displayName) eq '((?:[^']|'')*)'", call.options.get("$filter", ""))
        if call.options.get("$filter") and wanted is None:
            raise bad_request("Companies can be filtered by name or displayName with eq.")
        if wanted is not None:
            rows = [row for row in rows if row[wanted[1]] == wanted[2].replace("''", "'")]
        return Answer(body={"@odata.context": f"{call.root}/$metadata#companies", "value": rows})

    def _company(self, wanted: str) -> Books:
        found = self.books.get(wanted.lower())
        if found is None:
            name = wanted.strip("'")
            found = next((books for books in self.books.values() if books.company.name == name), None)
        if found is None:
            raise Refused(404, "Internal_CompanyNotFound", f"The company '{wanted}' was not found.")
        return found

    def _resource(self, call: Call, books: Books, segments: list[Segment]) -> Answer:
        first = segments[0]
        entity = TYPES.get(first.name)
        if entity is None or (first.name == "vendorLedgerEntries") != call.ledgers:
            raise no_segment(first.name)
        if call.ledgers and not self.ledger_entries:
            raise no_route(f"{call.root}/{call.path}")
        place = _keyed(Place(books, entity, books.table(first.name)), first, call)
        for at, segment in enumerate(segments[1:], 1):
            if place.row is None:
                raise no_segment(segment.name)
            if segment.name.startswith("Microsoft.NAV."):
                return self._act(call, place, segment.name.removeprefix("Microsoft.NAV."))
            prop = place.entity.properties.get(segment.name)
            if prop is not None and prop.kind == "stream" and at == len(segments) - 1:
                return _stream(call, place, segment.name)
            place = _keyed(_part(place, segment.name), segment, call)
        return self._one(call, place) if place.row is not None else self._many(call, place)

    def _act(self, call: Call, place: Place, action: str) -> Answer:
        if action not in place.entity.actions:
            raise no_segment(f"Microsoft.NAV.{action}")
        if call.method != "POST":
            raise no_method(call.method, action)
        assert place.row is not None
        if "if-match" in call.headers:
            _match(call, place.row)
        writing.act(place.books, place.entity.entity_set, place.row, action)
        return Answer(204)

    def _many(self, call: Call, place: Place) -> Answer:
        if call.method == "POST" and "C" in place.entity.verbs:
            return self._create(call, place)
        if call.method != "GET":
            raise no_method(call.method, place.entity.entity_set)
        query = parse_query(place.entity, call.options)
        _require_parent(place, query.filter.equal if query.filter else {})
        page = read_page(place.rows, query, size=self._page_size(call))
        parts = _parts_of(place.books)
        links = f"{call.root}/companies({place.books.id})"
        body: dict[str, Any] = {
            "@odata.context": f"{call.root}/$metadata#companies({place.books.id})/{place.entity.entity_set}",
            "value": [write(row, query, parts=parts, links=links) for row in page.rows],
        }
        if page.next_token:
            body["@odata.nextLink"] = _next_link(call, page.next_token, page.top_left)
        return Answer(body=body)

    def _page_size(self, call: Call) -> int:
        wanted = re.search(r"odata\.maxpagesize=(\d+)", call.headers.get("prefer", ""))
        return min(int(wanted[1]) or 1, self.page_size) if wanted else self.page_size

    def _create(self, call: Call, place: Place) -> Answer:
        values, parts = read_body(place.entity, parse_json(call.body))
        parent = None if place.parent is None else (place.parent_set, place.parent)
        row = writing.create(place.books, place.entity.entity_set, values, parts, parent=parent)
        address = f"{call.root}/companies({place.books.id})/{place.entity.entity_set}({row['id']})"
        if "return-no-content" in call.headers.get("prefer", ""):
            return Answer(204, headers={"Location": address})
        return self._shown(call, place, row, status=201, location=address)

    def _one(self, call: Call, place: Place) -> Answer:
        row = place.row
        assert row is not None
        entity_set = place.entity.entity_set
        if call.method == "GET":
            return self._shown(call, place, row)
        if call.method == "PATCH" and "U" in place.entity.verbs:
            if not call.headers.get("if-match"):
                raise bad_token()
            _match(call, row)
            values, parts = read_body(place.entity, parse_json(call.body))
            if parts:
                raise bad_request(f"The property '{next(iter(parts))}' cannot be changed through its parent.")
            changed = writing.change(place.books, entity_set, row, values, parent=_parent(place))
            return self._shown(call, place, changed)
        if call.method == "DELETE" and "D" in place.entity.verbs:
            if "if-match" in call.headers:
                _match(call, row)
            writing.remove(place.books, entity_set, row, parent=_parent(place))
            return Answer(204)
        raise no_method(call.method, entity_set)

    def _shown(self, call: Call, place: Place, row: Row, *, status: int = 200, location: str = "") -> Answer:
        query = parse_query(place.entity, {k: v for k, v in call.options.items() if k != "$filter"})
        links = f"{call.root}/companies({place.books.id})"
        context = f"{call.root}/$metadata#companies({place.books.id})/{place.entity.entity_set}/$entity"
        written = write(row, query, parts=_parts_of(place.books), links=links)
        headers = {"ETag": written.get("@odata.etag", "")} | ({"Location": location} if location else {})
        return Answer(status, {"@odata.context": context, **written}, headers)


def _translated(refused: Refused) -> Refused:
    """At least the text everybody would match on comes in another language (dossier 15/4)."""
    found = re.fullmatch(r"Purchase (Invoice|Credit Memo) (.*) already exists for this vendor\.", refused.message)
    if found is None:
        return refused
    what = "La factura de compra" if found[1] == "Invoice" else "El abono de compra"
    return Refused(refused.status, refused.code, f"{what} {found[2]} ya existe para este proveedor.")


def _segments(path: str) -> list[Segment]:
    found: list[Segment] = []
    for text in filter(None, path.strip("/").split("/")):
        match = _SEGMENT.fullmatch(text)
        if match is None:
            raise no_route(path)
        found.append(Segment(match[1], match[2]))
    return found


def _keyed(place: Place, segment: Segment, call: Call) -> Place:
    """The row that the segment's key names, or the whole set when it has none."""
    if segment.key is None:
        return place
    key = segment.key
    if not GUID.fullmatch(key) and not (call.ledgers and key.isdigit()):
        raise no_route(f"{call.root}/{call.path}")
    if isinstance(place.rows, Table):
        row = place.rows.rows.get(int(key) if call.ledgers else key.lower())  # pyright: ignore[reportArgumentType]
    else:
        row = next((row for row in place.rows if row["id"] == key.lower()), None)
    if row is None:
        raise no_record(_TITLES.get(place.entity.entity_set, place.entity.name), key)
    if place.entity.entity_set == "dimensionSetLines" and place.parent is None:
        raise dialog("You must get to the parent first to get to the dimension set line.")
    return Place(place.books, place.entity, place.rows, row, place.parent_set, place.parent)


def _part(place: Place, name: str) -> Place:
    part = place.entity.parts.get(name)
    if part is None:
        raise no_segment(name)
    assert place.row is not None
    rows = _parts_of(place.books)(place.entity, place.row, name)
    return Place(
        place.books,
        TYPES[part.entity_set],
        rows,
        None if part.many or not rows else rows[0],
        place.entity.entity_set,
        place.row,
    )


def _parent(place: Place) -> tuple[str, Row] | None:
    return None if place.parent is None else (place.parent_set, place.parent)


def _parts_of(books: Books) -> Any:
    """Gives the rows of any part of any row in those books."""

    def rows(entity: EntityType, row: Row, name: str) -> list[Row]:
        if name == "dimensionSetLines":
            return dimension_rows(books, entity.entity_set, row)
        if name == "location":
            return []
        key = {"dimensionValues": "dimensionId", "defaultDimensions": "parentId"}.get(name, "documentId")
        if name in ("attachments", "documentAttachments"):
            key = "parentId"
        found = books.table(name).find(key, row["id"])
        return sorted(found, key=lambda child: child.get("sequence", 0))

    return rows


def _require_parent(place: Place, equal: Mapping[str, Any]) -> None:
    """Lines and dimension sets live in temporary tables: without their parent there is nothing to read."""
    if place.parent is not None:
        return
    name = place.entity.entity_set
    if name in _NEEDS_DOCUMENT and not {"id", "documentId"} & equal.keys():
        word = "id" if name == "purchaseCreditMemoLines" else "Id"
        raise dialog(f"You must specify an {word} or a Document Id to get the lines.")
    if name == "dimensionSetLines":
        raise dialog("You must get to the parent first to get to the dimension set line.")
    if name == "defaultDimensions" and "parentId" not in equal:
        raise dialog("You must get to the parent first to get to the default dimensions.")


def _match(call: Call, row: Row) -> None:
    tag = call.headers["if-match"]
    if tag == "*":
        return
    if not _TAG.fullmatch(tag):
        raise bad_token()
    if tag != etag(row):
        raise changed_meanwhile()


def _stream(call: Call, place: Place, name: str) -> Answer:
    assert place.row is not None
    if call.method == "GET":
        return Answer(200, raw=place.row.get("_content", b""))
    if call.method != "PATCH":
        raise no_method(call.method, name)
    if not call.headers.get("if-match"):
        raise bad_token()
    _match(call, place.row)
    writing.fill(place.books, place.entity.entity_set, place.row, call.body)
    return Answer(204)


def _next_link(call: Call, token: str, top_left: int | None) -> str:
    """The same call from the next key on; the other options survive (dossier 4.2)."""
    options = {k: v for k, v in call.options.items() if k not in ("$skiptoken", "$skip", "$top", "aid")}
    if top_left is not None:
        options["$top"] = str(top_left)
    options |= {"aid": "FIN", "$skiptoken": token}
    text = "&".join(f"{name}={quote(value, safe=',$()')}" for name, value in options.items())
    return f"{call.root}/{quote(call.path, safe='/()')}?{text}"


def _company_row(books: Books) -> dict[str, Any]:
    return {
        "id": books.id,
        "systemVersion": "28.0.41000.0",
        "timestamp": 51_234,
        "name": books.company.name,
        "displayName": books.company.name,
        "businessProfileId": "",
        "systemCreatedAt": books.founded,
        "systemCreatedBy": "00000000-0000-0000-0000-000000000001",
        "systemModifiedAt": books.founded,
        "systemModifiedBy": "00000000-0000-0000-0000-000000000001",
    }
