"""Pages of a list, read ahead by one: the next is fetched while the one before is being worked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar

T = TypeVar("T")


async def read_ahead(pages: AsyncIterator[T]) -> AsyncGenerator[T]:
    """The same pages in the same order; raises what reading raises, after the pages before it.

    Closed, it leaves nothing going on behind: neither the page ahead nor what makes the pages.
    """
    following = asyncio.ensure_future(anext(pages, None))
    try:
        while (page := await following) is not None:
            following = asyncio.ensure_future(anext(pages, None))
            yield page
    finally:
        following.cancel()
        await asyncio.wait({following})
        if not following.cancelled():
            following.exception()  # whoever left early does not want to hear of it
        if isinstance(pages, AsyncGenerator):
            await pages.aclose()
