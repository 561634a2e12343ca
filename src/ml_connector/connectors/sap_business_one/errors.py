"""What the Service Layer answers when something is wrong, as our reasons: one table (SAP dossier 7.5-7.7, 10).

Codes and SAP's message numbers decide first, then `Table.Column`, then words. The words follow the user's
language; numbers and columns do not. -5002 alone says nothing: it is the catch-all of business refusals.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from ml_connector.connectors.errors import ConnectorError, OutcomeUnknown, Refused, Unavailable
from ml_connector.connectors.http import parse_retry_after
from ml_connector.connectors.sap_business_one.manifest import NAME
from ml_connector.records.reason import Finding, Reason

NOT_FOUND: Final = "-2028"
"""No matching records: a read's key is gone; on a write see SAP dossier 7.5."""
UNKNOWN_PROPERTY: Final = frozenset({"-1000", "201"})
"""A property this installation does not have: an older release, or a user field before the restart."""
BROKEN_NODE: Final = "407"
DUPLICATE_NUMBER: Final = "10001467"
_GENERIC: Final = "-5002"

_NUMBER: Final = re.compile(r"^\(?(\d{4,})\)?\s*(?:-\s*)?")
_COLUMN: Final = re.compile(r"\[(\w+\.\w+)\]")
_LINE: Final = re.compile(r"\[line:\s*(\d+)\]")
_VALUE: Final = re.compile(r",\s*'([^']*)'\s*$")
_SESSION: Final = r"\b(?:invalid|expired)\s+session\b|\bsession\b.*\b(?:timed?[ -]?out|expired|invalid)"


class Then(StrEnum):
    """What an answer means for the call."""

    REFUSED = "refused"
    LATER = "later"
    """Nothing was done: the same call may go through later."""


