"""Items as an import carries them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ml_connector.connectors.basware.errors import refused
from ml_connector.connectors.import_items import ImportItem
from ml_connector.records.reason import Reason

_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def import_item(resource: str, code: str, payload: Mapping[str, Any], *, stage: int = 0) -> ImportItem:
    """The item of a record. Raises Refused (RECORD_REFUSED) where something in it cannot be written or kept."""
    try:
        item = ImportItem.of(resource, code, payload, stage=stage)
    except ValueError as error:
        raise refused(Reason.RECORD_REFUSED, f"{resource} {code}: {error}") from error
    if "u0000" in item.text and _NUL.search(item.text):
        raise refused(Reason.RECORD_REFUSED, f"{resource} {code}: one of its texts has a NUL character")
    return item
