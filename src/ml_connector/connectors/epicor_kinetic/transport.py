"""Calls as the server takes them: signed in, with answers that mean another thing than their status told apart."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import aiohttp

from ml_connector.connectors.base import Guard
from ml_connector.connectors.epicor_kinetic.address import Address
from ml_connector.connectors.epicor_kinetic.auth import Session, body_of
from ml_connector.connectors.epicor_kinetic.errors import error_of, parse_fault, without_key
from ml_connector.connectors.epicor_kinetic.manifest import LIMITS, NAME
from ml_connector.connectors.errors import Refused, Unavailable
from ml_connector.connectors.http import HttpClient, Reply

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

    def without_secrets(self, status: int, answer: bytes) -> bytes:
        """A refusal for the API key repeats it in clear (Epicor dossier 4.2)."""
        return answer if status < 400 else without_key(answer, self._of.credentials.api_key)

    def _pool(self) -> aiohttp.ClientSession:
        """Without cookies: each call is signed in by itself, and must not end up in another's session."""
        pool = super()._pool()
        pool.cookie_jar.clear()
        return pool

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

    def told(self, error: Exception) -> None:
        """Takes note of an answer that may be about the sign-in."""
        if isinstance(error, Refused) and error.status == 401:
            self._of.told(error)


def _as(status: int, reply: Reply) -> Reply:
    return replace(reply, status=status, headers={**reply.headers, _STATUS: str(reply.status)})


def status_of(reply: Reply) -> int:
    """The status an answer came with."""
    return int(reply.headers.get(_STATUS, reply.status))
