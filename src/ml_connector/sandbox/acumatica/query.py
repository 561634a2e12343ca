"""Reading lists and records: what a request asks for, the optimiser in its way, and the page (Acumatica dossier 4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo

from ml_connector.sandbox.acumatica.bodies import key_not_present
from ml_connector.sandbox.acumatica.errors import bad_request, cannot_optimize
from ml_connector.sandbox.acumatica.filters import Filter, parse_filter
from ml_connector.sandbox.acumatica.schema import ENTITIES, INQUIRIES, Contract, Row, custom_kind
from ml_connector.sandbox.acumatica.table import Key, Table
from ml_connector.sandbox.acumatica.wire import Selection

_EVERYTHING = Filter(lambda _: True)
_IGNORES_SELECT = frozenset({"JournalTransaction"})
_FILES = "files"


@dataclass(slots=True)
class Optimizer:
    """Which views are computed, so that lists which touch them fail (Acumatica dossier 4.2), and other silent traps."""

    delegates: dict[str, set[str]] = field(
        default_factory=lambda: {
            "Bill": {"Applications"},
            "Check": {"Details", "History"},
            "Project": {"Assets", "Liabilities", "Income", "Expenses"},
        }
    )
    """By entity: fields and nested entities."""
    silent_orders: bool = False
    """Lists of orders by anything but keys and the stamp are empty; by default only searches in the vendor are."""
    split_views: bool = False
    """`and` over fields of different views finds nothing (seen on a custom endpoint)."""

    def check(self, entity: str, contract: Contract, selection: Selection) -> None:
        """Raises Refusal where the answer would need a computed view."""
        culprits = list(self._culprits(entity, contract, selection))
        if culprits:
            raise cannot_optimize(culprits)

    def _culprits(self, entity: str, contract: Contract, selection: Selection) -> Iterator[tuple[str, str]]:
        if entity in INQUIRIES:
            for inner in contract.nested.values():
                yield from _touched(inner, selection, everything=True)
            return
        for name in sorted(self.delegates.get(entity, ())):
            if name in contract.nested:
                if selection.opens(name):
                    yield from _touched(contract.nested[name], selection, everything=False)
            elif name in contract.fields and selection.takes(name):
                yield name, contract.fields[name].view

    def hides(self, entity: str, asked: Filter) -> bool:
        """True where the list comes back empty though rows match."""
        if entity == "PurchaseOrder":
            keys = {"Type", "OrderNbr"}
            if asked.searches - keys or (self.silent_orders and asked.names - keys - {"LastModifiedDateTime"}):
                return True
        return self.split_views and len(asked.views) > 1


def _touched(contract: Contract, selection: Selection, *, everything: bool) -> Iterator[tuple[str, str]]:
    for each in contract.fields.values():
        if each.view and (everything or selection.takes(f"{contract.path}/{each.name}")):
            yield f"{contract.path}/{each.name}", each.view


@dataclass(frozen=True, slots=True)
class Query:
    """What a list read asks for."""

    filter: Filter
    selection: Selection
    top: int | None
    skip: int


def read_query(entity: str, version: str, options: Mapping[str, str], zone: ZoneInfo) -> Query:
    """Reads the options of a request; `$orderby` and unknown ones are ignored. Raises Refusal."""
    text = options.get("$filter", "").strip()
    return Query(
        filter=_parsed(entity, version, text, zone) if text else _EVERYTHING,
        selection=read_selection(entity, version, options),
        top=_number(options, "$top"),
        skip=_number(options, "$skip") or 0,
    )


@lru_cache(maxsize=2000)
def _parsed(entity: str, version: str, text: str, zone: ZoneInfo) -> Filter:
    return parse_filter(ENTITIES[entity].contract(version), text, zone)


def read_selection(entity: str, version: str, options: Mapping[str, str]) -> Selection:
    """`$expand`, `$select` and `$custom`; raises Refusal for names nobody knows."""
    contract = ENTITIES[entity].contract(version)
    expand: set[str] = set()
    for path in _names(options, "$expand"):
        steps = path.split("/")
        _require_nested(contract, steps)
        # `$expand=MainContact/Address` alone opens both (Acumatica dossier 4.1).
        expand |= {"/".join(steps[:count]) for count in range(1, len(steps) + 1)}
    selected = frozenset(_names(options, "$select"))
    for path in selected:
        _require_field(contract, path.split("/"))
    custom = tuple(_names(options, "$custom"))
    if any(custom_kind(entity, path) is None for path in custom):
        raise key_not_present()
    takes_all = entity in _IGNORES_SELECT or not selected
    return Selection(frozenset(expand), None if takes_all else selected, custom)


def run_query(table: Table, query: Query) -> list[Row]:
    """The page asked for, in the order of the keys."""
    test = query.filter.test
    found = (row for row in _candidates(table, query.filter) if test(row))
    return list(islice(found, query.skip, None if query.top is None else query.skip + query.top))


def _candidates(table: Table, asked: Filter) -> Iterator[Row]:
    rows = table.rows
    return (rows[key] for key in _narrowed(table, asked))


def _narrowed(table: Table, asked: Filter) -> Iterable[Key]:
    keys = table.entity.keys
    if len(keys) == 1 and keys[0] in asked.equal:
        return sorted(key for value in asked.equal[keys[0]] if (key := (value,)) in table.rows)
    indexed = [name for name in asked.equal if table.is_indexed(name)]
    found = [table.keys_alike(name, asked.equal[name]) for name in indexed]
    if asked.since is not None:
        found.append(table.keys_since(asked.since))
    if not found:
        return table.order
    return sorted(min(found, key=len))


def _names(options: Mapping[str, str], name: str) -> list[str]:
    return [part for each in options.get(name, "").split(",") if (part := each.strip())]


def _require_nested(contract: Contract, steps: list[str]) -> None:
    for step in steps:
        if step == _FILES:
            return
        if step not in contract.nested:
            raise key_not_present()
        contract = contract.nested[step]


def _require_field(contract: Contract, steps: list[str]) -> None:
    for step in steps[:-1]:
        if step not in contract.nested:
            raise key_not_present()
        contract = contract.nested[step]
    last = steps[-1]
    if last not in contract.fields and last not in contract.nested and last not in ("id", "note", _FILES, "custom"):
        raise key_not_present()


def _number(options: Mapping[str, str], name: str) -> int | None:
    text = options.get(name)
    if text is None:
        return None
    if not text.isdecimal():
        raise bad_request(f"The value '{text}' of {name} is not a number.")
    return int(text)
