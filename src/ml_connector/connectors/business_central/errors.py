"""What Business Central answers when something is wrong, as our reasons: one table (BC dossier 2.3, 6, 8, 9.1).

The code decides first, the status second. The texts are read in English, which every call asks for; where a
tenant answers in another language all the same, its words are passed on as a refusal of the ledger.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from ml_connector.connectors.business_central.manifest import NAME
from ml_connector.connectors.errors import ConnectorError, OutcomeUnknown, Refused, Unavailable
from ml_connector.connectors.http import parse_retry_after
from ml_connector.records.reason import Finding, Reason

_CORRELATION: Final = re.compile(r"\s+CorrelationId:\s+([0-9a-fA-F-]{36})\.?\s*$")
REQUEST_ID_HEADERS: Final = ("request-id", "ms-correlation-x")


class Then(StrEnum):
    """What an answer means for the call."""

    REFUSED = "refused"
    LATER = "later"
    """Nothing was done: the same call may go through later."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table: applies where every condition that is given holds.

    `text` is searched in the message without its correlation id; its groups, joined, are the subject.
    """

    reason: Reason
    text: str = ""
    code: str = ""
    """The code, or its beginning where it ends in `*`."""
    statuses: frozenset[int] = frozenset()
    then: Then = Then.REFUSED

    def subject(self, *, status: int, code: str, message: str) -> str | None:
        """What the answer is about, empty where it does not say; None where the rule does not apply."""
        if self.statuses and status not in self.statuses:
            return None
        if self.code and not _matches(self.code, code):
            return None
        if not self.text:
            return ""
        found = re.search(self.text, message, re.IGNORECASE)
        return None if found is None else " ".join(group for group in found.groups() if group)


def _matches(pattern: str, code: str) -> bool:
    return code.startswith(pattern[:-1]) if pattern.endswith("*") else code == pattern


def _unrelated(table: str) -> str:
    """The text of a table relation that does not hold; the value is the subject."""
    return rf"contains a value \((.*?)\) that cannot be found in the related table \({table}"


DRAFT_ONLY: Final = r"can be applied to a draft invoice only"
DIMENSION_EXISTS: Final = r"dimension set line already exists"

RULES: Final = (
    # -- not now: nothing was done
    Rule(Reason.RATE_LIMITED, code="Application_TooManyRequests", then=Then.LATER),
    Rule(Reason.RATE_LIMITED, statuses=frozenset({429}), then=Then.LATER),
    Rule(Reason.OUT_OF_ORDER, r"deadlock|please retry the activity", statuses=frozenset({400, 409}), then=Then.LATER),
    Rule(Reason.OUT_OF_ORDER, code="Internal_ServerError", statuses=frozenset({409}), then=Then.LATER),
    Rule(Reason.OUT_OF_ORDER, code="Internal_TenantUnavailable", then=Then.LATER),
    Rule(Reason.OUT_OF_ORDER, code="Request_EntityChanged", then=Then.LATER),
    Rule(Reason.OUT_OF_ORDER, statuses=frozenset({412}), then=Then.LATER),
    # -- sign-in, rights, address
    Rule(Reason.RIGHTS_MISSING, r"do not have permissions? to|current permissions prevented"),
    Rule(Reason.SIGN_IN_REFUSED, code="Authentication_*"),
    Rule(Reason.RIGHTS_MISSING, code="Authorization_*"),
    Rule(Reason.SIGN_IN_REFUSED, statuses=frozenset({401})),
    Rule(Reason.RIGHTS_MISSING, statuses=frozenset({403})),
    Rule(Reason.ADDRESS_WRONG, code="Internal_CompanyNotFound"),
    Rule(Reason.ADDRESS_WRONG, code="BadRequest_NotFound"),
    Rule(Reason.ADDRESS_WRONG, code="BadRequest_ResourceNotFound"),
    # -- vendor
    Rule(Reason.VENDOR_BLOCKED, r"when Vendor (\S+) is blocked"),
    Rule(Reason.VENDOR_UNKNOWN, r"vendor cannot be found|\"vendorNumber\" or a \"vendorID\" must be provided"),
    Rule(Reason.VENDOR_UNKNOWN, r"buy-from vendor values do not match|vendor values do not match"),
    Rule(Reason.VENDOR_UNKNOWN, _unrelated(r"Vendor\)")),
    Rule(Reason.VENDOR_UNKNOWN, r"^The Vendor does not exist.*?No\.='?([^',]+)'?"),
    # -- account
    Rule(Reason.ACCOUNT_UNKNOWN, _unrelated(r"G/L Account\)")),
    Rule(Reason.ACCOUNT_UNKNOWN, r"^The G/L Account does not exist.*?No\.='?([^',]+)'?"),
    Rule(Reason.ACCOUNT_UNKNOWN, r"^Account does not exist"),
    Rule(Reason.ACCOUNT_BLOCKED, r"must be equal to .*?in G/L Account: No\.=([^.\s]+)"),
    # -- dimensions
    Rule(Reason.DIMENSION_MISSING, r"Select a Dimension Value Code for the Dimension Code (\S+)"),
    Rule(Reason.DIMENSION_MISSING, r"Select Dimension Value Code .*? for the Dimension Code (\S+)"),
    Rule(Reason.DIMENSION_BLOCKED, r"Dimension Value (.+?) is blocked"),
    Rule(Reason.DIMENSION_BLOCKED, r"Dimensions? (\S+ and \S+) can't be used concurrently"),
    Rule(Reason.DIMENSION_BLOCKED, r"Dimension (\S+) is blocked"),
    Rule(Reason.DIMENSION_UNKNOWN, r"\"(?:value)?code\" does not match to a (Dimension(?: Value)?)", ),
    Rule(Reason.DIMENSION_UNKNOWN, _unrelated(r"Dimension")),
    # -- tax
    Rule(Reason.TAX_CODE_UNKNOWN, _unrelated(r"(?:VAT Prod|Tax Group)")),
    Rule(Reason.SETUP_INCOMPLETE, r"((?:General|VAT) Posting Setup) does not exist"),
    # -- currency
    Rule(Reason.CURRENCY_UNKNOWN, _unrelated(r"Currency\)")),
    Rule(Reason.CURRENCY_UNKNOWN, r"does not match to a Currency|currency values do not match"),
    Rule(Reason.RATE_MISSING, r"^Currency Factor must have a value"),
    Rule(Reason.RATE_MISSING, r"There is no Currency Exchange Rate within the filter"),
    # -- posting
    Rule(Reason.PERIOD_CLOSED, r"not within your range of allowed posting dates"),
    Rule(Reason.POSSIBLE_DUPLICATE, r"^Purchase (?:Invoice|Credit Memo|\S+) .+? already exists for this vendor"),
    Rule(Reason.NUMBER_MISSING, r"enter the document number of the document from the vendor"),
    Rule(Reason.CODING_MISSING, r"There is nothing to post because|add at least one line item"),
    Rule(Reason.AWAITS_APPROVAL, r"^Purchase \D+? (\S+) must be approved and released"),
    Rule(Reason.AWAITS_APPROVAL, r"^Status must be equal to 'Open'\s+in Purchase Header:.*?No\.=([^.\s]+)"),
    Rule(Reason.ALREADY_POSTED, DRAFT_ONLY),
    Rule(Reason.ALREADY_POSTED, r"has been posted and can no longer be modified"),
    # -- set-up
    Rule(Reason.SETUP_INCOMPLETE, r"^(.+? must have a value in .+?Setup)"),
    Rule(Reason.SETUP_INCOMPLETE, r"(number series|No\. Series)"),
    Rule(Reason.SETUP_INCOMPLETE, r"(run the data upgrade for this API page|API Setup page)"),
    Rule(Reason.SETUP_INCOMPLETE, code="Application_CallbackNotAllowed"),
    # -- ours
    Rule(Reason.UNEXPECTED, code="BadRequest*"),
    Rule(Reason.UNEXPECTED, code="Application_StringExceededLength"),
    Rule(Reason.UNEXPECTED, code="Application_EvaluateException"),
    Rule(Reason.UNEXPECTED, code="Application_InvalidGUID"),
    Rule(Reason.UNEXPECTED, code="Application_FilterErrorException"),
    Rule(Reason.UNEXPECTED, code="Unknown"),
    # -- the rest
    Rule(Reason.REFUSED, code="Application_*"),
    Rule(Reason.REFUSED, code="Internal_InvalidTableRelation"),
    Rule(Reason.REFUSED, code="Internal_EntityWithSameKeyExists"),
    Rule(Reason.REFUSED, code="Internal_DataNotFoundFilter"),
    Rule(Reason.REFUSED, code="Internal_RecordNotFound"),
    Rule(Reason.ADDRESS_WRONG, statuses=frozenset({404})),
    Rule(Reason.UNEXPECTED),
)  # fmt: skip

_OUT_OF_ORDER: Final = frozenset({408, 500, 502, 503, 504})
_ABOUT_THE_SYSTEM: Final = frozenset(
    {Reason.SIGN_IN_REFUSED, Reason.RIGHTS_MISSING, Reason.ADDRESS_WRONG, Reason.RATE_LIMITED,
     Reason.OUT_OF_ORDER, Reason.UNEXPECTED}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """An error answer taken apart."""

    status: int
    code: str
    message: str
    request_id: str


def parse_fault(status: int, body: Any, headers: Mapping[str, str]) -> Fault:
    """Takes any error body apart: OData's, a gateway's page, none at all."""
    error = body.get("error") if isinstance(body, dict) else None
    code, message = "", ""
    if isinstance(error, dict):
        code, message = str(error.get("code") or ""), str(error.get("message") or "")
    elif isinstance(body, str):
        message = " ".join(re.sub(r"<[^>]*>", " ", body).split())[:300]
    elif error:
        message = str(error)[:300]
    words, request_id = split_correlation(message)
    if not request_id:
        lowered = {name.lower(): value for name, value in headers.items()}
        request_id = next((lowered[name] for name in REQUEST_ID_HEADERS if name in lowered), "")
    return Fault(status=status, code=code, message=words, request_id=request_id)


def split_correlation(message: str) -> tuple[str, str]:
    """The message without its correlation id, and the id (BC dossier 6.1)."""
    found = _CORRELATION.search(message)
    return (message, "") if found is None else (message[: found.start()], found.group(1))


def reason_of(fault: Fault) -> tuple[Reason, str, Then]:
    """The first rule that applies: reason, subject, and what it means for the call."""
    for rule in RULES:
        subject = rule.subject(status=fault.status, code=fault.code, message=fault.message)
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
    """The error for an answer that is no success.

    `writes`: the call changes something, so that a fault of the server leaves its outcome open.
    `about`: subjects for reasons whose text does not name one.
    """
    fault = parse_fault(status, body, headers)
    reason, subject, then = reason_of(fault)
    said = f"{status} {fault.code} {fault.message}".strip() if reason is Reason.UNEXPECTED else fault.message
    if then is Then.REFUSED and (status in _OUT_OF_ORDER or status < 400):
        if writes:
            detail = f"answered {status} {fault.code} {fault.message}".strip()
            return OutcomeUnknown(system=NAME, detail=detail, status=status, request_id=fault.request_id)
        reason, then = Reason.OUT_OF_ORDER, Then.LATER
    finding = Finding(reason, _subject(reason, subject, fault, about or {}), said or str(status))
    if then is Then.LATER:
        return Unavailable(
            system=NAME, findings=(finding,), status=status, code=fault.code, request_id=fault.request_id,
            retry_after=_retry_after(headers),
        )  # fmt: skip
    return Refused(system=NAME, findings=(finding,), status=status, code=fault.code, request_id=fault.request_id)


def _subject(reason: Reason, found: str, fault: Fault, about: Mapping[Reason, str]) -> str:
    if reason in _ABOUT_THE_SYSTEM:
        return NAME
    return found or about.get(reason, "") or fault.message


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), None)
    return parse_retry_after(value, now=datetime.now(UTC))


def unexpected(detail: str) -> Refused:
    """The error for an answer outside what Business Central documents."""
    return Refused(system=NAME, findings=(Finding(Reason.UNEXPECTED, NAME, detail),))
