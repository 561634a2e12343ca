"""The ways of Visma.net's invoices into Basware against the suite of all ways in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import ClassVar

import pytest

from conformance.source_basware import (
    NETWORK_WRITES,
    SMARTPDF_WRITES,
    NetworkBench,
    SmartPdfBench,
    bench_of,
)
from conformance.source_entering import EnteringConformance
from conformance.source_inbound_bench import EnteringWrite


class TestNetwork(EnteringConformance):
    """Structured data and files."""

    writes: ClassVar[tuple[EnteringWrite, ...]] = NETWORK_WRITES

    @pytest.fixture
    async def bench(self) -> AsyncIterator[NetworkBench]:
        async with bench_of(NetworkBench) as made:
            assert isinstance(made, NetworkBench)
            yield made


class TestSmartPdf(EnteringConformance):
    """The PDF alone."""

    writes: ClassVar[tuple[EnteringWrite, ...]] = SMARTPDF_WRITES

    @pytest.fixture
    async def bench(self) -> AsyncIterator[SmartPdfBench]:
        async with bench_of(SmartPdfBench) as made:
            assert isinstance(made, SmartPdfBench)
            yield made
