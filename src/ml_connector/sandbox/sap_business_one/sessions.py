"""Sign-in by cookie: sessions, their nodes and their sliding life (B1 dossier 4)."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.cookies import CookieError, SimpleCookie
from typing import Any

from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.sap_business_one.books import Books
from ml_connector.sandbox.sap_business_one.errors import B1Error, no_session

USERNAME = "basware"
PASSWORD = "sap-secret"  # noqa: S105 - the simulated one
VERSION = "1000190"
_NODES = 3
_TRIES = 3
"""Wrong passwords before the user is locked."""


@dataclass(slots=True)
class Session:
    """One signed-in client."""

    id: str
    books: Books
    node: str
    expires: datetime
    fresh: bool = True
    """True until its first request."""


@dataclass(slots=True)
class Sessions:
    """Who is signed in, and the switches of sign-in."""

    clock: Clock
    timeout: float = 30 * 60
    """Seconds of inactivity a session lives; Login tells it in minutes."""
    delay: float = 0.0
    """Seconds a login takes; the real one takes 3 to 8."""
    unknown_company: int = -304
    """How an unknown company database is refused: -304 or 305."""
    logins: int = 0
    """How many sessions were opened, for tests that count them."""
    open: dict[str, Session] = field(default_factory=dict)
    wrong: int = 0
    broken: set[str] = field(default_factory=set)
    """Nodes that answer every request of their sessions with 500."""
    _nodes: itertools.count[int] = field(default_factory=itertools.count)

    def login(self, companies: dict[str, Books], asked: dict[str, Any]) -> Session:
        """Opens a session; raises B1Error 401 otherwise, and locks the user after three wrong passwords."""
        books = companies.get(str(asked.get("CompanyDB", "")))
        if self.wrong >= _TRIES:
            raise B1Error(100000055, "User account is locked; contact your system administrator", 401)
        if books is None:
            raise self._no_company()
        if (asked.get("UserName"), asked.get("Password")) != (USERNAME, PASSWORD):
            self.wrong += 1
            raise B1Error(100000027, "Login failed: invalid user name or password", 401)
        self.wrong = 0
        self.logins += 1
        number = next(self._nodes)
        node = self._pick(number)
        session = Session(f"{uuid.uuid4()}-{140000 + number}-{4921 + number}", books, node, self._life())
        self.open[session.id] = session
        return session

    def _pick(self, number: int) -> str:
        """The nodes in turn, past those that are broken while another works."""
        names = [f".node{(number + step) % _NODES + 1}" for step in range(_NODES)]
        return next((name for name in names if name not in self.broken), names[0])

    def _no_company(self) -> B1Error:
        if self.unknown_company == 305:
            return B1Error(305, "Switch company error: -5027", 401)
        return B1Error(-304, "Fail to get DB Credentials from SLD", 401)

    def find(self, cookies: str) -> Session:
        """The session of a request, its life renewed; raises B1Error 401/301, or 500/407 on a broken node."""
        session = self.open.get(_cookie(cookies, "B1SESSION"))
        if session is None:
            raise no_session()
        if session.expires <= self.clock.now():
            self.close(session)
            raise no_session()
        session.expires = self._life()
        if session.node in self.broken:
            raise B1Error(407, "Table definition not found for '@NODE'", 500)
        return session

    def close(self, session: Session) -> None:
        """Signs out."""
        self.open.pop(session.id, None)

    def expire(self, session: str | None = None) -> int:
        """Kills one session, or all of them; returns how many."""
        killed = [each for each in self.open if session in (None, each)]
        for each in killed:
            del self.open[each]
        return len(killed)

    def minutes(self) -> int:
        """The life that Login tells: whole minutes, at least one."""
        return max(int(self.timeout // 60), 1)

    def _life(self) -> datetime:
        return self.clock.now() + timedelta(seconds=self.timeout)


def _cookie(header: str, name: str) -> str:
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(header)
    except CookieError:
        return ""
    return jar[name].value if name in jar else ""
