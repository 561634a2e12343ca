"""The ERPs whose invoices go into Basware as the tests see them: addresses, settings, and words that all share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ml_connector.sandbox import visma_net
from simulation import ledgers

Fields = dict[str, Any]
SECRETS = {
    **ledgers.SECRETS,
    "NETWORK_PASSWORD": "network-secret",
    "VISMA_SECRET": visma_net.CLIENT_SECRET,
    "VISMA_WEBHOOK_KEY": "visma-webhook-key-0123456789",
}
"""The variables that the configuration files name."""
NETWORK, SMARTPDF = "network", "smartpdf"
ROUTES = (NETWORK, SMARTPDF)
"""Into Basware."""


@dataclass(frozen=True, slots=True)
class Source:
    """One ERP as it is simulated."""

    system: str
    name: str
    """For people."""
    offset: int
    """Of its port, counted from Basware's."""
    settings: Callable[[str, str], Fields]
    """The `erp` section for an address and a company."""

    def connection(
        self,
        name: str,
        company: str,
        *,
        basware: str,
        address: str,
        route: str = NETWORK,
        write_back: str = "none",
        flows: str = "",
        changes: Mapping[str, str] | None = None,
        basware_changes: Mapping[str, str] | None = None,
    ) -> str:
        """One connection of the configuration file. Changes are of one side's settings; an empty one is left out."""
        erp = {
            "system": self.system,
            **self.settings(address, company),
            "invoice_route": route,
            "write_back": write_back,
            **(changes or {}),
        }
        payables = {**_payables_settings(basware, company), **(basware_changes or {})}
        return f"""
  {name}:
    company: "{company}"
    basware:
{_lines(payables)}    erp:
{_lines(erp)}{f"    flows: {flows}{chr(10)}" if flows else ""}    mapping:
      dimensions:
        - {{basware: costCenterCode, list: costCenters, erp: "1"}}
        - {{basware: projectCode, list: projects, erp: Project}}
"""


def _lines(settings: Mapping[str, str]) -> str:
    return "".join(f'      {key}: "{value}"\n' for key, value in settings.items() if value)


def _payables_settings(basware: str, company: str) -> Fields:
    return {
        "base_url": basware,
        "network_url": basware,
        "client_id": "acme",
        "client_secret": "${env:BASWARE_SECRET}",
        "webhook_token": "${env:WEBHOOK_TOKEN}",
        "network_username": "acme-network",
        "network_password": "${env:NETWORK_PASSWORD}",
        "buyer_name": f"Acme {company} AS",
        "buyer_endpoint": f"0192:9{company:0>8}",
        "buyer_reference": "DEPT-310",
        "smartpdf_receiver": f"invoices-{company}@smartpdf.example",
        "smartpdf_notify": "ap@acme.example",
    }


def _visma_net_settings(address: str, company: str) -> Fields:
    return {
        "base_url": address,
        "token_url": f"{address}/connect/token",
        "company_id": visma_net.company_id(company),
        "tenant_id": visma_net.tenant_of(company),
        "client_id": visma_net.CLIENT_ID,
        "client_secret": "${env:VISMA_SECRET}",
        "webhook_key": "${env:VISMA_WEBHOOK_KEY}",
    }


VISMA_NET = Source(system="visma-net", name="Visma.net", offset=50, settings=_visma_net_settings)
SOURCES = (VISMA_NET,)
