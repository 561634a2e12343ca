"""The names we use against the vendor's own list of them, and the check before anything is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from acumatica_wire import described

from ml_connector.connectors.acumatica import mapping, orders
from ml_connector.connectors.acumatica.contract import ACTIONS, FORMS, KEYS, Contract, missing_in
from ml_connector.connectors.errors import Refused
from ml_connector.records.reason import Reason

FACTS: dict[str, Any] = json.loads((Path(__file__).parent / "fields.json").read_text())
VERSIONS = ("22.200.001", "23.200.001", "24.200.001")
OWN = "CreditTerms"
"""Of the customer's endpoint."""


@pytest.mark.parametrize("version", VERSIONS)
def test_every_name_is_one_of_the_vendors(version: str) -> None:
    missing = FACTS["missing"].get(version, {})
    for path, fields in Contract.of("Default", version).fields.items():
        entity, _, below = path.partition("/")
        if entity == OWN:
            continue
        known = set(FACTS["fields"][entity]) - set(missing.get(entity, ()))
        ours = {f"{below}/{field}" if below else field for field in fields}
        assert ours <= known, f"{path}: {sorted(ours - known)}"


@pytest.mark.parametrize(("version", "path", "field"), [
    ("22.200.001", "Bill", "IsTaxValid"), ("22.200.001", "Bill/Details", "LCNbr"),
    ("23.200.001", "Bill/Details", "LCNbr"), ("22.200.001", "PurchaseReceipt", "LastModifiedDateTime"),
])  # fmt: skip
def test_a_name_that_came_later_is_not_known_before(version: str, path: str, field: str) -> None:
    assert not Contract.of("Default", version).has(path, field)
    assert Contract.of("Default", "24.200.001").has(path, field)


def test_what_a_version_lacks_is_exactly_what_the_vendor_says() -> None:
    for version, missing in FACTS["missing"].items():
        contract = Contract.of("Default", version)
        for entity, paths in missing.items():
            for path in paths:
                owner, _, field = f"{entity}/{path}".rpartition("/")
                assert not contract.has(owner, field), (version, entity, path)


def test_forms_and_actions_are_the_vendors() -> None:
    assert {entity: form for entity, form in FORMS.items() if entity != OWN}.items() <= FACTS["forms"].items()
    for entity, actions in ACTIONS.items():
        assert actions <= set(FACTS["actions"][entity])
    assert KEYS.keys() <= FORMS.keys() | {"JournalTransaction"}


def test_a_misspelt_name_is_caught_before_it_is_lost() -> None:
    contract = Contract.of("Default", "24.200.001")
    contract.check("Bill", {"Type": "Bill", "Details": [{"Account": "1", "id": "x"}], "note": "", "custom": {}})
    with pytest.raises(Refused) as refused:
        contract.check("Bill", {"RefNbr": "1", "Details": [{"Account": "1"}, {"SubAccount": "2"}]})
    assert refused.value.reason is Reason.UNEXPECTED
    assert "Bill/Details/SubAccount, Bill/RefNbr" in str(refused.value)


def test_a_name_to_be_read_is_checked_too() -> None:
    contract = Contract.of("Default", "24.200.001")
    contract.check_paths("Bill", ["Details/Account", "TaxDetails", "id"])
    with pytest.raises(Refused):
        contract.check_paths("Bill", ["Details/GLAccount"])
    with pytest.raises(Refused):
        contract.check_action("Bill", "ReleaseFromHold")


def test_all_that_is_read_is_known_to_every_version() -> None:
    reads = {
        "Vendor": (*mapping.VENDOR_FIELDS, *mapping.VENDOR_PARTS), "Account": mapping.ACCOUNT_FIELDS,
        "Subaccount": mapping.SUBACCOUNT_FIELDS, "Project": mapping.PROJECT_FIELDS, "ProjectTask": mapping.TASK_FIELDS,
        "TaxCategory": mapping.TAX_CATEGORY_FIELDS, "Tax": mapping.TAX_FIELDS, "CreditTerms": mapping.TERM_FIELDS,
        "PurchaseOrder": orders.ORDER_FIELDS,
    }  # fmt: skip
    for version in VERSIONS:
        contract = Contract.of("Default", version)
        for entity, fields in reads.items():
            contract.check_paths(entity, fields)


@pytest.mark.parametrize("version", ["20.200.001", "26.200.001", "26.100.001", "latest", ""])
def test_a_version_with_other_shapes_is_refused(version: str) -> None:
    with pytest.raises(Refused) as refused:
        Contract.of("Default", version)
    assert refused.value.reason is Reason.ADDRESS_WRONG


def test_an_endpoint_that_extends_default_has_its_own_versions() -> None:
    assert Contract.of("ExtendedDefault", "1.0").has("Bill", "IsTaxValid")
    assert Contract.of("Default", "25.200.001").has("Bill", "IsTaxValid")


@pytest.mark.parametrize("definitions", [True, False])
@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_has_what_is_essential(version: str, definitions: bool) -> None:
    assert missing_in(described(version, definitions=definitions)) == []


@pytest.mark.parametrize("name", ["Bill/VendorRef", "Bill/Details/Subaccount", "Check/History/CashDiscountTaken"])
def test_an_endpoint_that_lacks_something_essential_is_told(name: str) -> None:
    assert missing_in(described("24.200.001", without=name)) == [name]


@pytest.mark.parametrize("schema", [{}, {"components": None}, {"definitions": {"Bill": None}}])
def test_a_description_that_says_nothing_lacks_everything(schema: dict[str, Any]) -> None:
    assert "Bill/Vendor" in missing_in(schema)
