"""Sessions of the API: who is signed in, to which tenant, and what a session remembers."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class Session:
    """One server session: it takes a seat until it is signed out or dies."""

    id: str
    tenant: str
    user: str
    branch: str | None
    last_used: datetime
    transient: bool = False
    """Opened for one request by `api:concurrent_access` without cookies."""
    running: dict[str, str] = field(default_factory=dict)
    """Long operations under way: entity to the operation's GUID."""

    def line_id(self, stored: str) -> str:
        """The id a detail line goes by in this session: another session has another one (Acumatica dossier 5)."""
        return str(uuid.uuid5(uuid.UUID(self.id), stored))
