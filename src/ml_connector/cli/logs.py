"""Logs: JSON lines on standard error, without secrets."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

_SECRET: Final = re.compile(r"(?i)secret|token|password|authorization|api_?key|iban|credential")
_IN_TEXT: Final = re.compile(
    r"(?i)(bearer\s+|basic\s+|mlc_|(?:client_secret|access_token|password|x-amz-signature)=)[\w.~+/=-]{6,}"
)
_DATABASE: Final = re.compile(r"(?i)(postgres(?:ql)?(?:\+\w+)?://[^:/@\s]+):[^@/\s]+@")


def set_up_logs(level: str, *, as_json: bool) -> None:
    """One line an event: JSON for machines, or plain for somebody who watches a command."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        withhold_secrets,
    ]
    renderer: Any = structlog.processors.JSONRenderer(default=str) if as_json else _plain
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for noisy in ("procrastinate", "asyncio", "alembic", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def withhold_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Values whose name or look is a secret's never reach a log."""
    for name, value in event.items():
        if name in ("event", "level", "logger", "timestamp") or not _SECRET.search(name):
            event[name] = _clean(value) if isinstance(value, str) else value
        else:
            event[name] = "(withheld)"
    return event


def _clean(text: str) -> str:
    return _DATABASE.sub(r"\1:(withheld)@", _IN_TEXT.sub(r"\1(withheld)", text))


def _plain(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    told = str(event.pop("event", ""))
    level = str(event.pop("level", "info"))
    for name in ("timestamp", "logger"):
        event.pop(name, None)
    trace = event.pop("exception", None)
    more = " ".join(f"{name}={value}" for name, value in event.items() if not name.startswith("_"))
    line = f"{level}: {told}" + (f" ({more})" if more else "")
    return f"{line}\n{trace}" if trace else line
