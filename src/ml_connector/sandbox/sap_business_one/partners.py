"""Business partners: the trading company's suppliers, and a few that are none (B1 dossier 6.1)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from ml_connector.sandbox.sap_business_one.chart import PAYABLES
from ml_connector.sandbox.sap_business_one.schema import Row
from ml_connector.sandbox.trade import TradingCompany, Vendor

_BANKS = {
    "FI": ("NORDEA", "NDEAFIHH"),
    "SE": ("SEB", "ESSESESS"),
    "DE": ("COBA", "COBADEFF"),
    "NO": ("DNB", "DNBANOKK"),
    "EE": ("LHV", "LHVBEE22"),
    "GB": ("BARC", "BARCGB22"),
}
_IBAN_DIGITS = {"FI": 14, "SE": 20, "DE": 18, "NO": 11, "EE": 16}
_OTHERS = (("C10001", "Kauppa Oy", "cCustomer"), ("C10002", "Laden GmbH", "cCustomer"), ("L10001", "Maybe AB", "cLid"))


def partner_rows(company: TradingCompany) -> Iterator[Row]:
    """BusinessPartners as they stand on the first day, with stamps spread over the year before."""
    terms = {term.code: place for place, term in enumerate(company.payment_terms, 1)}
    for place, vendor in enumerate(company.vendors):
        yield {**supplier_row(vendor, terms[vendor.payment_term], place), **_stamps(company.today, place)}
    for place, (code, name, kind) in enumerate(_OTHERS):
        plain = {"CardCode": code, "CardName": name, "CardType": kind, "Currency": company.currency, "Valid": "tYES"}
        yield {**plain, **_stamps(company.today, place)}


def supplier_row(vendor: Vendor, terms: int, place: int) -> Row:
    """One supplier; blocked ones are frozen, those blocked for payment carry the payment block."""
    frozen = vendor.blocked == "All"
    return {
        "CardCode": vendor.number,
        "CardName": vendor.name,
        "CardType": "cSupplier",
        "GroupCode": 101,
        "FederalTaxID": vendor.vat_number,
        "Currency": "##" if place % 10 == 9 else vendor.currency,
        "PayTermsGrpCode": terms,
        "Valid": "tNO" if frozen else "tYES",
        "Frozen": "tYES" if frozen else "tNO",
        "PaymentBlock": "tYES" if vendor.blocked == "Payment" else "tNO",
        "EmailAddress": vendor.email,
        "Phone1": vendor.phone,
        "Country": vendor.country,
        "City": vendor.city,
        "ZipCode": vendor.post_code,
        "Address": vendor.street,
        "DebitorAccount": PAYABLES,
        "VatLiable": "vLiable",
        "BPAddresses": [_address(vendor)],
        "BPBankAccounts": _bank_accounts(vendor, place),
    }


def _address(vendor: Vendor) -> Row:
    return {
        "AddressName": "HQ",
        "AddressType": "bo_BillTo",
        "Street": vendor.street,
        "ZipCode": vendor.post_code,
        "City": vendor.city,
        "Country": vendor.country,
        "RowNum": 0,
        "BPCode": vendor.number,
    }


def _bank_accounts(vendor: Vendor, place: int) -> list[Row]:
    """One account where the country is known to the bank list; every seventh supplier has none."""
    if vendor.country not in _BANKS or place % 7 == 6:
        return []
    bank, swift = _BANKS[vendor.country]
    digits = _IBAN_DIGITS.get(vendor.country)
    number = f"{(place + 1) * 7_919_131:011d}"[-11:]
    account = {
        "BankCode": bank,
        "Country": vendor.country,
        "AccountNo": number,
        "IBAN": None if digits is None else _iban(vendor.country, number.rjust(digits, "1")),
        "BICSwiftCode": swift,
        "InternalKey": place + 1,
        "BPCode": vendor.number,
    }
    return [account]


def _iban(country: str, account: str) -> str:
    letters = "".join(str(ord(letter) - 55) for letter in country)
    return f"{country}{98 - int(account + letters + '00') % 97:02d}{account}"


def _stamps(today: date, place: int) -> Row:
    created = today - timedelta(days=400 + place % 300)
    updated = today - timedelta(days=3 + place * 7 % 350)
    return {
        "CreateDate": created.isoformat(),
        "CreateTime": "09:00:00",
        "UpdateDate": updated.isoformat(),
        "UpdateTime": f"{8 + place % 9:02d}:{place * 13 % 60:02d}:00",
    }
