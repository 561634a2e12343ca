"""The Service Layer behind its front: sets, keys, actions and services, each call all or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ml_connector.sandbox.sap_business_one.calls import Address, Answer, Call, Visit, read_address, read_key, shown_key
from ml_connector.sandbox.sap_business_one.company_services import admin_info, company_info, document_series
from ml_connector.sandbox.sap_business_one.errors import (
    B1Error,
    RawRefusal,
    changed_meanwhile,
    no_records,
    not_supported,
    unknown_service,
)
from ml_connector.sandbox.sap_business_one.masters import (
    create_master,
    delete_master,
    patch_master,
    replace_master,
)
from ml_connector.sandbox.sap_business_one.metadata import describe
from ml_connector.sandbox.sap_business_one.plugs import (
    UNBOUND,
    WRITTEN_BY_DOCUMENTS,
    Attachments,
    Documents,
    Kept,
)
from ml_connector.sandbox.sap_business_one.query import (
    PAGE_SIZE,
    asked_names,
    count_rows,
    next_link,
    preferred_page_size,
    read_query,
    run_query,
)
from ml_connector.sandbox.sap_business_one.schema import SETS, TYPES, EntityType, Row
from ml_connector.sandbox.sap_business_one.table import Key, Store, etag
from ml_connector.sandbox.sap_business_one.wire import annotated, is_tagged, parse_json, shown

ATTACHMENTS = "Attachments2"


@dataclass(slots=True)
class Habits:
    """How this installation's Service Layer writes, which differs from build to build."""

    page_size: int = PAGE_SIZE
    zulu_on_v1: bool = False
    """Days on OData 3 end in T00:00:00Z, as on newer builds."""
    rooted_links: bool = False
    """Next links begin with /b1s/v1/, as in the manual."""
    text_errors_on_v1: bool = False
    """Errors of OData 3 in the shape of OData 4, as build 1000190 was seen to do (B1 dossier 4.5 b)."""
    loses_prefer: bool = False
    """The Prefer header does not arrive, as behind some proxies: pages are as large as the installation makes them."""


