"""What tests have to know of each ERP to try the product with it: where it is, how it is set, how a bill is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ml_connector.sandbox import acumatica, business_central, epicor_kinetic, sap_business_one
from ml_connector.sandbox.business_central.books import company_id

Fields = dict[str, Any]
SECRETS = {
    "BASWARE_SECRET": "basware-secret",
    "BC_SECRET": "bc-secret",
    "B1_SECRET": sap_business_one.PASSWORD,
    "ACUMATICA_SECRET": acumatica.CLIENT_SECRET,
    "ACUMATICA_PASSWORD": acumatica.PASSWORD,
    "EPICOR_KEY": epicor_kinetic.API_KEY,
    "EPICOR_SECRET": epicor_kinetic.CLIENT_SECRET,
    "EPICOR_PASSWORD": epicor_kinetic.PASSWORD,
    "WEBHOOK_TOKEN": "webhook-token-123456",
}
"""The variables that the configuration files name."""
TENANT = "11111111-2222-3333-4444-555555555555"
POSTED, PAID, DRAFT, CANCELLED = "posted", "paid", "draft", "cancelled"


@dataclass(frozen=True, slots=True)
class Ledger:
    """One ERP as it is simulated."""

    system: str
    name: str
    """For people."""
    offset: int
    """Of its port, counted from Basware's."""
    settings: Callable[[str, str], Fields]
    """The `erp` section for an address and a company."""
    dimensions: Mapping[str, str]
    """The ERP's names of those of the trading company's dimensions that are joined."""
    tolerance: Mapping[str, str]
    standings: Mapping[str, str]
    """A bill's status in the ERP's words, to the words that all share."""
    names: Mapping[str, str]
    """What all call so, as the ERP's control pages call it."""
    sessions: str
    """Pattern of the addresses where sessions begin and end."""
    vendor_name: str
    """The property of a vendor with its name."""
    locked_out: Mapping[str, object]
    """What a person sets on a vendor so that nothing may be bought there any more."""
    founded: Mapping[str, Fields] = field(default_factory=dict[str, Fields])
    """What the control pages are told of each company that is founded without invoices."""
    month: Callable[[Fields], str] = lambda bill: bill["postingDate"][:7]
    """In which a bill is posted: 2026-10."""

    def called(self, name: str) -> Mapping[str, str]:
        """What a person sets on a vendor to name it."""
        return {self.vendor_name: name}

    def bill(self, told: Fields) -> Fields:
        """A bill as the control pages tell it, in the words that all ledgers share."""
        bill = {
            **told,
            "vendor": told[self.names["vendor"]],
            "standing": self.standings[told["status"]],
            "month": self.month(told),
        }
        if "rows" in told:
            known = {erp: name for name, erp in self.dimensions.items()}
            bill["rows"] = [
                {
                    **row,
                    "account": row[self.names["account"]],
                    "dimensions": {known.get(name, name): value for name, value in row["dimensions"].items()},
                }
                for row in told["rows"]
            ]
        return bill

    def connection(
        self,
        name: str,
        company: str,
        *,
        basware: str,
        address: str,
        basware_secret: str = "${env:BASWARE_SECRET}",
        flows: str = "",
        changes: Mapping[str, str] | None = None,
    ) -> str:
        """One connection of the configuration file. Changes are of `erp` settings; an empty one is left out."""
        erp = {"system": self.system, **self.settings(address, company), **(changes or {})}
        settings = "".join(f'      {key}: "{value}"\n' for key, value in erp.items() if value)
        dimensions = "".join(
            f'        - {{basware: {field}, list: {values}, erp: "{self.dimensions[name]}"}}\n'
            for name, (field, values) in _FIELDS.items()
            if name in self.dimensions
        )
        tolerance = ", ".join(f'{currency}: "{most}"' for currency, most in self.tolerance.items())
        return f"""
  {name}:
    company: "{company}"
    basware:
      base_url: {basware}
      client_id: acme
      client_secret: {basware_secret}
      webhook_token: ${{env:WEBHOOK_TOKEN}}
    erp:
{settings}{f"    flows: {flows}{chr(10)}" if flows else ""}    mapping:
      dimensions:
{dimensions}      tax_codes: {{T24: VAT24, T14: VAT14, T10: VAT10, T0: VAT0}}
      tolerance: {{{tolerance}}}
"""


_FIELDS = {
    "DEPARTMENT": ("costCenterCode", "costCenters"),
    "PROJECT": ("projectCode", "projects"),
    "AREA": ("dimCode1", "ACC_LIST_1"),
    "CAMPAIGN": ("dimCode2", "ACC_LIST_2"),
}
"""Where Basware keeps the trading company's dimensions: field of a coding row, list."""


