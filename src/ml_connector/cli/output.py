"""What a command says: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

_WIDE = 200


class Output:
    """Results and messages of one command. With `as_json` only machine-readable results reach standard output."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._console: Console | None = None

    @property
    def talks(self) -> bool:
        """True where somebody watches a terminal."""
        return sys.stderr.isatty()

    def json(self, value: Any) -> None:
        """One JSON value on a line of its own."""
        sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
        sys.stdout.flush()

    def text(self, text: str = "") -> None:
        """A line of the result."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """A message beside the result."""
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()) -> None:
        """A table of the result; the headings in `right` are aligned to the right."""
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, header_style="bold", pad_edge=False)
        for heading in headings:
            table.add_column(heading, justify="right" if heading in right else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
        self.console.print(table)

    @property
    def console(self) -> Console:
        """Standard output as rich sees it; wide where nobody watches."""
        if self._console is None:
            from rich.console import Console

            width = None if sys.stdout.isatty() else _WIDE
            self._console = Console(width=width, highlight=False, markup=False)
        return self._console
