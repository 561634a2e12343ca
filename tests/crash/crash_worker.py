"""Real processes of the product, quickly: imports it once, then forks a child for each order it is given.

Orders are lines of JSON on standard input, answers lines of JSON on standard output:

    {"act": "work" | "settle", "home", "database_url", "log", "connector", ...}  ->  {"pid": n}
    {"wait": n}                                                                      ->  {"status": n}

`work` is what `ml-connector work` does: it serves the queue until SIGTERM. `settle` works one connection until its
runs are finished and nothing of it is under way, which is what `ml-connector run` does.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from ml_connector.connectors import registry
from ml_connector.engine.process import Process, settle_collector
from ml_connector.flows import workplace
from ml_connector.store.settings import Settings

_ACTIVE = "('received', 'checked', 'posting', 'unconfirmed', 'posted')"


def main() -> None:
    registry.payables()
    registry.erp_ids()
    # What each child would do again at its start.
    make_url("postgresql+psycopg://").get_dialect()
    settle_collector()
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            answer = {"status": os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1])}
        else:
            answer = {"pid": _fork(order)}
        print(json.dumps(answer), flush=True)


def _fork(order: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        with Path(order["log"]).open("ab", buffering=0) as log:
            for stream in (1, 2):
                os.dup2(log.fileno(), stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        status = asyncio.run(_act(order))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


async def _act(order: dict[str, Any]) -> int:
    # Waits are shorter here than real systems are given: the tests sit through them many times.
    workplace.FIRST_WAIT = order["first_wait"]
    if order["connector"]:
        _shorten_waits(order)
    settings = Settings(home=order["home"], database_url=order["database_url"], **order.get("settings", {}))
    process = await Process.open(settings, pool_size=order.get("pool_size", 10))
    try:
        await (_work(process) if order["act"] == "work" else _settle(process, order["connection"]))
    finally:
        await process.close()
    return 0


def _shorten_waits(order: dict[str, Any]) -> None:
    connector: Any = importlib.import_module(order["connector"])
    connector.CAPABILITIES = dataclasses.replace(connector.CAPABILITIES, write_settles_after=order["settles_after"])
    if order["patience"]:
        defaults = getattr(connector, order["waiting"]).__init__.__kwdefaults__
        defaults["patience"] = dataclasses.replace(defaults["patience"], **order["patience"])


async def _work(process: Process) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await process.run_workers(stop)


async def _settle(process: Process, connection: str) -> None:
    while True:
        await process.work_now(connection)
        row = await process.database.fetch_one(
            f"""SELECT (SELECT count(*) FROM run WHERE connection_id = :c AND status <> 'finished')
                + (SELECT count(*) FROM document WHERE connection_id = :c AND status IN {_ACTIVE}) AS open""",
            c=connection,
        )
        if row is None or row["open"] == 0:
            return
        await asyncio.sleep(0.05)


if __name__ == "__main__":
    main()
