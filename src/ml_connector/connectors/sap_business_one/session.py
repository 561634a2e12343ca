"""The session: one login shared by all calls of a connection, renewed once for all who wait (SAP dossier 4).

The cookies are taken from the raw Set-Cookie headers and sent by us: B1SESSION comes without a path and with a
dangling semicolon, which cookie jars drop or bind to one root (SAP dossier 4.1).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from decimal import Decimal
from typing import Any, Final

import aiohttp

from ml_connector.connectors.errors import ConnectorError, Refused, Unavailable
from ml_connector.connectors.http import HttpClient, Reply, recording
from ml_connector.connectors.manifest import Limits
from ml_connector.connectors.sap_business_one.address import Address
from ml_connector.connectors.sap_business_one.errors import parse_fault, unexpected
from ml_connector.connectors.sap_business_one.manifest import LIMITS, NAME
from ml_connector.connectors.side import Guard
from ml_connector.records.reason import Finding, Reason

# A good login takes 3 to 8 s, a refused one longer (SAP dossier 4.1).
_LOGIN_LIMITS: Final = Limits(parallel_calls=1, calls=10, per_seconds=1.0, page_size=1, write_timeout=60.0)
_COOKIES: Final = ("B1SESSION", "ROUTEID")
_DEFAULT_LIFETIME: Final = 1_800.0
_MARGIN: Final = 60.0
"""Seconds before the end of the time-out at which the session is no longer trusted (SAP dossier 4.4)."""
REFUSAL_AGE: Final = 30.0
"""Seconds a refused login is remembered: wrong ones, repeated, lock the user (SAP dossier 4.2)."""
MOST_BROKEN: Final = 3
_BROKEN_AGE: Final = 60.0

ADVICE: Final[Mapping[str, str]] = {
    "100000027": "User or password is wrong. Check username and password; both are case sensitive.",
    "100000055": "The user is locked. Have it unlocked in SAP Business One (Administration, Setup, Users), after"
    " correcting the password here.",
    "-304": "The System Landscape Directory gave no database credentials. Check username, password and company_db;"
    " if they are right, have the SLD service looked at.",
    "305": "The company database is unknown or out of reach. Check company_db: the database's name, not the company's.",
    "102": "The login was refused for reasons of licence. Give the user a licence that covers the Service Layer.",
}
NO_ADVICE: Final = "Check company_db, username and password, and that the user has a licence."

_in_use: ContextVar[str] = ContextVar("cookies of this task's last call", default="")


class CookielessHttp(HttpClient):
    """The pool keeps cookies by itself and would send a node's old ROUTEID over ours: it forgets them."""

    def _pool(self) -> aiohttp.ClientSession:
        pool = super()._pool()
        pool.cookie_jar.clear()
        return pool


class Session:
    """Signs calls in (`http.Authorizer`). Its time-out slides: every call renews it."""

    def __init__(self, address: Address, *, username: str, password: str) -> None:
        self._address = address
        self._username = username
        self._password = password
        # No guard: a login changes nothing, and reads need one too.
        self._http = CookielessHttp(
            system=NAME, limits=_LOGIN_LIMITS, headers={"Accept": "application/json"}, ca_bundle=address.ca_bundle
        )
        self._lock = asyncio.Lock()
        self._cookies = ""
        self._lifetime = _DEFAULT_LIFETIME
        self._used_at = 0.0
        self._refusal: Reply | None = None
        self._refused_at = float("-inf")
        self._broken = 0
        self._broken_at = float("-inf")
        self.version = ""
        """The server's version, as the last login told it."""
        self.logins = 0

    async def headers(self) -> Mapping[str, str]:
        """The Cookie header of a session that has not timed out. Raises Refused or Unavailable."""
        if not self._is_fresh():
            async with self._lock:
                if not self._is_fresh():
                    await self._login()
        self._used_at = time.monotonic()
        _in_use.set(self._cookies)
        return {"Cookie": self._cookies}

    async def renew(self, rejected: Mapping[str, str]) -> None:
        """Another session, unless the rejected one has been replaced meanwhile."""
        async with self._lock:
            if not self._cookies or rejected.get("Cookie") == self._cookies:
                await self._login()

    def drop(self) -> None:
        """Gives up the session this task's last call was made with, unless it was replaced meanwhile."""
        if self._cookies == _in_use.get():
            self._cookies = ""

    def drop_broken(self) -> None:
        """Gives it up since its node is broken; no more than a few times in a row (SAP dossier 4.4)."""
        now = time.monotonic()
        if now - self._broken_at > _BROKEN_AGE:
            self._broken = 0
        if self._broken < MOST_BROKEN and self._cookies and self._cookies == _in_use.get():
            self._broken, self._broken_at = self._broken + 1, now
            self._cookies = ""

    async def sign_in(self) -> None:
        """Logs in anew, whatever is remembered of refusals."""
        async with self._lock:
            self._refusal = None
            await self._login()

    async def close(self) -> None:
        """Logs out and closes the connection. Never raises: the session ends by itself after its time-out."""
        cookies, self._cookies = self._cookies, ""
        if cookies and time.monotonic() - self._used_at < self._lifetime:
            with suppress(ConnectorError):
                await self._http.write(
                    "POST", f"{self._address.root}/Logout", headers={"Cookie": cookies},
                    authorized=False, idempotent=True,
                )  # fmt: skip
        await self._http.close()

    def _is_fresh(self) -> bool:
        margin = min(_MARGIN, self._lifetime / 2)
        return bool(self._cookies) and time.monotonic() - self._used_at < self._lifetime - margin

    async def _login(self) -> None:
        self._cookies = ""
        if self._refusal is not None and time.monotonic() - self._refused_at < REFUSAL_AGE:
            raise refusal_of(self._refusal)
        self._refusal = None
        body = {"CompanyDB": self._address.company_db, "UserName": self._username, "Password": self._password}
        async with recording():  # kept apart: a body with the password in it belongs in no trail
            reply = await self._http.write(
                "POST", f"{self._address.root}/Login", body=body, authorized=False, idempotent=True
            )
        self.logins += 1
        if not reply.ok:
            self._refusal, self._refused_at = reply, time.monotonic()
            raise refusal_of(reply)
        self._take(reply)

    def _take(self, reply: Reply) -> None:
        answer = json_of(reply)
        cookies = cookies_of(reply.headers)
        if "B1SESSION" not in cookies and isinstance(answer, dict) and answer.get("SessionId"):
            cookies["B1SESSION"] = str(answer["SessionId"])
        if "B1SESSION" not in cookies:
            raise unexpected("the answer to the login holds no session")
        self._lifetime = _lifetime_of(answer)
        self.version = str(answer.get("Version") or "") if isinstance(answer, dict) else ""
        self._used_at = time.monotonic()
        self._cookies = "; ".join(f"{name}={cookies[name]}" for name in _COOKIES if name in cookies)


