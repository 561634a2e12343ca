"""Records on their way into the payables system, and what becomes of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from ml_connector.records.money import write_json


@dataclass(frozen=True, slots=True)
class ImportItem:
    """One record as the payables system takes it. Items of a later stage refer to those of an earlier one."""

    resource: str
    code: str
    """Its lasting external code."""
    text: str
    """The record in JSON, as it is stored and sent: written once, since there may be a hundred thousand of them."""
    stage: int = 0

    @classmethod
    def of(cls, resource: str, code: str, payload: Mapping[str, Any], *, stage: int = 0) -> ImportItem:
        """The item of a record. Raises ValueError where a number has more digits than JSON carries."""
        return cls(resource, code, write_json(payload), stage)

    @property
    def payload(self) -> Mapping[str, Any]:
        """The record, read from the text; numbers with a point as Decimal."""
        return json.loads(self.text, parse_float=Decimal)


class ItemState(StrEnum):
    """What became of one imported record."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    UNCHANGED = "unchanged"
    """Skipped since nothing changed: it is there as it was, or as it failed, before."""
    SUPERSEDED = "superseded"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class ItemOutcome:
    """One record's fate, with the system's own words where it was rejected or only partly taken."""

    code: str
    state: ItemState
    message: str = ""


@dataclass(frozen=True, slots=True)
class ImportReceipt:
    """An import call's answer: what to ask after, and which records were refused at once (code to words)."""

    request_id: str | None
    refused: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """How an import stands. `done` once nothing is pending any more."""

    done: bool
    items: tuple[ItemOutcome, ...]