def _business_central_settings(address: str, company: str) -> Fields:
    return {
        "tenant_id": TENANT,
        "environment": "Production",
        "company_id": business_central.ACME_ID if company == "1000" else company_id(company),
        "client_id": "22222222-3333-4444-5555-666666666666",
        "client_secret": "${env:BC_SECRET}",
        "base_url": address,
        "token_url": f"{address}/{{tenant}}/oauth2/v2.0/token",
    }


def _sap_business_one_settings(address: str, company: str) -> Fields:
    return {
        "base_url": f"{address}/b1s/v2",
        "company_db": sap_business_one.company_db(company),
        "username": sap_business_one.USERNAME,
        "password": "${env:B1_SECRET}",
    }


def _acumatica_settings(address: str, company: str) -> Fields:
    return {
        "base_url": f"{address}/{acumatica.SITE}",
        "tenant": acumatica.tenant_of(company),
        "client_id": acumatica.client_id(company),
        "client_secret": "${env:ACUMATICA_SECRET}",
        "username": acumatica.USERNAME,
        "password": "${env:ACUMATICA_PASSWORD}",
        "terms_endpoint": "MLConnector/1.0",
        "requests_per_minute": "1000000",
    }


def _epicor_kinetic_settings(address: str, company: str) -> Fields:
    return {
        "base_url": f"{address}/{epicor_kinetic.INSTANCE}",
        "company": epicor_kinetic.company_id(company),
        "api_key": "${env:EPICOR_KEY}",
        "token_url": f"{address}/connect/token",
        "client_id": epicor_kinetic.CLIENT,
        "client_secret": "${env:EPICOR_SECRET}",
    }


BUSINESS_CENTRAL = Ledger(
    system="business-central",
    name="Business Central",
    offset=20,
    settings=_business_central_settings,
    dimensions={name: name for name in _FIELDS},
    tolerance={"EUR": "0.02"},
    standings={"Draft": DRAFT, "In Review": DRAFT, "Open": POSTED, "Paid": PAID, "Canceled": CANCELLED,
               "Corrective": CANCELLED},
    names={"vendor": "vendorNumber", "account": "number"},
    sessions=r"/token$",
    vendor_name="displayName",
    locked_out={"blocked": "All"},
)  # fmt: skip
SAP_BUSINESS_ONE = Ledger(
    system="sap-business-one",
    name="SAP Business One",
    offset=40,
    settings=_sap_business_one_settings,
    dimensions={"DEPARTMENT": "1", "AREA": "2", "CAMPAIGN": "3", "PROJECT": "Project"},
    # Its tax is rounded line by line.
    tolerance={"EUR": "0.02", "GBP": "0.02", "NOK": "0.02", "SEK": "0.02", "USD": "0.02"},
    standings={"draft": DRAFT, "open": POSTED, "paid": PAID, "cancelled": CANCELLED, "cancellation": CANCELLED,
               "closed": POSTED},
    names={"vendor": "vendor", "account": "account"},
    sessions=r"/Log(?:in|out)$",
    vendor_name="CardName",
    locked_out={"Frozen": "tYES"},
)  # fmt: skip
ACUMATICA = Ledger(
    system="acumatica",
    name="Acumatica",
    offset=10,
    settings=_acumatica_settings,
    dimensions={"DEPARTMENT": "Subaccount.1", "AREA": "Subaccount.2", "PROJECT": "Project"},
    tolerance={"EUR": "0.02"},
    standings={"On Hold": DRAFT, "Balanced": DRAFT, "Pending Approval": DRAFT, "Open": POSTED, "Closed": PAID,
               "Rejected": CANCELLED, "Voided": CANCELLED},
    names={"vendor": "vendor", "account": "account"},
    sessions=r"/(?:token|logout)$",
    vendor_name="VendorName",
    locked_out={"Status": "Inactive"},
    # A bill has the supplier's date and a financial period beside it.
    month=lambda bill: f"{bill['period'][2:]}-{bill['period'][:2]}",
)  # fmt: skip
EPICOR_KINETIC = Ledger(
    system="epicor-kinetic",
    name="Epicor Kinetic",
    offset=30,
    settings=_epicor_kinetic_settings,
    dimensions={"DEPARTMENT": "2", "AREA": "3", "PROJECT": "4"},
    tolerance={"EUR": "0.02"},
    standings={"held": DRAFT, "entered": DRAFT, "open": POSTED, "settled": PAID, "cancelled": CANCELLED},
    names={"vendor": "vendor", "account": "account"},
    sessions="/connect/token$",
    vendor_name="name",
    locked_out={"Inactive": True},
    founded={"coding": {"all_combinations": True}, "posting": {"seconds": 0.05}},
)  # fmt: skip
LEDGERS = (BUSINESS_CENTRAL, SAP_BUSINESS_ONE, ACUMATICA, EPICOR_KINETIC)
