"""The simulated systems for a whole module, and databases that outlive a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

pytest.register_assert_rewrite(
    "acceptance.product",
    "acceptance.simulated",
    "acceptance.story",
    "acceptance.afterwards",
    "acceptance.supplied",
    "simulation.systems",
)

from acceptance.afterwards import VENDORS, Household, Small  # noqa: E402 - assertions there are to be rewritten
from acceptance.product import Product, connections  # noqa: E402
from acceptance.simulated import Simulated  # noqa: E402

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


@pytest.fixture(scope="module")
def household(
    request: pytest.FixtureRequest,
    systems: Simulated,
    new_database: Callable[[], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Household:
    """All connections applied at once."""
    codes = request.module.CODES
    systems.found(codes, vendors=VENDORS)
    product = Product(tmp_path_factory.mktemp("household") / "home", new_database())
    product.well("init")
    assert product.apply(connections(systems, codes)).code == 0
    return Household(product, systems)


@pytest.fixture(scope="module")
def codes(request: pytest.FixtureRequest) -> Iterator[str]:
    """Those that nobody has used; the module names them."""
    return iter(request.module.CODES)


@pytest.fixture
def small(household: Household, codes: Iterator[str]) -> Iterator[Small]:
    """A company nobody has touched."""
    yield Small(household, next(codes))
    household.systems.mend()
