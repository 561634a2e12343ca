"""What methods answer (Epicor dossier 6.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ml_connector.connectors.epicor_kinetic.errors import unexpected
from ml_connector.connectors.epicor_kinetic.tablesets import Tableset
from ml_connector.connectors.rows import text


@dataclass(frozen=True, slots=True)
class Answer:
    """What a method gave back: its return value, and its output parameters by name."""

    returned: Any
    out: Mapping[str, Any]

    @property
    def ds(self) -> Tableset:
        """The tableset. Raises Refused (unexpected answer) where none came."""
        found = self.out.get("ds")
        if not isinstance(found, dict):
            raise unexpected("the answer holds no tableset")
        return found

    def text(self, name: str) -> str:
        """A text that is meant for a person, empty for none."""
        return text(self.out, name)


@dataclass(frozen=True, slots=True)
class Saved:
    """What was stored, and what the server remarked on it."""

    ds: Tableset
    remarks: tuple[str, ...] = ()


def answer_of(body: Any) -> Answer:
    """A method without result answers an empty object, or nothing; some place a tableset at the top (dossier 6.1)."""
    if not isinstance(body, dict):
        return Answer(None, {})
    out = body.get("parameters")
    return Answer(body.get("returnObj"), out if isinstance(out, dict) else body)
