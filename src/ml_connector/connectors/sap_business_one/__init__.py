"""SAP Business One, Service Layer."""

from ml_connector.connectors.sap_business_one.connector import CONNECTOR

__all__ = ["CONNECTOR"]
