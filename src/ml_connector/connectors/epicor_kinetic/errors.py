"""What Kinetic answers when something is wrong, as our reasons: one table (Epicor dossier 4, 10).

Type and status decide first, then the table and field that an error detail names, then words. Business errors come as
400 with one general text and, as a rule, one detail for each thing that is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from ml_connector.connectors.epicor_kinetic.manifest import NAME
from ml_connector.connectors.errors import ConnectorError, OutcomeUnknown, Refused, Unavailable
from ml_connector.connectors.http import parse_retry_after
from ml_connector.records.reason import Finding, Reason

DUPLICATE: Final = "DuplicateRecordException"
NOT_FOUND: Final = "RecordNotFoundException"
STALE: Final = "StaleRow"
"""Our own code: somebody else changed the row meanwhile, nothing was stored (Epicor dossier 6.2)."""
GROUP_HELD: Final = "GroupHeld"
"""Our own code: another person has the group, or it is being posted; nothing was stored (Epicor dossier 9.2)."""

BAD_LOGIN: Final = "Invalid username or password"
BAD_KEY: Final = "Invalid API Key"
NO_RIGHT: Final = "Access denied ("
"""How the three kinds of 401 begin; nothing but the text tells them apart (Epicor dossier 4.2)."""
_KEY_IN_TEXT: Final = re.compile(rb"(Invalid API Key )[^\r\n\"]*?(\.?)(?=\\[rnu]|[\r\n\"]|$)", re.IGNORECASE)
_METHOD: Final = re.compile(r"Access denied \(([^)]+)\)")
_HIDDEN: Final = b"[redacted]"
_PROPERTY: Final = re.compile(r"could not find a property named '([^']+)'", re.IGNORECASE)
_QUOTED: Final = re.compile(r"['\"]([^'\"]+)['\"]")
_LICENCES: Final = re.compile(r"maximum users exceeded", re.IGNORECASE)
_SESSION: Final = re.compile(r"session is invalid or has been deleted", re.IGNORECASE)
_STALE: Final = re.compile(r"row has been modified by another user", re.IGNORECASE)
_GROUP_HELD: Final = re.compile(
    r"group\b.*\b(?:locked|in use|active user|being posted|posting is|post in process|held by|another user)",
    re.IGNORECASE,
)
_MISSING: Final = re.compile(r"\brecord not found\b|\binvoice not found\b", re.IGNORECASE)
_DUPLICATE_WORDS: Final = r"duplicate|already exists"
_BLOCKED: Final = r"inactive|not active|blocked|not effective|no longer"
_EMPTY: Final = r"required|missing|blank|empty|must be entered"
_OUT_OF_ORDER: Final = frozenset({408, 500, 502, 503, 504})


# ------------------------------------------------------------------ taking apart


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing that is said to be wrong, and the table and field that it is about, where that is told."""

    text: str
    table: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """An error answer taken apart."""

    status: int
    kind: str = ""
    """The error's type without its namespace, such as BusinessObjectException."""
    message: str = ""
    complaints: tuple[Complaint, ...] = ()
    correlation: str = ""

    @property
    def is_told_401(self) -> bool:
        """True where the text of a 401 says which kind it is; another may be a token that ran out."""
        return self.status == 401 and self.message.startswith((BAD_LOGIN, BAD_KEY, NO_RIGHT))

    @property
    def is_bad_login(self) -> bool:
        """True where user or password are wrong."""
        return self.status == 401 and self.message.startswith(BAD_LOGIN)

    @property
    def waits(self) -> bool:
        """True where nothing was done for want of a licence (Epicor dossier 4.3)."""
        return bool(_LICENCES.search(self.message))

    @property
    def is_stale(self) -> bool:
        """True where a row was changed by somebody else since it was read: nothing was stored."""
        return bool(_STALE.search(self.words))

    @property
    def is_group_held(self) -> bool:
        """True where the group may not be written to now: nothing was stored."""
        return bool(_GROUP_HELD.search(self.words))

    @property
    def is_missing(self) -> bool:
        """True where the record is not there, and not the service or method."""
        return self.kind == NOT_FOUND or bool(_MISSING.search(self.message))

    @property
    def words(self) -> str:
        """The general text, or what the details say where there is none."""
        return self.message or "; ".join(each.text for each in self.complaints)


