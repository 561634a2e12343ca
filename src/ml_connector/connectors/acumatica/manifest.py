"""What the connector to Acumatica says of itself: data, no logic."""

from __future__ import annotations

from typing import Final

from ml_connector.connectors.manifest import FormField, LedgerCapabilities, Limits, Manifest, ReadMode
from ml_connector.records.flow import Flow

NAME: Final = "Acumatica"
ID: Final = "acumatica"

DEFAULT_ENDPOINT: Final = "Default"
DEFAULT_VERSION: Final = "24.200.001"

UNKNOWN_LIMIT: Final = 240
"""Requests a minute where the licence's own number is not set: no call tells it (Acumatica dossier 2.4).

A licence of fewer delays the calls by itself, and declines none while only two are on their way.
"""
LIMITS: Final = Limits(
    # Calls of one session are served one after the other, and declined once too many queue (Acumatica dossier 2.4).
    parallel_calls=2,
    calls=UNKNOWN_LIMIT,
    per_seconds=60.0,
    page_size=500,
    # Throttling is a silent delay, and actions answered after more than a minute had been done (dossier 2.4).
    write_timeout=200.0,
    read_timeout=120.0,
)
RECORDS_PER_PAGE: Final = 200
"""Records that come with parts of their own: smaller pages keep the memory flat (Acumatica dossier 12)."""
SMALL_RECORDS_PER_PAGE: Final = 2_000
"""Records of a few fields each: a page is no heavier than one of the others."""
LINES_PER_REQUEST: Final = 500
"""Lines one write carries (Acumatica dossier 5)."""
FILTER_LENGTH: Final = 1_500
"""Characters of a filter in an address: with the rest it stays below the 2,048 that IIS allows a query."""

NUMBER_LENGTH: Final = 40
"""VendorRef (Acumatica dossier 9.1, UNCONFIRMED for current builds)."""
FILE_SIZE: Final = 25 * 1024 * 1024
"""Bytes (Acumatica dossier U16)."""

MANIFEST: Final = Manifest(
    id=ID,
    name=NAME,
    fields=(
        FormField(
            name="base_url",
            title="Instance address",
            help="Address of the instance with its site name, as it stands in the browser before /Main.",
            example="https://erp.example.com/AcumaticaERP",
        ),
        FormField(
            name="endpoint",
            title="Endpoint",
            help="Name of the web service endpoint; Default, or one that extends it.",
            example=DEFAULT_ENDPOINT,
            required=False,
            default=DEFAULT_ENDPOINT,
        ),
        FormField(
            name="version",
            title="Endpoint version",
            help="Version of that endpoint, as Web Service Endpoints (SM207060) shows it.",
            example=DEFAULT_VERSION,
            required=False,
            default=DEFAULT_VERSION,
        ),
        FormField(
            name="tenant",
            title="Tenant",
            help="Login name of the tenant; the client id must end in it.",
            example="Company",
        ),
        FormField(
            name="branch",
            title="Branch",
            help="ID of the branch that bills are entered in; the user's own when left out.",
            example="HEADOFFICE",
            required=False,
        ),
        FormField(
            name="client_id",
            title="Client ID",
            help="Of the connected application (SM303010), with the tenant after the @.",
            example="8E0761D9-F4EC-2D4B-A60F-BCE2708C6FDD@Company",
        ),
        FormField(name="client_secret", title="Client secret", help="A shared secret of the same form.", secret=True),
        FormField(
            name="username",
            title="User",
            help="A user of its own, with rights to the forms that the set-up page names.",
            example="basware",
            required=False,
        ),
        FormField(name="password", title="Password", help="The user's password.", required=False, secret=True),
        FormField(
            name="refresh_token",
            title="Refresh token",
            help="Of a sign-in by authorization code; user and password are left out then.",
            required=False,
            secret=True,
        ),
        FormField(
            name="token_url",
            title="Token address",
            help="Overrides /identity/connect/token of the instance.",
            required=False,
        ),
        FormField(
            name="terms_endpoint",
            title="Endpoint with credit terms",
            help="Name/Version of an endpoint of yours with the entity CreditTerms; Default has none.",
            example="MLConnector/1.0",
            required=False,
        ),
        FormField(
            name="requests_per_minute",
            title="Requests a minute",
            help="The licence's limit, as License Monitoring Console (SM604000) shows it; 0 where it is not known.",
            example="150",
            required=False,
            default="0",
        ),
    ),
    limits=LIMITS,
    # Not the member Value of a payment instruction: every field's content is called so.
    redacted=frozenset({"access_token", "refresh_token", "client_secret", "password", "PaymentInstructions"}),
)

CAPABILITIES: Final = LedgerCapabilities(
    takes_tax_amounts=True,
    reads={
        Flow.TAX_CODES: ReadMode.SNAPSHOT,
        Flow.ACCOUNTS: ReadMode.SNAPSHOT,
        Flow.DIMENSIONS: ReadMode.SNAPSHOT,
        Flow.PAYMENT_TERMS: ReadMode.SNAPSHOT,
        Flow.VENDORS: ReadMode.CHANGES,
        Flow.PURCHASE_ORDERS: ReadMode.CHANGES,
    },
    posting_is_separate=True,
    # Only where the AP preferences say so, which cannot be read (Acumatica dossier 10.6).
    refuses_duplicates=False,
    write_settles_after=30.0,
    number_length=NUMBER_LENGTH,
    attaches_files=True,
    tells_payment_details=True,
    find_batch=10,
    parallel_documents=8,
    # Masks with more segments are not known; one that a tenant's codes lack is told when it is read.
    dimension_names=("Subaccount", *(f"Subaccount.{number}" for number in range(1, 10)), "Project", "ProjectTask"),
)