@dataclass(frozen=True, slots=True)
class Fault:
    """An error answer taken apart (SAP dossier 7.7, 10.1)."""

    status: int
    code: str
    message: str
    number: str = ""
    """SAP's message number, the same in every language."""
    column: str = ""
    """`Table.Column`, such as OPCH.CardCode."""
    line: int | None = None
    """Counted from 1."""
    value: str = ""

    @property
    def speaks_of_session(self) -> bool:
        """True where a general refusal means in truth that the session is lost (design 10)."""
        return self.code == _GENERIC and bool(re.search(_SESSION, self.message, re.IGNORECASE))

    @property
    def is_broken_node(self) -> bool:
        """True where every request of this session will fail, and another session may work (SAP dossier 4.4)."""
        return self.status == 500 and self.code == BROKEN_NODE


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table: applies where every condition that is given holds."""

    reason: Reason
    codes: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    columns: str = ""
    """Pattern of the `Table.Column`."""
    text: str = ""
    """Pattern in the message; its groups, joined, are the subject."""
    statuses: frozenset[int] = frozenset()
    then: Then = Then.REFUSED

    def subject(self, fault: Fault) -> str | None:
        """What the answer is about, empty where it does not say; None where the rule does not apply."""
        if (
            (self.statuses and fault.status not in self.statuses)
            or (self.codes and fault.code not in self.codes)
            or (self.numbers and fault.number not in self.numbers)
            or (self.columns and not re.search(self.columns, fault.column))
        ):
            return None
        if not self.text:
            return fault.value
        found = re.search(self.text, fault.message, re.IGNORECASE)
        return None if found is None else (" ".join(each for each in found.groups() if each) or fault.value)


def _codes(*codes: str) -> frozenset[str]:
    return frozenset(codes)


_BLOCKED_WORDS: Final = r"inactive|frozen|locked|not active|title account|control account|manual transaction"
_ACCOUNT_COLUMNS: Final = r"\.(?:AcctCode|AccountCode|GLAccount)$"
_DIMENSION_COLUMNS: Final = r"\.(?:OcrCode\d?|CostingCode\d?|Project|ProjectCode)$"

RULES: Final = (
    # -- not now: nothing was done
    Rule(Reason.RATE_LIMITED, statuses=frozenset({429}), then=Then.LATER),
    Rule(Reason.OUT_OF_ORDER, codes=_codes("-2039"), then=Then.LATER),
    Rule(Reason.OUT_OF_ORDER, statuses=frozenset({412}), then=Then.LATER),
    Rule(Reason.OUT_OF_ORDER, codes=_codes(_GENERIC), text=_SESSION, then=Then.LATER),
    # -- sign-in and rights
    Rule(Reason.SIGN_IN_REFUSED, statuses=frozenset({401})),
    Rule(Reason.SIGN_IN_REFUSED, codes=_codes("301", "-304", "305", "102", "100000027", "100000055")),
    Rule(Reason.RIGHTS_MISSING, codes=_codes("-6006", "804")),
    Rule(Reason.RIGHTS_MISSING, statuses=frozenset({403})),
    # -- duplicates
    Rule(Reason.POSSIBLE_DUPLICATE, numbers=frozenset({DUPLICATE_NUMBER})),
    Rule(Reason.POSSIBLE_DUPLICATE, codes=_codes("-2035")),
    # -- set-up of the installation or the company
    Rule(Reason.SETUP_INCOMPLETE, codes=_codes("-1000", "-1002", "201")),
    Rule(Reason.SETUP_INCOMPLETE, columns=r"\.BPLId$|\.BPL_ID"),
    Rule(Reason.SETUP_INCOMPLETE, text=r"specify an active branch"),
    Rule(Reason.SETUP_INCOMPLETE, codes=_codes("-4002")),
    Rule(Reason.SETUP_INCOMPLETE, text=r"numbering series"),
    Rule(Reason.SETUP_INCOMPLETE, text=r"attachments? folder"),
    # -- period
    Rule(Reason.PERIOD_CLOSED, codes=_codes("-4013")),
    Rule(Reason.PERIOD_CLOSED, text=r"posting period locked|deviates from permissible range"),
    # -- vendor
    Rule(Reason.VENDOR_BLOCKED, columns=r"\.CardCode$", text=r"inactive|frozen|not active|blocked"),
    Rule(Reason.VENDOR_UNKNOWN, columns=r"\.CardCode$"),
    Rule(Reason.VENDOR_UNKNOWN, text=r"^invalid BP code|^customer record not found"),
    # -- account
    Rule(Reason.ACCOUNT_BLOCKED, columns=_ACCOUNT_COLUMNS, text=_BLOCKED_WORDS),
    Rule(Reason.ACCOUNT_UNKNOWN, columns=_ACCOUNT_COLUMNS),
    # -- dimensions
    Rule(Reason.DIMENSION_BLOCKED, columns=_DIMENSION_COLUMNS, text=r"inactive|not active|out of date|not valid"),
    Rule(Reason.DIMENSION_MISSING, columns=_DIMENSION_COLUMNS, text=r"missing|specify|mandatory|required"),
    Rule(Reason.DIMENSION_UNKNOWN, columns=_DIMENSION_COLUMNS),
    # -- tax and currency
    Rule(Reason.TAX_CODE_UNKNOWN, columns=r"\.(?:VatGroup|TaxCode)$"),
    Rule(Reason.RATE_MISSING, columns=r"^ORTT\.|\.(?:DocRate|Rate)$"),
    Rule(Reason.RATE_MISSING, text=r"exchange rate"),
    Rule(Reason.CURRENCY_UNKNOWN, columns=r"\.(?:DocCur|DocCurrency|Currency)$"),
    # -- orders (SAP dossier 7.2)
    Rule(Reason.ORDER_UNKNOWN, text=r"base documents? (?:has|have) already been closed"),
    Rule(Reason.ORDER_DIFFERS, text=r"^base document card and target document card"),
    Rule(Reason.ORDER_DIFFERS, numbers=frozenset({"234103405"})),  # items and services in one document
    # Only lines on an order say a quantity: another bill took what was open meanwhile.
    Rule(Reason.ORDER_DIFFERS, columns=r"\.Quantity$"),
    Rule(Reason.ORDER_UNKNOWN, columns=r"\.(?:BaseEntry|BaseLine|BaseType|BaseRef)$"),
    # -- ours
    Rule(Reason.ADDRESS_WRONG, statuses=frozenset({404}), codes=_codes("")),
    Rule(Reason.UNEXPECTED, statuses=frozenset({405})),
    # -- the rest
    Rule(Reason.REFUSED, statuses=frozenset({413})),
    Rule(Reason.UNEXPECTED, codes=_codes("")),
    Rule(Reason.REFUSED),
)

_OUT_OF_ORDER: Final = frozenset({408, 500, 502, 503, 504})
_ABOUT_THE_SYSTEM: Final = frozenset(
    {Reason.SIGN_IN_REFUSED, Reason.RIGHTS_MISSING, Reason.ADDRESS_WRONG, Reason.RATE_LIMITED,
     Reason.OUT_OF_ORDER, Reason.UNEXPECTED}
)  # fmt: skip


def parse_fault(status: int, body: Any) -> Fault:
    """Takes any error body apart: both envelopes, a gateway's page, none at all (SAP dossier 10.1)."""
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        said = error.get("message")
        words = said.get("value") if isinstance(said, dict) else said
        code = str(error["code"]).strip() if error.get("code") is not None else ""
        return _read_message(status, code, " ".join(str(words or "").split()))
    text = body if isinstance(body, str) else ""
    return Fault(status=status, code="", message=" ".join(re.sub(r"<[^>]*>", " ", text).split())[:300])


