"""What Acumatica answers when something is wrong, as our reasons: one table (Acumatica dossier 8).

Three guises: an HttpError whose `exceptionType` says what it is; an entity echoed with `error` members on the fields
that are wrong (422); and plain texts of the web server before it. Types and fields decide first, then words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from ml_connector.connectors.acumatica.manifest import NAME
from ml_connector.connectors.errors import ConnectorError, OutcomeUnknown, Refused, Unavailable
from ml_connector.connectors.http import parse_retry_after
from ml_connector.records.reason import Finding, Reason

NO_ENTITY: Final = "NoEntitySatisfiesTheConditionException"
"""No record has that key. It comes as a 500 (Acumatica dossier 4.4)."""
CANNOT_OPTIMIZE: Final = "CannotOptimizeException"
"""A list asks for what one query cannot bring (Acumatica dossier 4.2)."""
ENTITY_ERRORS: Final = "OutcomeEntityHasErrorsException"
"""The record was refused; seen for a vendor reference that is there already (Acumatica dossier 10.6)."""
SETUP_MISSING: Final = "PXSetupNotEnteredException"
UNDEFINED_COMPANY: Final = "PXUndefinedCompanyException"
_LOCKED: Final = "PXLockViolationException"
"""Somebody else saved the record in the same moment: a matter of trying again."""
_RACED: Final = re.compile(r"another (?:process|user) has (?:added|updated|deleted)", re.IGNORECASE)
"""Said where somebody else saved the record meanwhile: trying again helps."""
_SPOKEN_TYPES: Final = frozenset({NO_ENTITY, CANNOT_OPTIMIZE, ENTITY_ERRORS, SETUP_MISSING, UNDEFINED_COMPANY})

_LOGIN_LIMIT: Final = re.compile(
    r"API Login Limit|LoginLimitExceeded|ApiLoginLimitReached|concurrent API login", re.IGNORECASE
)
_BUSY: Final = re.compile(r"operation has not been completed", re.IGNORECASE)
"""Said while an action runs on the form in the same session (dossier 2.3): nothing was done. UNCONFIRMED wording; said
in another one a write to a busy form is an open outcome, and looked up."""
_CULPRIT: Final = re.compile(r"([\w/]+): View [\w: ]+ has BQL delegate", re.IGNORECASE)
_QUOTED: Final = re.compile(r"'([^']*)'")
_BLOCKED: Final = r"inactive|not active|on hold|blocked|disabled|cannot be used"
_EMPTY: Final = r"cannot be empty|required"
_DEPTH: Final = 12


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing that is said to be wrong: where (`Details/Project`, empty for the record), with which value."""

    path: str
    text: str
    value: str = ""

    @property
    def field(self) -> str:
        """The field's own name."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Fault:
    """An error answer taken apart."""

    status: int
    kind: str = ""
    """The exception's type without its namespace, of the innermost one that has a known one."""
    message: str = ""
    """The most telling text: the innermost exception's message."""
    complaints: tuple[Complaint, ...] = ()

    @property
    def is_login_limit(self) -> bool:
        """True where the licence has no seat free, whatever the status (Acumatica dossier 2.4)."""
        return bool(_LOGIN_LIMIT.search(self.message))

    @property
    def waits(self) -> bool:
        """True where nothing was done and the same call goes through later: no seat free, or the form is busy with an
        action of this session, which another process may have started (Acumatica dossier 2.3)."""
        return self.is_login_limit or bool(_BUSY.search(self.message))

    @property
    def is_spoken(self) -> bool:
        """True for a 500 that is a plain refusal: nothing was done, and nothing will be when it is repeated."""
        return self.kind in _SPOKEN_TYPES or _rule_for(Complaint("", self.message), by_text_only=True) is not None

    @property
    def is_told(self) -> bool:
        """True for a 500 in which the application says that the call failed, and not the web server before it."""
        is_passing = self.kind == _LOCKED or self.waits or bool(_RACED.search(self.message))
        return self.kind.startswith("PX") and not is_passing


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table: applies where every condition that is given holds."""

    reason: Reason
    fields: frozenset[str] = frozenset()
    text: str = ""

    def applies(self, complaint: Complaint) -> bool:
        """True where the complaint is of this kind."""
        if self.fields and complaint.field not in self.fields:
            return False
        return not self.text or re.search(self.text, complaint.text, re.IGNORECASE) is not None


def _on(*fields: str) -> frozenset[str]:
    return frozenset(fields)


_DIMENSIONS: Final = _on("Subaccount", "Project", "ProjectTask", "CostCode")

RULES: Final = (
    # -- sign-in
    Rule(Reason.SIGN_IN_REFUSED, text=r"invalid credentials|locked out|user (?:account )?is (?:locked|disabled)"),
    Rule(Reason.RIGHTS_MISSING, text=r"insufficient rights"),
    # -- period
    Rule(Reason.PERIOD_CLOSED, _on("PostPeriod")),
    Rule(Reason.PERIOD_CLOSED, text=r"financial period|post period cannot be empty|\bperiod\b.*\b(?:closed|inactive)"),
    # -- number and duplicates
    Rule(Reason.NUMBER_MISSING, _on("VendorRef"), _EMPTY),
    Rule(Reason.POSSIBLE_DUPLICATE, _on("VendorRef")),
    Rule(Reason.POSSIBLE_DUPLICATE, text=r"with this vendor ref"),
    # -- vendor
    Rule(Reason.VENDOR_BLOCKED, _on("Vendor", "VendorID"), _BLOCKED),
    Rule(Reason.VENDOR_UNKNOWN, _on("Vendor", "VendorID")),
    # -- coding
    Rule(Reason.ACCOUNT_BLOCKED, _on("Account"), _BLOCKED),
    # Accounts are always said but where an order or item brings them.
    Rule(Reason.SETUP_INCOMPLETE, _on("Account"), _EMPTY),
    Rule(Reason.ACCOUNT_UNKNOWN, _on("Account")),
    Rule(Reason.DIMENSION_MISSING, _DIMENSIONS, _EMPTY),
    Rule(Reason.DIMENSION_BLOCKED, _DIMENSIONS, _BLOCKED),
    Rule(Reason.DIMENSION_UNKNOWN, _DIMENSIONS),
    Rule(Reason.TAX_CODE_UNKNOWN, _on("TaxCategory", "TaxID", "TaxZoneID")),
    # -- currency
    Rule(Reason.RATE_MISSING, _on("CurrencyID", "Date", ""), r"(?:currency|exchange) rate|rate .*not defined"),
    Rule(Reason.CURRENCY_UNKNOWN, _on("CurrencyID")),
    # -- totals
    Rule(Reason.TOTALS_DIFFER, _on("Amount", "TaxTotal", "TaxAmount", ""), r"out of balance"),
    # -- orders
    Rule(Reason.ORDER_DIFFERS, _on("Qty", "POLine", "POReceiptLine")),
    Rule(Reason.ORDER_UNKNOWN, _on("POOrderNbr", "POOrderType", "POReceiptNbr", "POReceiptType")),
    # -- set-up
    Rule(Reason.SETUP_INCOMPLETE, _on("BranchID", "Branch", "LocationID", "Terms", "CashAccount", "PayAccountID")),
    Rule(Reason.SETUP_INCOMPLETE, text=r"required configuration data is not entered|numbering sequence"),
)
"""What a complaint means. The first rule that applies counts; none: the ledger's own business rule."""

