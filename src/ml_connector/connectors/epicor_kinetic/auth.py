"""Signing in: user and password with each call, or a token that is got once for all who wait (Epicor dossier 3).

The API key goes along with each call, whichever way is taken: it is no substitute for the sign-in.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import json
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

from ml_connector.connectors.epicor_kinetic.address import Address, Credentials, SignIn
from ml_connector.connectors.epicor_kinetic.errors import is_bad_key, parse_fault
from ml_connector.connectors.epicor_kinetic.manifest import NAME
from ml_connector.connectors.errors import ConnectorError, Refused, Unavailable
from ml_connector.connectors.http import HttpClient, Reply, recording
from ml_connector.connectors.manifest import Limits
from ml_connector.connectors.rows import amount
from ml_connector.records.reason import Finding, Reason

API_KEY_HEADER: Final = "x-api-key"
REFUSAL_AGE: Final = 1_800.0
"""Seconds a refused password is remembered: wrong ones, repeated, lock the user."""
_LIMITS: Final = Limits(parallel_calls=1, calls=10, per_seconds=1.0, page_size=1, write_timeout=60.0)
_MARGIN: Final = 60.0
_USUAL_LIFETIME: Final = 3_600.0
_OUT_OF_ORDER: Final = frozenset({408, 429, 500, 502, 503, 504})

_refused: dict[str, tuple[float, Refused]] = {}
"""Refused sign-ins of this process, by digest of the credentials, with the time of the refusal."""


class TokenHttp(HttpClient):
    """Calls to whoever gives tokens: what it answers may echo what was sent, so it is told nowhere."""

    def unavailable(self, reply: Reply) -> Unavailable:
        """The error for an answer that says: not now."""
        finding = Finding(Reason.OUT_OF_ORDER, NAME, f"the sign-in was answered with {reply.status}")
        return Unavailable(system=NAME, findings=(finding,), status=reply.status)


class Session:
    """Signs calls in (`http.Authorizer`). There is no session on the server: each call stands for itself."""

    def __init__(self, credentials: Credentials, address: Address) -> None:
        self.credentials = credentials
        self._address = address
        # No guard: a sign-in changes nothing, and reads need one too.
        self._http = TokenHttp(system=NAME, limits=_LIMITS, headers={"Accept": "application/json"})
        self._lock = asyncio.Lock()
        self._token = ""
        self._renew_at = 0.0
        self.grants = 0
        """Tokens that were got."""

    @property
    def renews(self) -> bool:
        """False where nothing can be renewed: the same user and password would only be sent again."""
        return self.credentials.sign_in is not SignIn.BASIC

    async def headers(self) -> Mapping[str, str]:
        """Headers of a call: the API key, and who signs in. Raises Refused or Unavailable."""
        self._check_not_refused()
        if self.credentials.sign_in is SignIn.BASIC:
            login = f"{self.credentials.username}:{self.credentials.password}".encode()
            return self._with_key(f"Basic {base64.b64encode(login).decode()}")
        if not self._is_fresh():
            async with self._lock:
                if not self._is_fresh():
                    await self._get()
        return self._with_key(f"Bearer {self._token}")

    async def renew(self, rejected: Mapping[str, str]) -> None:
        """Another token, unless the rejected one has been replaced meanwhile."""
        if not self.renews:
            return
        async with self._lock:
            if not self._token or rejected.get("Authorization") == f"Bearer {self._token}":
                await self._get()

    async def sign_in(self) -> None:
        """Signs in anew, with a password that was refused before too: for the test of a connection."""
        _refused.pop(self._digest(), None)
        if self.renews:
            async with self._lock:
                await self._get()

    def told(self, error: Refused) -> None:
        """Takes note of a call that was turned down for its sign-in: a wrong password is not sent again."""
        if error.reason is not Reason.SIGN_IN_REFUSED:
            return  # a right that is missing, which no other token has
        self._token = ""
        if not self.renews and not is_bad_key(error):
            _refused[self._digest()] = (time.monotonic(), error)

    async def close(self) -> None:
        """Closes the connection. There is nothing to sign out of: each call was its own session (dossier 4.4)."""
        await self._http.close()

    # ------------------------------------------------------------------ getting a token

    def _with_key(self, authorization: str) -> dict[str, str]:
        return {"Authorization": authorization, API_KEY_HEADER: self.credentials.api_key}

    def _is_fresh(self) -> bool:
        return bool(self._token) and time.monotonic() < self._renew_at

    def _check_not_refused(self) -> None:
        known = _refused.get(self._digest())
        if known is not None and time.monotonic() - known[0] < REFUSAL_AGE:
            before = known[1]
            raise Refused(system=NAME, findings=before.findings, status=before.status, code=before.code)

    async def _get(self) -> None:
        self._token = ""
        self._check_not_refused()
        started = time.monotonic()
        async with recording():  # kept apart: headers and forms with secrets in them belong in no trail
            reply = await self._ask()
        if not reply.ok:
            raise self._turned_down(reply)
        token, lifetime = _granted(reply)
        self.grants += 1
        self._token = token
        self._renew_at = started + lifetime - min(_MARGIN, lifetime * 0.1)

    async def _ask(self) -> Reply:
        who, form = self.credentials, {"Content-Type": "application/x-www-form-urlencoded"}
        if who.sign_in is SignIn.TOKEN_RESOURCE:
            headers = {**form, "username": who.username, "password": who.password}
            return await self._http.write(
                "POST", who.token_url, content=b"", headers=headers, authorized=False, idempotent=True
            )
        fields = {
            "grant_type": "client_credentials", "client_id": who.client_id, "client_secret": who.client_secret,
            "scope": who.scope,
        }  # fmt: skip
        return await self._http.write(
            "POST", who.token_url, content=urlencode(fields).encode(), headers=form, authorized=False, idempotent=True
        )

    def _turned_down(self, reply: Reply) -> ConnectorError:
        """Only the protocol's own words: the body may echo what was sent."""
        if reply.status in _OUT_OF_ORDER or reply.status >= 500:
            return self._http.unavailable(reply)
        body = body_of(reply)
        code = str(body.get("error") or "") if isinstance(body, dict) and isinstance(body.get("error"), str) else ""
        is_about_login = bool(code) or reply.status in (401, 403)
        reason = Reason.SIGN_IN_REFUSED if is_about_login else Reason.ADDRESS_WRONG
        words = "Invalid username or password" if parse_fault(reply.status, body).is_bad_login else ""
        said = " ".join(each for each in (str(reply.status), code, words) if each)
        error = Refused(system=NAME, findings=(Finding(reason, NAME, said),), status=reply.status, code=code)
        if is_about_login:
            _refused[self._digest()] = (time.monotonic(), error)
        return error

    def _digest(self) -> str:
        """Of the credentials, all of them: other ones, other digest."""
        who = self.credentials
        told = (self._address.root, who.token_url, who.username, who.password, who.client_id, who.client_secret)
        return hashlib.sha256("\0".join((*told, who.scope)).encode()).hexdigest()