def parse_fault(status: int, body: Any) -> Fault:
    """Takes any error body apart: the envelope, OData's form, a gateway's page, XML, none (Epicor dossier 4.1)."""
    if not isinstance(body, dict):
        return Fault(status, message=_plain(body if isinstance(body, str) else ""))
    error = body.get("error")
    if isinstance(error, dict):
        inner = error.get("innererror")
        told = inner.get("type") if isinstance(inner, dict) else None
        return Fault(status, kind=_short(told or error.get("code")), message=_plain(error.get("message")))
    complaints = tuple(_complaints(body.get("ErrorDetails")))
    message = _plain(body.get("ErrorMessage")) or (complaints[0].text if complaints else "")
    return Fault(
        status=status,
        kind=_short(body.get("ErrorType")),
        message=message,
        complaints=complaints,
        correlation=str(body.get("CorrelationId") or ""),
    )


def _complaints(details: Any) -> Iterator[Complaint]:
    """Members of a detail vary; entries that only inform are passed over (Epicor dossier 4.1)."""
    for each in details if isinstance(details, list) else ():
        if isinstance(each, dict) and _plain(each.get("Message")):
            if str(each.get("Type") or "").lower() in ("information", "warning"):
                continue
            yield Complaint(_plain(each.get("Message")), str(each.get("Table") or ""), str(each.get("Field") or ""))


def _short(kind: Any) -> str:
    return str(kind or "").rpartition(".")[2]


def _plain(said: Any) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", str(said or "")).split())[:500]


def without_key(answer: bytes, api_key: str) -> bytes:
    """A refusal without the API key, which a 401 repeats in clear (Epicor dossier 4.2)."""
    found = answer.replace(api_key.encode(), _HIDDEN) if api_key else answer
    return _KEY_IN_TEXT.sub(rb"\1" + _HIDDEN + rb"\2", found)


