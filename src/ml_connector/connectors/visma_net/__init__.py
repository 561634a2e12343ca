"""Visma.net ERP, service API v1 and v2."""

from ml_connector.connectors.visma_net.connector import CONNECTOR

__all__ = ["CONNECTOR"]
