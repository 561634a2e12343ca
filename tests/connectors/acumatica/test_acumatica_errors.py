"""What the instance says is wrong, as reasons."""

from __future__ import annotations

from typing import Any

import pytest

from ml_connector.connectors.acumatica.errors import (
    CANNOT_OPTIMIZE,
    ENTITY_ERRORS,
    NO_ENTITY,
    culprits_of,
    error_of,
    is_missing,
    may_be_duplicate,
    parse_fault,
)
from ml_connector.connectors.errors import OutcomeUnknown, Refused, Unavailable
from ml_connector.records.reason import Reason

_GENERAL = "Inserting  'AP Transactions' record raised at least one error. Please review the errors."


def http_error(kind: str, words: str, **inner: Any) -> dict[str, Any]:
    return {
        "message": "An error has occurred.", "exceptionMessage": words, "exceptionType": kind,
        "stackTrace": "   at PX.Data.Secret()", **inner,
    }  # fmt: skip


def found(status: int, body: Any, *, writes: bool = True) -> list[tuple[Reason, str]]:
    error = error_of(status, body, {}, writes=writes)
    return [(each.reason, each.subject) for each in error.findings]


def test_the_cause_in_a_line_is_told_and_not_the_general_words() -> None:
    body = {
        "id": "b6410d82", "rowNumber": 1, "error": _GENERAL, "Amount": {"value": 201.73},
        "ReferenceNbr": {"value": "<NEW>"},
        "Details": [{
            "id": "b841", "Amount": {"value": 201.73}, "InventoryID": {},
            "Project": {"value": "TES2323T", "error": "Project 'TES2323T  ' cannot be found in the system."},
        }],
    }  # fmt: skip
    error = error_of(422, body, {}, writes=True)
    assert [(each.reason, each.subject) for each in error.findings] == [(Reason.DIMENSION_UNKNOWN, "TES2323T")]
    assert "Details/Project" in error.findings[0].vendor_text
    assert isinstance(error, Refused)


def test_everything_that_is_wrong_is_told_at_once_and_each_thing_once() -> None:
    line = {"Account": {"value": "9", "error": "'Account' cannot be found in the system."}}
    body = {
        "error": _GENERAL,
        "Vendor": {"value": "V9", "error": "'Vendor' cannot be found in the system."},
        "PostPeriod": {"value": "082026", "error": "Error: The 08-2026 financial period is inactive in the company."},
        "Details": [line, line, {"Subaccount": {"value": "", "error": "'Subaccount' cannot be empty."}}],
    }
    assert found(422, body) == [
        (Reason.VENDOR_UNKNOWN, "V9"),
        (Reason.PERIOD_CLOSED, "082026"),
        (Reason.ACCOUNT_UNKNOWN, "9"),
        (Reason.DIMENSION_MISSING, "Subaccount"),
    ]


@pytest.mark.parametrize(
    ("field", "words", "reason"),
    [
        ("Vendor", "'Vendor' cannot be found in the system.", Reason.VENDOR_UNKNOWN),
        ("Vendor", "The vendor status is 'Inactive'.", Reason.VENDOR_BLOCKED),
        ("Account", "The account is inactive.", Reason.ACCOUNT_BLOCKED),
        ("Subaccount", "'Subaccount' cannot be found in the system.", Reason.DIMENSION_UNKNOWN),
        ("ProjectTask", "Task '02' is not active.", Reason.DIMENSION_BLOCKED),
        ("TaxCategory", "'Tax Category' cannot be found in the system.", Reason.TAX_CODE_UNKNOWN),
        ("CurrencyID", "'Currency' cannot be found in the system.", Reason.CURRENCY_UNKNOWN),
        ("CurrencyID", "Currency Rate is not defined.", Reason.RATE_MISSING),
        ("PostPeriod", "'Post Period' cannot be empty.", Reason.PERIOD_CLOSED),
        ("VendorRef", "'Vendor Ref.' cannot be empty.", Reason.NUMBER_MISSING),
        ("VendorRef", "Document with this Vendor Ref. already exists.", Reason.POSSIBLE_DUPLICATE),
        ("Amount", "The document is out of balance.", Reason.TOTALS_DIFFER),
        ("POOrderNbr", "'PO Nbr.' cannot be found in the system.", Reason.ORDER_UNKNOWN),
        ("Qty", "The quantity exceeds the open quantity.", Reason.ORDER_DIFFERS),
        ("BranchID", "'Branch' cannot be found in the system.", Reason.SETUP_INCOMPLETE),
        ("Description", "Something of a customisation.", Reason.REFUSED),
    ],
)
def test_a_complaint_about_a_field(field: str, words: str, reason: Reason) -> None:
    assert found(422, {field: {"value": "x", "error": words}})[0][0] is reason


def test_a_form_that_says_all_in_one_line_is_told_as_it_is() -> None:
    words = "'SuppliedByVendorID' cannot be empty.; SuppliedByVendorID: 'SuppliedByVendorID' cannot be empty."
    assert found(422, {"error": words, "ReferenceNbr": {"value": "<NEW>"}}) == [(Reason.REFUSED, words)]