# ------------------------------------------------------------------ the table


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table: applies where every condition that is given holds."""

    reason: Reason
    text: str = ""
    fields: frozenset[str] = frozenset()

    def applies(self, complaint: Complaint) -> bool:
        """True where the complaint is of this kind."""
        if self.fields and complaint.field not in self.fields:
            return False
        return not self.text or re.search(self.text, complaint.text, re.IGNORECASE) is not None


def _on(*fields: str) -> frozenset[str]:
    return frozenset(fields)


_VENDOR_FIELDS: Final = _on("VendorID", "VendorNum", "VendorNumVendorID")
_ACCOUNT_FIELDS: Final = _on("GLAccount", "SegValue1")
_SEGMENT_FIELDS: Final = frozenset(f"SegValue{number}" for number in range(2, 21))

RULES: Final = (
    # -- duplicates
    Rule(Reason.POSSIBLE_DUPLICATE, rf"invoice.*(?:{_DUPLICATE_WORDS})|(?:{_DUPLICATE_WORDS}).*invoice"),
    Rule(Reason.POSSIBLE_DUPLICATE, _DUPLICATE_WORDS, _on("InvoiceNum")),
    Rule(Reason.POSSIBLE_DUPLICATE, r"duplicate entry of an existing record"),
    Rule(Reason.NUMBER_MISSING, _EMPTY, _on("InvoiceNum")),
    Rule(Reason.NUMBER_MISSING, rf"invoice num\w*\b.*(?:{_EMPTY})"),
    Rule(Reason.ALREADY_POSTED, r"\bposted\b.*cannot be (?:changed|deleted|modified)|already (?:been )?posted"),
    # -- dates and period
    Rule(Reason.DATE_MISSING, _EMPTY, _on("InvoiceDate", "ApplyDate")),
    Rule(Reason.PERIOD_CLOSED, r"", _on("FiscalPeriod", "FiscalYear")),
    Rule(Reason.PERIOD_CLOSED, r"\b(?:fiscal )?period\b.*\b(?:closed|not open|not exist|not found|invalid)"),
    Rule(Reason.PERIOD_CLOSED, r"\bclosed\b.*\bperiod\b|earliest apply date|apply date.*(?:period|closed|prior)"),
    # -- vendor
    Rule(Reason.VENDOR_BLOCKED, rf"(?:supplier|vendor).*(?:{_BLOCKED}|hold)|(?:{_BLOCKED}).*(?:supplier|vendor)"),
    Rule(Reason.VENDOR_BLOCKED, rf"{_BLOCKED}|hold", _VENDOR_FIELDS),
    # -- totals
    Rule(Reason.TOTALS_DIFFER, r"does not agree with (?:the )?(?:vendor|supplier)'?s? total|\bvariance\b"),
    Rule(Reason.CODING_MISSING, r"invoice with no detail|no (?:invoice )?lines?\b|without lines?\b"),
    # -- terms: the supplier has none, and none are set for such (Epicor dossier 9.4)
    Rule(Reason.SETUP_INCOMPLETE, r"", _on("TermsCode")),
    Rule(Reason.SETUP_INCOMPLETE, r"\bterms\b"),
    Rule(Reason.SETUP_INCOMPLETE, r"", _on("AgentID")),
    Rule(Reason.SETUP_INCOMPLETE, r"\b(?:task|system) agent\b|\bagent\b.*(?:not (?:found|valid|exist|running))"),
    # -- currency
    Rule(Reason.RATE_MISSING, r"exchange rate|currency rate|no rate|rate .*not (?:found|defined|exist)"),
    Rule(Reason.CURRENCY_UNKNOWN, r"", _on("CurrencyCode")),
    Rule(Reason.CURRENCY_UNKNOWN, r"\bcurrency\b.*(?:invalid|not (?:found|valid|exist|active))|invalid currency"),
    # -- coding
    Rule(Reason.ACCOUNT_BLOCKED, _BLOCKED, _ACCOUNT_FIELDS),
    Rule(Reason.ACCOUNT_UNKNOWN, r"", _ACCOUNT_FIELDS),
    Rule(Reason.ACCOUNT_BLOCKED, rf"(?:gl )?account\b.*(?:{_BLOCKED})"),
    Rule(Reason.DIMENSION_BLOCKED, _BLOCKED, _SEGMENT_FIELDS),
    Rule(Reason.DIMENSION_MISSING, _EMPTY, _SEGMENT_FIELDS),
    Rule(Reason.DIMENSION_UNKNOWN, r"", _SEGMENT_FIELDS),
    Rule(Reason.DIMENSION_MISSING, rf"\bsegment\b.*(?:{_EMPTY})"),
    Rule(Reason.DIMENSION_UNKNOWN, r"\bsegment\b.*(?:invalid|not (?:found|valid|exist))"),
    Rule(Reason.ACCOUNT_UNKNOWN, rf"\baccount\b.*(?:invalid|unknown|not (?:found|valid|exist)|{_EMPTY})"),
    Rule(Reason.ACCOUNT_UNKNOWN, r"(?:invalid|missing|no) (?:gl )?account"),
    Rule(Reason.TAX_CODE_UNKNOWN, r"", _on("TaxCatID", "TaxCode", "RateCode")),
    Rule(Reason.TAX_CODE_UNKNOWN, r"\btax (?:category|code|liability)\b.*(?:invalid|not (?:found|valid|exist))"),
    # -- orders
    Rule(Reason.ORDER_UNKNOWN, r"(?:purchase order|\bPO\b).*(?:invalid|not (?:found|valid|exist|open)|closed)"),
    Rule(Reason.ORDER_DIFFERS, r"\breceipt\b.*(?:invoiced|selected|no longer)|already (?:been )?invoiced"),
    Rule(Reason.ORDER_DIFFERS, r"", _on("PONum", "POLine", "PORelNum", "VendorQty", "PackSlip", "PackLine")),
    # -- vendor, after the words that name one only in passing
    Rule(Reason.VENDOR_UNKNOWN, r"", _VENDOR_FIELDS),
    Rule(Reason.VENDOR_UNKNOWN, r"(?:supplier|vendor)\b.*(?:invalid|unknown|required|not (?:found|valid|exist))"),
    Rule(Reason.VENDOR_UNKNOWN, r"(?:invalid|unknown) (?:supplier|vendor)"),
    # -- what posting leaves in the group
    Rule(Reason.NOT_RELEASED, r"\binvoice\b.*\b(?:on hold|held)\b"),
)
"""What a complaint means. The first rule that applies counts; none: the ledger's own business rule."""

