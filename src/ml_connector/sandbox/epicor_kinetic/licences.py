"""Sessions and licences: a call holds one while it runs, a session until it is ended (Epicor dossier 4.4, 17.10)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ml_connector.sandbox.epicor_kinetic.errors import Refusal, bad_body, no_licence


@dataclass(slots=True)
class Licences:
    """How many there are and who holds them."""

    limit: int = 0
    """0 for as many as it takes."""
    status: int = 400
    """Of the refusal; not known."""
    running: int = 0
    peak: int = 0
    """The most calls that ran at a time."""
    sessions: set[str] = field(default_factory=set)

    @property
    def held(self) -> int:
        """Licences in use."""
        return self.running + len(self.sessions)

    @contextmanager
    def call(self, session: str = "") -> Generator[None]:
        """Holds a licence while a call runs; a call in a session uses the session's. Raises Refusal."""
        if session:
            self._require(session)
            yield
            return
        if self.limit and self.held >= self.limit:
            raise no_licence(self.status)
        self.running += 1
        self.peak = max(self.peak, self.running)
        try:
            yield
        finally:
            self.running -= 1

    def login(self) -> str:
        """Opens a session, whose licence only `logout` gives back."""
        session = str(uuid.uuid4())
        self.sessions.add(session)
        return session

    def logout(self, session: str) -> None:
        """Ends a session."""
        self.sessions.discard(session)

    def _require(self, header: str) -> None:
        try:
            asked = json.loads(header)
        except ValueError:
            asked = None
        if not isinstance(asked, dict) or "SessionID" not in asked:
            raise bad_body("The SessionInfo header is not a JSON object with a SessionID.")
        if asked["SessionID"] not in self.sessions:
            text = "Your session is invalid or has been deleted"
            raise Refusal(text, status=410, kind="Ice.Common.InvalidSessionException")
