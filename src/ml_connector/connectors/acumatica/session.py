"""Sign-in at the instance's identity server, and the one session that comes of it (Acumatica dossier 2.2, 2.3).

With the scopes `api offline_access` everything that is done with one granted access, refreshed or not, runs in one
session and takes one seat. Refresh tokens rotate: each dies once it is used. So there is one for all processes, and
whoever renews has it alone until the next one is kept.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final
from urllib.parse import urlencode

from ml_connector.connectors.acumatica.address import Address, text_of
from ml_connector.connectors.acumatica.errors import parse_fault
from ml_connector.connectors.acumatica.manifest import NAME
from ml_connector.connectors.errors import ConnectorError, Refused, Unavailable
from ml_connector.connectors.http import HttpClient, Reply, recording
from ml_connector.connectors.manifest import Limits
from ml_connector.connectors.rows import amount
from ml_connector.connectors.side import Kept, Side
from ml_connector.records.reason import Finding, Reason

SCOPE: Final = "api offline_access"
"""Never api:concurrent_access: with it each call without cookies opens a session of its own (dossier 2.3)."""
KEPT_AS: Final = "refresh token"
REFUSAL_AGE: Final = 1_800.0
"""Seconds a refused password is remembered: wrong ones, repeated, lock the user (Acumatica dossier 2.1)."""
CONSENT: Final = "consent needed"
_LIMITS: Final = Limits(parallel_calls=1, calls=10, per_seconds=1.0, page_size=1, write_timeout=60.0)
_MARGIN: Final = 60.0
_USUAL_LIFETIME: Final = 3_600

_refused: dict[str, tuple[float, Refused]] = {}
"""Refused passwords of this process, by digest of the credentials, with the time of the refusal."""

ADVICE: Final[Mapping[str, str]] = {
    "invalid_client": "Client id or secret is wrong. Check client_id and client_secret against Connected Applications"
    " (SM303010): the id ends in @ and the tenant, the secret is the shared secret's value.",
    "invalid_grant": "User or password is wrong, or the user is locked or has to change the password first. Sign in"
    " once in the browser with it, correct username and password here, and have the user unlocked.",
    "unauthorized_client": "The connected application may not sign in with user and password: in Connected"
    " Applications (SM303010) set its flow to Resource Owner Password Credentials. The client credentials flow does"
    " not exist in Acumatica, so a user is needed.",
    "unsupported_grant_type": "The identity server does not take sign-ins with user and password. In Connected"
    " Applications (SM303010) set the flow to Resource Owner Password Credentials. The client credentials flow does"
    " not exist in Acumatica, so a user is needed.",
    CONSENT: "Sign in once more in the browser by the authorization code flow and set the refresh token it gives as"
    " refresh_token, or set username and password.",
    "invalid_scope": "The connected application lacks a scope: it needs api and offline_access.",
}
NO_ADVICE: Final = "Check client_id, client_secret, username and password against Connected Applications (SM303010)."


class IdentityHttp(HttpClient):
    """Calls to the identity server: what it answers may echo what was sent, so it is told nowhere (dossier 2.2)."""

    def unavailable(self, reply: Reply) -> Unavailable:
        """The error for an answer that says: not now."""
        if reply.status == 429 or parse_fault(reply.status, body_of(reply)).is_login_limit:
            finding = Finding(Reason.RATE_LIMITED, NAME, f"{reply.status}: the licence has no API user free")
        else:
            finding = Finding(Reason.OUT_OF_ORDER, NAME, f"the identity server answered {reply.status}")
        return Unavailable(system=NAME, findings=(finding,), status=reply.status)


class InMemory:
    """Keeps a token in this object, where it can be kept nowhere else."""

    def __init__(self) -> None:
        self.value: str | None = None
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Kept]:
        """Alone with it until the block ends."""
        async with self._lock:
            yield self

    async def replace(self, value: str | None) -> None:
        """Keeps another value in its place."""
        self.value = value


class Session:
    """Signs calls in (`http.Authorizer`): one access token for all calls of this object, renewed once for all."""

    def __init__(self, side: Side, address: Address) -> None:
        self._address = address
        self._client_id = text_of(side.values, "client_id")
        self._username = text_of(side.values, "username")
        self._client_secret = side.secrets.get("client_secret", "")
        self._password = side.secrets.get("password", "")
        # Where there is a user, signing in anew is the user's part.
        self._first_refresh = "" if self._username else side.secrets.get("refresh_token", "")
        self._keepsake = side.keepsake
        self._memory = InMemory()
        # No guard: a sign-in changes nothing, and reads need one too.
        self._http = IdentityHttp(system=NAME, limits=_LIMITS, headers={"Accept": "application/json"})
        self._lock = asyncio.Lock()
        self._token = ""
        self._renew_at = 0.0
        self._ends_at = 0.0
        self._is_used = False
        self.grants = 0
        """Sign-ins with the password, and not by a refresh token."""

    @property
    def tenant(self) -> str:
        """The tenant that the client id chooses."""
        return self._client_id.partition("@")[2]

    def check_tenant(self) -> None:
        """Raises Refused (address wrong) where the client id is of another tenant than the settings."""
        self._address.check_tenant(self._client_id)

    async def headers(self) -> Mapping[str, str]:
        """The Authorization header of a token that is valid for a while yet. Raises Refused or Unavailable."""
        if not self._is_fresh():
            async with self._lock:
                if not self._is_fresh():
                    await self._get()
        self._is_used = True
        return {"Authorization": f"Bearer {self._token}"}

    async def renew(self, rejected: Mapping[str, str]) -> None:
        """Another token, unless the rejected one has been replaced meanwhile."""
        async with self._lock:
            if not self._token or rejected.get("Authorization") == f"Bearer {self._token}":
                await self._get()

    async def sign_in(self) -> None:
        """Signs in anew, a password that was refused before too: for the test of a connection.

        By the refresh token that is kept where there is one: another grant would be another session, and take a seat.
        """
        _refused.pop(self._digest(), None)
        async with self._lock:
            await self._get()

    async def close(self) -> None:
        """Frees the seat and closes the connection. Never raises: the session ends with its token (dossier 2.3).

        Others of the same grant are not hurt: their next call opens the session anew.
        """
        token, self._token = self._token, ""
        if token and self._is_used and time.monotonic() < self._ends_at:
            with suppress(ConnectorError):
                # An empty body of length 0: without the length it is a 411, and the seat stays taken (dossier 2.1).
                await self._http.write(
                    "POST", f"{self._address.root}/entity/auth/logout", content=b"", authorized=False, idempotent=True,
                    headers={"Authorization": f"Bearer {token}", "Content-Length": "0"},
                )  # fmt: skip
        await self._http.close()

    # ------------------------------------------------------------------ getting a token

    def _is_fresh(self) -> bool:
        return bool(self._token) and time.monotonic() < self._renew_at

    async def _get(self) -> None:
        self._token = ""
        self.check_tenant()
        async with self._opened() as kept:
            for refresh_token in self._refresh_tokens(kept.value):
                answer = await self._refreshed(refresh_token)
                if answer is not None:
                    break
            else:
                answer = await self._granted_by_password()
            await self._take(answer, kept)

    def _refresh_tokens(self, kept: str | None) -> list[str]:
        """Those to try: what the last refresh left, then the one of a sign-in by authorization code."""
        owner, _, refresh_token = (kept or "").partition(" ")
        found = [refresh_token] if refresh_token and owner == self._digest() else []
        return [*found, self._first_refresh] if self._first_refresh else found

    @asynccontextmanager
    async def _opened(self) -> AsyncGenerator[Kept]:
        if self._keepsake is None:
            async with self._memory.open() as kept:
                yield kept
        else:
            async with self._keepsake.open(KEPT_AS) as kept:
                yield kept

    async def _refreshed(self, refresh_token: str) -> dict[str, Any] | None:
        """A new grant for a refresh token; None where it is refused, by whichever 4xx (Acumatica dossier 2.2)."""
        reply = await self._ask({"grant_type": "refresh_token", "refresh_token": refresh_token})
        if reply.ok:
            return _granted(reply)
        if 400 <= reply.status < 500:
            return None
        raise self._refusal(reply)

    async def _granted_by_password(self) -> dict[str, Any]:
        known = _refused.get(self._digest())
        if known is not None and time.monotonic() - known[0] < REFUSAL_AGE:
            before = known[1]
            raise Refused(system=NAME, findings=before.findings, status=before.status, code=before.code)
        if not self._username:
            finding = Finding(Reason.SIGN_IN_REFUSED, NAME, "the refresh token is used up, and no user is set")
            raise Refused(system=NAME, findings=(finding,), code=CONSENT)
        form = {"grant_type": "password", "username": self._username, "password": self._password, "scope": SCOPE}
        reply = await self._ask(form)
        self.grants += 1
        if reply.ok:
            return _granted(reply)
        error = self._refusal(reply)
        if isinstance(error, Refused) and error.reason is Reason.SIGN_IN_REFUSED:
            _refused[self._digest()] = (time.monotonic(), error)
        raise error

    async def _ask(self, form: Mapping[str, str]) -> Reply:
        body = {**form, "client_id": self._client_id, "client_secret": self._client_secret}
        async with recording():  # kept apart: a form with secrets in it belongs in no trail
            reply = await self._http.write(
                "POST", self._address.token_url, content=urlencode(body).encode(), authorized=False, idempotent=True,
                headers={"Content-Type": "application/x-www-form-urlencoded"},
            )  # fmt: skip
        if not reply.ok and parse_fault(reply.status, body_of(reply)).is_login_limit:
            raise self._http.unavailable(reply)
        return reply

    async def _take(self, answer: Mapping[str, Any], kept: Kept) -> None:
        """The new refresh token is kept for good before the access token is used: the old one is dead.

        With the digest of the credentials it came of: a token of another user must not outlive a change of settings.
        """
        refresh_token = answer.get("refresh_token")
        await kept.replace(f"{self._digest()} {refresh_token}" if refresh_token else None)
        lifetime = float(answer["expires_in"])
        self._token = str(answer["access_token"])
        self._ends_at = time.monotonic() + lifetime
        self._renew_at = self._ends_at - min(_MARGIN, lifetime * 0.1)

    def _refusal(self, reply: Reply) -> ConnectorError:
        """Only the protocol's own words: the body may echo what was sent (Acumatica dossier 2.2)."""
        body = body_of(reply)
        code = str(body.get("error") or "") if isinstance(body, dict) else ""
        if reply.status >= 500:
            return self._http.unavailable(reply)
        # Without an error of the protocol it is not the identity server that answered.
        reason = Reason.SIGN_IN_REFUSED if code else Reason.ADDRESS_WRONG
        said = " ".join(each for each in (str(reply.status), code, self._described(body)) if each)
        return Refused(system=NAME, findings=(Finding(reason, NAME, said),), status=reply.status, code=code)

    def _described(self, body: Any) -> str:
        said = str(body.get("error_description") or "") if isinstance(body, dict) else ""
        secrets = [each for each in (self._password, self._client_secret, self._first_refresh) if each]
        return "" if any(each in said for each in secrets) else said[:200]

    def _digest(self) -> str:
        """Of the credentials, all of them: other ones, other digest."""
        who = (self._username, self._password, self._first_refresh)
        told = (self._address.token_url, self._client_id, self._client_secret, *who)
        return hashlib.sha256("\0".join(told).encode()).hexdigest()


