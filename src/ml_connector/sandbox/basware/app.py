"""The simulated Basware put together: what is served where, and by which scope it is guarded."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence

from aiohttp import web

from ml_connector.sandbox.basware.arrivals import Arrivals
from ml_connector.sandbox.basware.batches import Batches
from ml_connector.sandbox.basware.clean_up import CleanUp, Clearable
from ml_connector.sandbox.basware.control import Control
from ml_connector.sandbox.basware.document_pages import DocumentPages
from ml_connector.sandbox.basware.documents import Documents
from ml_connector.sandbox.basware.errors import Refused
from ml_connector.sandbox.basware.files import Files
from ml_connector.sandbox.basware.imports import Imports
from ml_connector.sandbox.basware.network import Network
from ml_connector.sandbox.basware.notifications import Notifier
from ml_connector.sandbox.basware.parts import Parts
from ml_connector.sandbox.basware.request_status import Feedback, RequestStatus
from ml_connector.sandbox.basware.resources import LISTS, SINGLE, Resource
from ml_connector.sandbox.basware.smartpdf import SmartPdf
from ml_connector.sandbox.basware.subscriptions import SubscriptionPages
from ml_connector.sandbox.basware.target import Target
from ml_connector.sandbox.basware.tokens import Tokens
from ml_connector.sandbox.basware.wire import REQUEST_ID, Fields, answer
from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.switchboard import Switchboard
from ml_connector.sandbox.trade import TradingCompany

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_MOST_BYTES = 256 * 1024 * 1024
"""Control pages take large sets; the API's own limit is kept in `imports`."""


