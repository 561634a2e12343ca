"""Measures, prints and writes the README."""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys
import time
from typing import Final

import structlog

from bench.report import Report, write_readme

NAMES: Final = (
    "transfer", "transfer-sap", "transfer-acumatica", "transfer-epicor", "supply-visma", "vendors",
    "unchanged", "webhooks", "idle", "start",
)  # fmt: skip


def main() -> int:
    """Measures what is named, or all."""
    names = sys.argv[1:] or list(NAMES)
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        print(f"There is no {', '.join(unknown)}; there are {', '.join(NAMES)}.", file=sys.stderr)
        return 2
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    met = True
    for name in names:
        started = time.monotonic()
        report = measured(name)
        print(f"## {report.markdown()}\n\n({time.monotonic() - started:.0f} s)\n", flush=True)
        write_readme([report])
        met = met and all(figure.met is not False for figure in report.figures)
    return 0 if met else 1


def measured(name: str) -> Report:
    """One measurement, in an event loop of its own."""
    measure = importlib.import_module(f"bench.{name.replace('-', '_')}").measure
    if sys.platform == "win32":
        return asyncio.run(measure())
    import uvloop

    return uvloop.run(measure())


if __name__ == "__main__":
    sys.exit(main())
