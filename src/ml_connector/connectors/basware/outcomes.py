"""What became of an import, from `requestStatus` or, failing that, from `errorFeedbacks` (dossier 7). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from ml_connector.connectors.import_items import ImportItem, ImportOutcome, ItemOutcome, ItemState

TARGET: Final = "P2P"
"""The system whose verdict counts; vendors may be passed on to others besides."""

_STATES: Final[Mapping[str, ItemState]] = {
    "InProgress": ItemState.PENDING,
    "NotProcessed": ItemState.UNCHANGED,
    "Warning": ItemState.ACCEPTED,
    "Success": ItemState.ACCEPTED,
    "Error": ItemState.REJECTED,
    "RecordExpired": ItemState.SUPERSEDED,
}
_WEIGHT: Final = (
    ItemState.UNCHANGED,
    ItemState.ACCEPTED,
    ItemState.SUPERSEDED,
    ItemState.PENDING,
    ItemState.REJECTED,
)
"""From weak to strong: where several modules speak of one record, the strongest word stands."""


@dataclass(frozen=True, slots=True)
class RequestStatus:
    """One request's status as told: `state` is Basware's word."""

    state: str
    items: Mapping[str, ItemOutcome]

    @property
    def finished(self) -> bool:
        """True once the other side has nothing left to do."""
        return self.state not in ("", "InProgress")

    @property
    def succeeded(self) -> bool:
        """True where all of it went through."""
        return self.state in ("Success", "AcknowledgedSuccess")


def parse_status(entries: Iterable[Mapping[str, Any]]) -> RequestStatus:
    """The status in an answer to one request id."""
    state = ""
    items: dict[str, ItemOutcome] = {}
    for entry in entries:
        state = str(entry.get("requestStatus") or state)
        for system in _objects(entry.get("systems")):
            if system.get("system") not in (None, "", TARGET):
                continue
            for item in _objects(system.get("items")):
                outcome = _item(item)
                known = items.get(outcome.code)
                if known is None or _WEIGHT.index(outcome.state) > _WEIGHT.index(known.state):
                    items[outcome.code] = outcome
    return RequestStatus(state=state, items=items)


def _item(item: Mapping[str, Any]) -> ItemOutcome:
    words = [str(error.get("message") or "") for error in _objects(item.get("errors"))]
    return ItemOutcome(
        code=str(item.get("externalCode") or ""),
        # A word we do not know decides nothing.
        state=_STATES.get(str(item.get("status") or ""), ItemState.PENDING),
        message="; ".join(dict.fromkeys(word for word in words if word)),
    )


def settle(statuses: Sequence[RequestStatus | None], items: Sequence[ImportItem]) -> ImportOutcome:
    """The outcome of `items` from the status of each request they went out in; None: not visible yet (U17)."""
    told: dict[str, ItemOutcome] = {}
    for status in statuses:
        told |= status.items if status is not None else {}
    # A request that succeeded need not list every record.
    silent = all(status is not None and status.succeeded for status in statuses)
    assumed = ItemState.ACCEPTED if silent and statuses else ItemState.PENDING
    outcomes = tuple(told.get(item.code) or ItemOutcome(item.code, assumed) for item in items)
    return ImportOutcome(done=all(outcome.state is not ItemState.PENDING for outcome in outcomes), items=outcomes)


def settle_by_feedback(
    entries: Iterable[Mapping[str, Any]], items: Sequence[ImportItem], *, waited: bool
) -> ImportOutcome:
    """The outcome where only errors are told: what has none counts as taken once it has been waited for."""
    words = {str(entry.get("externalCode") or ""): feedback_words(entry) for entry in entries}
    rest = ItemState.ACCEPTED if waited else ItemState.PENDING
    outcomes = tuple(
        ItemOutcome(item.code, ItemState.REJECTED, words[item.code])
        if item.code in words
        else ItemOutcome(item.code, rest)
        for item in items
    )
    return ImportOutcome(done=all(outcome.state is not ItemState.PENDING for outcome in outcomes), items=outcomes)


def newest_feedback(entries: Iterable[Mapping[str, Any]]) -> str | None:
    """The words of the latest error feedback; None where there is none."""
    stamped = sorted(entries, key=lambda entry: str(entry.get("errorStamp") or ""))
    return feedback_words(stamped[-1]) if stamped else None


def feedback_words(entry: Mapping[str, Any]) -> str:
    """An error feedback's own words."""
    errors = entry.get("errors")
    if isinstance(errors, list):
        return "; ".join(str(each) for each in cast("list[Any]", errors))
    return str(errors or "")


def _objects(value: object) -> list[Mapping[str, Any]]:
    if not isinstance(value, list):
        return []
    return [cast("Mapping[str, Any]", each) for each in cast("list[Any]", value) if isinstance(each, Mapping)]
