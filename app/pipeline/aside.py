"""Arithmetic beside the event loop, where there is enough of it to be worth the way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

FEW = 4_000
"""Up to so many fixes a kernel takes some ms, and a thread waits for its turn as long."""


async def aside(n: int, work: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
    """Return what `work` makes of `n` fixes: few are worked on at once, many in a thread."""
    if n <= FEW:
        return work(*args, **more)
    return await asyncio.to_thread(work, *args, **more)