_BY_KIND: Final[Mapping[str, Reason]] = {DUPLICATE: Reason.POSSIBLE_DUPLICATE}
_BY_STATUS: Final[Mapping[int, Reason]] = {
    401: Reason.SIGN_IN_REFUSED,
    403: Reason.RIGHTS_MISSING,
    404: Reason.ADDRESS_WRONG,
    405: Reason.UNEXPECTED,
    409: Reason.POSSIBLE_DUPLICATE,
    413: Reason.REFUSED,
    415: Reason.UNEXPECTED,
}
_ABOUT_THE_SYSTEM: Final = frozenset(
    {Reason.SIGN_IN_REFUSED, Reason.RIGHTS_MISSING, Reason.ADDRESS_WRONG, Reason.RATE_LIMITED,
     Reason.OUT_OF_ORDER, Reason.UNEXPECTED}
)  # fmt: skip
_IN_THEIR_WORDS: Final = frozenset(
    {Reason.REFUSED, Reason.SETUP_INCOMPLETE, Reason.TOTALS_DIFFER, Reason.ORDER_DIFFERS, Reason.CODING_MISSING}
)


# ------------------------------------------------------------------ judging


def error_of(
    status: int, body: Any, headers: Mapping[str, str], *, writes: bool, about: Mapping[Reason, str] | None = None
) -> ConnectorError:
    """The error for an answer that is no success, with all that is said to be wrong; `code` is the error's type.

    `writes`: the call stores something, so that a fault of the server leaves its outcome open.
    `about`: subjects for reasons whose text does not name one.
    """
    fault = parse_fault(status, body)
    if fault.waits or status == 429:
        return _later(Reason.RATE_LIMITED, fault, retry_after=_retry_after(headers))
    if fault.is_stale:
        return _later(Reason.OUT_OF_ORDER, fault, code=STALE)
    if status in _OUT_OF_ORDER or status < 400 or _SESSION.search(fault.message):
        if writes:
            return OutcomeUnknown(
                system=NAME, detail=f"answered {_said(fault)}", status=status, request_id=fault.correlation
            )
        return _later(Reason.OUT_OF_ORDER, fault, retry_after=_retry_after(headers))
    if fault.is_group_held:
        return _later(Reason.OUT_OF_ORDER, fault, code=GROUP_HELD)
    findings = findings_of(fault, about or {})
    return Refused(system=NAME, findings=findings, status=status, code=fault.kind, request_id=fault.correlation)


def _later(reason: Reason, fault: Fault, *, code: str = "", retry_after: float | None = None) -> Unavailable:
    return Unavailable(
        system=NAME, findings=(Finding(reason, NAME, _said(fault)),), status=fault.status, code=code or fault.kind,
        request_id=fault.correlation, retry_after=retry_after,
    )  # fmt: skip


def findings_of(fault: Fault, about: Mapping[Reason, str]) -> tuple[Finding, ...]:
    """Everything that is said to be wrong, each thing once."""
    if fault.status == 401:
        return (_finding_of_401(fault),)
    complaints = fault.complaints or (Complaint(fault.message),)
    found = [_finding(each, fault, about) for each in complaints]
    return tuple({(each.reason, each.subject): each for each in found}.values())


def _finding_of_401(fault: Fault) -> Finding:
    """Three kinds with one type; the key is told to nobody, whatever stands in the text (Epicor dossier 4.2)."""
    if fault.message.startswith(BAD_KEY):
        return Finding(Reason.SIGN_IN_REFUSED, NAME, "401 the API key is not accepted (Invalid API Key)")
    if fault.message.startswith(NO_RIGHT):
        return Finding(Reason.RIGHTS_MISSING, NAME, f"401 {fault.message}")
    return Finding(Reason.SIGN_IN_REFUSED, NAME, f"401 {fault.message}".strip())


def _finding(complaint: Complaint, fault: Fault, about: Mapping[Reason, str]) -> Finding:
    reason = _reason_of(complaint, fault)
    label = ".".join(each for each in (complaint.table, complaint.field) if each)
    said = " ".join(
        each for each in (str(fault.status), fault.kind, f"{label}:" if label else "", complaint.text) if each
    )
    if reason in _ABOUT_THE_SYSTEM:
        return Finding(reason, NAME, said)
    return Finding(reason, _subject(reason, complaint, about) or f"answered {fault.status}", said)


