"""The services that tell about the company itself (B1 dossier 6.8, 7.6)."""

from __future__ import annotations

from typing import Any

from ml_connector.sandbox.sap_business_one.books import Books
from ml_connector.sandbox.sap_business_one.errors import malformed
from ml_connector.sandbox.sap_business_one.kinds import BY_OBJECT_TYPE, PAYMENT_FIRST_NUMBER
from ml_connector.sandbox.sap_business_one.schema import Row
from ml_connector.sandbox.sap_business_one.sessions import VERSION

_SERIES = {"18": "Primary", "19": "Primary", "20": "Primary", "22": "Primary", "46": "Primary"}


def company_info(books: Books) -> Row:
    """CompanyService_GetCompanyInfo: flat properties of CompanyInfo."""
    return {
        "Version": int(VERSION),
        "CompanyName": books.company.name,
        "Localization": books.switches.localisation,
        "EnableAccountSegmentation": _yes(books.switches.segments),
        "EnableTransactionNotification": "tYES",
        "GroupLinesInVATCalculation": _yes(books.switches.group_tax),
        "MaxNumberOfDocumentsInPmt": 200,
        "LanguageCode": "ln_English",
    }


def admin_info(books: Books) -> Row:
    """CompanyService_GetAdminInfo: flat properties of AdminInfo."""
    return {
        "CompanyName": books.company.name,
        "Country": books.switches.localisation,
        "LocalCurrency": books.currency,
        "SystemCurrency": books.currency,
        "EnableBranches": _yes(books.switches.branches),
        "TotalsAccuracy": 2,
        "PriceAccuracy": 6,
        "RateAccuracy": 6,
        "AccuracyofQuantities": 6,
        "EnableApprovalProcedureInDI": _yes(books.switches.approval),
        "AllowFuturePostingDate": "tYES",
        "AccountSegmentsSeparator": "-",
        "FederalTaxID": "FI20000001",
    }


def document_series(books: Books, body: Any) -> list[Row]:
    """SeriesService_GetDocumentSeries for one object type."""
    try:
        document = str(body["DocumentTypeParams"]["Document"])
    except (KeyError, TypeError):
        raise malformed("Property 'DocumentTypeParams' is missing") from None
    if document not in _SERIES:
        return []
    row: Row = {
        "Document": document,
        "Series": int(document),
        "Name": _SERIES[document],
        "Locked": "tNO",
        "PeriodIndicator": "Default",
        "DocumentSubType": "--",
        "NextNumber": _next_number(books, int(document)),
    }
    return [row]


def _next_number(books: Books, object_type: int) -> int:
    kind = BY_OBJECT_TYPE.get(object_type)
    first = PAYMENT_FIRST_NUMBER if kind is None else kind.first_number
    return books.counters.get(f"series {object_type}", first - 1) + 1


def _yes(value: bool) -> str:
    return "tYES" if value else "tNO"