@dataclass(slots=True)
class Service:
    """Answers calls in the books of their session."""

    store: Store
    habits: Habits
    documents: Documents
    attachments: Attachments

    def answer(self, visit: Visit) -> Answer:
        """Does what a call asks; what raises B1Error leaves nothing behind, but for `Kept`. Does not commit."""
        mark = self.store.mark()
        try:
            return self._route(visit)
        except Kept:
            raise
        except (B1Error, RawRefusal):
            self.store.rollback(mark)
            raise

    def _route(self, visit: Visit) -> Answer:
        call = visit.call
        if call.path == "$metadata":
            text = describe(call.version, visit.profile)
            return Answer(raw=text.encode(), headers={"Content-Type": "application/xml;charset=utf-8"})
        address = read_address(call.path)
        if address.name not in SETS:
            return self._unbound(visit, address)
        if address.key is None:
            return self._on_set(visit, address)
        key = read_key(address.name, address.key)
        method = call.headers.get("x-http-method-override", call.method) if call.method == "POST" else call.method
        if address.rest is not None:
            return self._below_key(visit, address, key, method)
        return self._on_key(visit, address.name, key, method)

    def _on_set(self, visit: Visit, address: Address) -> Answer:
        method = visit.call.method
        if address.rest == "$count" and method == "GET":
            return self._count(visit, address.name)
        if address.rest is not None:
            raise unknown_service()
        if method == "GET":
            return self._list(visit, address.name)
        if method == "POST":
            return self._created(visit, address.name, self._create(visit, address.name))
        raise _no_verb()

    def _on_key(self, visit: Visit, name: str, key: Key, method: str) -> Answer:
        if method == "GET":
            return self._one(visit, name, key)
        if method not in ("PATCH", "PUT", "DELETE", "MERGE"):
            raise _no_verb()
        self._match(visit, name, key)
        self._write(visit, name, key, method)
        return Answer(204)

    def _below_key(self, visit: Visit, address: Address, key: Key, method: str) -> Answer:
        rest = address.rest or ""
        if address.name == ATTACHMENTS and rest == "$value" and method == "GET":
            return self._download(visit, int(key))
        if method != "POST" or rest.startswith("$"):
            raise unknown_service()
        if address.name not in WRITTEN_BY_DOCUMENTS:
            raise not_supported()
        self._match(visit, address.name, key)
        row = self.documents.act(visit.books, address.name, int(key), rest, parse_json(visit.call.body))
        if row is None:
            return Answer(204)
        body = annotated(address.name, SETS[address.name], row, visit.form)
        return Answer(200, {**_context(visit, f"{address.name}{_single(visit)}"), **body})

    def _list(self, visit: Visit, name: str) -> Answer:
        call, entity = visit.call, SETS[name]
        headers = {**call.headers, "prefer": ""} if self.habits.loses_prefer else call.headers
        query = read_query(
            entity,
            call.options,
            headers,
            version=call.version,
            profile=visit.profile,
            size=self.habits.page_size,
        )
        page = run_query(visit.books.table(name), query)
        body = _context(visit, name)
        if page.count is not None:
            body.update({"odata.count": str(page.count)} if call.version == 3 else {"@odata.count": page.count})
        body["value"] = [annotated(name, entity, row, visit.form, select=query.select) for row in page.rows]
        if page.next_skip is not None:
            left = None if query.top is None else query.top - len(page.rows)
            rooted = f"/b1s/v{1 if call.version == 3 else 2}/" if self.habits.rooted_links else ""
            link = next_link(name, call.options, skip=page.next_skip, left=left, rooted=rooted)
            body["odata.nextLink" if call.version == 3 else "@odata.nextLink"] = link
        size = preferred_page_size(headers)
        applied = {} if size is None else {"Preference-Applied": f"odata.maxpagesize={size}"}
        return Answer(200, body, applied)

    def _count(self, visit: Visit, name: str) -> Answer:
        call = visit.call
        query = read_query(SETS[name], call.options, call.headers, version=call.version, profile=visit.profile, size=0)
        text = str(count_rows(visit.books.table(name), query))
        return Answer(raw=text.encode(), headers={"Content-Type": "text/plain;charset=utf-8"})

    def _one(self, visit: Visit, name: str, key: Key) -> Answer:
        entity = SETS[name]
        row = visit.books.table(name).get(key)
        if row is None:
            raise no_records()
        query = read_query(entity, visit.call.options, {}, version=visit.call.version, profile=visit.profile, size=0)
        body = annotated(name, entity, row, visit.form, select=query.select)
        tagged = query.select is None and is_tagged(name, visit.profile)
        return Answer(
            200,
            {**_context(visit, f"{name}{_single(visit)}"), **body},
            {"ETag": etag(row)} if tagged else {},
        )

    def _create(self, visit: Visit, name: str) -> Row:
        call = visit.call
        if name == ATTACHMENTS:
            return self.attachments.upload(visit.books, call.headers.get("content-type", ""), call.body)
        body = parse_json(call.body)
        if name in WRITTEN_BY_DOCUMENTS:
            return self.documents.create(visit.books, name, body)
        return create_master(visit.books, name, body)

    def _created(self, visit: Visit, name: str, row: Row) -> Answer:
        headers = {"Location": f"{visit.call.root}/{name}({quote(shown_key(row[SETS[name].key]), safe=chr(39))})"}
        if is_tagged(name, visit.profile):
            headers["ETag"] = etag(row)
        if "return-no-content" in visit.call.headers.get("prefer", ""):
            return Answer(204, headers={**headers, "Preference-Applied": "return-no-content"})
        body = annotated(name, SETS[name], row, visit.form)
        return Answer(201, {**_context(visit, f"{name}{_single(visit)}"), **body}, headers)

    def _write(self, visit: Visit, name: str, key: Key, method: str) -> None:
        books, call = visit.books, visit.call
        if name == ATTACHMENTS:
            if method not in ("PATCH", "MERGE"):
                raise not_supported()
            self.attachments.change(books, int(key), call.headers.get("content-type", ""), call.body)
        elif method == "DELETE":
            if name in WRITTEN_BY_DOCUMENTS:
                self.documents.delete(books, name, int(key))
            else:
                delete_master(books, name, key)
        elif name in WRITTEN_BY_DOCUMENTS:
            self._patch_document(visit, name, int(key), method)
        elif method == "PUT":
            replace_master(books, name, key, parse_json(call.body))
        else:
            patch_master(books, name, key, parse_json(call.body), replace=_replaces(call))

    def _patch_document(self, visit: Visit, name: str, key: int, method: str) -> None:
        """PUT on documents is refused: the real one resets what is not sent, which nobody should build on."""
        if method == "PUT":
            raise not_supported()
        body = parse_json(visit.call.body)
        self.documents.patch(visit.books, name, key, body, replace=_replaces(visit.call))

    def _match(self, visit: Visit, name: str, key: Key) -> None:
        """A stale If-Match is refused; without one the write is blind (B1 dossier 5.6)."""
        wanted = visit.call.headers.get("if-match")
        row = visit.books.table(name).get(key)
        if row is None:
            raise no_records()
        if wanted not in (None, "*") and is_tagged(name, visit.profile) and wanted != etag(row):
            raise changed_meanwhile()

    def _download(self, visit: Visit, key: int) -> Answer:
        if visit.books.table(ATTACHMENTS).get(key) is None:
            raise no_records()
        name = asked_names(visit.call.options).get("filename")
        raw, kind = self.attachments.download(visit.books, key, None if name is None else name.strip("'"))
        return Answer(raw=raw, headers={"Content-Type": kind})

    def _unbound(self, visit: Visit, address: Address) -> Answer:
        if address.key is not None or address.rest is not None:
            raise unknown_service()
        if address.name in UNBOUND and visit.call.method == "POST":
            result = self.documents.call(visit.books, address.name, parse_json(visit.call.body))
            return Answer(204) if result is None else Answer(200, {**_context(visit, address.name), **result})
        return self._about_company(visit, address.name)

    def _about_company(self, visit: Visit, name: str) -> Answer:
        """Functions on OData 4 answer GET and POST, actions on OData 3 POST only (UNCONFIRMED, dossier U9)."""
        reading = {"CompanyService_GetCompanyInfo": "CompanyInfo", "CompanyService_GetAdminInfo": "AdminInfo"}
        method, books = visit.call.method, visit.books
        if name in reading:
            if method not in (("GET", "POST") if visit.call.version == 4 else ("POST",)):
                raise _no_verb()
            row = company_info(books) if reading[name] == "CompanyInfo" else admin_info(books)
            told = shown(TYPES[reading[name]], row, visit.form)
            return Answer(200, {**_context(visit, f"SAPB1.{reading[name]}"), **told})
        if name == "SeriesService_GetDocumentSeries" and method == "POST":
            rows = document_series(books, parse_json(visit.call.body))
            shape: EntityType = TYPES["Series"]
            told = [shown(shape, row, visit.form) for row in rows]
            return Answer(200, {**_context(visit, "Collection(SAPB1.Series)"), "value": told})
        raise unknown_service()


def _no_verb() -> B1Error:
    return B1Error(-1000, "The HTTP method is not allowed for this address", 405)


def _replaces(call: Call) -> bool:
    return call.headers.get("b1s-replacecollectionsonpatch", "").lower() == "true"


def _single(visit: Visit) -> str:
    return "/@Element" if visit.call.version == 3 else "/$entity"


def _context(visit: Visit, what: str) -> dict[str, Any]:
    name = "odata.metadata" if visit.call.version == 3 else "@odata.context"
    return {name: f"{visit.call.root}/$metadata#{what}"}
