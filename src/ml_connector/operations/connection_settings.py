"""A connection's settings as they are stored: the file's shape, without secrets and with everything filled in."""

from __future__ import annotations

from typing import Any

from ml_connector.connectors.side import MappingRules
from ml_connector.engine.schedules import schedule_settings
from ml_connector.operations.configuration import ConnectionConfiguration


def settings_of(connection: ConnectionConfiguration) -> dict[str, Any]:
    """What is stored of a connection of the file."""
    return {
        "company": connection.company,
        "basware": dict(connection.basware.values),
        "erp": {"system": connection.system, **connection.erp.values},
        "flows": {flow.value: schedule_settings(each, flow) for flow, each in connection.flows.items()},
        "mapping": _mapping_settings(connection.mapping),
    }


def _mapping_settings(rules: MappingRules) -> dict[str, Any]:
    dimensions = [
        {"basware": rule.basware, "erp": rule.erp} | ({} if rule.list is None else {"list": rule.list})
        for rule in rules.dimensions
    ]
    return {
        "dimensions": dimensions,
        "tax_codes": dict(rules.tax_codes),
        **({"tax_ids": dict(rules.tax_ids)} if rules.tax_ids else {}),
        "credit_note_types": sorted(rules.credit_note_types),
        "tolerance": {currency: str(amount) for currency, amount in rules.tolerance.items()},
        "posting_date": rules.posting_date,
        "line_description": rules.line_description,
    }
