"""A configuration file for two connections, and its environment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ml_connector.operations.configuration import Configuration, parse_configuration

FILE = """\
connections:
  acme-bc:
    company: "1000"
    basware:
      region: eu
      client_id: acme
      client_secret: ${env:BASWARE_SECRET}
      webhook_token: ${file:token}
    erp:
      system: business-central
      tenant_id: 11111111-2222-3333-4444-555555555555
      company_id: 6e3f1c1a-7d0b-4c5e-9a51-0f7a2f9b1001
      client_id: bc-client
      client_secret: ${env:BC_SECRET}
    flows:
      vendors: {cron: "0 2 * * *", timezone: Europe/Helsinki}
      invoices: {every: 10m}
      purchase-orders: {enabled: false}
    mapping:
      dimensions:
        - {basware: costCenterCode, list: costCenters, erp: DEPARTMENT}
        - {basware: dimCode1, list: ACC_LIST_1, erp: AREA}
      tax_codes: {T24: VAT24}
      credit_note_types: [CN]
      tolerance: {EUR: "0.02"}
      posting_date: voucherDate
      line_description: text1
"""
ENVIRONMENT = {"BASWARE_SECRET": "hush-basware", "BC_SECRET": "hush-bc"}

Parse = Callable[..., Configuration]


@pytest.fixture
def text() -> str:
    return FILE


@pytest.fixture
def parse(tmp_path: Path) -> Parse:
    """Parses a text, with the environment and the token file that `FILE` refers to."""
    (tmp_path / "token").write_text("hush-token\n")

    def run(text: str = FILE, **more: str) -> Configuration:
        return parse_configuration(text, file="c.yaml", folder=tmp_path, environment=ENVIRONMENT | more)

    return run
