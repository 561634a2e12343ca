"""Acumatica, contract-based REST."""

from ml_connector.connectors.acumatica.connector import CONNECTOR

__all__ = ["CONNECTOR"]
