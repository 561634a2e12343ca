"""What checking needs to know of the ledger, read at most once for all who ask at the same time.

Each kind of knowledge is kept for a stated age, short where it decides about posting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeVar

from ml_connector.connectors.business_central.client import BusinessCentralClient, Part
from ml_connector.connectors.business_central.errors import unexpected
from ml_connector.connectors.business_central.manifest import CODE_LENGTH, FILTER_LENGTH, MAX_PAGE
from ml_connector.connectors.business_central.mapping import NO_ID, date_of, is_postable
from ml_connector.connectors.errors import ConnectorError
from ml_connector.connectors.odata import address, any_of, chunks_of_filter, decode_enum, literal
from ml_connector.connectors.remembered import Many, Remembered, forget_older
from ml_connector.connectors.texts import code, units

T = TypeVar("T")

VENDOR_AGE: Final = 60.0
"""Seconds a vendor is remembered: a block must be noticed soon."""
SETUP_AGE: Final = 60.0
SNAPSHOT_AGE: Final = 300.0
_TOO_LARGE: Final = 413


@dataclass(frozen=True, slots=True)
class VendorFacts:
    """What posting needs to know of a vendor."""

    blocked: bool
    """For every kind of document; one that is only blocked for payment may be billed."""
    defaults: frozenset[str]
    """Codes of the dimensions it gives to its documents by itself."""


@dataclass(frozen=True, slots=True)
class LedgerSetup:
    """The company's own currency and its posting window; None where a side of it is open."""

    currency: str
    posting_from: date | None
    posting_to: date | None

    def is_open_on(self, day: date) -> bool:
        """True where the company-wide window lets one post on that day."""
        return not (
            (self.posting_from is not None and day < self.posting_from)
            or (self.posting_to is not None and day > self.posting_to)
        )