def body_of(reply: Reply) -> Any:
    """The body as JSON, or as text where it is none, None where it is empty."""
    try:
        return reply.json() if reply.body else None
    except ValueError:
        return reply.text()


def _granted(reply: Reply) -> tuple[str, float]:
    """Token and lifetime: OAuth's names, or the token resource's own (Epicor dossier 3.2, 3.3)."""
    body = body_of(reply)
    token = (body.get("access_token") or body.get("AccessToken")) if isinstance(body, dict) else None
    if not token:
        finding = Finding(Reason.ADDRESS_WRONG, NAME, "what answers at token_url gives no token")
        raise Refused(system=NAME, findings=(finding,), status=reply.status)
    told = amount(body, "expires_in") or amount(body, "ExpiresIn")
    lifetime = _seconds(told) if told is not None and told > 0 else _lifetime_of(str(token))
    return str(token), lifetime


def _lifetime_of(token: str) -> float:
    """Seconds between a JWT's `iat` and `exp`, which are strings here and numbers elsewhere (Epicor dossier 3.2)."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        seconds = _seconds(Decimal(str(claims["exp"])) - Decimal(str(claims["iat"])))
    except (IndexError, KeyError, TypeError, ValueError, ArithmeticError, binascii.Error):
        return _USUAL_LIFETIME
    return seconds if seconds > 0 else _USUAL_LIFETIME


def _seconds(told: Decimal) -> float:
    return int(told * 1_000) / 1_000


# ------------------------------------------------------------------ advice

_ADVICE: Final[Mapping[str, str]] = {
    "invalid_client": "Client id or secret is wrong: check client_id and client_secret at the identity provider.",
    "invalid_scope": "The application may not ask for this scope: check scope at the identity provider.",
    "unauthorized_client": "The application may not sign in by client credentials: allow that grant at the provider.",
}
NOT_MAPPED: Final = (
    "The identity provider gave a token, and Kinetic does not accept it: map the client id to a user there (User"
    " Account Security Maintenance), and check that the token is made out for this environment."
)


def advice_for(error: ConnectorError, sign_in: SignIn) -> str:
    """What to do where a sign-in was not accepted: key, password and right are different matters (dossier 4.2)."""
    if error.reason in (Reason.UNREACHABLE, Reason.OUT_OF_ORDER, Reason.RATE_LIMITED):
        return "The sign-in is not answered now: try again in a few minutes."
    if error.reason is Reason.ADDRESS_WRONG:
        return "Check base_url (with the instance's name) and token_url where it is set."
    if is_bad_key(error):
        return (
            "The API key is wrong, expired, disabled, or of another environment: make one for this company in API Key"
            " Maintenance and set it as api_key. User and password are not what is wrong."
        )
    if error.code in _ADVICE:
        return _ADVICE[error.code]
    if sign_in is SignIn.CLIENT_CREDENTIALS:
        return NOT_MAPPED
    return (
        "User or password is wrong, or the user is disabled: sign in with them once in the browser and correct username"
        " and password here. The API key is not what is wrong."
    )
