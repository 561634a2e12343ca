"""The names we send, against the description of the simulated server, which was copied from the vendor's."""

from __future__ import annotations

import pytest

from ml_connector.connectors.epicor_kinetic.contract import (
    CLAUSES,
    METHODS,
    SETS,
    TABLES,
    EntitySet,
    check_columns,
    method,
)
from ml_connector.connectors.errors import Refused
from ml_connector.sandbox.epicor_kinetic.schema import SERVICES
from ml_connector.sandbox.epicor_kinetic.schema import TABLES as DESCRIBED

OUT_ONLY = {"opLOCMsg"}
"""Sent along though it only comes back (Epicor dossier 9.5.4)."""
NOT_SIMULATED = {"RcvDtl": {"SupplierUnInvcReceiptQty"}}
"""The vendor's own columns that the simulated server's rows do not have."""


@pytest.mark.parametrize("of", SETS, ids=lambda each: each.name)
def test_a_set_is_called_as_the_server_calls_it(of: EntitySet) -> None:
    if of.name not in SERVICES[of.service].sets:
        pytest.skip("not simulated")
    described = SERVICES[of.service].sets[of.name]
    assert described.entity.name in (of.table, "COASegment")
    assert set(described.keys) <= set(of.key)


@pytest.mark.parametrize("table", sorted(set(TABLES) & set(DESCRIBED)))
def test_every_column_is_one_of_the_servers(table: str) -> None:
    assert TABLES[table] - set(DESCRIBED[table].columns) - NOT_SIMULATED.get(table, set()) == set()


@pytest.mark.parametrize("place", [(service, name) for service, known in METHODS.items() for name in known])
def test_a_method_is_called_with_all_of_its_parameters(place: tuple[str, str]) -> None:
    service, name = place
    if name not in SERVICES[service].methods:
        pytest.skip("not simulated")
    assert METHODS[service][name].parameters - OUT_ONLY == set(SERVICES[service].methods[name].parameters)


@pytest.mark.parametrize("service", [each for each in CLAUSES if "GetRows" in SERVICES[each].methods])
def test_get_rows_has_a_clause_for_each_table(service: str) -> None:
    asked = [f"whereClause{table}" for table in CLAUSES[service]]
    assert [*asked, "pageSize", "absolutePage"] == list(SERVICES[service].methods["GetRows"].parameters)


def test_a_call_that_lacks_a_parameter_never_leaves() -> None:
    with pytest.raises(Refused, match="confirmCheck"):
        method("Erp.BO.APInvoiceSvc", "ChangeVendorID", {"ProposedVendorID": "V1", "ds": {}})


def test_a_call_with_a_misspelt_parameter_never_leaves() -> None:
    with pytest.raises(Refused, match="groupID"):
        method("Erp.BO.APInvGrpSvc", "UnlockGroup", {"groupID": "A"})


def test_a_method_that_nobody_needs_is_none() -> None:
    with pytest.raises(Refused, match="Login"):
        method("Ice.LIB.SessionModSvc", "Login", {})


def test_a_column_that_a_table_has_not_never_leaves() -> None:
    with pytest.raises(Refused, match="GLPosted"):
        check_columns("APInvHed", ["Posted", "GLPosted"])