class Books:
    """The ledger's own books as far as checking needs them."""

    def __init__(self, client: BusinessCentralClient) -> None:
        self._client = client
        self.vendors = Many(self._load_vendors, age=VENDOR_AGE)
        self.rates = Many(self._load_rates, age=SNAPSHOT_AGE)
        """By currency: the first day for which there is an exchange rate."""
        self.dimensions = Many(self._load_dimensions, age=SNAPSHOT_AGE)
        """By dimension: the codes of its values."""
        self.accounts = Remembered(self._load_accounts, age=SNAPSHOT_AGE)
        """By number: whether a line may be coded on it."""
        self.tax_groups = Remembered(self._load_tax_groups, age=SNAPSHOT_AGE)
        self.currencies = Remembered(self._load_currencies, age=SNAPSHOT_AGE)
        self.terms = Remembered(self._load_terms, age=SNAPSHOT_AGE)
        """Payment terms: id to code."""
        self.setup = Remembered(self._load_setup, age=SETUP_AGE)

    def forget_older(self) -> bool:
        """Before somebody is turned down: True where something has to be read again, as it may have been mended."""
        return forget_older((
            self.vendors, self.rates, self.dimensions, self.accounts, self.tax_groups,
            self.currencies, self.terms, self.setup,
        ))  # fmt: skip

    async def _load_vendors(self, numbers: frozenset[str]) -> Mapping[str, VendorFacts]:
        found: dict[str, VendorFacts] = {}
        for group in chunks_of_filter("number", _sayable(numbers), length=FILTER_LENGTH):
            rows = await self._client.rows(
                "vendors",
                {
                    "$filter": any_of("number", group),
                    "$select": "id,number,blocked",
                    "$expand": "defaultDimensions",
                },
            )
            found |= {code(str(row["number"])): _vendor_facts(row) for row in rows}
        return found

    async def _load_accounts(self) -> Mapping[str, bool]:
        rows = await self._client.rows(
            "accounts", {"$select": "id,number,blocked,accountType,directPosting"}, size=MAX_PAGE
        )
        return {code(str(row["number"])): is_postable(row) for row in rows}

    async def _load_dimensions(self, names: frozenset[str]) -> Mapping[str, frozenset[str]]:
        sayable = _sayable(names)
        if not sayable:
            return {}
        return {
            name: frozenset(code(str(value["code"])) for value in values)
            for name, values in (await read_dimensions(self._client, sayable)).items()
        }

    async def _load_tax_groups(self) -> frozenset[str]:
        rows = await self._client.rows("taxGroups", {"$select": "id,code"})
        return frozenset(code(str(row["code"])) for row in rows)

    async def _load_currencies(self) -> frozenset[str]:
        rows = await self._client.rows("currencies", {"$select": "id,code"})
        return frozenset(code(str(row["code"])) for row in rows)

    async def _load_rates(self, currencies: frozenset[str]) -> Mapping[str, date]:
        """One request for all: the first rate of each, since all of their history can be long."""
        asked = sorted(currencies)
        replies = await self._client.batch_all([_first_rate(currency) for currency in asked])
        found: dict[str, date] = {}
        for currency, reply in zip(asked, replies, strict=False):
            if not reply.ok:
                raise reply.failure()
            rows = reply.body.get("value") if isinstance(reply.body, dict) else None
            if rows:
                found[currency] = date_of(rows[0]["startingDate"]) or date.min
        return found

    async def _load_terms(self) -> Mapping[str, str]:
        rows = await self._client.rows("paymentTerms", {"$select": "id,code"})
        return {str(row["id"]): str(row["code"]) for row in rows if row["id"] != NO_ID}

    async def _load_setup(self) -> LedgerSetup:
        rows = await self._client.rows(
            "generalLedgerSetup", {"$select": "id,allowPostingFrom,allowPostingTo,localCurrencyCode"}
        )
        if not rows:
            raise unexpected("the company has no general ledger set-up")
        currency = str(rows[0].get("localCurrencyCode") or "") or await self._own_currency()
        return LedgerSetup(
            currency=code(currency),
            posting_from=date_of(rows[0].get("allowPostingFrom")),
            posting_to=date_of(rows[0].get("allowPostingTo")),
        )

    async def _own_currency(self) -> str:
        rows = await self._client.rows("companyInformation", {"$select": "id,currencyCode"})
        return str(rows[0].get("currencyCode") or "") if rows else ""


async def read_dimensions(client: BusinessCentralClient, names: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """The values of the named dimensions that exist: all in one read, or dimension by dimension where
    they are too many for one answer (BC dossier 12.3)."""
    options = {"$filter": any_of("code", names), "$select": "id,code"}
    try:
        rows = await client.rows("dimensions", {**options, "$expand": "dimensionValues"})
    except ConnectorError as error:
        if error.status != _TOO_LARGE:
            raise
        rows = await client.rows("dimensions", options)
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        values = row.get("dimensionValues")
        if values is None or "dimensionValues@odata.nextLink" in row:
            values = await client.rows(
                f"dimensions({row['id']})/dimensionValues", {"$select": "id,code,displayName"}, size=MAX_PAGE
            )
        found[code(str(row["code"]))] = values
    return found


def _vendor_facts(row: Mapping[str, Any]) -> VendorFacts:
    defaults = row.get("defaultDimensions") or ()
    return VendorFacts(
        blocked=decode_enum(str(row.get("blocked") or "")) == "All",
        defaults=frozenset(
            code(str(each.get("dimensionCode") or "")) for each in defaults if each.get("dimensionValueCode")
        ),
    )


def _first_rate(currency: str) -> Part:
    options = {
        "$filter": f"currencyCode eq {literal(currency)}",
        "$select": "id,startingDate",
        "$orderby": "startingDate",
        "$top": "1",
    }
    return Part("GET", address("currencyExchangeRates", options))


def _sayable(codes: Iterable[str]) -> list[str]:
    """The codes the server can hold at all: longer ones exist nowhere, and asking for them is an error."""
    return sorted(each for each in codes if each and units(each) <= CODE_LENGTH)
