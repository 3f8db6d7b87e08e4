"""Pagination: read everything that Prefect's server returns in pages."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

Item = TypeVar("Item")

PAGE = 200
"""Maximum number of things that Prefect's server returns for one read."""


async def read_all(read_page: Callable[..., Awaitable[list[Item]]], **filters: Any) -> list[Item]:
    """
    Return all that *read_page*, a method of Prefect's client, finds with *filters*, however many pages that takes.

    The order should be one that does not change meanwhile: what moves from one page to another is found twice or never.
    """
    found: list[Item] = []
    while True:
        page = await read_page(**filters, limit=PAGE, offset=len(found))
        found += page
        if len(page) < PAGE:
            return found
