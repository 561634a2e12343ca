"""Finding connectors by their folders."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ml_connector.connectors import registry
from ml_connector.connectors.base import LedgerConnector, PayablesConnector


def test_each_folder_is_found_under_its_id() -> None:
    for each in registry.ids():
        found = registry.connector(each)
        assert found is None or found.manifest.id == each
    assert "business-central" in registry.erp_ids()


def test_there_is_one_payables_system_and_it_is_no_ledger() -> None:
    payables = registry.payables()
    assert isinstance(payables, PayablesConnector)
    assert payables.manifest.id not in registry.erp_ids()
    assert [each for each in registry.ids() if isinstance(registry.connector(each), PayablesConnector)] == [
        payables.manifest.id
    ]


def test_a_ledger_is_found_by_its_id() -> None:
    assert isinstance(registry.erp("business-central"), LedgerConnector)


@pytest.mark.parametrize("name", ["nope", "basware", "../store", "business_central"])
def test_what_is_no_ledger_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(registry.UnknownSystem, match=r"Known: .*business-central"):
        registry.erp(name)


def test_only_the_connector_asked_for_is_imported() -> None:
    program = (
        "import sys; from ml_connector.connectors import registry; registry.erp('business-central'); "
        "assert not [m for m in sys.modules if m.startswith('ml_connector.connectors.basware')]"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
