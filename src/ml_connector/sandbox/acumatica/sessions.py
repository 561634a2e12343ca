"""Sessions of the API: who is signed in, to which tenant, how many seats there are (Acumatica dossier 2.3, 2.4)."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ml_connector.sandbox.acumatica.errors import RawRefusal, Refusal, failed
from ml_connector.sandbox.clock import Clock

SESSION_COOKIE = "ASP.NET_SessionId"
TICKET_COOKIE = ".ASPXAUTH"
_IDLE = timedelta(minutes=20)
"""After which an unclosed session dies (20-30 minutes were seen)."""


@dataclass(slots=True)
class Session:
    """One server session: it takes a seat until it is signed out or dies."""

    id: str
    tenant: str
    user: str
    branch: str | None
    last_used: datetime
    ticket: str = field(default_factory=lambda: secrets.token_hex(24).upper())
    """The second cookie; both are needed."""
    ends_at: datetime | None = None
    """When its access token expires; None for one that was opened by cookie."""
    running: dict[str, str] = field(default_factory=dict)
    """Long operations under way: entity to the operation's GUID."""

    lines: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Detail lines that were shown: their id here to the record's id and their own."""

    def line_id(self, stored: str) -> str:
        """The id a detail line goes by in this session: another session has another one (Acumatica dossier 5)."""
        return str(uuid.uuid5(uuid.UUID(self.id), stored))

    def is_dead(self, now: datetime) -> bool:
        """True once it was idle for too long or its token is over."""
        return now >= self.ends_at if self.ends_at is not None else now - self.last_used > _IDLE


@dataclass(slots=True)
class Seats:
    """The sessions that are open, and how many the licence allows."""

    clock: Clock
    limit: int = 2
    """Maximum Number of Web Services API Users; 0 for none."""
    plain_text: bool = False
    """The refusal is the web server's plain text instead of JSON (Acumatica dossier 2.4)."""
    open: dict[str, Session] = field(default_factory=dict)
    opened: int = 0
    """How many there ever were."""

    def take(self, tenant: str, user: str, branch: str | None = None, *, ends_at: datetime | None = None) -> Session:
        """Opens a session; raises Refusal or RawRefusal (429) where every seat is taken."""
        now = self.clock.now()
        self.sweep()
        if self.limit and len(self.open) >= self.limit:
            raise self._full()
        session = Session(str(uuid.uuid4()), tenant, user, branch, now, ends_at=ends_at)
        self.open[session.id] = session
        self.opened += 1
        return session

    def find(self, session_id: str | None) -> Session | None:
        """The session of that id if it still lives; using it keeps it alive."""
        session = self.open.get(session_id or "")
        if session is None:
            return None
        now = self.clock.now()
        if session.is_dead(now):
            self.free(session)
            return None
        session.last_used = now
        return session

    def free(self, session: Session) -> None:
        """Ends a session."""
        self.open.pop(session.id, None)

    def sweep(self) -> None:
        """Ends those that died."""
        now = self.clock.now()
        for session in list(self.open.values()):
            if session.is_dead(now):
                self.free(session)

    def _full(self) -> Refusal | RawRefusal:
        if self.plain_text:
            return RawRefusal(429, "The custom error module does not recognize this error.", "text/plain")
        return failed("API Login Limit", status=429)
