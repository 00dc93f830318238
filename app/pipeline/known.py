"""Shown fixes of one bird, read once: what one stage has read, the next finds in memory."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from app.store.audience import PIPELINE
from app.store.engine import Connection
from app.store.windows import (
    FAR_FUTURE,
    FAR_PAST,
    Fixes,
    instant,
    load_fixes,
    micros,
    visible_near,
)


class Known:
    """
    The shown fixes of a bird in [from_time, to_time), which grows with what stages ask for.

    True as long as no fix is shown or hidden: from the verdicts of `screen` to the end of its
    transaction.
    """

    def __init__(
        self, individual_id: int, from_time: datetime, to_time: datetime, fixes: Fixes
    ) -> None:
        self.individual_id = individual_id
        self.from_time, self.to_time = from_time, to_time
        self._fixes = fixes

    async def between(self, conn: Connection, low: datetime, high: datetime) -> Fixes:
        """Return the shown fixes in [low, high); what is missing is read, and kept if adjoining."""
        if high < self.from_time or low > self.to_time:
            return await self._read(conn, low, high)
        if low < self.from_time:
            self._fixes = (await self._read(conn, low, self.from_time)).joined(self._fixes)
            self.from_time = low
        if high > self.to_time:
            self._fixes = self._fixes.joined(await self._read(conn, self.to_time, high))
            self.to_time = high
        a, b = np.searchsorted(self._fixes.time_us, (micros(low), micros(high)))
        return self._fixes.take(slice(int(a), int(b)))

    async def near(self, conn: Connection, time: datetime, *, before: bool) -> datetime | None:
        """Return the time of the last shown fix before (or first one from) a time."""
        if self.from_time <= time <= self.to_time:
            time_us = self._fixes.time_us
            at = int(np.searchsorted(time_us, micros(time))) - before
            if 0 <= at < time_us.shape[0]:
                return instant(time_us[at])
            if self.from_time <= FAR_PAST if before else self.to_time >= FAR_FUTURE:
                return None
        return await visible_near(conn, self.individual_id, time, before=before)

    async def _read(self, conn: Connection, low: datetime, high: datetime) -> Fixes:
        fixes = await load_fixes(conn, PIPELINE, self.individual_id, low, high)
        return fixes.take(fixes.visible)
