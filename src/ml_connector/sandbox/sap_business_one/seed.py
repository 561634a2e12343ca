"""Opens the books of a trading company: its master data in B1's own shape."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from ml_connector.sandbox.sap_business_one.books import Books
from ml_connector.sandbox.sap_business_one.chart import INPUT_TAX, chart_rows
from ml_connector.sandbox.sap_business_one.partners import partner_rows
from ml_connector.sandbox.sap_business_one.schema import Row
from ml_connector.sandbox.sap_business_one.table import Store
from ml_connector.sandbox.trade import DimensionValue, PaymentTerm, TaxGroup, TradingCompany

DIMENSIONS = {"DEPARTMENT": 1, "AREA": 2, "CAMPAIGN": 3}
"""Which of the five dimensions carries what; PROJECT is B1's own project list."""
DEFAULT_CENTRE = "Centr_z"
"""The centre that B1 makes by itself and that has no distribution rule (B1 dossier 6.4)."""
SHARED_RULE = "SHARED"
_SALES_TAX = ("US", "CA", "IN", "BR")
"""Localisations with sales tax codes in place of VAT groups (B1 dossier 6.6)."""


def open_books(store: Store, company: TradingCompany) -> Books:
    """The books with all master data; documents are seeded apart."""
    books = Books(company, store)
    books.table("BusinessPartners").load(partner_rows(company))
    books.table("ChartOfAccounts").load(chart_rows(company.accounts))
    books.table("Dimensions").load(_dimensions())
    for name, rows in (("ProfitCenters", _centres(company)), ("DistributionRules", _rules(company))):
        books.table(name).load(rows)
    books.table("Projects").load(
        project_row(value) for value in company.dimension_values if value.dimension == "PROJECT"
    )
    books.table("VatGroups").load(_vat_groups(company.tax_groups))
    set_localisation(books, books.switches.localisation)
    books.table("PaymentTermsTypes").load(
        payment_term_row(term, number) for number, term in enumerate(company.payment_terms, 1)
    )
    books.table("Currencies").load(_currencies(company))
    books.table("BusinessPlaces").load(_branches(company))
    books.table("UserLanguages").load(_languages())
    books.table("AccountSegmentations").load([{"Numerator": 0, "Name": "Natural", "Size": 8, "Type": "ast_Numeric"}])
    books.table("Items").load(_items(company))
    return books


def set_localisation(books: Books, localisation: str) -> None:
    """Moves the company to another country's rules; only some of them have sales tax codes."""
    books.switches.localisation = localisation
    table = books.table("SalesTaxCodes")
    for code in list(table.order):
        table.drop(code)
    if localisation in _SALES_TAX:
        for group in books.company.tax_groups:
            table.put(_sales_tax_code(group))


def _dimensions() -> Iterator[Row]:
    names = {number: name.capitalize() for name, number in DIMENSIONS.items()}
    for number in range(1, 6):
        name = names.get(number, f"Dimension {number}")
        active = "tYES" if number in names else "tNO"
        yield {
            "DimensionCode": number,
            "DimensionName": f"Dimension {number}",
            "DimensionDescription": name,
            "IsActive": active,
        }


def _centres(company: TradingCompany) -> Iterator[Row]:
    yield {**_centre(DEFAULT_CENTRE, "General centre", 1), "Active": "tYES"}
    for value in company.dimension_values:
        if value.dimension in DIMENSIONS:
            yield centre_row(value)


def centre_row(value: DimensionValue) -> Row:
    """The cost centre of a dimension value."""
    return {
        **_centre(value.code, value.name, DIMENSIONS[value.dimension]),
        "Active": "tNO" if value.blocked else "tYES",
    }


def _centre(code: str, name: str, dimension: int) -> Row:
    return {
        "CenterCode": code,
        "CenterName": name,
        "InWhichDimension": dimension,
        "EffectiveFrom": "2020-01-01",
        "EffectiveTo": None,
    }


def _rules(company: TradingCompany) -> Iterator[Row]:
    for value in company.dimension_values:
        if value.dimension in DIMENSIONS:
            yield rule_row(value)
    departments = [value.code for value in company.dimension_values if value.dimension == "DEPARTMENT"]
    yield _rule(SHARED_RULE, "Shared by two departments", 1, departments[:2], direct=False)