class ServiceLayerHttp(CookielessHttp):
    """The calls that a session signs in; one whose node is broken is given up before the next attempt."""

    def __init__(self, session: Session, address: Address, *, guard: Guard | None) -> None:
        super().__init__(
            system=NAME, limits=LIMITS, authorizer=session, ca_bundle=address.ca_bundle,
            headers={"Accept": "application/json"}, guard=guard,
        )  # fmt: skip
        self._of = session

    def unavailable(self, reply: Reply) -> Unavailable:
        """The error for an answer that says: not now."""
        if parse_fault(reply.status, json_of(reply)).is_broken_node:
            self._of.drop_broken()
        return super().unavailable(reply)


def cookies_of(headers: Mapping[str, str]) -> dict[str, str]:
    """The session's cookies by name, from each Set-Cookie header up to its first semicolon."""
    found: dict[str, str] = {}
    for header, value in headers.items():  # every Set-Cookie header is an item of its own
        if header.lower() == "set-cookie":
            name, _, content = value.partition(";")[0].strip().partition("=")
            if name in _COOKIES and content:
                found[name] = content
    return found


def refusal_of(reply: Reply) -> Refused:
    """A refused login. 401 with 301 is no answer of a login: the path is not the one it looks like."""
    fault = parse_fault(reply.status, json_of(reply))
    is_login = bool(fault.code) and fault.code not in ("301", "-1002")
    reason = Reason.SIGN_IN_REFUSED if is_login or (reply.status == 401 and not fault.code) else Reason.ADDRESS_WRONG
    said = f"{reply.status} {fault.code} {fault.message}".strip()
    return Refused(system=NAME, findings=(Finding(reason, NAME, said),), status=reply.status, code=fault.code)


def advice_for(error: ConnectorError) -> str:
    """What to do where no session was given."""
    if error.reason is Reason.ADDRESS_WRONG:
        return "Check base_url: it must end in /b1s/v2 (or /b1s/v1), in lower case, at the load balancer's port."
    if error.reason in (Reason.UNREACHABLE, Reason.OUT_OF_ORDER):
        return f"{NAME} does not answer the login now: try again in a few minutes, or have its services looked at."
    return ADVICE.get(error.code, NO_ADVICE)


def json_of(reply: Reply) -> Any:
    """The body as JSON, or as text where it is none."""
    try:
        return reply.json() if reply.body else None
    except ValueError:
        return reply.text()


def _lifetime_of(answer: Any) -> float:
    """Seconds of the time-out; `SessionTimeout` is in minutes (SAP dossier 4.1)."""
    try:
        thousandths = int(Decimal(str(answer["SessionTimeout"])) * 60_000)
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return _DEFAULT_LIFETIME
    return thousandths / 1_000 if thousandths > 0 else _DEFAULT_LIFETIME
