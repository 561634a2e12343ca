"""Master data, read page by page (SAP dossier 6, 8).

Vendors and orders carry a day of change; accounts, dimensions, tax codes and terms carry none and are read whole.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from ml_connector.connectors.base import Page
from ml_connector.connectors.odata import any_of
from ml_connector.connectors.sap_business_one.client import ServiceLayer
from ml_connector.connectors.sap_business_one.documents import (
    day_of,
)
from ml_connector.connectors.sap_business_one.errors import unexpected
from ml_connector.connectors.sap_business_one.manifest import DOCUMENTS_PER_PAGE, NAME, OR_TERMS
from ml_connector.connectors.sap_business_one.mapping import (
    ACCOUNT_FIELDS,
    PROJECT,
    PROJECT_FIELDS,
    RULE_FIELDS,
    SALES_TAX_FIELDS,
    TAX_CODE,
    TERM_FIELDS,
    VAT_GROUP_FIELDS,
    VENDOR_FIELDS,
    account_of,
    dimension_name,
    dimension_value_of,
    is_internal,
    payment_term_of,
    project_of,
    sales_tax_code_of,
    tax_field_of,
    text,
    vat_group_of,
    vendor_of,
    visible_number,
)
from ml_connector.connectors.sap_business_one.marks import Progress
from ml_connector.connectors.sap_business_one.orders import (
    ORDER_FIELDS,
    RECEIPT_FIELDS,
    Naming,
    Place,
    Received,
    account_codes,
    bases_of,
    can_be_invoiced,
    drawn_on,
    naming_of,
    order_of,
    received_of,
    vendors_of,
)
from ml_connector.connectors.texts import code
from ml_connector.records.flow import Flow
from ml_connector.records.master_data import DimensionValue, MasterRecord

Row = dict[str, Any]

_SUPPLIERS: Final = "CardType eq 'cSupplier'"
_OPEN: Final = "DocumentStatus eq 'bost_Open'"
_OPEN_RECEIPTS: Final = f"{_OPEN} and CancelStatus eq 'csNo'"
_POSTABLE: Final = "ActiveAccount eq 'tYES'"
_INPUT_TAX: Final = "Category eq 'bovcInputTax'"
_FOR_PURCHASES: Final = "ValidForAP eq 'tYES'"
_RULE_NAME_LENGTH: Final = 30
"""A rule's description may end here where the cost centre's name goes on."""


class Reader:
    """Reads master data.

    `dimensions` are the mapping rules' names of those that are wanted, `tax_field` where a line carries its tax code,
    empty to let the localization decide, `today` the day for which windows of activity and rates are read.
    """

    def __init__(
        self, client: ServiceLayer, *, dimensions: Sequence[str], tax_field: str, today: Callable[[], date],
    ) -> None:  # fmt: skip
        self._client = client
        self._tax_field = tax_field
        self._today = today
        # Records name a dimension as the settings spell it.
        self._dimensions = {dimension_name(each): each for each in dimensions if dimension_name(each)}

    def read(self, flow: Flow, *, since: str | None) -> AsyncIterator[Page[MasterRecord]]:
        """The records of a flow; its mark, a day of the server, comes with the last page."""
        if flow is Flow.VENDORS:
            return self._vendors(since)
        if flow is Flow.PURCHASE_ORDERS:
            return self._orders(since)
        if flow is Flow.ACCOUNTS:
            return self._accounts()
        if flow is Flow.DIMENSIONS:
            return self._dimension_values()
        if flow is Flow.TAX_CODES:
            return self._tax_codes()
        if flow is Flow.PAYMENT_TERMS:
            return self._terms()
        raise unexpected(f"{NAME} has no {flow} to read")

    async def keys(self, flow: Flow) -> AsyncIterator[Sequence[str]]:
        """The keys of all records of a flow; of orders those on which something can be invoiced."""
        if flow is Flow.VENDORS:
            listed = self._client.pages("BusinessPartners", _options(("CardCode",), _SUPPLIERS), key="CardCode")
            async for rows in listed:
                yield [text(row, "CardCode") for row in rows]
        elif flow is Flow.PURCHASE_ORDERS:
            async for found in self._order_keys():
                yield found
        else:
            async for page in self.read(flow, since=None):
                yield [record.key for record in page.records]

    # ------------------------------------------------------------------ snapshots

    async def _accounts(self) -> AsyncIterator[Page[MasterRecord]]:
        today = self._today()
        async for rows in self._client.pages("ChartOfAccounts", _options(ACCOUNT_FIELDS, _POSTABLE), key="Code"):
            yield Page(tuple(account_of(row, today) for row in rows))

    async def _tax_codes(self) -> AsyncIterator[Page[MasterRecord]]:
        today = self._today()
        if await self._chosen_tax_field() == TAX_CODE:
            options = _options(SALES_TAX_FIELDS, _FOR_PURCHASES)
            async for rows in self._client.pages("SalesTaxCodes", options, key="Code"):
                yield Page(tuple(sales_tax_code_of(row) for row in rows))
            return
        async for rows in self._client.pages("VatGroups", _options(VAT_GROUP_FIELDS, _INPUT_TAX), key="Code"):
            yield Page(tuple(vat_group_of(row, today) for row in rows))

    async def _chosen_tax_field(self) -> str:
        if self._tax_field:
            return self._tax_field
        return tax_field_of("", text(await self._client.call("CompanyService_GetCompanyInfo"), "Localization"))

    async def _terms(self) -> AsyncIterator[Page[MasterRecord]]:
        async for rows in self._client.pages("PaymentTermsTypes", _options(TERM_FIELDS), key="GroupNumber"):
            yield Page(tuple(payment_term_of(row) for row in rows))

    async def _dimension_values(self) -> AsyncIterator[Page[MasterRecord]]:
        """Distribution rules of the wanted dimensions, which is what lines take, and projects."""
        today, wanted = self._today(), sorted(self._dimensions.keys() - {PROJECT})
        if wanted:
            options = _options(RULE_FIELDS, " or ".join(f"InWhichDimension eq {each}" for each in wanted))
            centres: Mapping[str, str] | None = None
            async for rows in self._client.pages("DistributionRules", options, key="FactorCode"):
                if centres is None and any(_needs_name(row) for row in rows):
                    centres = await self._centre_names()
                yield Page(tuple(
                    self._spelt(dimension_value_of(row, _rule_name(row, centres or {}), today)) for row in rows
                ))  # fmt: skip
        if PROJECT in self._dimensions:
            async for rows in self._client.pages("Projects", _options(PROJECT_FIELDS), key="Code"):
                yield Page(tuple(self._spelt(project_of(row, today)) for row in rows))
        if not self._dimensions:
            yield Page(())

    def _spelt(self, value: DimensionValue) -> DimensionValue:
        return DimensionValue(
            key=value.key, dimension=self._dimensions[value.dimension], code=value.code, name=value.name,
            active=value.active,
        )  # fmt: skip

    async def _centre_names(self) -> Mapping[str, str]:
        rows = await self._client.rows("ProfitCenters", _options(("CenterCode", "CenterName")), key="CenterCode")
        return {text(row, "CenterCode"): text(row, "CenterName") for row in rows}

    # ------------------------------------------------------------------ changes

    async def _vendors(self, since: str | None) -> AsyncIterator[Page[MasterRecord]]:
        today = self._today()
        # A record that was never changed since it was made may have no day of change.
        progress = Progress(since, "UpdateDate", "CreateDate")
        wanted = " and ".join(each for each in (_SUPPLIERS, progress.filter) if each)
        options = _options(VENDOR_FIELDS, wanted)
        async for rows in self._client.pages("BusinessPartners", options, key="CardCode", size=DOCUMENTS_PER_PAGE):
            yield Page(tuple(vendor_of(row, today) for row in progress.fresh(rows, of="BusinessPartners")))
        yield Page((), progress.mark())

    async def _orders(self, since: str | None) -> AsyncIterator[Page[MasterRecord]]:
        """Orders that are open, and those closed since they were received whole; later on those that changed.

        A receipt says more of what can be invoiced than its order does, whose day of change it may not move.
        Receipts are read first: what changes behind our back is then told by the next read at the latest.
        """
        progress, told = Progress(since, "UpdateDate"), set[int]()
        changed = progress.filter or await self._open_or_recent(progress)
        receipts = progress.fresh(await self._receipts(changed), of="PurchaseDeliveryNotes")
        async for rows in self._order_pages(changed):
            fresh = progress.fresh(rows, of="PurchaseOrders")
            wanted = fresh if since is not None else [row for row in fresh if row.get("DocumentStatus") == "bost_Open"]
            told.update(int(row["DocEntry"]) for row in wanted)
            yield Page(await self._records(wanted))
        if since is None:
            receipts = [row for row in receipts if can_be_invoiced(row)]
        for group in _groups(sorted(bases_of(receipts) - told)):
            async for rows in self._order_pages(" or ".join(f"DocEntry eq {entry}" for entry in group)):
                yield Page(await self._records(rows))
        yield Page((), progress.mark())

    async def _open_or_recent(self, progress: Progress) -> str:
        """What is open, and what else the next read will meet: so that it knows it again."""
        newest = {"$select": "DocEntry,UpdateDate", "$orderby": "UpdateDate desc", "$top": "1"}
        for entity_set in ("PurchaseOrders", "PurchaseDeliveryNotes"):
            progress.reach(await self._client.rows(entity_set, newest, size=1))
        return f"{_OPEN} or {progress.window}" if progress.window else _OPEN

    async def _order_keys(self) -> AsyncIterator[Sequence[str]]:
        seen = set[int]()
        async for rows in self._client.pages("PurchaseOrders", _options(("DocEntry",), _OPEN), key="DocEntry"):
            seen.update(int(row["DocEntry"]) for row in rows)
            yield [text(row, "DocEntry") for row in rows]
        yield [str(entry) for entry in sorted(bases_of(await self._receipts(_OPEN_RECEIPTS)) - seen)]

    async def _order_pages(self, wanted: str) -> AsyncIterator[list[Row]]:
        options = _options(ORDER_FIELDS, wanted)
        async for rows in self._client.pages("PurchaseOrders", options, key="DocEntry", size=DOCUMENTS_PER_PAGE):
            yield rows

    async def _records(self, rows: Sequence[Row]) -> tuple[MasterRecord, ...]:
        received, naming = await self._received(rows), await self._naming(rows)
        return tuple(order_of(row, received, naming) for row in rows)

    async def _received(self, rows: Sequence[Row]) -> Mapping[Place, Received]:
        """Receipts cannot be filtered by the order they came of (SAP dossier 5.3): by its vendor and day then.

        Of orders with nothing taken off them only cancelled ones: they may have been told before they were.
        """
        found = list[Row]()
        days = [day for row in rows if (day := day_of(row.get("DocDate"))) is not None]
        begin = f" and DocDate ge '{min(days).isoformat()}'" if days and len(days) == len(rows) else ""
        drawn = vendors_of(drawn_on(rows))
        others = [vendor for vendor in vendors_of(rows) if vendor not in set(drawn)]
        for vendors, which in ((drawn, ""), (others, " and CancelStatus eq 'csYes'")):
            for group in _groups(vendors):
                found += await self._receipts(f"({any_of('CardCode', group)}){begin}{which}")
        return received_of(found)

    async def _receipts(self, wanted: str) -> list[Row]:
        options = _options(RECEIPT_FIELDS, wanted)
        return await self._client.rows("PurchaseDeliveryNotes", options, key="DocEntry", size=DOCUMENTS_PER_PAGE)

    async def _naming(self, rows: Sequence[Row]) -> Naming:
        """Accounts have another code than number in segmented charts only: the others need no look."""
        internal = sorted(each for each in account_codes(rows) if is_internal(each))
        accounts: dict[str, str] = {}
        for group in _groups(internal):
            listed = await self._client.rows("ChartOfAccounts", _options(("Code", "FormatCode"), any_of("Code", group)))
            accounts |= {text(row, "Code"): visible_number(row) for row in listed}
        return naming_of({code(name): spelling for name, spelling in self._dimensions.items()}, accounts)


def _options(fields: Iterable[str], wanted: str = "") -> dict[str, str]:
    options = {"$select": ",".join(fields)}
    return {**options, "$filter": wanted} if wanted else options


def _groups(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (values[start : start + OR_TERMS] for start in range(0, len(values), OR_TERMS))


def _needs_name(row: Row) -> bool:
    return not 0 < len(text(row, "FactorDescription")) < _RULE_NAME_LENGTH


def _rule_name(row: Row, centres: Mapping[str, str]) -> str:
    """Its own name, or that of the cost centre of the same code where its own is missing or may be cut."""
    named = text(row, "FactorDescription")
    return centres.get(text(row, "FactorCode"), named) if _needs_name(row) else named
