"""Who may see and do what, and what every answer carries."""

from __future__ import annotations

import base64

import pytest

READS = [
    "/api/v1/status", "/api/v1/connections", "/api/v1/connections/acme-bc/flows", "/api/v1/invoices", "/api/v1/runs",
    "/api/v1/verification", "/metrics",
]  # fmt: skip
WRITES = [
    ("/api/v1/runs", {"connection": "acme-bc", "flows": ["invoices"]}),
    ("/api/v1/replays", {}),
    ("/api/v1/connections/acme-bc/ping", None),
    ("/api/v1/invoices/x/replay", {}),
    ("/api/v1/invoices/x/link", {"bill": "1"}),
    ("/api/v1/invoices/x/reject", {"message": "no"}),
]


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"any:{password}".encode()).decode()}


@pytest.mark.parametrize("path", [*READS, "/"])
async def test_nothing_is_read_without_a_token(served, path):
    for headers in ({}, {"Authorization": "Bearer mlc_" + "A" * 43}, basic("wrong"), {"Authorization": "Basic %%%"}):
        answer = await served.call("GET", path, headers=headers)
        assert answer.status == 401
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert "WWW-Authenticate" in answer.headers


@pytest.mark.parametrize("path", READS)
async def test_a_viewer_reads(served, path):
    assert (await served.call("GET", path, token=served.viewer)).status == 200


@pytest.mark.parametrize(("path", "body"), WRITES)
async def test_a_viewer_changes_nothing(served, path, body):
    answer = await served.call("POST", path, token=served.viewer, json=body)
    assert answer.status == 403
    assert "operator" in answer.json["detail"]


async def test_a_revoked_token_is_worthless_at_once(served):
    await served.process.database.execute("UPDATE api_token SET revoked_at = now() WHERE role = 'viewer'")
    assert (await served.call("GET", "/api/v1/status", token=served.viewer)).status == 401


async def test_the_token_itself_is_not_stored(served):
    rows = await served.process.database.fetch("SELECT * FROM api_token")
    assert served.operator not in str(rows)


async def test_a_browsers_sign_in_opens_the_page_but_not_the_api(served):
    page = await served.call("GET", "/", headers=basic(served.viewer))
    assert page.status == 200
    assert "acme-bc" in page.text
    assert "Simulated" in page.text
    for path in ("/api/v1/status", "/metrics"):
        assert (await served.call("GET", path, headers=basic(served.operator))).status == 401


async def test_the_page_shows_names_as_text(served):
    await served.process.database.execute("UPDATE connection SET company = '<script>alert(1)</script>'")
    page = await served.call("GET", "/", token=served.viewer)
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text


@pytest.mark.parametrize("path", ["/health", "/ready", "/", "/api/v1/status", "/nowhere"])
async def test_every_answer_is_framed(served, path):
    answer = await served.call("GET", path)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Request-Id"]
    assert "server" not in {name.lower() for name in answer.headers}


async def test_a_request_id_is_taken_over_only_where_it_is_harmless(served):
    taken = await served.call("GET", "/health", headers={"X-Request-Id": "abc-123"})
    made = await served.call("GET", "/health", headers={"X-Request-Id": "a b<c>"})
    assert taken.headers["X-Request-Id"] == "abc-123"
    assert made.headers["X-Request-Id"] != "a b<c>"


async def test_health_and_readiness_need_no_token(served):
    assert (await served.call("GET", "/health")).json == {"status": "ok"}
    assert (await served.call("GET", "/ready")).json == {"status": "ready"}


async def test_it_is_not_ready_while_the_schema_is_not_there(served):
    await served.process.database.execute("ALTER TABLE alembic_version RENAME TO elsewhere")
    assert (await served.call("GET", "/ready")).status == 503
    assert (await served.call("GET", "/health")).status == 200
    await served.process.database.execute("ALTER TABLE elsewhere RENAME TO alembic_version")


async def test_a_fault_of_ours_is_a_plain_500_that_names_the_log_line(served):
    await served.process.database.execute("DROP TABLE circuit")
    answer = await served.call("GET", "/api/v1/status", token=served.viewer)
    assert answer.status in (500, 503)
    assert "circuit" not in answer.text


async def test_figures_tell_what_is_there(served):
    text = (await served.call("GET", "/metrics", token=served.viewer)).text
    for name in (
        "ml_connector_connections 1.0", "ml_connector_schedule_lag_seconds", "ml_connector_http_calls_total",
        "ml_connector_processes", "ml_connector_notifications_waiting 0.0",
    ):  # fmt: skip
        assert name in text
