"""The simulated systems for a whole module, and databases that outlive a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

pytest.register_assert_rewrite("acceptance.product", "acceptance.simulated")

from acceptance.simulated import Simulated  # noqa: E402 - its assertions are to be rewritten

_NUMBERS = count(1)


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulated]:
    """Basware and Business Central, simulated."""
    started = Simulated(tmp_path_factory.mktemp("systems") / "log")
    yield started
    started.close()


@pytest.fixture(scope="module")
def new_database(postgres: str) -> Callable[[], str]:
    """Makes an empty database and gives its address; it goes with the server."""

    def make() -> str:
        name = f"acceptance_{next(_NUMBERS)}"
        with psycopg.connect(postgres, autocommit=True) as admin:
            admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        return make_url(postgres).set(database=name).render_as_string(hide_password=False)

    return make