_BY_KIND: Final[Mapping[str, Reason]] = {
    NO_ENTITY: Reason.REFUSED,
    CANNOT_OPTIMIZE: Reason.UNEXPECTED,
    ENTITY_ERRORS: Reason.POSSIBLE_DUPLICATE,
    SETUP_MISSING: Reason.SETUP_INCOMPLETE,
    UNDEFINED_COMPANY: Reason.ADDRESS_WRONG,
}
_BY_STATUS: Final[Mapping[int, Reason]] = {
    301: Reason.SETUP_INCOMPLETE,
    # To the error page: the endpoint's own definition is broken on this tenant (Acumatica dossier 8).
    302: Reason.SETUP_INCOMPLETE,
    400: Reason.UNEXPECTED,
    401: Reason.SIGN_IN_REFUSED,
    403: Reason.RIGHTS_MISSING,
    404: Reason.ADDRESS_WRONG,
    405: Reason.ADDRESS_WRONG,
    411: Reason.UNEXPECTED,
    412: Reason.CHANGED_MEANWHILE,
    413: Reason.REFUSED,
    422: Reason.REFUSED,
}
_OUT_OF_ORDER: Final = frozenset({408, 500, 502, 503, 504})
_ABOUT_THE_SYSTEM: Final = frozenset(
    {Reason.SIGN_IN_REFUSED, Reason.RIGHTS_MISSING, Reason.ADDRESS_WRONG, Reason.RATE_LIMITED,
     Reason.OUT_OF_ORDER, Reason.UNEXPECTED}
)  # fmt: skip