class Basware:
    """Basware P2P as a connector sees it, with companies whose approved invoices wait for transfer.

    `file_origin` is where the second application will be reached: list and document reads redirect there.
    `import_delay` is how many seconds P2P takes to process an import, `notify_delay` how long a notification waits.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        companies: Sequence[TradingCompany],
        file_origin: str,
        token_seconds: int = 3600,
        import_delay: float = 2.0,
        notify_delay: float = 0.0,
    ) -> None:
        self.switchboard = Switchboard()
        notifier = Notifier(clock, notify_delay)
        imports = Imports(clock)
        target = Target(imports.newest_version)
        batches = Batches(clock, import_delay, apply=target.apply, announce=notifier.announce)
        imports.batches = batches
        tokens, documents = Tokens(clock, token_seconds), Documents(clock, notifier.announce)
        arrivals = Arrivals(clock, documents, self._unknown_in)
        self._parts = Parts(
            clock=clock,
            tokens=tokens,
            notifier=notifier,
            documents=documents,
            imports=imports,
            target=target,
            batches=batches,
            files=Files(clock, file_origin),
            clean_up=CleanUp(lambda: batches.delay),
            arrivals=arrivals,
            network=Network(clock, arrivals),
            smart_pdf=SmartPdf(clock, tokens, arrivals, file_origin),
            switchboard=self.switchboard,
        )
        self._control = Control(self._parts, companies)
        self._control.reset()

    def _unknown_in(self, company: str, document: Fields) -> Iterator[str]:
        """What a document names that the company does not have."""
        self._parts.batches.settle()
        supplier = document.get("supplierCode", "")
        if supplier and not self._parts.target.knows_supplier(company, supplier):
            yield f"supplier {supplier}"
        for number in document.get("orderNumbers", []):
            if not self._parts.target.knows_order(company, number):
                yield f"order {number}"

    def applications(self) -> list[web.Application]:
        """The API and, for the next port, what its redirects lead to."""
        return [self._api(), self._file_store()]

    def _api(self) -> web.Application:
        app = web.Application(client_max_size=_MOST_BYTES, middlewares=[_numbered])
        self.switchboard.install(app)
        app.middlewares.append(_refusals)
        app.middlewares.append(self._arriving)
        parts, router = self._parts, app.router
        router.add_post("/v1/tokens", parts.tokens.issue)
        self._route_documents(router)
        for resource in (*SINGLE, LISTS):
            self._route_imports(router, resource)
        self._route_statuses(router)
        self._route_subscriptions(router)
        self._route_inbound(router)
        self._control.install(router)
        app.on_startup.append(self._start)
        app.on_cleanup.append(self._close)
        return app

    def _file_store(self) -> web.Application:
        app = web.Application(client_max_size=_MOST_BYTES)
        self.switchboard.install(app)
        app.router.add_get("/basware-sandbox/{key}", self._parts.files.read)
        app.router.add_put("/smartpdf-upload/{key}", self._parts.smart_pdf.put)
        return app

    def _route_documents(self, router: web.UrlDispatcher) -> None:
        parts = self._parts
        guard = parts.tokens.guard
        pages = DocumentPages(parts.clock, parts.documents, parts.files, parts.batches)
        base = "/v1/accountingDocuments"
        one = f"{base}/{{invoiceId}}"
        for path, handler in (
            (base, pages.list_all),
            (f"{base}/status", pages.search_status),
            (one, pages.read),
            (f"{one}/attachments/{{code}}", pages.attachment),
        ):
            router.add_get(path, guard("accountingDocuments.read", handler))
        for name, handler in (
            ("acknowledge", pages.acknowledge),
            ("transferResponses", pages.transfer),
            ("prebookResponses", pages.prebook),
            ("paymentResponses", pages.pay),
            ("enrichmentResponses", pages.enrich),
        ):
            router.add_post(f"{one}/{name}", guard("accountingDocuments.write", handler))

        async def delete(request: web.Request) -> web.StreamResponse:
            groups = list(parts.documents.shelf.groups())
            return await parts.clean_up.delete(request, "accountingDocuments", parts.documents, groups)

        router.add_delete(base, guard("accountingDocuments.delete", delete))

    def _route_imports(self, router: web.UrlDispatcher, resource: Resource) -> None:
        imports, guard = self._parts.imports, self._parts.tokens.guard
        base = f"{resource.path}/{{listKey}}" if resource is LISTS else resource.path
        one = f"{base}/{{externalCode}}"

        def on(verb: Callable[[web.Request, Resource], Awaitable[web.StreamResponse]]) -> Handler:
            return lambda request: verb(request, resource)

        async def delete(request: web.Request) -> web.StreamResponse:
            drawer = imports.drawer_of(request, resource)
            return await self._parts.clean_up.delete(request, drawer.name, drawer, ["*"])

        router.add_get(base, guard(f"{resource.name}.read", on(imports.list_all)))
        router.add_get(one, guard(f"{resource.name}.read", on(imports.read)))
        router.add_post(base, guard(f"{resource.name}.write", on(imports.post)))
        router.add_patch(one, guard(f"{resource.name}.write", on(imports.patch)))
        router.add_delete(base, guard(f"{resource.name}.delete", delete))

    def _route_statuses(self, router: web.UrlDispatcher) -> None:
        parts = self._parts
        guard = parts.tokens.guard
        pages = RequestStatus(parts.clock, parts.batches)
        router.add_get("/v1/requestStatus", guard("requestStatus.read", pages.list_all))
        router.add_get("/v1/requestStatus/{requestId}", guard("requestStatus.read", pages.read))
        router.add_post("/v1/requestStatus/acknowledge", guard("requestStatus.write", pages.acknowledge))
        router.add_get("/v1/taskStatus/{taskId}", guard("taskStatus.read", parts.clean_up.status))
        base = "/v1/errorFeedbacks"
        for path, handler in (
            (base, pages.feedback),
            (f"{base}/{{requestId}}", pages.feedback_of_request),
            (f"{base}/{{entityType}}/{{code}}", pages.feedback_of_record),
        ):
            router.add_get(path, guard("errorFeedbacks.read", handler))

        async def delete(request: web.Request) -> web.StreamResponse:
            feedback: Clearable = Feedback(parts.batches)
            return await parts.clean_up.delete(request, "errorFeedbacks", feedback, ["*"])

        router.add_delete(base, guard("errorFeedbacks.delete", delete))

    def _route_subscriptions(self, router: web.UrlDispatcher) -> None:
        guard = self._parts.tokens.guard
        pages = SubscriptionPages(self._parts.clock, self._parts.notifier)
        router.add_post("/v1/subscriptions", guard("subscriptions.write", pages.create))
        router.add_get("/v1/subscriptions", guard("subscriptions.read", pages.list_all))
        router.add_delete("/v1/subscriptions", guard("subscriptions.delete", pages.delete))
        router.add_get("/v1/tasks", guard("tasks.read", pages.tasks))
        router.add_get("/v1/tasks/{taskId}", guard("tasks.read", pages.task))

    def _route_inbound(self, router: web.UrlDispatcher) -> None:
        network = self._parts.network
        router.add_post("/v2/smartpdf/invoiceUpload", self._parts.smart_pdf.ticket)
        router.add_post("/v1/invoices/{bumId}", network.guard(network.send))
        router.add_get("/v1/invoices/{bumId}", network.guard(network.read))
        router.add_post("/v2/files", network.guard(network.upload))
        router.add_get("/v2/notifications", network.guard(network.mailbox))
        router.add_delete("/v2/notifications/{id}", network.guard(network.remove))

    @web.middleware
    async def _arriving(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._parts.arrivals.settle()
        return await handler(request)

    async def _start(self, _: web.Application) -> None:
        self._parts.notifier.start()

    async def _close(self, _: web.Application) -> None:
        await self._parts.notifier.close()


@web.middleware
async def _numbered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every answer carries a fresh request id, refusals and faults too (dossier 1.5)."""
    request[REQUEST_ID] = str(uuid.uuid4())
    try:
        response = await handler(request)
    except web.HTTPException as refused:
        refused.headers["x-amzn-RequestId"] = request[REQUEST_ID]
        raise
    response.headers["x-amzn-RequestId"] = request[REQUEST_ID]
    return response


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refused:
        content = refused.content(request[REQUEST_ID])
        return web.Response(status=refused.status) if content is None else answer(content, refused.status)
