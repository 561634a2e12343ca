"""The control pages of the simulated Visma.net, see `sandbox.control`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml_connector.sandbox.control import Action, ControlPages, View, filled, set_switches, switches_of
from ml_connector.sandbox.visma_net import document_hooks, master_hooks
from ml_connector.sandbox.visma_net.books import Books, company_id
from ml_connector.sandbox.visma_net.errors import Refusal
from ml_connector.sandbox.visma_net.identity import SCOPES, tenant_of
from ml_connector.sandbox.visma_net.resources import RESOURCES
from ml_connector.sandbox.visma_net.service import Meanwhile

if TYPE_CHECKING:
    from ml_connector.sandbox.visma_net.app import VismaNet

PAGES = {
    "POST /_sandbox/limits": "{limit?, old_limit?, window_seconds?, html?, remaining?, company?, old?}: calls a "
    "window; `remaining` leaves that many in the one that runs",
    "POST /_sandbox/page-size": "{resource?, size}: the largest page of a resource, or of all; 0 for the usual",
    "POST /_sandbox/tokens": "{expire?: true, company?, seconds?, wrong_secret?: 400 | 401, envelope_on_401?}",
    "POST /_sandbox/customer-tenant": "{tenant?}: adds a tenant whose tokens every call refuses; tells them",
    "POST /_sandbox/scopes": "{granted?: [read, create, update, delete], drops?, company?, approved?}: what the "
    "application may ask for, and whether a company has approved it",
    "POST /_sandbox/during-paging": "{resource, after_page?, action, body}: another page's action, once that page "
    "of a list went out",
    "POST /_sandbox/webhook": "{url?, key?, company?, clear?, duplicate?, wrong_signature?, array?, reorder?, lost?, "
    "retries?, retry_seconds?}",
    "GET /_sandbox/webhook": "where notifications go, and what became of each",
    "GET /_sandbox/feedback": "what was said by webhooknotificationfeedback",
    "POST /_sandbox/habits": "{digits?, empty_lists?, hours_ahead?, background_seconds?}: stamps' fractions, empty "
    "bodies for empty lists, the servers' zone, how long background work takes",
    "POST /_sandbox/preferences": "{company?, payment_touches_invoice?, receipt_touches_order?, notes_after_release?, "
    "validate_totals?}",
}
_MANNERS = frozenset({"duplicate", "wrong_signature", "array", "reorder", "lost", "retries", "retry_seconds"})
_PREFERENCES = frozenset({"payment_touches_invoice", "receipt_touches_order", "notes_after_release", "validate_totals"})
_LIMITS = frozenset({"limit", "old_limit", "window_seconds", "html"})


@dataclass(frozen=True, slots=True)
class Hooks(ControlPages[Books]):
    """The control pages of one simulated Visma.net."""

    system: VismaNet

    ID = "visma-net"
    ABOUT = "A simulated Visma.net. Nothing here is real."
    REFUSALS = (Refusal,)

    def pages(self) -> Mapping[str, str]:
        return {**PAGES, **master_hooks.PAGES, **document_hooks.PAGES}

    def every(self) -> Mapping[str, Books]:
        return self.system.books

    def key(self, code: str) -> str:
        return company_id(code)

    def views(self) -> Mapping[str, View]:
        return {
            "bills": lambda asked: document_hooks.bills(self.chosen(asked), lines=asked.get("lines") == "true"),
            "webhook": lambda _: self._webhooks(),
            "feedback": lambda _: {"feedback": self.system.service.feedback},
        }

    def actions(self) -> Mapping[str, Action]:
        in_books = {**master_hooks.ACTIONS, **document_hooks.ACTIONS}
        return {
            **{name: self.in_books(change) for name, change in in_books.items()},
            "limits": self._limits,
            "page-size": self._page_size,
            "tokens": self._tokens,
            "customer-tenant": self._customer_tenant,
            "scopes": self._scopes,
            "during-paging": self._during_paging,
            "webhook": self._webhook,
            "habits": self._habits,
            "preferences": self._preferences,
        }

    def state_of(self, books: Books) -> Mapping[str, Any]:
        return {
            "company_id": books.key,
            "tenant_id": books.tenant,
            "preferences": switches_of(books.preferences),
            **filled(books.tables),
        }

    def state(self) -> Mapping[str, Any]:
        connect = self.system.connect
        return {
            "tokens": connect.issued,
            "customer_tenants": sorted(connect.customers),
            "notifications": len(self.system.webhooks.deliveries),
        }

    def _limits(self, asked: dict[str, Any]) -> Any:
        limits = self.system.limits
        told = set_switches(limits, asked, _LIMITS)
        if "remaining" in asked:
            for books in self.chosen(asked):
                limits.use_up(books.tenant, remaining=int(asked["remaining"]), old=bool(asked.get("old")))
        elif told.keys() & asked.keys():
            limits.forget()
        return told

    def _page_size(self, asked: dict[str, Any]) -> Any:
        habits, size = self.system.service.habits, int(asked["size"])
        names = [str(asked["resource"]).lower()] if "resource" in asked else [name for _, name in RESOURCES]
        for name in names:
            habits.page_max.pop(name, None)
            if size:
                habits.page_max[name] = size
        return {"page_max": habits.page_max}

    def _tokens(self, asked: dict[str, Any]) -> Any:
        connect = self.system.connect
        connect.seconds = int(asked.get("seconds", connect.seconds))
        connect.wrong_secret = int(asked.get("wrong_secret", connect.wrong_secret))
        self.system.envelope_on_401 = bool(asked.get("envelope_on_401", self.system.envelope_on_401))
        tenant = tenant_of(str(asked["company"])) if "company" in asked else None
        expired = connect.expire(tenant) if asked.get("expire") else 0
        return {"seconds": connect.seconds, "issued": connect.issued, "expired": expired}

    def _customer_tenant(self, asked: dict[str, Any]) -> Any:
        connect = self.system.connect
        if "tenant" in asked:
            connect.customers.add(str(asked["tenant"]).lower())
        return {"tenants": sorted(connect.customers)}

    def _scopes(self, asked: dict[str, Any]) -> Any:
        connect = self.system.connect
        if "granted" in asked:
            wanted = {str(each).rpartition(":")[2] for each in asked["granted"]}
            connect.registered = frozenset(each for each in SCOPES if each.rpartition(":")[2] in wanted)
        connect.drops_scopes = bool(asked.get("drops", connect.drops_scopes))
        if "approved" in asked:
            for books in self.chosen(asked):
                (connect.tenants.add if asked["approved"] else connect.tenants.discard)(books.tenant)
        return {"granted": sorted(connect.registered), "drops": connect.drops_scopes, "approved": len(connect.tenants)}

    def _during_paging(self, asked: dict[str, Any]) -> Any:
        action = self.actions()[str(asked["action"])]
        body = dict(asked.get("body", {}))
        planned = Meanwhile(str(asked["resource"]).lower(), int(asked.get("after_page", 1)), lambda: action(body))
        self.system.service.meanwhile.append(planned)
        return {"planned": len(self.system.service.meanwhile)}

    def _webhook(self, asked: dict[str, Any]) -> Any:
        webhooks = self.system.webhooks
        if asked.get("clear"):
            webhooks.forget()
        set_switches(webhooks.manners, asked, _MANNERS)
        if "url" in asked:
            tenant = tenant_of(str(asked["company"])) if "company" in asked else None
            webhooks.subscribe(str(asked["url"]), str(asked["key"]), tenant)
        return self._webhooks()

    def _webhooks(self) -> Any:
        webhooks = self.system.webhooks
        return {
            "subscriptions": [{"url": each.url, "tenant": each.tenant} for each in webhooks.subscriptions],
            "manners": switches_of(webhooks.manners),
            "deliveries": webhooks.deliveries,
        }

    def _habits(self, asked: dict[str, Any]) -> Any:
        service, store = self.system.service, self.system.store
        service.habits.digits = int(asked.get("digits", service.habits.digits))
        service.habits.empty_lists = bool(asked.get("empty_lists", service.habits.empty_lists))
        store.hours_ahead = int(asked.get("hours_ahead", store.hours_ahead))
        service.background.seconds = float(asked.get("background_seconds", service.background.seconds))
        return {
            "digits": service.habits.digits,
            "empty_lists": service.habits.empty_lists,
            "hours_ahead": store.hours_ahead,
            "background_seconds": service.background.seconds,
        }

    def _preferences(self, asked: dict[str, Any]) -> Any:
        told = [set_switches(books.preferences, asked, _PREFERENCES) for books in self.chosen(asked)]
        return told[0] if told else {}