# ------------------------------------------------------------------ taking apart


def parse_fault(status: int, body: Any) -> Fault:
    """Takes any error body apart: an HttpError, an echoed entity, the web server's page, none at all."""
    if not isinstance(body, dict):
        return Fault(status, message=_plain(body if isinstance(body, str) else ""))
    complaints = tuple(_complaints(body, "", 0))
    exceptions = tuple(_exceptions(body))
    kinds = [kind for kind, _ in exceptions if kind]
    kind = next((each for each in reversed(kinds) if each in _SPOKEN_TYPES), kinds[-1] if kinds else "")
    said = next((words for _, words in reversed(exceptions) if words), "")
    message = " ".join(each for each in (said, _model_state(body)) if each)
    return Fault(status, kind, message or _first(complaints), complaints)


def _exceptions(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Type and words, from the outermost to the innermost exception; never the stack trace."""
    level: Any = body
    for _ in range(_DEPTH):
        if not isinstance(level, dict):
            return
        kind = str(level.get("exceptionType") or "").rpartition(".")[2]
        words = str(level.get("exceptionMessage") or level.get("message") or level.get("error_description") or "")
        details = level.get("messageDetail")
        yield kind, f"{words} {details}".strip() if isinstance(details, str) else words.strip()
        level = level.get("innerException")


def _model_state(body: Mapping[str, Any]) -> str:
    state = body.get("modelState")
    if not isinstance(state, dict):
        return ""
    return "; ".join(f"{name}: {each}" for name, said in state.items() for each in _texts(said))


def _texts(said: Any) -> Sequence[str]:
    return [str(each) for each in said] if isinstance(said, list) else [str(said)]


def _complaints(record: Mapping[str, Any], path: str, depth: int) -> Iterator[Complaint]:
    """Every `error` in the tree; those of fields and lines first, since the record's own one is general."""
    if depth > _DEPTH:
        return
    for name, value in record.items():
        below = f"{path}/{name}" if path else name
        for each in value if isinstance(value, list) else (value,):
            if isinstance(each, dict) and name not in ("_links", "innerException", "modelState"):
                yield from _complaints(each, below, depth + 1)
    said = record.get("error")
    if isinstance(said, str) and said.strip():
        value = record.get("value")
        told = "" if value is None else str(value).strip()
        yield Complaint(path, _plain(said.removeprefix("Error: ")), told)


def _first(complaints: Sequence[Complaint]) -> str:
    return complaints[0].text if complaints else ""


def _plain(text: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())[:500]


# ------------------------------------------------------------------ judging


def error_of(
    status: int, body: Any, headers: Mapping[str, str], *, writes: bool, about: Mapping[Reason, str] | None = None,
    is_judged: bool = False,
) -> ConnectorError:  # fmt: skip
    """The error for an answer that is no success, with all that is said to be wrong; `code` is the exception's type.

    `writes`: the call changes something, so that a fault of the server leaves its outcome open.
    `about`: subjects for reasons whose text does not name one. `is_judged`: whatever is said, the caller looks at
    the record afterwards, so that an application's own error is a refusal.
    """
    fault = parse_fault(status, body)
    findings = findings_of(fault, about or {})
    if status == 429 or fault.waits:
        finding = Finding(Reason.RATE_LIMITED, NAME, _said(fault))
        return Unavailable(
            system=NAME, findings=(finding,), status=status, code=fault.kind, retry_after=_retry_after(headers)
        )
    if status in _OUT_OF_ORDER and not (fault.is_spoken or (is_judged and fault.is_told)):
        if writes:
            return OutcomeUnknown(system=NAME, detail=f"answered {_said(fault)}", status=status)
        finding = Finding(Reason.OUT_OF_ORDER, NAME, _said(fault))
        return Unavailable(system=NAME, findings=(finding,), status=status, code=fault.kind)
    return Refused(system=NAME, findings=findings, status=status, code=fault.kind)


def findings_of(fault: Fault, about: Mapping[Reason, str]) -> tuple[Finding, ...]:
    """Everything that is said to be wrong, each thing once; what is general only where nothing else is said."""
    general = [each for each in fault.complaints if not each.path]
    # What is empty is often so because of another value that was refused.
    precise = sorted((each for each in fault.complaints if each.path and each.field), key=_is_empty)
    found = dict.fromkeys(_finding(each, fault, about) for each in precise)
    if not found:
        found = dict.fromkeys(_finding(each, fault, about) for each in general)
    return tuple(found) or (_finding(Complaint("", fault.message), fault, about),)


def _is_empty(complaint: Complaint) -> bool:
    return re.search(_EMPTY, complaint.text, re.IGNORECASE) is not None


def _finding(complaint: Complaint, fault: Fault, about: Mapping[Reason, str]) -> Finding:
    rule = _rule_for(complaint)
    reason = rule.reason if rule else _BY_KIND.get(fault.kind) or _BY_STATUS.get(fault.status, Reason.REFUSED)
    label = f"{complaint.path}: " if complaint.path else ""
    words = complaint.text or fault.message
    said = " ".join(each for each in (str(fault.status), fault.kind, f"{label}{words}") if each)
    if reason in _ABOUT_THE_SYSTEM:
        return Finding(reason, NAME, said)
    return Finding(reason, _subject(reason, complaint, about) or words or f"answered {fault.status}", said)


def _rule_for(complaint: Complaint, *, by_text_only: bool = False) -> Rule | None:
    rules = (rule for rule in RULES if rule.text) if by_text_only else RULES
    return next((rule for rule in rules if rule.applies(complaint)), None)


def _subject(reason: Reason, complaint: Complaint, about: Mapping[Reason, str]) -> str:
    if reason in (Reason.REFUSED, Reason.SETUP_INCOMPLETE, Reason.TOTALS_DIFFER, Reason.ORDER_DIFFERS):
        # Sentences end in the catalogue, except where the ledger's own words are the end.
        words = complaint.text if reason is Reason.REFUSED else complaint.text.rstrip(".")
        return f"{complaint.field}: {words}" if complaint.field else words
    if reason is Reason.DIMENSION_MISSING:
        return complaint.field
    if complaint.value and reason is not Reason.RATE_MISSING:  # of a rate the day is told too
        return complaint.value
    if reason in about:
        return about[reason]
    quoted = _QUOTED.search(complaint.text)
    return quoted.group(1).strip() if quoted else complaint.value


def _said(fault: Fault) -> str:
    return " ".join(each for each in (str(fault.status), fault.kind, fault.message) if each)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), None)
    return parse_retry_after(value, now=datetime.now(UTC))


