"""What the connector to SAP Business One says of itself: data, no logic."""

from __future__ import annotations

from typing import Final

from ml_connector.connectors.manifest import FormField, LedgerCapabilities, Limits, Manifest, ReadMode
from ml_connector.records.flow import Flow

NAME: Final = "SAP Business One"
ID: Final = "sap-business-one"

LIMITS: Final = Limits(
    # No ceiling is documented: capacity is worker nodes times processes, and posting is heavy (SAP dossier 3, 12).
    parallel_calls=4,
    calls=1_000,
    per_seconds=1.0,
    page_size=500,
    write_timeout=120.0,
    read_timeout=100.0,
)
DOCUMENTS_PER_PAGE: Final = 100
"""Documents and vendors come with their lines, addresses and banks: smaller pages keep the memory flat."""
OR_TERMS: Final = 30
"""Alternatives one filter may name: the address may take about 8 kB (SAP dossier 12)."""

NUMBER_LENGTH: Final = 100
"""NumAtCard; the lengths are no part of the metadata (SAP dossier 6)."""
COMMENTS_LENGTH: Final = 254
MEMO_LENGTH: Final = 50
DESCRIPTION_LENGTH: Final = 100
FILE_SIZE: Final = 50 * 1024 * 1024
"""Bytes; a file of that size or more is answered 413 (SAP dossier 7.4)."""

INVOICE: Final = 18
CREDIT_NOTE: Final = 19
RECEIPT: Final = 20
ORDER: Final = 22
DRAFT: Final = 112

MANIFEST: Final = Manifest(
    id=ID,
    name=NAME,
    fields=(
        FormField(
            name="base_url",
            title="Service Layer address",
            help="Address of the load balancer, with /b1s/v2 (OData 4) or /b1s/v1 (OData 3); /b1s/v2 when left out.",
            example="https://b1.example.com:50000/b1s/v2",
        ),
        FormField(
            name="company_db",
            title="Company database",
            help="The database of the company, as Choose Company lists it.",
            example="SBODEMO_FI",
        ),
        FormField(
            name="username",
            title="User",
            help="A user with a licence of its own that nobody signs in with interactively.",
            example="basware",
        ),
        FormField(name="password", title="Password", help="The user's password.", secret=True),
        FormField(
            name="branch",
            title="Branch",
            help="Number (BPLID) of the branch that bills are posted in; needed where the company has branches.",
            example="1",
            required=False,
        ),
        FormField(
            name="ca_bundle",
            title="CA bundle",
            help="Path of a PEM file with the authority that signed the server's certificate; many sign their own.",
            example="/etc/ml-connector/b1-ca.pem",
            required=False,
        ),
        FormField(
            name="tax_field",
            title="Tax field",
            help="Where a line carries its tax code. Left out, the company's localization decides.",
            required=False,
            choices=("VatGroup", "TaxCode"),
        ),
    ),
    limits=LIMITS,
    redacted=frozenset(
        {
            "AccountNo",
            "AccountNum",
            "AccounttNum",
            "BankAccount",
            "BICSwiftCode",
            "BISRBankAccount",
            "CorrespondentAccount",
            "CreditCardNum",
            "DefaultAccount",
            "DefaultBankAccount",
            "DefaultBankAccountKey",
            "GTSBankAccountNo",
            "HouseBankAccount",
            "HouseBankIBAN",
            "IBAN",
            "Password",
            "PayToBankAccountNo",
            "ServicePassword",
            "SessionId",
            "TransferAccount",
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
    posting_is_separate=False,
    # Only where the company's document settings say so, which cannot be read (SAP dossier 11.1).
    refuses_duplicates=False,
    # The load balancer gives up before the node does, and the node may finish its work (SAP dossier 11.3, 12).
    write_settles_after=60.0,
    number_length=NUMBER_LENGTH,
    attaches_files=True,
    tells_payment_details=True,
    find_batch=OR_TERMS,
    parallel_documents=32,
    dimension_names=("1", "2", "3", "4", "5", "Project"),
)
