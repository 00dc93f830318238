"""The driver's connection: what is the same on every server, it asks once a process."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import asyncpg

OWN_TYPES_END = 10_000
"""Types below this number are the server's own: PostgreSQL never gives their numbers anew."""

_UNSENT = SimpleNamespace(name="no statement was sent")

_known: dict[int, list[asyncpg.Record]] = {}
"""What the driver has learnt of types of the server's own, by their numbers."""


class Driving(asyncpg.Connection):  # type: ignore[misc]  # the driver is not typed
    """
    A connection that learns the server's own types once a process.

    The driver knows no array: each of its connections asks for every kind of array that it meets,
    each time for 12 ms of the server's time.
    """

    async def _introspect_types(
        self, typeoids: Iterable[int], wait_s: float | None
    ) -> tuple[list[asyncpg.Record], Any]:
        numbers = sorted(typeoids)
        if numbers[-1] >= OWN_TYPES_END:
            asked: tuple[list[asyncpg.Record], Any]
            asked = await super()._introspect_types(numbers, wait_s)
            return asked
        statement: Any = _UNSENT
        for number in numbers:
            if number not in _known:
                _known[number], statement = await super()._introspect_types([number], wait_s)
        # The parts of an array come before it.
        rows = {row["oid"]: row for number in numbers for row in _known[number]}
        return list(rows.values()), statement
