"""The API answers as its description says, whatever is asked of it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


async def test_the_api_answers_as_it_is_described(served):
    described = await served.call("GET", "/api/v1/openapi.json")
    assert described.status == 200
    document = json.loads(described.text)
    headers = {"Authorization": f"Bearer {served.operator}"}
    count = await asyncio.to_thread(_try_all, document, served.address, headers)
    assert count == sum(len(path) for path in document["paths"].values()) > 12


def _try_all(document: dict[str, Any], address: str, headers: dict[str, str]) -> int:
    schema = schemathesis.openapi.from_dict(document)
    count = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        count += 1

        @given(case=operation.as_strategy())
        @settings(
            max_examples=15, deadline=None, database=None, derandomize=True, phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        def answers(case: Any) -> None:
            case.call_and_validate(base_url=address, headers=headers, checks=CHECKS, timeout=20)

        answers()
    return count
