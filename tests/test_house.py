"""The house rules that no linter knows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import ml_connector

SOURCE = Path(ml_connector.__file__).parent
SHARED = [
    path
    for path in sorted(SOURCE.rglob("*.py"))
    if not re.match(r"(connectors/[a-z_]+/|sandbox/|cli/demo)", path.relative_to(SOURCE).as_posix())
]
"""All but the connectors' own folders, the sandbox, and the demo, which connects the simulated pair."""
LEDGERS = re.compile(
    r"business.?central|dynamics|acumatica|epicor|kinetic|sap.?business|visma|Microsoft\.NAV", re.IGNORECASE
)


@pytest.mark.parametrize("path", SHARED, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_no_ledgers_name_stands_in_shared_code(path: Path) -> None:
    named = [line for line in path.read_text("utf-8").splitlines() if LEDGERS.search(line)]
    assert named == []


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_every_module_says_what_it_is_for(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert ast.get_docstring(tree) or not tree.body, path


def test_amounts_never_pass_through_float() -> None:
    """`float(` stands only where it is for seconds, and in the one function that proves it harmless."""
    seconds = {
        "connectors/http.py", "connectors/basware/auth.py", "connectors/basware/webhook.py",
        "connectors/business_central/auth.py", "connectors/acumatica/session.py",
    }  # fmt: skip
    found = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if re.search(r"\bfloat\((?!\"-?inf)", path.read_text("utf-8")) and "sandbox" not in path.parts
    }
    assert found == seconds | {"records/money.py"}


def test_amounts_are_rounded_in_one_place() -> None:
    found = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if re.search(r"\.quantize\(|ROUND_", path.read_text("utf-8")) and "sandbox" not in path.parts
    }
    assert found == {"records/money.py"}
