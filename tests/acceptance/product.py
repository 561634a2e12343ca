"""The product as a person has it: its command, a home, and a configuration file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from acceptance.command_line import command_line
from acceptance.simulated import Simulated
from simulation.ledgers import SECRETS
from simulation.systems import free_port, until

COMMAND = Path(sys.executable).with_name("ml-connector")


@dataclass(frozen=True, slots=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which is JSON and nothing else."""
        return json.loads(self.out, parse_float=Decimal)

    @property
    def lines(self) -> list[Any]:
        """Standard output, which is one JSON object a line."""
        return [json.loads(line, parse_float=Decimal) for line in self.out.splitlines()]

    def flow(self, name: str) -> Any:
        """The line of one flow of `run --json`."""
        (line,) = [each for each in self.lines if each["flow"] == name]
        return line

    def __str__(self) -> str:
        return f"exit code {self.code}\n{self.out[-3000:]}\n{self.err[-3000:]}"


@dataclass
class Product:
    """One home, on the embedded PostgreSQL or one given by its address."""

    home: Path
    database_url: str | None = None
    extra: dict[str, str] = field(default_factory=dict)
    starts_anew: bool = False
    """True: each command line is the installed command's own start, as in a shell; else one forked off."""

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ML_CONNECTOR_")}
        own = {"ML_CONNECTOR_HOME": str(self.home), **SECRETS, **self.extra}
        if self.database_url is not None:
            own["ML_CONNECTOR_DATABASE_URL"] = self.database_url
        return kept | own

    def run(self, *words: str, env: Mapping[str, str] | None = None) -> Said:
        """Carries out one command line."""
        environment = self.environment | dict(env or {})
        if self.starts_anew:
            done = subprocess.run(
                [str(COMMAND), *words], env=environment, capture_output=True, text=True, timeout=120, check=False,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
            said = Said(done.returncode, done.stdout, done.stderr)
        else:
            said = Said(*command_line().run(words, environment, seconds=120))
        assert "Traceback" not in said.err, said.err
        return said

    def well(self, *words: str) -> Said:
        """Carries out one that must go well."""
        said = self.run(*words)
        assert said.code == 0, f"{' '.join(words)}: {said}"
        return said

    def apply(self, text: str, *words: str) -> Said:
        """Applies a configuration."""
        file = self.home.parent / f"{self.home.name}.yaml"
        file.write_text(text, encoding="utf-8")
        return self.run("apply", str(file), *words)

    @contextmanager
    def serving(self, *, port: int | None = None) -> Generator[Serving]:
        """`serve` in a process of its own, ended by SIGTERM unless the test ends it."""
        chosen = port or free_port()
        address = f"http://127.0.0.1:{chosen}"
        log = self.home.parent / f"{self.home.name}-serve.log"
        with log.open("wb") as output:
            child = subprocess.Popen(
                [str(COMMAND), "serve", "--port", str(chosen)], stdout=output, stderr=output,
                env=self.environment | {"ML_CONNECTOR_PUBLIC_URL": address}, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        serving = Serving(address, child, log)
        try:
            until(lambda: serving.ready or child.poll() is not None, "the service answers")
            assert child.poll() is None, serving.told()
            yield serving
        finally:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
                child.wait(20)


@dataclass
class Serving:
    """A running service."""

    address: str
    child: subprocess.Popen[bytes]
    log: Path

    @property
    def ready(self) -> bool:
        return f"Serving on {self.address}" in self.told()

    def told(self) -> str:
        """What it printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def end(self) -> int:
        """Tells it to stop, and waits; the exit code."""
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(20)


def connections(systems: Simulated, codes: Iterable[str], **changes: str) -> str:
    """A configuration file that joins each company: connection `acme-CODE`. Changes are of erp settings."""
    return "connections:\n" + "".join(connection(systems, code, **changes) for code in codes)


def connection(
    systems: Simulated, code: str, *, name: str = "", basware_secret: str = "${env:BASWARE_SECRET}", **changes: str
) -> str:
    """One connection of the file."""
    return systems.kind.connection(
        name or f"acme-{code}", code, basware=systems.basware, address=systems.ledger, basware_secret=basware_secret,
        changes=changes,
    )  # fmt: skip


def query(url: str, sql: str, *values: Any) -> list[dict[str, Any]]:
    """What a statement answers, past the product."""
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as database:
        found = database.execute(sql, values)  # pyright: ignore[reportArgumentType]
        return found.fetchall() if found.description else []