def _read_message(status: int, code: str, message: str) -> Fault:
    number, column = _NUMBER.match(message), _COLUMN.search(message)
    line, value = _LINE.search(message), _VALUE.search(message)
    return Fault(
        status=status,
        code=code,
        message=message,
        number=number.group(1) if number else "",
        column=column.group(1) if column else "",
        line=int(line.group(1)) if line else None,
        value=value.group(1) if value else "",
    )


def reason_of(fault: Fault) -> tuple[Reason, str, Then]:
    """The first rule that applies: reason, subject, and what it means for the call."""
    for rule in RULES:
        subject = rule.subject(fault)
        if subject is not None:
            return rule.reason, subject, rule.then
    raise AssertionError("the last rule applies to everything")


def error_of(
    status: int,
    body: Any,
    headers: Mapping[str, str],
    *,
    writes: bool,
    about: Mapping[Reason, str] | None = None,
) -> ConnectorError:
    """The error for an answer that is no success; `code` is the Service Layer's.

    `writes`: the call changes something, so that a fault of the server leaves its outcome open.
    `about`: subjects for reasons whose text does not name one.
    """
    fault = parse_fault(status, body)
    said = f"{status} {fault.code} {fault.message}".strip()
    if fault.speaks_of_session and writes:
        # The text is no proof that nothing was done: looked up before anything is repeated (design 10).
        return OutcomeUnknown(system=NAME, detail=f"answered {said}", status=status)
    reason, subject, then = reason_of(fault)
    if then is Then.REFUSED and (status in _OUT_OF_ORDER or status < 400):
        if writes:
            return OutcomeUnknown(system=NAME, detail=f"answered {said}", status=status)
        reason, then = Reason.OUT_OF_ORDER, Then.LATER
    finding = Finding(reason, _subject(reason, subject, fault, about or {}), said)
    if then is Then.LATER:
        return Unavailable(
            system=NAME, findings=(finding,), status=status, code=fault.code, retry_after=_retry_after(headers)
        )
    return Refused(system=NAME, findings=(finding,), status=status, code=fault.code)


def _subject(reason: Reason, found: str, fault: Fault, about: Mapping[Reason, str]) -> str:
    if reason in _ABOUT_THE_SYSTEM:
        return NAME
    told = about.get(reason, "")
    # The answer names a currency, we know its day too: the fuller of the two where one holds the other.
    return told if told and found in told else found or fault.message or f"answered {fault.status}"


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), None)
    return parse_retry_after(value, now=datetime.now(UTC))


def unexpected(detail: str) -> Refused:
    """The error for an answer outside what the Service Layer documents."""
    return Refused(system=NAME, findings=(Finding(Reason.UNEXPECTED, NAME, detail),))


def wrong_address(detail: str) -> Refused:
    """The error for settings that cannot be right."""
    return Refused(system=NAME, findings=(Finding(Reason.ADDRESS_WRONG, NAME, detail),))
