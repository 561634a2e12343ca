"""Basware P2P (AP Automation): approved invoices out, master data and suppliers' invoices in."""

from __future__ import annotations

from typing import Final

from ml_connector.connectors.base import PayablesConnector
from ml_connector.connectors.basware.connector import open_basware
from ml_connector.connectors.basware.inbound import open_inbound
from ml_connector.connectors.basware.manifest import CAPABILITIES, MANIFEST
from ml_connector.connectors.basware.webhook import BaswareWebhook, webhook_for

CONNECTOR: Final = PayablesConnector(
    manifest=MANIFEST,
    capabilities=CAPABILITIES,
    open=open_basware,
    webhook=BaswareWebhook(),
    webhook_for=webhook_for,
    open_inbound=open_inbound,
)

__all__ = ["CONNECTOR", "webhook_for"]
