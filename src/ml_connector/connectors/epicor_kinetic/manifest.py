"""What the connector to Epicor Kinetic says of itself: data, no logic."""

from __future__ import annotations

from typing import Final

from ml_connector.connectors.manifest import FormField, LedgerCapabilities, Limits, Manifest, ReadMode
from ml_connector.records.flow import Flow

NAME: Final = "Epicor Kinetic"
ID: Final = "epicor-kinetic"

PAGE_SIZE: Final = 100
"""Rows a list brings at most without saying that there are more (Epicor dossier 5.3)."""
LIMITS: Final = Limits(
    # Each call holds a licence while it runs (Epicor dossier 4.4).
    parallel_calls=2,
    # No rate limit is documented (Epicor dossier 4.5): the two calls at a time are what holds us back.
    calls=10_000,
    per_seconds=1.0,
    page_size=PAGE_SIZE,
    write_timeout=120.0,
    read_timeout=60.0,
)
NARROW_PAGE: Final = 1_000
"""Rows of one short column: one request rather than ten."""
FILTER_LENGTH: Final = 1_500
"""Characters of a filter in an address: with the rest it stays below the 2,048 that IIS allows a query."""

NUMBER_LENGTH: Final = 50
"""InvoiceNum (Epicor dossier 9.3)."""

DEFAULT_TOKEN_URL: Final = "https://login.epicor.com/connect/token"  # noqa: S105 an address
DEFAULT_SCOPE: Final = "epicor_erp"
"""Both of the Epicor Identity Provider (Epicor dossier 3.3, UNCONFIRMED)."""
DEFAULT_AGENT: Final = "SystemTaskAgent"
"""The task agent that posting is submitted to (Epicor dossier 10, UNCONFIRMED)."""
DEFAULT_VAT_NUMBER_FIELD: Final = "TaxPayerID"
"""UNCONFIRMED for each country (Epicor dossier 8.2)."""
VAT_NUMBER_FIELDS: Final = ("TaxPayerID", "OrgRegCode", "TIN")
GROUP_FOR_EACH_INVOICE: Final = "invoice"
GROUP_FOR_EACH_RUN: Final = "run"

MANIFEST: Final = Manifest(
    id=ID,
    name=NAME,
    fields=(
        FormField(
            name="base_url",
            title="Instance address",
            help="Address of the instance: host and first part of the path, as it stands in the browser before /apps.",
            example="https://erp.example.com/KineticLive",
        ),
        FormField(
            name="company",
            title="Company ID",
            help="ID of the company that bills are posted in, as Kinetic lists it; not its name.",
            example="EPIC06",
        ),
        FormField(
            name="api_key",
            title="API key",
            help="Of API Key Maintenance, of this environment. Needed beside the sign-in, not instead of it.",
            secret=True,
        ),
        FormField(
            name="username",
            title="User",
            help="A user of its own, with rights to the services that the set-up page names.",
            example="basware",
            required=False,
        ),
        FormField(name="password", title="Password", help="The user's password.", required=False, secret=True),
        FormField(
            name="token_url",
            title="Token address",
            help="With a user: the instance's own /TokenResource.svc. With a client id: the identity provider's.",
            example=DEFAULT_TOKEN_URL,
            required=False,
        ),
        FormField(
            name="client_id",
            title="Client ID",
            help="Of an application at the identity provider, mapped to a user in Kinetic; no user is set here then.",
            required=False,
        ),
        FormField(
            name="client_secret", title="Client secret", help="Of that application.", required=False, secret=True
        ),
        FormField(
            name="scope",
            title="Scope",
            help="What a token is asked for at the identity provider.",
            required=False,
            default=DEFAULT_SCOPE,
        ),
        FormField(
            name="site",
            title="Site",
            help="ID of the site (plant) that calls are made in; the user's own when left out.",
            example="MfgSys",
            required=False,
        ),
        FormField(
            name="chart",
            title="Chart of accounts",
            help="Code of the chart; may be left out where the company has one only.",
            example="MAIN",
            required=False,
        ),
        FormField(
            name="invoice_groups",
            title="Invoice groups",
            help="invoice: a group for each invoice, so that none keeps another from posting. run: one a day.",
            required=False,
            choices=(GROUP_FOR_EACH_INVOICE, GROUP_FOR_EACH_RUN),
            default=GROUP_FOR_EACH_INVOICE,
        ),
        FormField(
            name="posting_agent",
            title="Task agent",
            help="ID of the system agent that posting is submitted to.",
            required=False,
            default=DEFAULT_AGENT,
        ),
        FormField(
            name="payment_terms",
            title="Payment terms",
            help="Code of the terms for bills of suppliers that have none of their own.",
            example="N30",
            required=False,
        ),
        FormField(
            name="vat_number_field",
            title="VAT number",
            help="The supplier's column that holds its VAT number in your country.",
            required=False,
            choices=VAT_NUMBER_FIELDS,
            default=DEFAULT_VAT_NUMBER_FIELD,
        ),
    ),
    limits=LIMITS,
    redacted=frozenset(
        {
            "access_token",
            "AccessToken",
            "BankAcctNumber",
            "BankGiroAcctNbr",
            "CHQRReference",
            "client_secret",
            "CorrespAccount",
            "IBANCode",
            "NameOnAccount",
            "password",
            "POBankAcctNum",
            "SEBankRef",
            "SwiftNum",
            "VendBankBankAcctNumber",
            "VendBankBankGiroAcctNbr",
            "VendBankIBANCode",
            "VendBankSwiftNum",
            "VendorBankAcctNumber",
            "VendorBankIBANCode",
            "VendorBankSwiftNum",
            "x-api-key",
        }
    ),
)

CAPABILITIES: Final = LedgerCapabilities(
    reads={
        Flow.TAX_CODES: ReadMode.CHANGES,
        Flow.ACCOUNTS: ReadMode.CHANGES,
        Flow.DIMENSIONS: ReadMode.CHANGES,
        Flow.PAYMENT_TERMS: ReadMode.CHANGES,
        Flow.VENDORS: ReadMode.CHANGES,
        Flow.PURCHASE_ORDERS: ReadMode.CHANGES,
    },
    told_singly=frozenset({Flow.PURCHASE_ORDERS}),
    posting_is_separate=True,
    # The key of an invoice is company, supplier and number, over all groups (Epicor dossier 9.7).
    refuses_duplicates=True,
    # Seconds beyond the time that we wait for the answer.
    write_settles_after=LIMITS.write_timeout + 30.0,
    number_length=NUMBER_LENGTH,
    attaches_files=True,
    tells_payment_details=True,
    find_batch=10,
    parallel_documents=2,
)