def body_of(reply: Reply) -> Any:
    """The body as JSON, or as text where it is none, None where it is empty."""
    try:
        return reply.json() if reply.body else None
    except ValueError:
        return reply.text()


def advice_for(error: ConnectorError) -> str:
    """What to do where no token was given."""
    if error.reason is Reason.RATE_LIMITED:
        return (
            "All API users of the licence are signed in (License Monitoring Console, SM604000). Have other"
            " integrations sign out, or wait until their sessions end."
        )
    if error.reason in (Reason.UNREACHABLE, Reason.OUT_OF_ORDER):
        return "The identity server does not answer now: try again in a few minutes."
    if error.reason is Reason.ADDRESS_WRONG:
        return "Check base_url (with the site's name), token_url where it is set, and that client_id ends in @tenant."
    return ADVICE.get(error.code, NO_ADVICE)


def _granted(reply: Reply) -> dict[str, Any]:
    body = body_of(reply)
    lifetime = amount(body, "expires_in") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not body.get("access_token"):
        finding = Finding(Reason.UNEXPECTED, NAME, "the identity server's answer holds no token")
        raise Refused(system=NAME, findings=(finding,), status=reply.status)
    return {**body, "expires_in": lifetime if lifetime is not None and lifetime > 0 else _USUAL_LIFETIME}