def rule_row(value: DimensionValue) -> Row:
    """The rule that B1 makes with a cost centre, one to one."""
    rule = _rule(value.code, value.name, DIMENSIONS[value.dimension], [value.code], direct=True)
    return {**rule, "Active": "tNO" if value.blocked else "tYES"}


def _rule(code: str, name: str, dimension: int, centres: list[str], *, direct: bool) -> Row:
    share = Decimal(100) / len(centres)
    return {
        "FactorCode": code,
        "FactorDescription": name[:30],
        "TotalFactor": Decimal(100),
        "Direct": "Y" if direct else "N",
        "InWhichDimension": dimension,
        "Active": "tYES",
        "IsFixedAmount": "tNO",
        "DistributionRuleLines": [
            {"CenterCode": centre, "TotalInCenter": share, "EffectiveFrom": "2020-01-01", "EffectiveTo": None}
            for centre in centres
        ],
    }


def project_row(value: DimensionValue) -> Row:
    """A project."""
    return {
        "Code": value.code,
        "Name": value.name,
        "ValidFrom": None,
        "ValidTo": None,
        "Active": "tNO" if value.blocked else "tYES",
    }


def _vat_groups(groups: tuple[TaxGroup, ...]) -> Iterator[Row]:
    for group in groups:
        yield _vat_group(group.code, group.name, group.percent, "bovcInputTax")
    yield _vat_group("OUT24", "Sales 24 %", Decimal(24), "bovcOutputTax")


def _vat_group(code: str, name: str, percent: Decimal, category: str) -> Row:
    lines = [{"Effectivefrom": "2013-01-01", "Rate": percent, "EqualizationTax": Decimal(0)}]
    if percent:
        lines.insert(0, {"Effectivefrom": "2000-01-01", "Rate": percent - 1, "EqualizationTax": Decimal(0)})
    return {
        "Code": code,
        "Name": name,
        "Category": category,
        "Inactive": "tNO",
        "TaxAccount": INPUT_TAX,
        "VatGroups_Lines": lines,
    }


def _sales_tax_code(group: TaxGroup) -> Row:
    return {
        "Code": group.code,
        "Name": group.name,
        "Rate": group.percent,
        "ValidForAP": "tYES",
        "ValidForAR": "tYES",
        "Inactive": "tNO",
    }


def payment_term_row(term: PaymentTerm, number: int) -> Row:
    """Payment terms under their group number."""
    return {
        "GroupNumber": number,
        "PaymentTermsGroupName": term.name,
        "StartFrom": "pdt_None",
        "NumberOfAdditionalMonths": 0,
        "NumberOfAdditionalDays": term.days,
        "NumberOfToleranceDays": 0,
        "BaselineDate": "bld_TaxDate",
        "DiscountCode": f"CD{term.discount_days}" if term.discount_days else None,
        "NumberOfInstallments": 1,
    }


def _currencies(company: TradingCompany) -> Iterator[Row]:
    for code in (company.currency, *company.currencies):
        yield {
            "Code": code,
            "Name": code,
            "DocumentsCode": code,
            "InternationalDescription": code,
            "Decimals": "cdDefault",
            "Rounding": "rsNoRounding",
        }


def _branches(company: TradingCompany) -> Iterator[Row]:
    names = ("Head office", "Turku", "Closed branch")
    for number, name in enumerate(names, 1):
        yield {
            "BPLID": number,
            "BPLName": f"{company.name}, {name}",
            "MainBPL": "tYES" if number == 1 else "tNO",
            "Disabled": "tYES" if number == 3 else "tNO",
            "Country": "FI",
            "VATRegNum": f"FI2000000{number}",
        }


def _languages() -> Iterator[Row]:
    for number, short, name in ((3, "EN", "English (United States)"), (17, "FI", "Finnish"), (20, "SV", "Swedish")):
        yield {"Code": number, "RelatedSystemLanguage": number, "LanguageShortName": short, "LanguageFullName": name}


def _items(company: TradingCompany) -> Iterator[Row]:
    for item in company.items:
        yield {
            "ItemCode": item.number,
            "ItemName": item.name,
            "PurchaseItem": "tYES",
            "InventoryItem": "tYES",
            "PurchaseVATGroup": item.tax_group,
            "PurchaseUnit": "pcs",
            "Valid": "tYES",
            "_account": item.account,
            "_cost": item.unit_cost,
            "UpdateDate": company.today.isoformat(),
            "UpdateTime": "08:00:00",
        }
