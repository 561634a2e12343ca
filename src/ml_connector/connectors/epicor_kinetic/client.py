"""Calls to one company of an instance: sets, `GetRows`, methods with tablesets, saves (Epicor dossier 5, 6).

No business words here. Names are checked before they leave (contract.py). Every method raises `ConnectorError` and
nothing else. Only what stores nothing is ever sent twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import stamina

from ml_connector.connectors.epicor_kinetic.address import Address, Credentials
from ml_connector.connectors.epicor_kinetic.answers import Answer, Saved, answer_of
from ml_connector.connectors.epicor_kinetic.auth import Session, body_of
from ml_connector.connectors.epicor_kinetic.contract import (
    CLAUSES,
    INVOICE_SERVICE,
    PARENT_COLUMNS,
    REVISION,
    ROW_ID,
    EntitySet,
    Method,
    check_columns,
    method,
)
from ml_connector.connectors.epicor_kinetic.errors import (
    GROUP_HELD,
    STALE,
    error_of,
    is_missing,
    refused_with,
    unexpected,
)
from ml_connector.connectors.epicor_kinetic.manifest import NAME, PAGE_SIZE
from ml_connector.connectors.epicor_kinetic.tablesets import Tableset, rows_of
from ml_connector.connectors.epicor_kinetic.transport import KineticHttp, status_of
from ml_connector.connectors.epicor_kinetic.where import Where, gt
from ml_connector.connectors.errors import ConnectorError, OutcomeUnknown, Refused, Unavailable
from ml_connector.connectors.http import MAX_WAIT, READ_ATTEMPTS, Reply
from ml_connector.connectors.odata import address, next_link
from ml_connector.connectors.rows import Row, integer, is_set, text
from ml_connector.connectors.side import Guard, Side
from ml_connector.records.reason import Reason

About = Mapping[Reason, str]

_NOTHING: Final = "1=0"
"""A where clause that no row meets: keeps children away that nobody asked for (dossier 5.5, UNCONFIRMED)."""
_FIRST_PAGE: Final = 1
_WRONG_VERB: Final = 405
_BROKEN: Final = 500
_BEFORE_ANOTHER_TRY: Final = 0.2
"""Seconds."""
_TEXTS_OF_A_SAVE: Final = ("opMessage", "opMsgChkBankRef", "opChkRevMsg", "opDUAMsg")


class Kinetic:
    """Calls to one company with one user."""

    def __init__(self, side: Side, *, guard: Guard | None = None) -> None:
        self.address = Address.of(side)
        self.credentials = Credentials.of(side)
        self.session = Session(self.credentials, self.address)
        self.http = KineticHttp(self.session, self.address, guard=guard)
        self._by_rows: set[str] = set()
        """Sets that this server does not list, or not by what we ask: read by `GetRows` (Epicor dossier 5.4)."""
        self._other_verb: set[tuple[str, str]] = set()
        self._storing = asyncio.Lock()

    async def close(self) -> None:
        """Closes the pooled connections. Never raises."""
        await self.session.close()
        await self.http.close()

    # ------------------------------------------------------------------ sets

    async def pages(
        self, of: EntitySet, *, where: Where | None = None, select: Sequence[str], order: Sequence[str] = (),
    ) -> AsyncIterator[list[Row]]:  # fmt: skip
        """The rows of a set, page by page, in the order of its key. A row may come twice while others come and go.

        Never ended by a short page: a server may cap lower than we ask for without a word (Epicor dossier 5.3).
        """
        self._check(of, where, select)
        if of.name not in self._by_rows:
            try:
                async for rows in self._listed(of, where, select, order or of.key):
                    yield rows
            except (Refused, Unavailable) as refusal:
                # One that broke off in the middle is read again from the start: rows may come twice.
                if not await self._learns(of, where, refusal):
                    raise
            else:
                return
        async for rows in self.get_rows(of, where=where):
            yield rows

    async def rows(
        self, of: EntitySet, *, where: Where | None = None, select: Sequence[str] = (), order: Sequence[str] = (),
    ) -> list[Row]:  # fmt: skip
        """All rows of a list that is known to be small, each once and as it was last told."""
        wanted = tuple(select) or tuple(sorted(of.columns - {REVISION, ROW_ID}))
        pages = self.pages(of, where=where, select=wanted, order=order)
        found = [row async for page in pages for row in page]
        return list({_identity(row, of): row for row in found}.values())

    async def changes(
        self, of: EntitySet, *, after: int, where: Where | None = None, select: Sequence[str], size: int = PAGE_SIZE,
    ) -> AsyncIterator[list[Row]]:  # fmt: skip
        """The rows with a version above `after`, in the order of their versions: paged by them (Epicor dossier 7.2).

        Rows always carry their version.
        """
        columns = tuple(dict.fromkeys((*select, REVISION)))
        self._check(of, where, columns)
        is_over = False
        while not is_over:
            newer = gt(REVISION, after)
            rows, is_over = await self._newer(of, newer if where is None else where & newer, columns, size)
            if not rows:
                return
            yield rows
            reached = max(integer(row, REVISION) for row in rows)
            if reached <= after:
                raise unexpected(f"{of.name} does not keep to the filter on {REVISION}")
            after = reached

    async def newest(self, of: EntitySet, column: str, *, select: Sequence[str]) -> Row | None:
        """The row with the greatest value in a column; None where there is none, or the server does not list it."""
        self._check(of, None, (*select, column))
        if of.name in self._by_rows:
            return None
        options = {"$select": ",".join(select), "$orderby": f"{column} desc", "$top": "1"}
        try:
            body = await self._list(address(self.address.of_service(of.service, of.name), options))
        except (Refused, Unavailable) as refusal:
            if not await self._learns(of, None, refusal):
                raise
            return None
        return next(iter(_rows_in(body)), None)

    def lists(self, of: EntitySet) -> bool:
        """False for a set that is known to be read by `GetRows` only."""
        return of.name not in self._by_rows

    async def _newer(self, of: EntitySet, where: Where, select: Sequence[str], size: int) -> tuple[list[Row], bool]:
        """One page of rows by version, and whether it was the last one."""
        if of.name not in self._by_rows:
            try:
                body = await self._list(self._url_of(of, where, select, (REVISION,), size=size))
                rows = _rows_in(body)
                return rows, not rows or _count_of(body) == len(rows)
            except (Refused, Unavailable) as refusal:
                if not await self._learns(of, where, refusal):
                    raise
        rows, more = await self._rows_page(of, where, (REVISION,), _FIRST_PAGE)
        return rows, not more

    async def _listed(
        self, of: EntitySet, where: Where | None, select: Sequence[str], order: Sequence[str]
    ) -> AsyncIterator[list[Row]]:
        url, read, before = self._url_of(of, where, select, order), 0, list[Row]()
        while True:
            body = await self._list(url)
            rows = _rows_in(body)
            if rows and rows == before:
                raise unexpected(f"{of.name} brings the same page again and again")
            read, before = read + len(rows), rows
            if rows or not read:
                yield rows
            count = _count_of(body)
            if not rows or (count is not None and read >= count):
                return
            url = self._next(body) or self._url_of(of, where, select, order, skip=read)

    def _url_of(
        self, of: EntitySet, where: Where | None, select: Sequence[str], order: Sequence[str], *, skip: int = 0,
        size: int = PAGE_SIZE,
    ) -> str:  # fmt: skip
        options = {"$select": ",".join(select)}
        if where is not None:
            options["$filter"] = where.odata()
        options |= {"$orderby": ",".join(order), "$top": str(size), "$count": "true"}
        if skip:
            options["$skip"] = str(skip)
        return address(self.address.of_service(of.service, of.name), options)

    def _next(self, body: Mapping[str, Any]) -> str | None:
        try:
            return next_link(body, within=self.address.root)
        except ValueError as odd:
            raise unexpected(str(odd)) from odd

    async def _list(self, url: str) -> Mapping[str, Any]:
        reply = await self.http.read(url, follow=False)
        if status_of(reply) == _BROKEN:
            # A set that cannot be listed answers so always, a server in trouble once.
            await asyncio.sleep(_BEFORE_ANOTHER_TRY)
            reply = await self.http.read(url, follow=False)
        body = self._checked(reply, stores=False)
        if not isinstance(body, dict):
            raise unexpected("the answer is no list of rows")
        return body

    async def _learns(self, of: EntitySet, where: Where | None, refusal: ConnectorError) -> bool:
        """True where `GetRows` answers what the set did not, which is remembered from then on.

        Raises Unavailable where it answers nothing now: that says more than a set that may never answer.
        """
        if refusal.status not in (400, 500):
            return False
        try:
            await self._rows_page(of, where, (), _FIRST_PAGE)
        except Refused:
            return False
        self._by_rows.add(of.name)
        return True

    # ------------------------------------------------------------------ GetRows

    async def get_rows(
        self, of: EntitySet, *, where: Where | None = None, order: Sequence[str] = (),
    ) -> AsyncIterator[list[Row]]:  # fmt: skip
        """The rows of a table by `GetRows`, page by page; pages differ in length (Epicor dossier 5.5)."""
        page, more = _FIRST_PAGE, True
        while more:
            rows, more = await self._rows_page(of, where, order, page)
            yield rows
            page += 1

    async def _rows_page(
        self, of: EntitySet, where: Where | None, order: Sequence[str], page: int
    ) -> tuple[list[Row], bool]:
        tables = CLAUSES[of.service]
        clauses = dict.fromkeys((f"whereClause{table}" for table in tables), _NOTHING)
        asked = where.dialect() if where is not None else ""
        by = f" BY {','.join(order)}" if order and asked else ""
        if not of.is_root:
            # Children come with their parents, which are narrowed by what both have in common.
            parents = where.within(PARENT_COLUMNS.get(of.service, frozenset())) if where is not None else None
            clauses[f"whereClause{tables[0]}"] = parents.dialect() if parents is not None else ""
        clauses[f"whereClause{of.table}"] = f"{asked}{by}"
        body = await self._post(
            of.service, "GetRows", {**clauses, "pageSize": PAGE_SIZE, "absolutePage": page}, stores=False
        )
        answer = answer_of(body)
        if not isinstance(answer.returned, dict):
            raise unexpected(f"GetRows of {of.service} answered no tableset")
        rows = rows_of(answer.returned, of.table)
        if order:
            rows.sort(key=lambda row: integer(row, order[0]))
        return rows, is_set(answer.out, "morePages")

    # ------------------------------------------------------------------ methods

    async def call(
        self, service: str, name: str, parameters: Mapping[str, Any], *, about: About | None = None
    ) -> Answer:
        """Calls a method with all of its parameters.

        One that stores nothing is tried again while the server is merely busy. Of one that stores, raises Refused
        where it said no, Unavailable where nothing was done, OutcomeUnknown where that is open; one at a time.
        """
        known = method(service, name, parameters)
        if known.is_get != ((service, name) in self._other_verb):
            return await self._get(service, name, parameters, about=about)
        try:
            return answer_of(await self._post(service, name, parameters, stores=known.stores, about=about))
        except Refused as refusal:
            if not self._swaps(service, name, known, refusal):
                raise
            return await self._get(service, name, parameters, about=about)

    async def get_by_id(self, service: str, **keys: Any) -> Tableset | None:
        """The tableset of one record, None where it is not there; only what is there says which of them it is."""
        try:
            answer = await self.call(service, "GetByID", keys)
        except Refused as refusal:
            if is_missing(refusal):
                return None
            raise
        if not isinstance(answer.returned, dict):
            return answer.ds
        return answer.returned

    async def save(self, ds: Tableset, *, group: str, table: str, about: About | None = None) -> Saved:
        """Stores the marked rows of an invoice by `UpdateMaster`; `table` is the one that is saved for.

        A 200 alone is no success (Epicor dossier 9.4): Refused with the server's words where it asks a person
        something or did not run; nothing was stored then.
        """
        answer = await self.call(
            INVOICE_SERVICE, "UpdateMaster",
            {
                "ds": ds, "cGroupID": group, "cTableName": table, "runChkCPay": False, "runChkBankRef": False,
                "runChkRevChrg": False, "suppressUserPrompts": True,
            },
            about=about,
        )  # fmt: skip
        said = tuple(answer.text(name) for name in _TEXTS_OF_A_SAVE if answer.text(name))
        if not is_set(answer.out, "lUpdateRan") or is_set(answer.out, "requiresUserInput"):
            raise refused_with("\n".join(said) or "UpdateMaster did not run, and did not say why", about=about)
        found = answer.out.get("ds")
        if not isinstance(found, dict):
            raise OutcomeUnknown(system=NAME, detail="UpdateMaster answered no tableset")
        return Saved(found, said)

    async def update(self, service: str, ds: Tableset, *, about: About | None = None) -> Tableset:
        """Stores the marked rows of a tableset by `Update`, and returns what was stored."""
        answer = await self.call(service, "Update", {"ds": ds}, about=about)
        found = answer.out.get("ds")
        if not isinstance(found, dict):
            raise OutcomeUnknown(system=NAME, detail=f"{service}/Update answered no tableset")
        return found

    # ------------------------------------------------------------------ pieces

    def _check(self, of: EntitySet, where: Where | None, select: Sequence[str]) -> None:
        if not select:
            raise unexpected(f"{of.name} is read with the columns that are wanted, always (Epicor dossier 5.3)")
        check_columns(of.table, [*select, *(where.columns() if where is not None else ())])

    def _swaps(self, service: str, name: str, known: Method, refusal: Refused) -> bool:
        """True for a method that stores nothing and wants the other verb (dossier 5.5): remembered from then on."""
        if refusal.status != _WRONG_VERB or known.stores:
            return False
        self._other_verb ^= {(service, name)}
        return True

    async def _get(self, service: str, name: str, parameters: Mapping[str, Any], *, about: About | None) -> Answer:
        query = "&".join(f"{key}={quote(_in_query(value), safe='')}" for key, value in parameters.items())
        url = self.address.of_service(service, name) + (f"?{query}" if query else "")
        try:
            return answer_of(self._checked(await self.http.read(url, follow=False), stores=False, about=about))
        except Refused as refusal:
            if not self._swaps(service, name, method(service, name, parameters), refusal):
                raise
            return answer_of(await self._post(service, name, parameters, stores=False, about=about))

    async def _post(
        self, service: str, name: str, parameters: Mapping[str, Any], *, stores: bool, about: About | None = None
    ) -> Any:
        url = self.address.of_service(service, name)

        async def send() -> Any:
            try:
                reply = await self.http.write("POST", url, body=dict(parameters), idempotent=not stores)
            except ValueError as odd:  # a number with more digits than JSON carries
                raise unexpected(f"{service}/{name}: {odd}") from odd
            return self._checked(reply, stores=stores, about=about)

        if stores:
            # Writes leave one after the other (Epicor dossier 4.4).
            async with self._storing:
                return await send()
        async for turn in stamina.retry_context(on=_worth_another_try, attempts=READ_ATTEMPTS, timeout=None,
                                                wait_initial=0.2, wait_max=5.0, wait_jitter=0.5):  # fmt: skip
            with turn:
                return await send()
        raise AssertionError("stamina either returns or raises")

    def _checked(self, reply: Reply, *, stores: bool, about: About | None = None) -> Any:
        body = body_of(reply)
        if reply.ok:
            return body
        raise error_of(status_of(reply), body, reply.headers, writes=stores, about=about)


def _rows_in(body: Mapping[str, Any]) -> list[Row]:
    found = body.get("value")
    if not isinstance(found, list):
        raise unexpected("the answer holds no list of rows")
    return [row for row in found if isinstance(row, dict)]


def _count_of(body: Mapping[str, Any]) -> int | None:
    told = body.get("@odata.count")
    return int(told) if told is not None and str(told).isdecimal() else None


def _identity(row: Row, of: EntitySet) -> tuple[str, ...]:
    return tuple(text(row, name) for name in of.key)


def _in_query(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _worth_another_try(error: Exception) -> bool | float:
    if not isinstance(error, Unavailable) or error.code in (STALE, GROUP_HELD):
        return False
    if error.retry_after is None:
        return True
    return error.retry_after if error.retry_after <= MAX_WAIT else False
