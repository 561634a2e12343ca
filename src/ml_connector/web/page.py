"""The status page: plain HTML, no script."""

from __future__ import annotations

import secrets
from datetime import datetime
from html import escape
from typing import Final

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from ml_connector.operations.status import ConnectionStatus, FlowStatus, read_status
from ml_connector.web.access import Here, Viewer

router = APIRouter(include_in_schema=False)

_MOST: Final = 200
_STYLE: Final = """
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1c2330}
h1{font-size:1.3rem}h2{font-size:1.05rem;margin:2rem 0 .3rem}p{margin:.2rem 0}
table{border-collapse:collapse;width:100%;margin-top:.4rem}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d9dee7;vertical-align:top}
.ok{color:#1b6e3c}.attention{color:#8a5a00}.down,.failed{color:#a3201d}
.note{background:#fff4d6;border:1px solid #e5c76b;padding:.4rem .7rem;display:inline-block}
"""


@router.get("/")
async def page(process: Here, viewer: Viewer) -> Response:
    """How everything stands."""
    now = process.clock()
    found = await read_status(process.database, now=now)
    nonce = secrets.token_urlsafe(16)
    body = "".join(_connection(each) for each in found[:_MOST])
    if not found:
        body = "<p>There is no connection yet. Make one with <code>ml-connector apply FILE</code>.</p>"
    if len(found) > _MOST:
        body += f"<p>{len(found) - _MOST} more connections: see <code>ml-connector status</code>.</p>"
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>ml-connector</title>'
        '<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="15">'
        f'<style nonce="{nonce}">{_STYLE}</style></head><body><h1>ml-connector</h1>'
        f"<p>{_time(now)} UTC, seen by {escape(viewer.name)}. {_summary(found)}</p>{body}</body></html>"
    )
    policy = f"default-src 'none'; style-src 'nonce-{nonce}'; frame-ancestors 'none'; base-uri 'none'"
    return HTMLResponse(html, headers={"Content-Security-Policy": policy})


def _summary(found: list[ConnectionStatus]) -> str:
    held = sum(each.documents.get("held", 0) for each in found)
    down = sum(each.health == "down" for each in found)
    works = "every side works" if not down else f"{_count(down, 'connection')} with a side that does not work"
    return f"{_count(len(found), 'connection')}, {_count(held, 'document')} held, {works}."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _connection(found: ConnectionStatus) -> str:
    documents = ", ".join(f"{number} {escape(name)}" for name, number in sorted(found.documents.items()))
    simulated = '<p class="note">Simulated: no real system is connected.</p>' if found.simulated else ""
    off = ", switched off" if not found.enabled else ""
    circuits = "".join(
        f'<p class="down">The {escape(each.side)} side does not work since {_time(each.since)}: '
        f"{escape(each.detail)} It is tried again at {_time(each.tried_again)}.</p>"
        for each in found.circuits
    )
    rows = "".join(_flow(each) for each in found.flows)
    return (
        f'<h2>{escape(found.connection)} <span class="{found.health}">{found.health}</span></h2>'
        f"<p>{escape(found.system)}, company {escape(found.company)}{off}</p>{simulated}"
        f"<p>Documents: {documents or 'none yet'}.</p>{circuits}"
        "<table><thead><tr><th>Flow</th><th>Last run (UTC)</th><th>Outcome</th><th>Next run (UTC)</th><th>Counts</th>"
        f"<th></th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _flow(flow: FlowStatus) -> str:
    counts = ", ".join(f"{number} {escape(name)}" for name, number in flow.counts.items() if number)
    outcome = "running" if flow.running else flow.outcome or ""
    following = _time(flow.next_run) if flow.enabled else "off"
    error = escape(flow.error or "") if flow.outcome != "ok" else ""
    cells = (str(flow.flow), _time(flow.last_run), outcome, following, counts, error)
    return f'<tr class="{escape(outcome)}">' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _time(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"
