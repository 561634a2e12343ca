"""Progress on standard error: a moving line for somebody who watches, else a line an event."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

from ml_connector.cli.output import Output

if TYPE_CHECKING:
    from ml_connector.operations.runs import RunState


class Progress:
    """Tells how far things are, as long as the block lasts."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._status: Any = None
        self._running: dict[int, str] = {}
        self._last = ""

    def __enter__(self) -> Progress:
        if self._output.talks:
            from rich.console import Console

            self._status = Console(stderr=True).status("Starting…")
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def tell_run(self, state: RunState) -> None:
        """A run changed."""
        if state.finished:
            self._running.pop(state.id, None)
            counts = ", ".join(f"{number} {name}" for name, number in state.counts.items() if number)
            self._line(f"{state.flow}: {state.outcome}{f' ({counts})' if counts else ''}, {state.seconds:.1f} s")
        elif state.status == "running":
            self._running[state.id] = str(state.flow)
        self._move("Running " + ", ".join(self._running.values()) + "…" if self._running else "Working…")

    def tell_documents(self, done: int, total: int) -> None:
        """So many of the documents have come to rest."""
        self._move(f"{done} of {total} documents have come to rest…")

    def say(self, text: str) -> None:
        """Something else was done."""
        self._line(text)

    def _move(self, text: str) -> None:
        if self._status is not None and text != self._last:
            self._last = text
            self._status.update(text)

    def _line(self, text: str) -> None:
        if self._status is None:
            self._output.note(text)
        else:
            self._status.console.print(text, markup=False, highlight=False)
