"""What checking and posting need to know of the company, read at most once for all who ask at the same time.

Each kind of knowledge is kept for a stated age, short where it decides about posting. Posting periods are not
among it: the Service Layer does not tell them, its refusal does (SAP dossier 7.6). Nor are rates.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final, TypeVar

from ml_connector.connectors.odata import any_of
from ml_connector.connectors.remembered import Many, Remembered, forget_older
from ml_connector.connectors.sap_business_one.client import ANY_CASE, ServiceLayer
from ml_connector.connectors.sap_business_one.documents import (
    decimal_of,
)
from ml_connector.connectors.sap_business_one.errors import unexpected
from ml_connector.connectors.sap_business_one.manifest import OR_TERMS
from ml_connector.connectors.sap_business_one.mapping import (
    ACCOUNT_FIELDS,
    PROJECT_FIELDS,
    RULE_FIELDS,
    TAX_CODE,
    dimension_value_of,
    is_postable,
    is_usable,
    is_yes,
    project_of,
    rate_on,
    tax_field_of,
    text,
    visible_number,
)
from ml_connector.connectors.texts import code

T = TypeVar("T")
Row = Mapping[str, Any]

VENDOR_AGE: Final = 60.0
"""Seconds a vendor is remembered: a block must be noticed soon."""
SNAPSHOT_AGE: Final = 300.0


# ------------------------------------------------------------------ what is known


@dataclass(frozen=True, slots=True)
class Company:
    """What the company decides about its documents (SAP dossier 6.8)."""

    local_currency: str
    tax_field: str
    has_branches: bool
    price_places: int
    groups_lines_for_tax: bool
    """True: tax is rounded once for each code. UNCONFIRMED that GroupLinesInVATCalculation says so."""


@dataclass(frozen=True, slots=True)
class VendorFacts:
    """A supplier, with the window in which it may be billed."""

    row: Row

    @property
    def code(self) -> str:
        """As the ledger spells it."""
        return text(self.row, "CardCode")

    def is_usable_on(self, day: date) -> bool:
        """True where bills may be posted for it on that day."""
        return is_usable(self.row, day, valid="Valid", frozen="Frozen")


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """An account, with the window in which it may be posted on."""

    code: str
    """The internal one, which documents carry."""
    row: Row

    def is_postable_on(self, day: date) -> bool:
        """True where a line may be coded on it on that day."""
        return is_postable(self.row, day)


@dataclass(frozen=True, slots=True)
class ValueFacts:
    """A distribution rule or a project, with the window in which it is active."""

    row: Row
    is_project: bool

    @property
    def code(self) -> str:
        """As the ledger spells it."""
        return text(self.row, "Code" if self.is_project else "FactorCode")

    def is_active_on(self, day: date) -> bool:
        """True where a line may carry it on that day."""
        return (project_of(self.row, day) if self.is_project else dimension_value_of(self.row, "", day)).active


@dataclass(frozen=True, slots=True)
class TaxFacts:
    """A tax code a purchase line may carry."""

    is_active: bool
    row: Row

    @property
    def code(self) -> str:
        """As the ledger spells it."""
        return text(self.row, "Code")

    def percent_on(self, day: date) -> Decimal | None:
        """The rate that is added to the net sum; None where that cannot be told from the rate alone."""
        if is_yes(self.row, "AcquisitionReverse"):
            return None
        return decimal_of(self.row["Rate"]) if "Rate" in self.row else rate_on(self.row, day)


class Books:
    """The company's own books as far as checking and posting need them."""

    def __init__(self, client: ServiceLayer, *, tax_field: str = "") -> None:
        self._client = client
        self._tax_field = tax_field
        self.company = Remembered(self._load_company, age=SNAPSHOT_AGE)
        self.vendors = Many(self._load_vendors, age=VENDOR_AGE)
        """By CardCode, as it was asked for."""
        self.accounts = Remembered(self._load_accounts, age=SNAPSHOT_AGE)
        """By visible number in capitals."""
        self.rules = Remembered(self._load_rules, age=SNAPSHOT_AGE)
        """Distribution rules by dimension, 1 to 5, and code."""
        self.projects = Remembered(self._load_projects, age=SNAPSHOT_AGE)
        self.tax_codes = Remembered(self._load_tax_codes, age=SNAPSHOT_AGE)
        self.currencies = Remembered(self._load_currencies, age=SNAPSHOT_AGE)
        self.branches = Remembered(self._load_branches, age=SNAPSHOT_AGE)
        """BPLIDs of the branches that are in use."""

    def forget_older(self) -> bool:
        """Before somebody is turned down: True where something has to be read again, as it may have been mended."""
        return forget_older((
            self.company, self.vendors, self.accounts, self.rules, self.projects,
            self.tax_codes, self.currencies, self.branches,
        ))  # fmt: skip

    async def _load_company(self) -> Company:
        info, admin = await asyncio.gather(
            self._client.call("CompanyService_GetCompanyInfo"), self._client.call("CompanyService_GetAdminInfo")
        )
        currency = text(admin, "LocalCurrency")
        if not currency:
            raise unexpected("the company's settings name no local currency")
        places = admin.get("PriceAccuracy")
        return Company(
            local_currency=currency,
            tax_field=tax_field_of(self._tax_field, text(info, "Localization")),
            has_branches=is_yes(admin, "EnableBranches"),
            price_places=min(6, max(0, int(decimal_of(places)))) if places is not None else 6,
            groups_lines_for_tax=is_yes(info, "GroupLinesInVATCalculation"),
        )

    async def _load_vendors(self, wanted: frozenset[str]) -> Mapping[str, VendorFacts]:
        asked = sorted(each for each in wanted if each)
        found: dict[str, VendorFacts] = {}
        for start in range(0, len(asked), OR_TERMS):
            group = any_of("CardCode", asked[start : start + OR_TERMS])
            options = {
                "$filter": f"CardType eq 'cSupplier' and ({group})",
                "$select": "CardCode,CardType,Valid,ValidFrom,ValidTo,Frozen,FrozenFrom,FrozenTo",
            }
            rows = await self._client.rows("BusinessPartners", options, headers=ANY_CASE)
            found |= {code(text(row, "CardCode")): VendorFacts(row) for row in rows}
        return {each: found[code(each)] for each in asked if code(each) in found}

    async def _load_accounts(self) -> Mapping[str, AccountFacts]:
        rows = await self._client.rows("ChartOfAccounts", {"$select": ",".join(ACCOUNT_FIELDS)}, key="Code")
        return {code(visible_number(row)): AccountFacts(text(row, "Code"), row) for row in rows}

    async def _load_rules(self) -> Mapping[str, Mapping[str, ValueFacts]]:
        rows = await self._client.rows("DistributionRules", {"$select": ",".join(RULE_FIELDS)}, key="FactorCode")
        found: dict[str, dict[str, ValueFacts]] = {}
        for row in rows:
            values = found.setdefault(text(row, "InWhichDimension"), {})
            values[code(text(row, "FactorCode"))] = ValueFacts(row, is_project=False)
        return found

    async def _load_projects(self) -> Mapping[str, ValueFacts]:
        rows = await self._client.rows("Projects", {"$select": ",".join(PROJECT_FIELDS)}, key="Code")
        return {code(text(row, "Code")): ValueFacts(row, is_project=True) for row in rows}

    async def _load_tax_codes(self) -> Mapping[str, TaxFacts]:
        if (await self.company.get()).tax_field == TAX_CODE:
            rows = await self._client.rows("SalesTaxCodes", {"$select": "Code,Rate,ValidForAP,Inactive"}, key="Code")
            return {
                code(text(row, "Code")): TaxFacts(is_yes(row, "ValidForAP") and not is_yes(row, "Inactive"), row)
                for row in rows
            }
        select = "Code,Category,Inactive,AcquisitionReverse,VatGroups_Lines"
        rows = await self._client.rows("VatGroups", {"$select": select}, key="Code")
        return {code(text(row, "Code")): TaxFacts(_is_for_purchases(row), row) for row in rows}

    async def _load_currencies(self) -> frozenset[str]:
        rows = await self._client.rows("Currencies", {"$select": "Code"}, key="Code")
        return frozenset(code(text(row, "Code")) for row in rows)

    async def _load_branches(self) -> frozenset[str]:
        rows = await self._client.rows("BusinessPlaces", {"$select": "BPLID,Disabled"}, key="BPLID")
        return frozenset(text(row, "BPLID") for row in rows if not is_yes(row, "Disabled"))


def _is_for_purchases(row: Row) -> bool:
    return text(row, "Category") in ("bovcInputTax", "I") and not is_yes(row, "Inactive")
