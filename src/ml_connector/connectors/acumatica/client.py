"""HTTP to one endpoint of an instance: reads page by page, upserts, actions, files (Acumatica dossier 1, 4-7).

No business words here. Rows come and go plain (values.py); names are checked before they leave (contract.py).
Every method raises `ConnectorError` and nothing else.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote

import aiohttp

from ml_connector.connectors.acumatica.address import Address
from ml_connector.connectors.acumatica.contract import KEYS
from ml_connector.connectors.acumatica.errors import (
    CANNOT_OPTIMIZE,
    culprits_of,
    error_of,
    is_missing,
    parse_fault,
    unexpected,
)
from ml_connector.connectors.acumatica.gate import Gate
from ml_connector.connectors.acumatica.manifest import LIMITS, NAME
from ml_connector.connectors.acumatica.session import Session, body_of
from ml_connector.connectors.acumatica.values import unwrap, wrap
from ml_connector.connectors.errors import ConnectorError, OutcomeUnknown, Refused, Unavailable
from ml_connector.connectors.http import HttpClient, Reply
from ml_connector.connectors.odata import address, literal
from ml_connector.connectors.rows import Row, text
from ml_connector.connectors.side import Guard, Side
from ml_connector.records.reason import Reason

About = Mapping[Reason, str]
Keys = tuple[str, ...]

_SPOKEN: Final = 522
"""Our own number for a 500 in which the application speaks, never on the wire: others mean a server out of order."""
_WAITS: Final = 429
_STATUS: Final = "x-status-before"
"""Our own header for the status an answer came with, where that was another."""
_UNFIT: Final = frozenset("/|\\:*?<>%&+#")
"""What no key in an address may have: the server's own separators, and what IIS refuses in any spelling."""
_LEAST_PAGE: Final = 2
_MOST_SLIPS: Final = 5
"""How often a list may have moved under our hands before it is read at once."""
_UNSTAMPED: Final = "-"


class InstanceHttp(HttpClient):
    """The calls that a session signs in; answers that mean another thing than their status are given another."""

    def _pool(self) -> aiohttp.ClientSession:
        """Without cookies: the session hangs on the token, and one of an older token must not go along with it."""
        pool = super()._pool()
        pool.cookie_jar.clear()
        return pool

    async def _signed_in(
        self, method: str, url: str, *, params: Mapping[str, str] | None, headers: Mapping[str, str] | None,
        seconds: float, authorized: bool, follow: bool, content: bytes | None = None, replays: bool = True,
    ) -> Reply:  # fmt: skip
        reply = await super()._signed_in(
            method, url, params=params, headers=headers, seconds=seconds, authorized=authorized, follow=follow,
            content=content, replays=replays,
        )  # fmt: skip
        if reply.ok or reply.status == 429:
            return reply
        fault = parse_fault(reply.status, body_of(reply))
        if fault.waits:
            return replace(reply, status=_WAITS, headers={**reply.headers, _STATUS: str(reply.status)})
        is_answer = fault.is_spoken or (method != "GET" and fault.is_told)
        return replace(reply, status=_SPOKEN) if reply.status == 500 and is_answer else reply

    def unavailable(self, reply: Reply) -> Unavailable:
        """The error for an answer that says: not now. With the status that it came with."""
        error = super().unavailable(reply)
        error.status = int(reply.headers.get(_STATUS, reply.status))
        return error


@dataclass(frozen=True, slots=True)
class Started:
    """An action's answer. `location` is where its end is asked after, None where it is over (Acumatica dossier 6)."""

    location: str | None


