"""Calls as the server takes them: signed in, with answers that mean another thing than their status told apart."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import aiohttp

from ml_connector.connectors.epicor_kinetic.address import Address
from ml_connector.connectors.epicor_kinetic.auth import Session, body_of
from ml_connector.connectors.epicor_kinetic.errors import error_of, parse_fault, without_key
from ml_connector.connectors.epicor_kinetic.manifest import LIMITS, NAME
from ml_connector.connectors.errors import Refused, Unavailable
from ml_connector.connectors.http import HttpClient, Reply
from ml_connector.connectors.side import Guard

_STATUS: Final = "x-status-before"
"""Our own header for the status an answer came with, where that was another."""
_TOLD_401: Final = 521
"""Our own number for a 401 that no new token helps against; never on the wire."""
_BROKEN_LIST: Final = 522
"""Our own number for a 500 to the read of a set: some servers answer big sets so, always (Epicor dossier 5.4)."""
_WAITS: Final = 429
_OF_A_SET: Final = "$select="
"""What the address of every read of a set holds, and of nothing else."""


class KineticHttp(HttpClient):
    """Calls to one instance with one sign-in and one API key."""

    def __init__(self, session: Session, address: Address, *, guard: Guard | None) -> None:
        headers = {"Accept": "application/json"}
        if address.site:
            headers["CallSettings"] = json.dumps({"Company": address.company, "Plant": address.site})
        super().__init__(system=NAME, limits=LIMITS, authorizer=session, headers=headers, guard=guard)
        self._of = session
        self._first = asyncio.Lock()
        self._is_proven = session.renews

    def without_secrets(self, status: int, answer: bytes) -> bytes:
        """A refusal for the API key repeats it in clear (Epicor dossier 4.2)."""
        return answer if status < 400 else without_key(answer, self._of.credentials.api_key)

    def _pool(self) -> aiohttp.ClientSession:
        """Without cookies: each call is signed in by itself, and must not end up in another's session."""
        pool = super()._pool()
        pool.cookie_jar.clear()
        return pool

    async def _signed_in(
        self, method: str, url: str, *, params: Mapping[str, str] | None, headers: Mapping[str, str] | None,
        seconds: float, authorized: bool, follow: bool, content: bytes | None = None, replays: bool = True,
    ) -> Reply:  # fmt: skip
        """Until a password has once been accepted calls go one by one: a wrong one is sent once, not twice."""

        async def send() -> Reply:
            reply = await super(KineticHttp, self)._signed_in(
                method, url, params=params, headers=headers, seconds=seconds, authorized=authorized, follow=follow,
                content=content, replays=replays,
            )  # fmt: skip
            if status_of(reply) == 401:
                self._told(reply)
            else:
                self._is_proven = True
            return reply

        if self._is_proven:
            return await send()
        async with self._first:
            return await send()

    def _told(self, reply: Reply) -> None:
        error = error_of(401, body_of(reply), reply.headers, writes=False)
        if isinstance(error, Refused):
            self._of.told(error)

    async def _send(
        self, method: str, url: str, *, params: Mapping[str, str] | None, headers: Mapping[str, str],
        content: bytes | None, seconds: float, follow: bool,
    ) -> Reply:  # fmt: skip
        reply = await super()._send(
            method, url, params=params, headers=headers, content=content, seconds=seconds, follow=follow
        )
        if reply.ok:
            return reply
        fault = parse_fault(reply.status, body_of(reply))
        if fault.waits:
            return _as(_WAITS, reply)
        if reply.status == 401 and (fault.is_told_401 or not self._of.renews):
            return _as(_TOLD_401, reply)
        if reply.status == 500 and method == "GET" and _OF_A_SET in url:
            return _as(_BROKEN_LIST, reply)
        return reply

    def unavailable(self, reply: Reply) -> Unavailable:
        """The error for an answer that says: not now."""
        error = error_of(status_of(reply), body_of(reply), reply.headers, writes=False)
        return error if isinstance(error, Unavailable) else super().unavailable(reply)


def _as(status: int, reply: Reply) -> Reply:
    return replace(reply, status=status, headers={**reply.headers, _STATUS: str(reply.status)})


def status_of(reply: Reply) -> int:
    """The status an answer came with."""
    return int(reply.headers.get(_STATUS, reply.status))
