"""Items that are there already, switched off or made different on purpose. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, Final, cast

from ml_connector.connectors.basware.codes import fingerprint, length
from ml_connector.connectors.basware.imports import LISTS, PROJECTS, list_text_length
from ml_connector.connectors.import_items import ImportItem

_SPARE_TEXT: Final[Mapping[str, str]] = {
    "accounts": "text5",
    "costCenters": "text10",
    PROJECTS: "description",
    "matchingOrders": "text10",
    "matchingOrderLines": "text10",
}
"""A text that we never fill ourselves, by resource."""


def deactivated(item: ImportItem) -> ImportItem | None:
    """The item switched off as Basware does it (dossier 4.7); None where it already is."""
    payload = dict(item.payload)
    match item.resource:
        case "vendors":
            status = cast("Mapping[str, Any]", payload.get("processingStatus") or {})
            change: dict[str, Any] = {"processingStatus": {**status, "active": False}}
        case "matchingOrders":
            change = {"isClosed": True}
        case "matchingOrderLines":
            change = {"isClosed": True, "isDeleted": True}
        case _:
            companies = cast("list[Mapping[str, Any]]", payload.get("companies") or [])
            change = {"companies": [{**company, "active": False} for company in companies]}
    changed = payload | change
    return None if changed == payload else _with(item, changed)


def touched(item: ImportItem, token: str) -> ImportItem:
    """The item with its least harmful spare member set to `token`: identical records are skipped (4.5).

    Vendors: a tag (P2P does not use them). Accounts, cost centres, orders and lines: their last free text.
    Projects: the description. Generic lists: text_5. Payment terms: the sort order. Tax codes have no spare
    text: a second, British, name beside the American one.
    """
    payload = dict(item.payload)
    width = list_text_length(item.resource)
    mark = token if 0 < length(token) <= width else fingerprint(token)
    if item.resource == "vendors":
        return _with(item, payload | {"tags": [{"name": "resent", "value": mark}]})
    if item.resource == "paymentTerms":
        return _with(item, payload | {"sortOrder": zlib.crc32(token.encode()) & 0x7FFFFFFF})
    if item.resource == "taxCodes":
        given = cast("list[Mapping[str, Any]]", payload.get("taxCodeNames") or [])
        kept = [name for name in given if name.get("language") != "en-GB"]
        spoken = str(kept[0].get("translation") or "")[:200] if kept else ""
        return _with(
            item,
            payload | {"taxCodeNames": [*kept, {"language": "en-GB", "translation": f"{spoken} ({mark})"}]},
        )
    spare = "text_5" if item.resource.startswith(LISTS) else _SPARE_TEXT[item.resource]
    return _with(item, payload | {spare: mark})


def _with(item: ImportItem, payload: Mapping[str, Any]) -> ImportItem:
    return ImportItem.of(item.resource, item.code, payload, stage=item.stage)