class Acumatica:
    """Calls to one tenant through one endpoint, with one user."""

    def __init__(self, side: Side, *, guard: Guard | None = None) -> None:
        self.address = Address.of(side)
        self.contract = self.address.contract
        self.session = Session(side, self.address)
        self.http = InstanceHttp(
            system=NAME, limits=replace(LIMITS, calls=self.address.requests_per_minute), authorizer=self.session,
            headers={"Accept": "application/json"}, guard=guard,
        )  # fmt: skip
        self._gates: dict[str, Gate] = {}
        self._by_key: dict[str, frozenset[str]] = {}
        """By entity, the names that its lists cannot bring on this instance."""

    async def close(self) -> None:
        """Signs out and closes the pooled connections. Never raises."""
        await self.session.close()
        await self.http.close()

    # ------------------------------------------------------------------ one record

    async def get(
        self, entity: str, *keys: str, select: Sequence[str] = (), expand: Sequence[str] = (),
        missing_ok: bool = False,
    ) -> Row | None:  # fmt: skip
        """One record by its keys in the order of `contract.KEYS`, or by its id (a GUID) alone.

        None where it is gone and `missing_ok`. One whose key cannot stand in an address is read by its id, which is
        looked up first (Acumatica dossier 1).
        """
        if any(_UNFIT & set(key) for key in keys):
            found = await self.rows(entity, where=any_key(entity, [keys]), select=KEYS[entity], size=_LEAST_PAGE)
            if not found and missing_ok:
                return None
            keys = (text(found[0], "id"),) if found else keys
        path = "/".join(quote(key, safe="") for key in keys)
        url = address(f"{self.address.of_entity(entity)}/{path}", self._options(entity, select, expand))
        try:
            return _record(await self._read(entity, url))
        except Refused as refusal:
            if missing_ok and is_missing(refusal):
                return None
            raise

    # ------------------------------------------------------------------ lists

    async def pages(
        self, entity: str, *, where: str = "", select: Sequence[str] = (), expand: Sequence[str] = (),
        size: int | None = None,
    ) -> AsyncIterator[list[Row]]:  # fmt: skip
        """The records of a list, page by page; an empty list is one empty page. Always with `select`, please.

        A list has no next link and no order that is promised: each page begins with the last record of the one
        before, and where that is not so any more it is read again from further back, at last all of it at once. So
        nothing that stays is passed over while others come and go. A record comes once, or again once it changed.

        What the server cannot bring in a list (Acumatica dossier 4.2) is read record by record instead.
        """
        size = max(size or LIMITS.page_size, _LEAST_PAGE)
        skip, last, slips = 0, None, 0
        told: dict[Keys, str] = {}
        while True:
            top = size if slips <= _MOST_SLIPS else None
            rows = await self._list(entity, where, select, expand, top=top, skip=skip)
            if last is not None and (not rows or _keys_of(entity, rows[0]) != last):
                slips += 1
                skip, last = (max(skip - size, 0) if slips <= _MOST_SLIPS else 0), None
                continue
            fresh = [row for row in rows if told.get(_keys_of(entity, row)) != _stamp_of(row)]
            told |= {_keys_of(entity, row): _stamp_of(row) for row in fresh}
            yield await self._completed(entity, fresh, select, expand)
            if top is None or len(rows) < top:
                return
            last, skip = _keys_of(entity, rows[-1]), skip + size - 1

    async def rows(
        self, entity: str, *, where: str = "", select: Sequence[str] = (), expand: Sequence[str] = (),
        size: int | None = None,
    ) -> list[Row]:  # fmt: skip
        """All records of a list that is known to be small, each once and as it was last told."""
        pages = self.pages(entity, where=where, select=select, expand=expand, size=size)
        found = {_keys_of(entity, row): row async for page in pages for row in page}
        return list(found.values())

    async def _list(
        self, entity: str, where: str, select: Sequence[str], expand: Sequence[str], *, top: int | None, skip: int
    ) -> list[Row]:
        """One page, or all of it, without what lists of this entity cannot bring; learns that from the refusal."""
        while True:
            left_out = self._by_key.get(entity, frozenset())
            asked = self._options(
                entity, _without(_with_keys(entity, select), left_out), _without(expand, left_out)
            )  # fmt: skip
            if where:
                asked["$filter"] = where
            if top is not None:
                asked |= {"$top": str(top), "$skip": str(skip)}
            url = address(self.address.of_entity(entity), asked)
            try:
                return _records(await self._read(entity, url))
            except Refused as refusal:
                if refusal.code != CANNOT_OPTIMIZE:
                    raise
                more = self._culprits(entity, refusal, [*select, *expand]) - left_out
                if not more:
                    raise
                self._by_key[entity] = left_out | more

    def _culprits(self, entity: str, refusal: Refused, wanted: Sequence[str]) -> frozenset[str]:
        """What of `wanted` is named as not optimisable, by its first name; every part where nothing is named."""
        named = {each.split("/")[0] for each in culprits_of(refusal)}
        asked = {each.split("/")[0] for each in wanted}
        found = frozenset(named & asked) - set(KEYS.get(entity, ()))
        return found or (self.contract.nested(entity) & asked)

    async def _completed(self, entity: str, rows: list[Row], select: Sequence[str], expand: Sequence[str]) -> list[Row]:
        """The rows with what their list could not bring, read one by one (Acumatica dossier 4.2, c)."""
        left_out = self._by_key.get(entity, frozenset())
        if not any(each.split("/")[0] in left_out for each in (*select, *expand)):
            return rows
        found = [
            await self.get(entity, *_keys_of(entity, row), select=select, expand=expand, missing_ok=True)
            for row in rows
        ]
        return [row for row in found if row is not None]

    # ------------------------------------------------------------------ inquiries

    async def inquire(self, entity: str, fields: Mapping[str, Any], *, expand: Sequence[str]) -> Row:
        """An inquiry: asked by a PUT that changes nothing (Acumatica dossier 4.5)."""
        self.contract.check(entity, fields)
        url = address(self.address.of_entity(entity), self._options(entity, (), expand))
        async with self._gate(entity).shared():
            reply = await self.http.write("PUT", url, body=wrap(fields), idempotent=True)
        return _record(_checked(reply, writes=False))

    # ------------------------------------------------------------------ writes

    async def put(
        self, entity: str, fields: Mapping[str, Any], *, select: Sequence[str] = (), expand: Sequence[str] = (),
        about: About | None = None, idempotent: bool = False, headers: Mapping[str, str] | None = None,
    ) -> Row:  # fmt: skip
        """Creates or changes a record and returns it as it was stored, its parts where they are in `expand`.

        It is found by its key fields or `id` in `fields`; without them a new one is made, each time. Raises Refused
        with everything that is wrong where nothing was saved, Unavailable where nothing was done, OutcomeUnknown
        where that is open. `idempotent` for a change that does no harm when it is made twice.
        """
        self.contract.check(entity, fields)
        url = address(self.address.of_entity(entity), self._options(entity, select, expand))
        async with self._gate(entity).shared():
            reply = await self.http.write("PUT", url, body=wrap(fields), idempotent=idempotent, headers=headers)
        body = _checked(reply, writes=not idempotent, about=about)
        if not isinstance(body, dict):
            raise OutcomeUnknown(system=NAME, detail=f"PUT {entity} answered no record", status=reply.status)
        return unwrap(body)

    async def delete(self, entity: str, *keys: str) -> bool:
        """Deletes a record by its keys or id; False where it was gone."""
        path = "/".join(quote(key, safe="") for key in keys)
        async with self._gate(entity).shared():
            reply = await self.http.write("DELETE", f"{self.address.of_entity(entity)}/{path}", idempotent=True)
        try:
            _checked(reply, writes=False)
        except Refused as refusal:
            if is_missing(refusal):
                return False
            raise
        return True

    async def upload(self, link: str, name: str, content: bytes, *, comment: str = "") -> None:
        """Puts a file to a record by the `files:put` link it came with; the same name once more replaces it."""
        url = self.address.resolve(link.replace("{filename}", quote(name, safe="")))
        headers = {"Content-Type": "application/octet-stream"}
        if comment:
            headers["PX-CbFileComment"] = quote(comment[:500], safe=" ,.;:/()-_")
        reply = await self.http.write("PUT", url, content=content, idempotent=True, headers=headers)
        _checked(reply, writes=False)

    # ------------------------------------------------------------------ actions

    @asynccontextmanager
    async def alone(self, entity: str) -> AsyncGenerator[None]:
        """While an action runs: from its start to its end no other call of ours is made on the form.

        Inside the block only `start` and `is_over` are called for this entity; all others would wait for its end.
        """
        async with self._gate(entity).alone():
            yield

    async def start(
        self, entity: str, action: str, fields: Mapping[str, Any], *, parameters: Mapping[str, Any] | None = None,
        about: About | None = None,
    ) -> Started:  # fmt: skip
        """Starts an action on the record that `fields` names by its keys or its id. Inside `alone`.

        Only a 202 tells where to ask: the link of a 204 leads nowhere (Acumatica dossier 6). Raises Refused where the
        application says that it failed: what became of it is told by the record alone.
        """
        self.contract.check_action(entity, action)
        self.contract.check(entity, fields)
        body = {"entity": wrap(fields), "parameters": wrap(parameters or {})}
        reply = await self.http.write("POST", f"{self.address.of_entity(entity)}/{action}", body=body)
        _checked(reply, writes=True, about=about, is_judged=True)
        location = next((value for name, value in reply.headers.items() if name.lower() == "location"), None)
        if reply.status != 202 or not location:
            return Started(None)
        return Started(self.address.resolve(location))

    async def is_over(self, started: Started, *, about: About | None = None) -> bool:
        """True once an action has ended well; raises where it failed or cannot be asked after. Inside `alone`."""
        if started.location is None:
            return True
        reply = await self.http.read(started.location, follow=False)
        _checked(reply, writes=False, about=about)
        return reply.status != 202

    # ------------------------------------------------------------------ the instance

    async def instance(self, *, signed_in: bool) -> Any:
        """What `GET /entity` tells: version and endpoints, the tenant's own ones only where signed in."""
        reply = await self.http.read(f"{self.address.root}/entity", authorized=signed_in, follow=False)
        return _checked(reply, writes=False)

    async def schema(self) -> Row:
        """The endpoint's own description, of OpenAPI (Acumatica dossier 1)."""
        url = address(f"{self.address.base}/swagger.json", {"company": self.address.tenant})
        body = _checked(await self.http.read(url, follow=False), writes=False)
        if not isinstance(body, dict):
            raise unexpected("the endpoint's description is none")
        return body

    # ------------------------------------------------------------------ pieces

    def _gate(self, entity: str) -> Gate:
        return self._gates.setdefault(entity, Gate())

    def _options(self, entity: str, select: Sequence[str], expand: Sequence[str]) -> dict[str, str]:
        """`$select` and `$expand`. With `$select` a part comes only where it is in both (Acumatica dossier 4.1)."""
        self.contract.check_paths(entity, [*select, *expand])
        options: dict[str, str] = {}
        if select:
            named = {each.split("/")[0] for each in select}
            options["$select"] = ",".join(dict.fromkeys([*select, *(each for each in expand if each not in named)]))
        if expand:
            options["$expand"] = ",".join(expand)
        return options

    async def _read(self, entity: str, url: str) -> Any:
        async with self._gate(entity).shared():
            reply = await self.http.read(url, follow=False)
        return _checked(reply, writes=False)


