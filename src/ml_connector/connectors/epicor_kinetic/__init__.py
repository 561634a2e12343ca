"""Epicor Kinetic, REST v2."""

from ml_connector.connectors.epicor_kinetic.connector import CONNECTOR

__all__ = ["CONNECTOR"]
