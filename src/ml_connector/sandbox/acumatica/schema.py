"""The contract of the Default endpoint: entities, fields, types, and the data view behind each field, per version.

`contract.json` is cut from the endpoint definitions that Acumatica publishes under the MIT licence (Acumatica dossier
19, S1): `path|type|view.field|since|until`. `CreditTerms` is no part of Default (Acumatica dossier 9.10).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

Row = dict[str, Any]
"""A record: field to value. Text is str, decimals Decimal, days `date`, instants `datetime` in UTC; None is empty.

Details are lists of rows, linked entities rows. `id` is the record's GUID, `note` its note, `custom` what is reached
by `View.Field` only; keys that begin with `_` stay off the wire.
"""

VERSIONS = ("22.200.001", "23.200.001", "24.200.001")
TERMS = "CreditTerms"
"""The one entity of the custom endpoint."""
SCALARS = frozenset({"String", "Decimal", "Int", "Short", "Boolean", "DateTime", "Guid"})

LABELS: dict[tuple[str, str], dict[str, str]] = {
    ("Bill", "Type"): {"INV": "Bill", "ACR": "Credit Adj.", "ADR": "Debit Adj.", "PPM": "Prepayment"},
    ("CheckDetail", "DocType"): {"INV": "Bill", "ACR": "Credit Adj.", "ADR": "Debit Adj.", "PPM": "Prepayment"},
    ("PurchaseOrder", "Type"): {
        "RO": "Normal",
        "DP": "Drop-Ship",
        "PD": "Project Drop-Ship",
        "BL": "Blanket",
        "SB": "Standard",
    },
    ("BillDetail", "POOrderType"): {
        "RO": "Normal",
        "DP": "Drop-Ship",
        "PD": "Project Drop-Ship",
        "BL": "Blanket",
        "SB": "Standard",
    },
    ("Vendor", "Status"): {
        "A": "Active",
        "H": "On Hold",
        "P": "Hold Payments",
        "I": "Inactive",
        "T": "One-Time",
    },
    ("Account", "Type"): {"A": "Asset", "L": "Liability", "I": "Income", "E": "Expense"},
}
"""Drop-downs by type and field: internal code to label. Both are taken, the label is answered (Acumatica dossier 3.2).

Type and status of a payment are not here: their labels differ by release (see `Switches.payment_label`).
"""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an entity or of one nested in it."""

    name: str
    kind: str
    """One of `SCALARS`."""
    view: str
    """The data view, empty where nothing is behind the field: it is then always empty."""
    bound: str
    """`View.Field` as the form knows it."""


@dataclass(frozen=True, slots=True)
class Contract:
    """One entity, top-level or nested, as one endpoint version shows it."""

    name: str
    path: str
    """Where it is nested, `Details`; empty for a top-level one."""
    fields: dict[str, Field]
    nested: dict[str, Contract]
    """Details and linked entities by field."""
    lists: frozenset[str]
    """Those of `nested` that are lists of details."""

    @property
    def view(self) -> str:
        """The view behind it; `files:put` of a detail line names it."""
        return next((each.view for each in self.fields.values() if each.view), "")


@dataclass(frozen=True, slots=True)
class Action:
    """An action of the contract."""

    name: str
    graph: str
    parameters: dict[str, str]
    since: str = ""


@dataclass(frozen=True, slots=True)
class Entity:
    """A top-level entity over all versions."""

    name: str
    form: str
    graph: str
    keys: tuple[str, ...]
    actions: dict[str, Action]
    lines: tuple[str, ...] = field(repr=False)

    def contract(self, version: str) -> Contract:
        """Its fields in that endpoint version."""
        return _contract(self.name, version)

    @property
    def view(self) -> str:
        """The primary view: the one behind the keys. `files:put` of the record names it."""
        return self.contract(VERSIONS[-1]).fields[self.keys[0]].view if self.keys else ""


@cache
def _contract(name: str, version: str) -> Contract:
    described = [line.split("|") for line in ENTITIES[name].lines]
    kept = [line for line in described if _is_in(version, line)]
    return _nested(name, "", kept)


def _is_in(version: str, line: list[str]) -> bool:
    since, until = line[3:] if len(line) > 3 else ("", "")
    number = version if version in VERSIONS else VERSIONS[-1]
    return since <= number and (not until or number <= until)


def _nested(name: str, path: str, lines: list[list[str]]) -> Contract:
    prefix = f"{path}/" if path else ""
    own = [line for line in lines if line[0].startswith(prefix) and "/" not in line[0][len(prefix) :]]
    fields = {line[0][len(prefix) :]: line for line in own if line[1] in SCALARS}
    inner = {line[0][len(prefix) :]: line for line in own if line[1] not in SCALARS}
    return Contract(
        name=name,
        path=path,
        fields={each: Field(each, line[1], _view(line[2]), line[2]) for each, line in fields.items()},
        nested={each: _nested(line[1].removesuffix("[]"), line[0], lines) for each, line in inner.items()},
        lists=frozenset(each for each, line in inner.items() if line[1].endswith("[]")),
    )


def _view(bound: str) -> str:
    """`CurrentDocument: 1.PaySel` is of the view CurrentDocument: the number is that of the tab."""
    return bound.partition(".")[0].partition(":")[0]


def _entity(name: str, described: dict[str, Any]) -> Entity:
    actions = {
        action: Action(action, each["graph"], each.get("parameters", {}), each.get("since", ""))
        for action, each in described["actions"].items()
    }
    return Entity(
        name, described["form"], described["graph"], tuple(described["keys"]), actions, tuple(described["fields"])
    )


_DESCRIBED: dict[str, Any] = json.loads(
    files("ml_connector.sandbox.acumatica").joinpath("contract.json").read_text("utf-8")
)
ENTITIES: dict[str, Entity] = {name: _entity(name, described) for name, described in _DESCRIBED.items()}
"""Every entity that is served."""
DOCUMENTS = frozenset({"Bill", "Check", "PurchaseOrder", "PurchaseReceipt", "JournalTransaction"})
INQUIRIES = frozenset({"CompaniesStructure"})
"""Read by PUT only (Acumatica dossier 4.5)."""

CUSTOM: dict[str, dict[str, str]] = {
    "Bill": {
        "CurrentDocument.TaxZoneID": "String",
        "Document.CuryDiscTot": "Decimal",
        "Details/Transactions.TaxID": "String",
        "TaxDetails/Taxes.CuryExpenseAmt": "Decimal",
    },
    "Vendor": {"DefLocation.VExpenseSubID": "String", "DefLocation.VExpenseAcctID": "String"},
}
"""Elements of forms that the contract lacks: entity, then [Details/]View.Field, to its type (Acumatica dossier 5)."""


def custom_kind(entity: str, element: str) -> str | None:
    """The type of a form's element, None where the form does not expose it; user-defined fields are text."""
    known = CUSTOM.get(entity, {}).get(element)
    if known is not None or entity != "Bill":
        return known
    return "String" if element.startswith("Document.Attribute") else None
