"""Microsoft Dynamics 365 Business Central, API v2.0."""

from ml_connector.connectors.business_central.connector import CONNECTOR

__all__ = ["CONNECTOR"]
