"""The master data resources: where they are, what they hold and their limits (dossier 1.6, 2, 5)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of master data."""

    name: str
    entity: str
    entity_type: str
    wrapper: str
    """The key of the array in a list answer."""
    code_field: str | None = None
    """The business code, which must be unique within a company."""
    version: str = "v1"
    batch: int = 500
    page: int = 500
    page_most: int = 500

    @property
    def path(self) -> str:
        """Where it is served."""
        return f"/{self.version}/{self.name}"


LISTS = Resource("lists", "GenericListEntity", "GenericList", "listItems")
ORDERS = Resource("matchingOrders", "OrderEntity", "MatchingOrder", "matchingOrders")
ORDER_LINES = Resource(
    "matchingOrderLines",
    "OrderLineEntity",
    "MatchingOrderLine",
    "matchingOrderLines",
    batch=100,
    page=100,
    page_most=100,
)
VENDORS = Resource("vendors", "VendorEntity", "Vendor", "vendorEntities", "vendorCode", batch=200, page=100)
PAYMENT_TERMS = Resource("paymentTerms", "PaymentTermEntity", "PaymentTerm", "paymentTerms", "paymentTermCode")
SINGLE = (
    VENDORS,
    Resource("accounts", "AccountEntity", "Account", "accounts", "accountCode"),
    Resource("costCenters", "CostCenterEntity", "CostCenter", "costCenters", "costCenterCode"),
    Resource("projects", "ProjectEntityV2", "Project", "projects", "projectCode", version="v2"),
    Resource("taxCodes", "TaxCodeEntity", "TaxCode", "taxCodes", "taxCode"),
    PAYMENT_TERMS,
    Resource("exchangeRates", "ExchangeRateEntity", "ExchangeRate", "exchangeRates"),
    ORDERS,
    ORDER_LINES,
)


@dataclass(frozen=True, slots=True)
class Columns:
    """What a generic list's table can hold (dossier 5.3)."""

    texts: int
    text_length: int
    numbers: int
    dates: int


def _columns() -> dict[str, Columns]:
    groups = (
        ("ACC_LIST_", 1, 10, Columns(5, 250, 3, 0)),
        ("ACC_LIST_", 11, 20, Columns(5, 50, 3, 0)),
        ("ACC_LIST_", 21, 30, Columns(10, 250, 5, 5)),
        ("ACC_LIST_", 31, 35, Columns(25, 250, 10, 10)),
        ("INV_LIST_", 1, 10, Columns(5, 250, 0, 0)),
        ("INV_LIST_", 11, 20, Columns(10, 250, 5, 5)),
        ("CUST_RESOLVER_", 1, 5, Columns(15, 250, 15, 15)),
    )
    return {
        f"{prefix}{number}": columns for prefix, first, last, columns in groups for number in range(first, last + 1)
    }


LIST_COLUMNS = _columns()
"""Every list key there is."""
