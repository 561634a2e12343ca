"""Command lines, carried out as the installed command does it, without importing the whole product for each.

Run as a module it is a process that has imported the product and forks a child for each order: lines of JSON on
standard input, answers on standard output. The child is a process of its own, with the words, the environment and the
streams that a shell would give it, and ends with the command's exit code.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any


class CommandLine:
    """Starts the process that forks; one for all commands of a test run."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="command-line-")
        self._lock = threading.Lock()
        self._count = 0
        self._server = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        atexit.register(self.close)

    def close(self) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(10)
        self._folder.cleanup()

    def run(self, words: Sequence[str], environment: Mapping[str, str], *, seconds: float) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        with self._lock:
            self._count += 1
            out, err = (Path(self._folder.name) / f"{self._count}.{name}" for name in ("out", "err"))
        order = {"words": list(words), "environment": dict(environment), "out": str(out), "err": str(err)}
        pid = int(self._ask(order)["pid"])
        handle = os.pidfd_open(pid)
        try:
            ended = bool(select.select([handle], [], [], seconds)[0])
        finally:
            os.close(handle)
        if not ended:
            os.kill(pid, 9)
        code = int(self._ask({"wait": pid})["status"])
        told = out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8")
        assert ended, f"{' '.join(words)} still ran after {seconds:.0f} s:\n{told[0]}\n{told[1]}"
        return code, *told

    def _ask(self, order: Mapping[str, Any]) -> Any:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        with self._lock:
            self._server.stdin.write(json.dumps(order) + "\n")
            self._server.stdin.flush()
            return json.loads(self._server.stdout.readline())


@cache
def command_line() -> CommandLine:
    """The one of this test process."""
    return CommandLine()


# ------------------------------------------------------------------ the process that forks


def serve() -> None:
    """Answers orders until its input ends."""
    from sqlalchemy import make_url

    from ml_connector.cli import main
    from ml_connector.connectors import registry
    from ml_connector.engine import process
    from ml_connector.operations import documents, replay, runs, status

    del documents, replay, runs, status
    registry.payables()
    registry.erp_ids()
    # What each child would do again at its start.
    make_url("postgresql+psycopg://").get_dialect()
    process.settle_collector()
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            answer = {"status": os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1])}
        else:
            answer = {"pid": _fork(order, main.main)}
        print(json.dumps(answer), flush=True)


def _fork(order: dict[str, Any], main: Any) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        for stream, place in ((1, order["out"]), (2, order["err"])):
            os.dup2(os.open(place, os.O_WRONLY | os.O_CREAT, 0o600), stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ.clear()
        os.environ.update(order["environment"])
        sys.argv = ["ml-connector", *order["words"]]
        main()
        status = 0
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else int(left.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    serve()
