"""Requests and answers below an endpoint, free of HTTP's machinery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote


@dataclass(frozen=True, slots=True)
class Call:
    """One request below an endpoint."""

    method: str
    steps: tuple[str, ...]
    """The path, decoded and split: `%2F` and `|` part keys like a slash (Acumatica dossier 1)."""
    options: Mapping[str, str]
    headers: Mapping[str, str]
    """Lower-case names."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered: JSON, raw bytes or nothing."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None


def read_steps(raw_path: str) -> tuple[str, ...]:
    """The parts of a raw path."""
    decoded = unquote(raw_path).replace("|", "/")
    return tuple(step for step in decoded.split("/") if step)


def read_options(raw_query: str) -> dict[str, str]:
    """The options of a raw query; a `+` is a blank."""
    return dict(parse_qsl(raw_query, keep_blank_values=True))
