"""What the connector to Business Central says of itself: data, no logic."""

from __future__ import annotations

from typing import Final

from ml_connector.connectors.manifest import FormField, LedgerCapabilities, Limits, Manifest, ReadMode
from ml_connector.records.flow import Flow

NAME: Final = "Business Central"
ID: Final = "business-central"

PUBLIC_ADDRESS: Final = "https://api.businesscentral.dynamics.com"
PUBLIC_TOKEN_ADDRESS: Final = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"  # noqa: S105
SCOPE: Final = "https://api.businesscentral.dynamics.com/.default"

LIMITS: Final = Limits(
    parallel_calls=4,  # five are worked on at a time; the fifth is left to people (BC dossier 7)
    calls=5_900,  # 6000 within any five minutes; the rest for clocks and networks (BC dossier 7)
    per_seconds=300.0,
    page_size=5_000,
    write_timeout=120.0,
    read_timeout=120.0,
)
MAX_PAGE: Final = 20_000
ORDERS_PER_PAGE: Final = 500
"""Orders come with their lines: smaller pages keep the memory flat."""
BATCH_PARTS: Final = 100
"""Operations one `$batch` may carry (BC dossier 7)."""
FILTER_LENGTH: Final = 3_500
"""Characters a filter may take in an address."""

NUMBER_LENGTH: Final = 35
CODE_LENGTH: Final = 20
DESCRIPTION_LENGTH: Final = 100
DESCRIPTION2_LENGTH: Final = 50
FILE_NAME_LENGTH: Final = 250

MANIFEST: Final = Manifest(
    id=ID,
    name="Microsoft Dynamics 365 Business Central",
    fields=(
        FormField(
            name="tenant_id",
            title="Microsoft Entra tenant",
            help="The directory (tenant) id of the company's Microsoft Entra ID, or its domain name.",
            example="11111111-2222-3333-4444-555555555555",
        ),
        FormField(
            name="environment",
            title="Environment",
            help="The environment's name as the Business Central admin center lists it.",
            example="Production",
            required=False,
            default="Production",
        ),
        FormField(
            name="company_id",
            title="Company id",
            help="The id of the company inside the environment; left out, the company's name decides.",
            example="6e3f1c1a-7d0b-4c5e-9a51-0f7a2f9b1001",
            required=False,
        ),
        FormField(
            name="company_name",
            title="Company name",
            help="The company's name, as its Companies page shows it. Not needed beside the id.",
            example="Nordlys AS",
            required=False,
        ),
        FormField(
            name="client_id",
            title="Application (client) id",
            help="The id of the app registration, which is on a card in Microsoft Entra Applications too.",
            example="22222222-3333-4444-5555-666666666666",
        ),
        FormField(
            name="client_secret",
            title="Client secret",
            help="The value (not the id) of a client secret of the app registration.",
            secret=True,
        ),
        FormField(
            name="base_url",
            title="Address",
            help="Overrides the public address; an address ending in /api/v2.0 is taken as it stands.",
            example="https://bc.example.com:7048/BC/api/v2.0",
            required=False,
        ),
        FormField(
            name="token_url",
            title="Token address",
            help="Overrides Microsoft Entra's token address; {tenant} stands for the tenant.",
            required=False,
        ),
    ),
    limits=LIMITS,
    redacted=frozenset(
        {
            "access_token",
            "client_assertion",
            "client_secret",
            "clientState",
            "bankAccountNumber",
            "bankAccountNo",
            "bankBranchNumber",
            "iban",
            "IBAN",
            "swiftCode",
            "validationToken",
        }
    ),
)

CAPABILITIES: Final = LedgerCapabilities(
    reads={
        Flow.TAX_CODES: ReadMode.SNAPSHOT,
        Flow.ACCOUNTS: ReadMode.SNAPSHOT,
        Flow.DIMENSIONS: ReadMode.SNAPSHOT,
        Flow.PAYMENT_TERMS: ReadMode.SNAPSHOT,
        Flow.VENDORS: ReadMode.CHANGES,
        Flow.PURCHASE_ORDERS: ReadMode.CHANGES,
    },
    posting_is_separate=True,
    refuses_duplicates=True,
    # A call whose caller is gone is done or dropped within moments, as a rule. One that is done later still
    # cannot become a second bill: posting refuses a number the vendor has (BC dossier 8.7).
    write_settles_after=5.0,
    number_length=NUMBER_LENGTH,
    attaches_files=True,
    tells_payment_details=False,
    find_batch=50,
    parallel_documents=32,
    # Dimension values, purchase orders and tax groups are not announced (BC dossier 13.2).
    announces=frozenset({Flow.ACCOUNTS, Flow.PAYMENT_TERMS, Flow.VENDORS, Flow.PAYMENTS}),
)
