"""What the simulated Basware consists of."""

from __future__ import annotations

from dataclasses import dataclass

from ml_connector.sandbox.basware.arrivals import Arrivals
from ml_connector.sandbox.basware.batches import Batches
from ml_connector.sandbox.basware.clean_up import CleanUp
from ml_connector.sandbox.basware.documents import Documents
from ml_connector.sandbox.basware.files import Files
from ml_connector.sandbox.basware.imports import Imports
from ml_connector.sandbox.basware.network import Network
from ml_connector.sandbox.basware.notifications import Notifier
from ml_connector.sandbox.basware.smartpdf import SmartPdf
from ml_connector.sandbox.basware.target import Target
from ml_connector.sandbox.basware.tokens import Tokens
from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.switchboard import Switchboard


@dataclass(frozen=True, slots=True)
class Parts:
    """Every piece with state, for those that work on all of them."""

    clock: Clock
    tokens: Tokens
    notifier: Notifier
    documents: Documents
    imports: Imports
    target: Target
    batches: Batches
    files: Files
    clean_up: CleanUp
    arrivals: Arrivals
    network: Network
    smart_pdf: SmartPdf
    switchboard: Switchboard
