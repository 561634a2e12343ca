"""The control pages: what people, other software and administrators do to a real instance, for tests and demos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from ml_connector.sandbox.acumatica import document_hooks, masters
from ml_connector.sandbox.acumatica.books import Books, tenant_of
from ml_connector.sandbox.acumatica.errors import Invalid, Refusal
from ml_connector.sandbox.acumatica.schema import ENTITIES, VERSIONS
from ml_connector.sandbox.acumatica.seed import set_periods
from ml_connector.sandbox.control import Action, ControlPages, View, filled, set_switches, switches_of

if TYPE_CHECKING:
    from ml_connector.sandbox.acumatica.app import Acumatica

PAGES = {
    "GET /_sandbox/state": "counts, switches, seats and tokens",
    "POST /_sandbox/companies": "{codes, vendors?, invoices?, orders?}: founds further tenants",
    "POST /_sandbox/vendors": "{company, number, name?, ...fields of Vendor, delete?}",
    "POST /_sandbox/accounts": "{company, number, name?, ...fields of Account, delete?}",
    "POST /_sandbox/dimension-values": "{company, dimension: Subaccount | Project | ProjectTask, code, name?, active?, "
    "delete?}",
    "POST /_sandbox/records": "{company, entity, key, ...fields, delete?}: any other master data",
    "POST /_sandbox/rates": "{company, currency, rate, from?} or {company, currency, delete}",
    "POST /_sandbox/period": "{company, from, to}: the months that may be posted to",
    "POST /_sandbox/preferences": "{company?, hold_on_entry?, validate_totals?, require_vendor_ref?, duplicates?, "
    "duplicate_status?: 500 | 422, payment_label?: Payment | Check, payments_touch_bills?, saves_silently?, "
    "time_zone?}",
    "POST /_sandbox/duplicates": "{company?, enabled, status?: 500 | 422}",
    "POST /_sandbox/features": "{company?, subaccounts?, projects?}",
    "POST /_sandbox/rights": "{company?, entity, allowed}: the form of an entity",
    "POST /_sandbox/seats": "{limit?, plain_text?, free?}: API users at a time; `free` signs everybody out",
    "POST /_sandbox/limits": "{per_minute?, concurrent?, queue?, query?, plain_text?}: 0 for none",
    "POST /_sandbox/optimizer": "{entity, field, fails}: a computed view; {silent_orders?, split_views?}",
    "POST /_sandbox/actions": "{polls?, seconds?, immediate?, location?, slow?}: how actions answer",
    "POST /_sandbox/expire-tokens": "{refresh?, seconds?}: ends access tokens, and refresh tokens too; seconds of new",
    "POST /_sandbox/lock": "{locked}: the API user's account",
    "POST /_sandbox/versions": "{versions?, custom?, bare_list?}: of Default; Name/Version of the endpoint with terms",
}
_PREFERENCES = frozenset(
    {
        "hold_on_entry",
        "validate_totals",
        "require_vendor_ref",
        "duplicates",
        "duplicate_status",
        "payment_label",
        "payments_touch_bills",
        "saves_silently",
        "time_zone",
    }
)
_FEATURES = frozenset({"subaccounts", "projects"})
_LIMITS = frozenset({"per_minute", "concurrent", "queue", "query", "plain_text"})
_VERSIONS = frozenset({"versions", "custom", "bare_list"})
_ACTIONS = frozenset({"polls", "seconds", "immediate", "location", "slow"})


@dataclass(frozen=True, slots=True)
class Hooks(ControlPages[Books]):
    """The control pages of one simulated instance."""

    system: Acumatica

    ID = "acumatica"
    ABOUT = "A simulated Acumatica. Nothing here is real."
    REFUSALS = (Refusal, Invalid)

    def pages(self) -> Mapping[str, str]:
        return {**PAGES, **document_hooks.PAGES}

    def every(self) -> Mapping[str, Books]:
        return self.system.books

    def key(self, code: str) -> str:
        return tenant_of(code)

    def views(self) -> Mapping[str, View]:
        return {"bills": self._bills}

    def actions(self) -> Mapping[str, Action]:
        return {
            **{name: self.in_books(change) for name, change in document_hooks.ACTIONS.items()},
            "vendors": self.in_books(masters.change_vendor),
            "accounts": self.in_books(masters.change_account),
            "dimension-values": self.in_books(masters.change_value),
            "records": self.in_books(masters.change_record),
            "rates": self.in_books(masters.change_rate),
            "period": self._period,
            "preferences": lambda asked: self._switch(asked, _PREFERENCES),
            "duplicates": self._duplicates,
            "features": lambda asked: self._switch(asked, _FEATURES),
            "rights": self._rights,
            "seats": self._seats,
            "limits": lambda asked: set_switches(self.system.gate, asked, _LIMITS),
            "optimizer": self._optimizer,
            "actions": lambda asked: set_switches(self.system.operations, asked, _ACTIONS),
            "expire-tokens": self._expire,
            "lock": self._lock,
            "versions": lambda asked: set_switches(self.system.offer, asked, _VERSIONS),
        }

    def state_of(self, books: Books) -> Mapping[str, Any]:
        return {"tenant": books.tenant, "switches": switches_of(books.switches), **filled(books.tables)}

    def state(self) -> Mapping[str, Any]:
        system = self.system
        system.seats.sweep()
        return {
            "sessions": len(system.seats.open),
            "opened": system.seats.opened,
            "tokens": system.identity.granted,
            "locked": system.identity.locked,
            "delayed": system.gate.delayed,
            "declined": system.gate.declined,
        }

    def _bills(self, asked: Mapping[str, str]) -> Any:
        return document_hooks.bills(self.chosen(asked), rows=asked.get("rows") == "true")

    def _period(self, asked: dict[str, Any]) -> Any:
        books = self.books(asked)
        starts = [row["StartDate"] for row in books.periods.values() if row["Status"] == "Open"]
        ends = [row["EndDate"] for row in books.periods.values() if row["Status"] == "Open"]
        first = date.fromisoformat(asked["from"]) if "from" in asked else min(starts)
        last = date.fromisoformat(asked["to"]) if "to" in asked else max(ends)
        set_periods(books, first, last)
        return {"open": sorted(name for name, row in books.periods.items() if row["Status"] == "Open")}

    def _switch(self, asked: dict[str, Any], names: frozenset[str]) -> Any:
        if "time_zone" in asked:
            ZoneInfo(asked["time_zone"])
        answers = [set_switches(books.switches, asked, names) for books in self.chosen(asked)]
        return answers[0]

    def _duplicates(self, asked: dict[str, Any]) -> Any:
        values = {"duplicates": bool(asked["enabled"]), "duplicate_status": int(asked.get("status", 500))}
        return self._switch({**asked, **values}, frozenset(values))

    def _rights(self, asked: dict[str, Any]) -> Any:
        entity = str(asked["entity"])
        if entity not in ENTITIES:
            message = f"There is no entity {entity} here."
            raise LookupError(message)
        for books in self.chosen(asked):
            (books.no_rights.discard if asked["allowed"] else books.no_rights.add)(entity)
        return {"entity": entity, "allowed": bool(asked["allowed"])}

    def _seats(self, asked: dict[str, Any]) -> Any:
        seats = self.system.seats
        if asked.get("free"):
            seats.open.clear()
        answer = set_switches(seats, asked, frozenset({"limit", "plain_text"}))
        seats.sweep()
        return answer | {"open": len(seats.open), "opened": seats.opened}

    def _optimizer(self, asked: dict[str, Any]) -> Any:
        optimizer = self.system.service.optimizer
        if "entity" in asked:
            contract = ENTITIES[asked["entity"]].contract(VERSIONS[-1])
            name = str(asked["field"])
            if name not in contract.fields and name not in contract.nested:
                message = f"{asked['entity']} has no field {name}."
                raise LookupError(message)
            names = optimizer.delegates.setdefault(asked["entity"], set())
            (names.add if asked["fails"] else names.discard)(name)
        set_switches(optimizer, asked, frozenset({"silent_orders", "split_views"}))
        return {"delegates": {name: sorted(fields) for name, fields in optimizer.delegates.items()}}

    def _expire(self, asked: dict[str, Any]) -> Any:
        identity = self.system.identity
        if "seconds" in asked:
            identity.token_seconds = int(asked["seconds"])
        if asked.get("refresh"):
            identity.refreshing.clear()
        return {"expired": identity.expire(), "seconds": identity.token_seconds}

    def _lock(self, asked: dict[str, Any]) -> Any:
        self.system.identity.locked, self.system.identity.wrong = bool(asked["locked"]), 0
        return {"locked": self.system.identity.locked}
