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

from acceptance.simulated import Simulated, free_port, until
from ml_connector.sandbox.business_central import ACME_ID
from ml_connector.sandbox.business_central.books import company_id

COMMAND = Path(sys.executable).with_name("ml-connector")
TENANT = "11111111-2222-3333-4444-555555555555"
SECRETS = {"BASWARE_SECRET": "basware-secret", "BC_SECRET": "bc-secret", "WEBHOOK_TOKEN": "webhook-token-123456"}


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

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ML_CONNECTOR_")}
        own = {"ML_CONNECTOR_HOME": str(self.home), **SECRETS, **self.extra}
        if self.database_url is not None:
            own["ML_CONNECTOR_DATABASE_URL"] = self.database_url
        return kept | own

    def run(self, *words: str, env: Mapping[str, str] | None = None) -> Said:
        """Carries out one command line."""
        done = subprocess.run(
            [str(COMMAND), *words], env=self.environment | dict(env or {}), capture_output=True, text=True,
            timeout=120, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return Said(done.returncode, done.stdout, done.stderr)

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
    erp = {
        "system": "business-central",
        "tenant_id": TENANT,
        "environment": "Production",
        "company_id": ACME_ID if code == "1000" else company_id(code),
        "client_id": "22222222-3333-4444-5555-666666666666",
        "client_secret": "${env:BC_SECRET}",
        "base_url": systems.ledger,
        "token_url": f"{systems.ledger}/{{tenant}}/oauth2/v2.0/token",
        **changes,
    }
    settings = "".join(f'      {key}: "{value}"\n' for key, value in erp.items() if value)
    return f"""
  {name or f"acme-{code}"}:
    company: "{code}"
    basware:
      base_url: {systems.basware}
      client_id: acme
      client_secret: {basware_secret}
      webhook_token: ${{env:WEBHOOK_TOKEN}}
    erp:
{settings}    mapping:
      dimensions:
        - {{basware: costCenterCode, list: costCenters, erp: DEPARTMENT}}
        - {{basware: projectCode, list: projects, erp: PROJECT}}
        - {{basware: dimCode1, list: ACC_LIST_1, erp: AREA}}
        - {{basware: dimCode2, list: ACC_LIST_2, erp: CAMPAIGN}}
      tax_codes: {{T24: VAT24, T14: VAT14, T10: VAT10, T0: VAT0}}
      tolerance: {{EUR: "0.02"}}
"""


def query(url: str, sql: str, *values: Any) -> list[dict[str, Any]]:
    """What a statement answers, past the product."""
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as database:
        found = database.execute(sql, values)  # pyright: ignore[reportArgumentType]
        return found.fetchall() if found.description else []