def test_no_record_has_the_key() -> None:
    error = error_of(500, http_error(f"PX.Api.ContractBased.{NO_ENTITY}", "No entity satisfies the condition."), {},
                     writes=False)  # fmt: skip
    assert isinstance(error, Refused)
    assert is_missing(error)


def test_a_list_that_cannot_be_optimised_names_its_culprits() -> None:
    words = (
        "Optimization cannot be performed.The following fields cause the error:\r\n"
        "Applications/DocType: View Adjustments has BQL delegate\r\nLocationID: View Filter has BQL delegate\r\n"
    )
    error = error_of(
        500, http_error(f"PX.Api.ContractBased.OptimizedExport.{CANNOT_OPTIMIZE}", words), {}, writes=False
    )
    assert error.code == CANNOT_OPTIMIZE
    assert culprits_of(error) == {"Applications/DocType", "LocationID"}


def test_a_duplicate_comes_in_two_guises() -> None:
    first = error_of(500, http_error(f"PX.Api.ContractBased.{ENTITY_ERRORS}", "Errors."), {}, writes=True)
    second = error_of(422, {"VendorRef": {"value": "A", "error": "exists already"}}, {}, writes=True)
    for error in (first, second):
        assert isinstance(error, Refused)
        assert may_be_duplicate(error)
        assert error.reason is Reason.POSSIBLE_DUPLICATE


def test_what_else_a_refused_record_says_is_told() -> None:
    words = "Error: The 08-2026 financial period is closed."
    body = http_error(f"PX.Api.ContractBased.{ENTITY_ERRORS}", "Errors.", innerException={"exceptionMessage": words})
    error = error_of(500, body, {}, writes=True)
    assert error.reason is Reason.PERIOD_CLOSED
    assert may_be_duplicate(error)


def test_a_fault_of_the_server_leaves_a_write_open_and_a_read_for_later() -> None:
    body = http_error("System.NullReferenceException", "Object reference not set.")
    assert isinstance(error_of(500, body, {}, writes=True), OutcomeUnknown)
    assert isinstance(error_of(500, body, {}, writes=False), Unavailable)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("The document is out of balance.", Reason.TOTALS_DIFFER),
        ("The 08-2026 financial period is closed in the company.", Reason.PERIOD_CLOSED),
        ("Post Period cannot be empty", Reason.PERIOD_CLOSED),
        ("Invalid credentials. Please try again.", Reason.SIGN_IN_REFUSED),
        ("Your account has been locked out.", Reason.SIGN_IN_REFUSED),
    ],
)
def test_words_that_leave_no_doubt_make_a_500_a_refusal(words: str, reason: Reason) -> None:
    error = error_of(500, http_error("PX.Data.PXException", words), {}, writes=True)
    assert isinstance(error, Refused)
    assert error.reason is reason


@pytest.mark.parametrize("status", [429, 500, 403])
def test_no_seat_left_is_told_by_its_words(status: int) -> None:
    error = error_of(status, "API Login Limit", {}, writes=True)
    assert isinstance(error, Unavailable)
    assert error.reason is Reason.RATE_LIMITED


def test_a_plain_429_with_and_without_a_wait() -> None:
    assert isinstance(
        error_of(429, "The custom error module does not recognize this error.", {}, writes=True), Unavailable
    )
    waiting = error_of(429, None, {"retry-after": "7"}, writes=True)
    assert isinstance(waiting, Unavailable)
    assert waiting.retry_after == 7


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (403, {"message": "You have insufficient rights to access the Vendor (AP303000) form."}, Reason.RIGHTS_MISSING),
        (401, None, Reason.SIGN_IN_REFUSED),
        (404, "<html>404</html>", Reason.ADDRESS_WRONG),
        (302, "<html>moved</html>", Reason.SETUP_INCOMPLETE),
        (412, {"message": "Precondition failed"}, Reason.CHANGED_MEANWHILE),
        (500, http_error("PX.Data.PXSetupNotEnteredException", "The required configuration data is not entered on the"
                         " Accounts Payable Preferences form."), Reason.SETUP_INCOMPLETE),
        (500, http_error("PX.Data.PXUndefinedCompanyException", "A proper company ID cannot be determined"),
         Reason.ADDRESS_WRONG),
    ],
)  # fmt: skip
def test_what_a_status_means(status: int, body: Any, reason: Reason) -> None:
    error = error_of(status, body, {}, writes=True)
    assert isinstance(error, Refused)
    assert error.reason is reason


def test_a_flat_value_names_the_member_that_was_flat() -> None:
    body = {"message": "The request is invalid.", "modelState": {"entity.Vendor": ["Error converting value 'V1'."]}}
    error = error_of(400, body, {}, writes=True)
    assert error.reason is Reason.UNEXPECTED
    assert "entity.Vendor" in str(error)


def test_the_stack_trace_is_told_nowhere() -> None:
    error = error_of(500, http_error("PX.Data.PXException", "The document is out of balance."), {}, writes=True)
    assert "PX.Data.Secret" not in str(error) + repr(error.findings)


@pytest.mark.parametrize("body", [None, "", [], "text", 7, {}, {"error": None}, {"Details": [None, 3]}])
def test_any_body_is_taken_apart(body: Any) -> None:
    assert parse_fault(500, body).status == 500
    assert error_of(422, body, {}, writes=True).findings
