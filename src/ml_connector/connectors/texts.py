"""Texts as ledgers take and compare them."""

from __future__ import annotations

import re
from typing import Final

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]+")


def cut(text: str, length: int) -> str:
    """`text` on one line and at most `length` UTF-16 units long, which is how their databases count."""
    flat = _CONTROL.sub(" ", text).strip()
    if units(flat) <= length:
        return flat
    return flat.encode("utf-16-le")[: length * 2].decode("utf-16-le", errors="ignore").rstrip()


def units(text: str) -> int:
    """The length of a text in UTF-16 units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", errors="surrogatepass")) // 2


def code(text: str) -> str:
    """A code as it is compared: without blanks around it, in capitals."""
    return text.strip().upper()
