"""The embedded server where its start does not go well."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ml_connector.store import embedded


def test_a_start_that_fails_once_is_tried_again(postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[bool] = []

    def start(data: Path, *, afresh: bool = False) -> str:
        calls.append(afresh)
        if not afresh:
            raise subprocess.CalledProcessError(1, ["pg_ctl", str(data)])
        return postgres

    monkeypatch.setattr(embedded, "_start", start)
    assert embedded.start_embedded(tmp_path) == postgres
    assert calls == [False, True]


def test_a_start_that_goes_on_failing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(data: Path, *, afresh: bool = False) -> str:
        raise subprocess.CalledProcessError(1, ["pg_ctl", str(data), str(afresh)])

    monkeypatch.setattr(embedded, "_start", start)
    with pytest.raises(subprocess.CalledProcessError):
        embedded.start_embedded(tmp_path)
