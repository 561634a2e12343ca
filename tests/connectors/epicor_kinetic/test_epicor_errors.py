"""What refusals mean (Epicor dossier 4, 10)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.connectors.epicor_kinetic.errors import (
    error_of,
    is_bad_key,
    is_bad_login,
    is_group_held,
    is_missing,
    is_stale,
    may_be_duplicate,
    method_denied,
    parse_fault,
    refused_with,
    without_key,
)
from ml_connector.connectors.errors import ConnectorError, OutcomeUnknown, Refused, Unavailable
from ml_connector.records.reason import Reason

KEY = "4fPzS3cretKey/+=="
BUSINESS = "Ice.Common.BusinessObjectException"


def envelope(message: str, *, kind: str = BUSINESS, details: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    body: dict[str, Any] = {"ReasonPhrase": "REST API Exception", "ErrorMessage": message, "ErrorType": kind}
    return body if details is None else {**body, "ErrorDetails": details}


def detail(message: str, field: str = "", table: str = "APInvHed", kind: str = "Error") -> dict[str, Any]:
    return {"Message": message, "Type": kind, "Table": table, "Field": field}


def judged(status: int, body: Any, *, writes: bool = False, **more: Any) -> ConnectorError:
    return error_of(status, body, {}, writes=writes, **more)


def denied(text: str) -> ConnectorError:
    return judged(401, envelope(text, kind="System.UnauthorizedAccessException"))


# ------------------------------------------------------------------ the three 401s


def test_a_wrong_password_a_wrong_key_and_a_missing_right_are_told_apart() -> None:
    login = denied("Invalid username or password.")
    key = denied(f"Invalid API Key {KEY}.\r\nCompany EPIC06.")
    right = denied("Access denied (Erp.BO.Company.GetRows).")
    assert (login.reason, key.reason, right.reason) == (
        Reason.SIGN_IN_REFUSED, Reason.SIGN_IN_REFUSED, Reason.RIGHTS_MISSING,
    )  # fmt: skip
    assert (is_bad_login(login), is_bad_key(login)) == (True, False)
    assert (is_bad_login(key), is_bad_key(key)) == (False, True)
    assert method_denied(right) == "Erp.BO.Company.GetRows"


def test_the_key_that_a_401_repeats_is_in_no_error() -> None:
    assert KEY not in str(denied(f"Invalid API Key {KEY}.\r\nCompany EPIC06."))


@pytest.mark.parametrize(
    "answer",
    [
        rb'{"ErrorMessage":"Invalid API Key 4fPzS3cretKey/+==.\r\nCompany EPIC06."}',
        rb'{"ErrorMessage":"Invalid API Key 4fPzS3cretKey\/\u002B==.\r\nCompany EPIC06."}',
        b"Invalid API Key 4fPzS3cretKey/+==.\r\nCompany EPIC06.",
        b"<Error>4fPzS3cretKey/+==</Error>",
    ],
)
def test_a_refusal_is_told_on_without_the_key_however_it_is_written(answer: bytes) -> None:
    assert b"S3cret" not in without_key(answer, KEY)


def test_a_redacted_refusal_still_says_what_it_is() -> None:
    told = without_key(rb'{"ErrorMessage":"Invalid API Key abc.\r\nCompany EPIC06."}', "abc")
    assert told == rb'{"ErrorMessage":"Invalid API Key [redacted].\r\nCompany EPIC06."}'


@given(st.text(alphabet=st.characters(codec="ascii", categories=("L", "N", "P", "S")), min_size=12, max_size=60))
def test_no_key_survives_redaction(key: str) -> None:
    if key in "Invalid API Key [redacted]. Company EPIC06.":
        return
    assert key.encode() not in without_key(f"Invalid API Key {key}.\r\nCompany EPIC06.".encode(), key)


# ------------------------------------------------------------------ what it means for the call


def test_an_exhausted_licence_is_a_matter_of_waiting_for_writes_too() -> None:
    error = judged(400, envelope("Maximum users exceeded on license type DefaultUser."), writes=True)
    assert isinstance(error, Unavailable)
    assert error.reason is Reason.RATE_LIMITED


def test_a_server_error_leaves_a_write_open_and_a_read_to_be_repeated() -> None:
    assert isinstance(judged(500, envelope("An error occurred."), writes=True), OutcomeUnknown)
    assert isinstance(judged(500, envelope("An error occurred.")), Unavailable)


def test_a_page_of_a_gateway_is_read_as_words() -> None:
    error = judged(502, "<html><h1>Bad   Gateway</h1></html>")
    assert isinstance(error, Unavailable)
    assert "502 Bad Gateway" in str(error)


def test_a_row_that_somebody_else_changed_is_told_apart() -> None:
    error = judged(409, envelope("Row has been modified by another user and couldn't be updated."), writes=True)
    assert is_stale(error)
    assert isinstance(error, Unavailable)
    assert not may_be_duplicate(error)


def test_a_group_of_another_person_is_told_apart() -> None:
    assert is_group_held(judged(400, envelope("Group BW250131 is locked by user MANAGER."), writes=True))


def test_a_missing_record_is_no_missing_service() -> None:
    assert is_missing(judged(404, envelope("Record not found.", kind="Ice.Common.RecordNotFoundException")))
    other = judged(404, envelope("The requested resource 'Nope' was not found.", kind="Epicor.RESTApi.ApiException"))
    assert not is_missing(other)
    assert other.reason is Reason.ADDRESS_WRONG


def test_a_scope_that_leaves_a_service_out_is_a_right() -> None:
    assert judged(403, envelope("Not in scope.", kind="UnauthorizedAccessException")).reason is Reason.RIGHTS_MISSING


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (409, envelope("Conflict", kind="Ice.Common.DuplicateRecordException")),
        (400, envelope("This is a duplicate entry of an existing record")),
        (400, envelope("Invoice already exists for this supplier.")),
        (400, {"error": {"code": "", "message": "This is a duplicate entry of an existing record", "innererror": {}}}),
    ],
)
def test_a_duplicate_is_known_by_status_type_or_words(status: int, body: Any) -> None:
    assert may_be_duplicate(judged(status, body, writes=True))


@pytest.mark.parametrize(
    "body", [None, "", {"HttpStatus": 400, "ReasonPhrase": "REST API Exception"}, [], {"error": "x"}]
)
def test_a_body_that_says_nothing_is_still_a_refusal(body: Any) -> None:
    error = judged(400, body)
    assert isinstance(error, Refused)
    assert error.reason is Reason.REFUSED


# ------------------------------------------------------------------ business errors


@pytest.mark.parametrize(
    ("message", "field", "reason"),
    [
        ("Terms code is required.", "TermsCode", Reason.SETUP_INCOMPLETE),
        ("Supplier V1 is inactive.", "VendorID", Reason.VENDOR_BLOCKED),
        ("Invalid supplier.", "VendorID", Reason.VENDOR_UNKNOWN),
        ("Fiscal period 2026/10 is closed.", "ApplyDate", Reason.PERIOD_CLOSED),
        ("The apply date lies in a closed period.", "", Reason.PERIOD_CLOSED),
        ("No exchange rate for USD on 11/20/2026.", "CurrencyCode", Reason.RATE_MISSING),
        ("Currency XXX is not valid.", "CurrencyCode", Reason.CURRENCY_UNKNOWN),
        ("GL Account 9999 is not valid.", "GLAccount", Reason.ACCOUNT_UNKNOWN),
        ("GL Account 5100 is inactive.", "GLAccount", Reason.ACCOUNT_BLOCKED),
        ("Segment value D999 is not valid.", "SegValue2", Reason.DIMENSION_UNKNOWN),
        ("Segment Department is required.", "SegValue2", Reason.DIMENSION_MISSING),
        ("Tax Category is not valid.", "TaxCatID", Reason.TAX_CODE_UNKNOWN),
        ("Purchase order 4711 is closed.", "", Reason.ORDER_UNKNOWN),
        ("Receipt line has already been invoiced.", "", Reason.ORDER_DIFFERS),
        ("Invoice INV-77 is posted and cannot be changed.", "", Reason.ALREADY_POSTED),
        ("Posted invoices cannot be deleted.", "", Reason.ALREADY_POSTED),
        ("Invoice date is required.", "InvoiceDate", Reason.DATE_MISSING),
        ("Agent Nightly is not valid.", "AgentID", Reason.SETUP_INCOMPLETE),
        ("Part is required.", "PartNum", Reason.REFUSED),
    ],
)
def test_a_business_error_has_its_reason(message: str, field: str, reason: Reason) -> None:
    assert judged(400, envelope(message, details=[detail(message, field)])).reason is reason


def test_all_that_is_wrong_is_told_at_once_each_thing_once() -> None:
    details = [
        detail("Terms code is required.", "TermsCode"),
        detail("Currency XXX is not valid.", "CurrencyCode"),
        detail("Terms code is required.", "TermsCode"),
        detail("Due date was recalculated.", "DueDate", kind="Information"),
    ]
    found = judged(400, envelope("Several errors.", details=details)).findings
    assert [each.reason for each in found] == [Reason.SETUP_INCOMPLETE, Reason.CURRENCY_UNKNOWN]


def test_a_subject_that_the_text_does_not_name_is_the_callers() -> None:
    error = judged(400, envelope("Fiscal period is closed."), about={Reason.PERIOD_CLOSED: "20.11.2026"})
    assert error.findings[0].subject == "20.11.2026"


def test_an_unknown_column_is_our_own_mistake() -> None:
    body = envelope(
        "Could not find a property named 'VendorID' on type 'Erp.PO'.", kind="Microsoft.OData.ODataException"
    )
    assert judged(400, body).reason is Reason.UNEXPECTED


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Invoice INV-77: Invoice with no detail", Reason.CODING_MISSING),
        ("Invoice INV-77: Invoice Total does not agree with vendor's total", Reason.TOTALS_DIFFER),
        ("Invoice INV-77: GL account is missing", Reason.ACCOUNT_UNKNOWN),
        ("Invoice INV-77: period 11 is closed", Reason.PERIOD_CLOSED),
        ("Invoice INV-77: something new", Reason.NOT_RELEASED),
    ],
)
def test_what_posting_leaves_in_a_group_has_its_reason(line: str, reason: Reason) -> None:
    assert refused_with(line, of_posting=True).reason is reason


def test_each_line_of_a_log_is_a_finding() -> None:
    log = "Invoice A: Invoice with no detail\r\n\r\nInvoice A: period 11 is closed\r\n"
    assert [each.reason for each in refused_with(log).findings] == [Reason.CODING_MISSING, Reason.PERIOD_CLOSED]


NAMES = st.sampled_from(["error", "ErrorMessage", "ErrorDetails", "Message", "Type", "code", "innererror"])
SCALARS = st.none() | st.booleans() | st.integers() | st.text()


@given(st.recursive(SCALARS, lambda each: st.lists(each) | st.dictionaries(NAMES, each)))
def test_no_body_is_too_odd_to_be_judged(body: Any) -> None:
    assert parse_fault(400, body).status == 400
    assert judged(400, body).findings