# ------------------------------------------------------------------ asking


def may_be_duplicate(error: ConnectorError) -> bool:
    """True where a refused bill may be there already, in either guise: a look decides (Acumatica dossier 10.6)."""
    return error.code == ENTITY_ERRORS or any(each.reason is Reason.POSSIBLE_DUPLICATE for each in error.findings)


def is_missing(error: ConnectorError) -> bool:
    """True where no record has the key."""
    return error.code == NO_ENTITY


def culprits_of(error: ConnectorError) -> frozenset[str]:
    """The fields and parts that kept a list from being optimised; none where it is not said (Acumatica dossier 4.2)."""
    return frozenset(name for each in error.findings for name in _CULPRIT.findall(each.vendor_text))


def unexpected(detail: str) -> Refused:
    """The error for an answer outside what Acumatica documents."""
    return Refused(system=NAME, findings=(Finding(Reason.UNEXPECTED, NAME, detail),))


def wrong_settings(detail: str) -> Refused:
    """The error for settings that cannot be right."""
    return Refused(system=NAME, findings=(Finding(Reason.ADDRESS_WRONG, NAME, detail),))


def set_up(detail: str, *, status: int | None = None) -> Refused:
    """The error for a set-up on the ledger's side that lacks something."""
    return Refused(system=NAME, findings=(Finding(Reason.SETUP_INCOMPLETE, detail),), status=status)
