"""What the connector to Visma.net says of itself: data, no logic."""

from __future__ import annotations

from typing import Final

from ml_connector.connectors.manifest import FormField, Limits, Manifest, ReadMode, SourceCapabilities
from ml_connector.records.flow import Flow

NAME: Final = "Visma.net"
ID: Final = "visma-net"

PUBLIC_ADDRESS: Final = "https://api.finance.visma.net"
OLD_HOST: Final = "integration.visma.net"
OLD_ROOT: Final = "/API/controller/api"
"""What every path begins with on the old host, which is throttled for all of an application (Visma dossier 1, 2)."""
PUBLIC_TOKEN_ADDRESS: Final = "https://connect.visma.com/connect/token"  # noqa: S105
APPLICATION_TYPE: Final = "Visma.net Financials"
READ_SCOPE: Final = "vismanet_erp_service_api:read"
UPDATE_SCOPE: Final = "vismanet_erp_service_api:update"

LIMITS: Final = Limits(
    parallel_calls=4,  # no official number (Visma dossier 8.2)
    calls=50,  # the quota is told by every answer and kept by allowance.py; this only evens out bursts
    per_seconds=1.0,
    page_size=500,
    write_timeout=240.0,  # what takes longer is cut by the gateway (Visma dossier 5)
    read_timeout=240.0,
)
SUPPLIERS_PER_PAGE: Final = 1_000

NETWORK: Final = "network"
SMARTPDF: Final = "smartpdf"
NO_NOTES: Final = "none"
NOTES: Final = "note"

SUBACCOUNT: Final = "SUBACCOUNT"
PROJECT: Final = "Project"
"""What a mapping rule calls projects; segments of the subaccount go by their number."""

MANIFEST: Final = Manifest(
    id=ID,
    name="Visma.net ERP",
    fields=(
        FormField(
            name="company_id",
            title="Company number",
            help="The company's number in Visma.net, which goes with every call.",
            example="5000001",
        ),
        FormField(
            name="tenant_id",
            title="Company tenant",
            help="The tenant id of the company (not of the customer), as Visma App Store shows it on company level.",
            example="5d0c1f8e-2f44-4f1c-9a0b-6f2b9e0d7a11",
        ),
        FormField(
            name="client_id",
            title="Client id",
            help="The id of the service application in the Visma Developer Portal.",
            example="isv_ml_connector",
        ),
        FormField(
            name="client_secret",
            title="Client secret",
            help="A secret of the service application.",
            secret=True,
        ),
        FormField(
            name="invoice_route",
            title="Way of the invoices",
            help="How invoices enter the payables system: as structured data with files, or as a PDF to be read.",
            required=False,
            choices=(NETWORK, SMARTPDF),
            default=NETWORK,
        ),
        FormField(
            name="write_back",
            title="Write back",
            help="note: what became of an invoice is added to its note in Visma.net. Its ledger is never written to.",
            required=False,
            choices=(NO_NOTES, NOTES),
            default=NO_NOTES,
        ),
        FormField(
            name="first_invoice_date",
            title="First invoice date",
            help="Invoices dated before this day are left out.",
            example="2026-01-01",
            required=False,
        ),
        FormField(
            name="webhook_key",
            title="Webhook signature key",
            help="The signature key of the webhook in the Visma Developer Portal; needed to take Visma's hints.",
            required=False,
            secret=True,
        ),
        FormField(
            name="base_url",
            title="Address",
            help="Overrides the public address; the old one is https://integration.visma.net/API/controller/api.",
            required=False,
        ),
        FormField(
            name="token_url",
            title="Token address",
            help="Overrides Visma Connect's token address.",
            required=False,
        ),
    ),
    limits=LIMITS,
    redacted=frozenset(
        {
            "access_token",
            "client_secret",
            "paymentMethodDetailValue",
            "iban",
            "bankAccount",
            "swiftCode",
        }
    ),
)

CAPABILITIES: Final = SourceCapabilities(
    reads={
        Flow.TAX_CODES: ReadMode.SNAPSHOT,
        Flow.ACCOUNTS: ReadMode.SNAPSHOT,
        Flow.DIMENSIONS: ReadMode.SNAPSHOT,
        Flow.PAYMENT_TERMS: ReadMode.SNAPSHOT,
        Flow.VENDORS: ReadMode.CHANGES,
        Flow.PURCHASE_ORDERS: ReadMode.CHANGES,
    },
    writes_notes=True,
    parallel_documents=8,
    # Receipts, credit terms and VAT are not announced (Visma dossier 15.2).
    announces=frozenset({Flow.ACCOUNTS, Flow.DIMENSIONS, Flow.VENDORS, Flow.PURCHASE_ORDERS, Flow.SUPPLIER_INVOICES}),
    dimension_names=(*(str(number) for number in range(1, 10)), PROJECT),
)
