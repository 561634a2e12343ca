"""What the Basware connector says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from ml_connector.connectors.basware.mapping import BANK_FIELDS, MESSAGE_LENGTH
from ml_connector.connectors.basware.regions import HOSTS, PRODUCTION, TEST
from ml_connector.connectors.basware.webhook import ENCODINGS, SCHEMES, TOLERANCE_SECONDS
from ml_connector.connectors.manifest import FormField, Limits, Manifest, PayablesCapabilities
from ml_connector.records.flow import MASTER_DATA

MAX_PARALLEL: Final = 5
MAX_PER_SECOND: Final = 50
PAGE_SIZE: Final = 100
"""Documents a page may have at most (Basware dossier 1.6)."""

NETWORK_ROUTE: Final = "network"
SMARTPDF_ROUTE: Final = "smartpdf"

LIMITS: Final = Limits(
    # Basware publishes no numbers (dossier U9): an assumption, settable, and Retry-After is obeyed besides.
    parallel_calls=MAX_PARALLEL,
    calls=MAX_PER_SECOND,
    per_seconds=1.0,
    page_size=PAGE_SIZE,
)

CAPABILITIES: Final = PayablesCapabilities(
    imports=frozenset(MASTER_DATA),
    batch_sizes={"vendors": 200, "matchingOrderLines": 100},  # dossier 1.6
    default_batch=500,
    notifies=True,
    message_length=MESSAGE_LENGTH,
    parallel_documents=32,
    inbound_routes=(NETWORK_ROUTE, SMARTPDF_ROUTE),
)

_INBOUND_FIELDS: Final = (
    FormField(
        "network_url", "Network address",
        "For invoices on their way in: the Basware Network. Left out, it is the address of the API.",
        example="https://test-api.basware.com", required=False,
    ),
    FormField(
        "network_username", "Network user", "For the route network: the user that Basware gave you for its Network.",
        example="acme-network", required=False,
    ),
    FormField(
        "network_password", "Network password", "For the route network: that user's password.",
        required=False, secret=True,
    ),
    FormField(
        "buyer_name", "Buyer", "For the route network: your company's name, as the receiver of the invoices.",
        example="Acme Norge AS", required=False,
    ),
    FormField(
        "buyer_endpoint", "Buyer's address", "For the route network: your company's e-invoice address in the Network.",
        example="0192:912345678", required=False,
    ),
    FormField(
        "buyer_endpoint_scheme", "Scheme of the address", "For the route network: what kind of address that is.",
        example="PEPPOL", required=False,
    ),
    FormField(
        "buyer_reference", "Buyer's reference",
        "For the route network: what invoices are sorted by in Basware. Left out, it is each invoice's own.",
        example="DEPT-310", required=False,
    ),
    FormField(
        "smartpdf_receiver", "SmartPDF receiver", "For the route smartpdf: the e-mail address that receives invoices.",
        example="invoices@acme.smartpdf.example", required=False,
    ),
    FormField(
        "smartpdf_notify", "SmartPDF notifications", "For the route smartpdf: who is told by e-mail of trouble.",
        example="ap@acme.example", required=False,
    ),
)  # fmt: skip

MANIFEST: Final = Manifest(
    id="basware",
    name="Basware",
    limits=LIMITS,
    redacted=BANK_FIELDS
    | {
        "financialAccountIdentifiers",
        "webhookAuthenticationToken",
        "access_token",
        "client_secret",
        "webhook_token",
        "network_password",
        "financialAccount",
        "uploadUrl",
    },
    fields=(
        FormField(
            "region", "Region", "Where your Basware tenant lives. Left out, it is found from the credentials.",
            example="eu", required=False, choices=tuple(HOSTS),
        ),
        FormField(
            "environment", "Environment", "Basware's production or test environment.",
            required=False, choices=(PRODUCTION, TEST), default=PRODUCTION,
        ),
        FormField(
            "base_url", "Address", "Overrides region and environment, for a gateway or a sandbox of your own.",
            example="https://test-api.basware.com", required=False,
        ),
        FormField(
            "client_id", "Client id", "From Basware: the API user's name. It needs the scopes named in the README.",
            example="acme",
        ),
        FormField("client_secret", "Client secret", "From Basware: the API user's password.", secret=True),
        FormField(
            "webhook_token", "Webhook token",
            "Signs Basware's notifications. Choose 32 or more random letters and digits; Basware is told it.",
            required=False, secret=True,
        ),
        *_INBOUND_FIELDS,
        FormField(
            "signature_scheme", "Signed text", "What Basware signs in a notification.",
            required=False, choices=SCHEMES, default=SCHEMES[0],
        ),
        FormField(
            "signature_encoding", "Signature encoding", "How Basware writes the signature.",
            required=False, choices=ENCODINGS, default=ENCODINGS[0],
        ),
        FormField(
            "signature_tolerance_seconds", "Notification age",
            "Seconds by which a notification's time may differ from ours, in either direction.",
            example="300", required=False, default=str(TOLERANCE_SECONDS),
        ),
        FormField(
            "max_parallel", "Parallel calls", "Calls that may be under way at the same time.",
            example="2", required=False, default=str(MAX_PARALLEL),
        ),
        FormField(
            "max_requests_per_second", "Calls a second", "Calls begun in a second.",
            example="5", required=False, default=str(MAX_PER_SECOND),
        ),
    ),
)  # fmt: skip


def limits_of(values: Mapping[str, Any]) -> Limits:
    """The limits as one connection's settings have them."""
    return replace(
        LIMITS,
        parallel_calls=int(values.get("max_parallel") or LIMITS.parallel_calls),
        calls=int(values.get("max_requests_per_second") or LIMITS.calls),
    )
