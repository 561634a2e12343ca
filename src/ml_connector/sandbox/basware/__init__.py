"""The simulated Basware P2P. Sections cited are those of the Basware dossier."""

from ml_connector.sandbox.basware.app import Basware
from ml_connector.sandbox.basware.tokens import BASIC_PASSWORD, BASIC_USER, CLIENT_ID, CLIENT_SECRET

__all__ = ["BASIC_PASSWORD", "BASIC_USER", "CLIENT_ID", "CLIENT_SECRET", "Basware"]
