"""One product joined with an ERP whose invoices go into Basware, and what people do on both sides."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from acceptance.product import Product, Said
from simulation.sources import NETWORK, SECRETS, VISMA_NET, Source
from simulation.systems import Systems, call

Fields = dict[str, Any]
VENDORS = 10
SUPPLIER, OTHER_SUPPLIER = "V000001", "V000002"
"""Such as every founded company has, that may be dealt with."""


class Sources(Systems):
    """Basware and the ERP, simulated, and their control pages."""

    def __init__(self, log: Path, kind: Source = VISMA_NET) -> None:
        super().__init__(log, "--import-delay", "0.1")
        self.kind = kind
        self.erp = self.address_of(kind)
        self.today: date = datetime.now(UTC).date()

    def connection(self, code: str, *, name: str = "", route: str = NETWORK, **more: Any) -> str:
        """One connection of the file: `acme-CODE`, or of that name."""
        return self.kind.connection(
            name or f"acme-{code}", code, basware=self.basware, address=self.erp, route=route, **more
        )

    def calls(self, address: str) -> list[tuple[str, str]]:
        """Method and path of each call since; sign-ins and the second leg of redirects left out."""
        made = call("GET", f"{address}/_sandbox/calls")["calls"]
        told = [(each["method"], each["path"]) for each in made]
        return [(method, path) for method, path in told if "token" not in path and "X-Amz-" not in path]

    def written_to_the_erp(self) -> list[tuple[str, str]]:
        """Every call to the ERP that is no reading and no sign-in."""
        return [(method, path) for method, path in self.calls(self.erp) if method != "GET"]


def new_product(home: Path, database_url: str | None) -> Product:
    """One that knows the variables that the files name."""
    product = Product(home, database_url, dict(SECRETS))
    product.well("init")
    return product


@dataclass
class Supplied:
    """One company, and the connection to it."""

    product: Product
    systems: Sources
    code: str
    name: str = ""
    _numbers: list[int] = field(default_factory=list[int])

    def __post_init__(self) -> None:
        self.name = self.name or f"acme-{self.code}"

    # ------------------------------------------------------------------ the product

    def run(self, *words: str) -> Said:
        return self.product.run("run", self.name, *words, "--json")

    def rows(self) -> dict[str, Fields]:
        """The product's documents by the ERP's key."""
        found = self.product.well("invoices", self.name, "--json", "--limit", "0").json
        return {each["document_id"]: each for each in found}

    def key(self, key: str) -> str:
        """The product's own key of an invoice: the ERP's alone may be found in several companies."""
        return f"{self.name}/{key}/1"

    def trail(self, key: str) -> list[Fields]:
        return self.product.well("trail", self.key(key), "--json").json

    def statuses(self, key: str) -> list[str]:
        """What the trail says of an invoice's standing in Basware."""
        return [each["summary"] for each in self.trail(key) if each["step"] == "status"]

    # ------------------------------------------------------------------ the ERP

    def in_erp(self, page: str, **asked: Any) -> Any:
        """A person does something in the ERP."""
        return call("POST", f"{self.systems.erp}/_sandbox/{page}", {"company": self.code, **asked})

    def bring(self, *, pdf: bool = True, net: str = "100.00", **more: Any) -> Fields:
        """One more invoice in the ERP: its bill as the control pages tell it."""
        self._numbers.append(1)
        reference = f"L{self.code}-{len(self._numbers):03d}"
        title = f"%PDF-1.4\nBT (Supplier: {reference}, {net}) Tj ET\n".encode()
        files = [{"name": f"{reference}.pdf", "content": base64.b64encode(title).decode()}] if pdf else []
        asked = {
            "supplier": SUPPLIER, "reference": reference, "files": files, "lines": [{"text": "Goods", "net": net}],
            **more,
        }  # fmt: skip
        return {**self.in_erp("invoices", **asked), "sha256": hashlib.sha256(title).hexdigest()}

    def bills(self) -> dict[str, Fields]:
        """The ERP's invoices by key."""
        found = call("GET", f"{self.systems.erp}/_sandbox/bills?company={self.code}&lines=true")["bills"]
        return {each["key"]: each for each in found}

    def notes(self, key: str) -> list[str]:
        """The lines of an invoice's note in the ERP."""
        return (self.bills()[key]["note"] or "").splitlines()

    # ------------------------------------------------------------------ Basware

    def entered(self) -> list[Fields]:
        """Everything that entered, none of it twice."""
        there = self.systems.entered(self.code)
        assert there["duplicates"] == []
        return there["inbound"]

    def move(self, bum_id: str, **asked: Any) -> Fields:
        """A person in Basware moves a document on."""
        return call("POST", f"{self.systems.basware}/_sandbox/inbound", {"bumId": bum_id, **asked})

    def held(self, entity: str) -> dict[str, bool]:
        """What Basware holds of a list, by its code: whether it is active."""
        return {each["externalCode"]: each["active"] for each in self.systems.held_in_basware(entity, self.code)}


def failed_step(product: Product, name: str) -> Fields:
    """The one step of a connection test that failed."""
    said = product.run("ping", name, "--json")
    assert said.code == 1, said
    (failed,) = [each for each in said.json if not each["ok"]]
    return failed


Founding = Callable[..., Supplied]
"""Founds a company and joins it; keyword arguments are those of the configuration file."""
