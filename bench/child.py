"""`python -m bench.child CONNECTION FLOW`: a run in a process of its own, its memory watched."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from typing import Any, Final

import psutil
import uvloop

from bench.stage import run_flows
from ml_connector.engine.process import Process
from ml_connector.records.flow import Flow
from ml_connector.store.settings import Settings

EVERY: Final = 0.1


def main() -> None:
    """Prints the run, its seconds and the resident megabytes while it went on."""
    name, flow = sys.argv[1:]
    memory: list[float] = []
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(memory, done), daemon=True)
    watcher.start()
    told = uvloop.run(_run(name, Flow(flow)))
    done.set()
    watcher.join()
    print(json.dumps(told | {"memory": memory}))


async def _run(name: str, flow: Flow) -> dict[str, Any]:
    process = await Process.open(Settings())
    try:
        await process.database.fetch("SELECT 1")
        started = time.perf_counter()
        (run,) = await run_flows(process, name, [flow])
        seconds = time.perf_counter() - started
    finally:
        await process.close()
    return {"seconds": seconds, "outcome": run["outcome"], "counts": run["counts"], "error": run["error"]}


def _watch(memory: list[float], done: threading.Event) -> None:
    process = psutil.Process()
    while not done.wait(EVERY):
        memory.append(process.memory_info().rss / 2**20)


async def run_child(name: str, flow: Flow) -> dict[str, Any]:
    """Runs this module for a connection and a flow; what it printed."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.child", name, str(flow), stdout=asyncio.subprocess.PIPE
    )
    told, _ = await child.communicate()
    assert child.returncode == 0, told
    return json.loads(told)


if __name__ == "__main__":
    main()
