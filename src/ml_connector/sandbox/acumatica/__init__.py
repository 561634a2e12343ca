"""Acumatica, simulated: the contract-based REST API as far as accounts payable meets it."""

from ml_connector.sandbox.acumatica.app import SITE, Acumatica
from ml_connector.sandbox.acumatica.books import tenant_of
from ml_connector.sandbox.acumatica.identity import CLIENT_SECRET, PASSWORD, USERNAME, client_id

__all__ = ["CLIENT_SECRET", "PASSWORD", "SITE", "USERNAME", "Acumatica", "client_id", "tenant_of"]