def _reason_of(complaint: Complaint, fault: Fault) -> Reason:
    if fault.kind in _BY_KIND:
        return _BY_KIND[fault.kind]
    if fault.status == 400 and _PROPERTY.search(complaint.text):
        return Reason.UNEXPECTED
    rule = (
        next((rule for rule in RULES if rule.applies(complaint)), None)
        if fault.status in (200, 400, 409, 422)
        else None
    )
    return rule.reason if rule else _BY_STATUS.get(fault.status, Reason.REFUSED)


def _subject(reason: Reason, complaint: Complaint, about: Mapping[Reason, str]) -> str:
    if reason in _IN_THEIR_WORDS:
        # Sentences end in the catalogue, except where the ledger's own words are the end.
        return complaint.text if reason is Reason.REFUSED else complaint.text.rstrip(".")
    if reason in about:
        return about[reason]
    quoted = _QUOTED.search(complaint.text)
    return quoted.group(1).strip() if quoted else complaint.text.rstrip(".")


def _said(fault: Fault) -> str:
    return " ".join(each for each in (str(fault.status), fault.kind, fault.words) if each)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), None)
    return parse_retry_after(value, now=datetime.now(UTC))


# ------------------------------------------------------------------ refusals that come as texts of a 200


def refused_with(words: str, *, about: Mapping[Reason, str] | None = None, of_posting: bool = False) -> Refused:
    """The error for texts in which the server says why it did not do what was asked, one thing a line.

    Those of a save that asks a person, of a group's `PostErrorLog`, and of its variance (Epicor dossier 9.4, 10).
    `of_posting`: what no rule knows was saved, and is only not posted.
    """
    lines = [_plain(line) for line in re.split(r"[\r\n]+", words) if _plain(line)] or [words]
    rest = Reason.NOT_RELEASED if of_posting else Reason.REFUSED
    found = [_told(Complaint(line), about or {}, rest) for line in lines]
    return Refused(system=NAME, findings=tuple({(each.reason, each.subject): each for each in found}.values()))


def _told(complaint: Complaint, about: Mapping[Reason, str], rest: Reason) -> Finding:
    rule = next((rule for rule in RULES if rule.applies(complaint)), None)
    reason = rule.reason if rule else rest
    return Finding(reason, _subject(reason, complaint, about) or NAME, complaint.text)


# ------------------------------------------------------------------ asking, and our own


def may_be_duplicate(error: ConnectorError) -> bool:
    """True where a refused invoice may be there already; a look decides, never the text (Epicor dossier 9.7)."""
    return error.code == DUPLICATE or any(each.reason is Reason.POSSIBLE_DUPLICATE for each in error.findings)


def is_missing(error: ConnectorError) -> bool:
    """True where the record is not there."""
    return error.code == NOT_FOUND or any(_MISSING.search(each.vendor_text) for each in error.findings)


def is_stale(error: ConnectorError) -> bool:
    """True where somebody else changed a row meanwhile: read it again; nothing was stored."""
    return error.code == STALE


def is_group_held(error: ConnectorError) -> bool:
    """True where the group may not be written to now; nothing was stored."""
    return error.code == GROUP_HELD


def method_denied(error: ConnectorError) -> str:
    """The method that the user has no right to, such as `Erp.BO.Company.GetRows`; empty for another error."""
    found = (_METHOD.search(each.vendor_text) for each in error.findings)
    return next((each.group(1) for each in found if each), "")


def is_bad_key(error: ConnectorError) -> bool:
    """True where the API key was not accepted."""
    return error.status == 401 and any(BAD_KEY in each.vendor_text for each in error.findings)


def is_bad_login(error: ConnectorError) -> bool:
    """True where user or password were not accepted."""
    return error.status == 401 and any(BAD_LOGIN in each.vendor_text for each in error.findings)


def unexpected(detail: str) -> Refused:
    """The error for an answer outside what Kinetic documents, or a call that would be one."""
    return Refused(system=NAME, findings=(Finding(Reason.UNEXPECTED, NAME, detail),))


def wrong_settings(detail: str) -> Refused:
    """The error for settings that cannot be right."""
    return Refused(system=NAME, findings=(Finding(Reason.ADDRESS_WRONG, NAME, detail),))


def set_up(detail: str, *, status: int | None = None) -> Refused:
    """The error for a set-up on the ledger's side that lacks something."""
    return Refused(system=NAME, findings=(Finding(Reason.SETUP_INCOMPLETE, detail),), status=status)
