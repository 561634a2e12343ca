"""Commands that stay: serve, work, sandbox."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING

from ml_connector.cli.output import Output
from ml_connector.cli.shell import FAILED, OK, Unlucky, fail, with_process

if TYPE_CHECKING:
    from ml_connector.engine.process import Process


def serve(*, host: str = "127.0.0.1", port: int = 8080) -> int:
    """Status page, REST API, webhooks, scheduler and workers, until it is told to stop.

    Parameters
    ----------
    host
        The address to listen on; 0.0.0.0 for all.
    port
        0 lets the system choose.
    """
    output = Output()

    async def work(process: Process) -> int:
        stop = stop_on_signals()
        await serve_process(process, output, stop, host=host, port=port)
        return OK

    return with_process(output, work, json_logs=True)


async def serve_process(
    process: Process, output: Output, stop: asyncio.Event, *, host: str, port: int, ready: asyncio.Event | None = None
) -> None:
    """Serves and works until `stop` is set. Raises `Unlucky` where the port cannot be had."""
    from ml_connector.web.server import PortTaken, Server

    try:
        server = Server(process, host=host, port=port)
    except PortTaken as taken:
        raise Unlucky(str(taken)) from None

    def tell() -> None:
        output.text(f"Serving on {server.address}")
        if ready is not None:
            ready.set()

    await server.run(stop, tell)


def work() -> int:
    """One more worker on the same PostgreSQL, until it is told to stop."""
    output = Output()

    async def whole(process: Process) -> int:
        stop = stop_on_signals()
        output.text("Working.")
        await process.run_workers(stop)
        return OK

    return with_process(output, whole, json_logs=True)


def stop_on_signals() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set. A second signal ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def told(number: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, told, number)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda _number, _frame: loop.call_soon_threadsafe(stop.set))
    return stop


def sandbox(*, port_base: int = 9100, host: str = "127.0.0.1", empty: bool = False) -> int:
    """The simulated systems, for trying things out: each on a port of its own from the port base on.

    Parameters
    ----------
    port_base
        The first port.
    host
        The address to listen on.
    empty
        The company without invoices.
    """
    from ml_connector.sandbox.server import run

    try:
        run(port_base=port_base, host=host, seeded=not empty)
    except OSError as error:
        return fail(
            Output(),
            f"The sandbox cannot listen on {host} from port {port_base} on: {error.strerror or error}. "
            "Choose others with --port-base.",
            code=FAILED,
        )
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
    return OK
