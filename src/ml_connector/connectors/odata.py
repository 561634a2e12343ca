"""The few words of OData that the connectors speaking it share: literals, enum names, links, addresses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlsplit

_ESCAPED: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")


def literal(text: str) -> str:
    """A string literal of a filter: quoted, its own quotes doubled."""
    return "'" + text.replace("'", "''") + "'"


def any_of(name: str, values: Iterable[str]) -> str:
    """A filter that is true where the property `name` has one of `values`."""
    return " or ".join(f"{name} eq {literal(value)}" for value in values)


def chunks_of_filter(name: str, values: Sequence[str], *, length: int) -> Iterator[tuple[str, ...]]:
    """`values` in groups whose `any_of` filter takes at most `length` characters once it is in an address."""
    group: list[str] = []
    taken = 0
    for value in values:
        cost = len(quote(f"{name} eq {literal(value)} or ", safe=""))
        if group and taken + cost > length:
            yield tuple(group)
            group, taken = [], 0
        group.append(value)
        taken += cost
    if group:
        yield tuple(group)


def address(path: str, options: Mapping[str, str]) -> str:
    """`path` with query options. Blanks leave as %20: not every OData server reads a plus as one."""
    if not options:
        return path
    return path + "?" + "&".join(f"{key}={quote(value, safe='()$,:')}" for key, value in options.items())


def decode_enum(text: str) -> str:
    """A member's own name: `In_x0020_Review` is `In Review`, and the blank member is empty."""
    return _ESCAPED.sub(lambda found: chr(int(found.group(1), 16)), text).strip()


def rows_of(body: Any) -> list[dict[str, Any]]:
    """The rows of a collection. Raises ValueError where the body is none."""
    rows = body.get("value") if isinstance(body, dict) else None
    if not isinstance(rows, list):
        raise ValueError("the answer holds no list of rows")  # noqa: TRY004 what was sent is wrong, not our call
    return rows


def next_link(body: Mapping[str, Any], *, within: str) -> str | None:
    """The address of the next page, None on the last one.

    Raises ValueError where it leads away from the host of `within`: the session's token must not go there.
    """
    link = body.get("@odata.nextLink")
    if not link:
        return None
    ours, theirs = urlsplit(within), urlsplit(str(link))
    if (theirs.scheme, theirs.netloc.lower()) != (ours.scheme, ours.netloc.lower()):
        raise ValueError(f"the next page is at another host ({theirs.netloc})")
    return str(link)