def any_key(entity: str, keys: Iterable[Sequence[str]]) -> str:
    """A filter that is true for the records with one of these keys."""
    names = KEYS[entity]
    return " or ".join(
        "(" + " and ".join(f"{name} eq {literal(value)}" for name, value in zip(names, each, strict=True)) + ")"
        for each in keys
    )


def _with_keys(entity: str, select: Sequence[str]) -> list[str]:
    """Pages are joined by the keys: they are read with everything else."""
    return list(dict.fromkeys([*KEYS[entity], *select])) if select else []


def _without(names: Sequence[str], left_out: frozenset[str]) -> list[str]:
    return [each for each in names if each.split("/")[0] not in left_out]


def _keys_of(entity: str, row: Row) -> Keys:
    return tuple(text(row, name) for name in KEYS[entity])


def _stamp_of(row: Row) -> str:
    return text(row, "LastModifiedDateTime") or _UNSTAMPED


def _checked(reply: Reply, *, writes: bool, about: About | None = None, is_judged: bool = False) -> Any:
    if not reply.ok:
        raise _error(reply, writes=writes, about=about, is_judged=is_judged)
    return body_of(reply)


def _error(reply: Reply, *, writes: bool, about: About | None, is_judged: bool) -> ConnectorError:
    status = 500 if reply.status == _SPOKEN else reply.status
    return error_of(status, body_of(reply), reply.headers, writes=writes, about=about, is_judged=is_judged)


def _record(body: Any) -> Row:
    if not isinstance(body, dict):
        raise unexpected("the answer is no record")
    return unwrap(body)


def _records(body: Any) -> list[Row]:
    if not isinstance(body, list):
        raise unexpected("the answer is no list of records")
    return [unwrap(each) for each in body if isinstance(each, dict)]
