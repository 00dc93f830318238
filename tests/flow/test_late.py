"""Data that come months late: the end is what they would have made in order, whatever the order."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

from tests.flow.conftest import Service
from tests.flow.test_real_birds import KAZAKH

GOAT = "telemetry/late_uploads_goat/input1.csv"
NewService = Callable[[], Awaitable[Service]]
Rows = list[dict[str, str]]


def csv_of(rows: Rows) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


async def end(service: Service, bodies: list[bytes]) -> dict[str, dict[str, str]]:
    """Push and derive one after another; nothing is refused for its age."""
    for body in bodies:
        kept = await service.push(body)
        await service.drain()
        receipt = await service.receipt(kept.ref)
        assert (receipt["state"], receipt["refused"]) == ("processed", 0)
        assert receipt["stored"] + receipt["without_position"] == receipt["units"]
    return await service.content()


def goats(path: Path) -> Rows:
    """Give the set with real times of arrival as Movebank event data, in the order of time."""
    with path.open(newline="") as file:
        rows = [
            {
                "timestamp": row["timestamp"][:19], "arrived": row["transmission_timestamp"],
                "location-long": row["location_long"], "location-lat": row["location_lat"],
                "tag-local-identifier": "8810", "individual-local-identifier": "goat",
                "tag-voltage": row["tag_voltage"],
            }
            for row in csv.DictReader(file) if row["location_long"]
        ]  # fmt: skip
    return sorted({row["timestamp"]: row for row in rows}.values(), key=lambda r: r["timestamp"])


def batches(rows: Rows, n: int) -> list[bytes]:
    size = -(-len(rows) // n)
    return [csv_of(rows[start : start + size]) for start in range(0, len(rows), size)]


async def test_real_late_uploads_in_the_order_in_which_they_came(
    new_service: NewService, shared_data: Path
) -> None:
    """8.5 % came more than a day late, one after 141 days."""
    rows = goats(shared_data / GOAT)
    came = sorted(rows, key=lambda row: row["arrived"] or row["timestamp"])
    late = [
        datetime.fromisoformat(row["arrived"][:19]) - datetime.fromisoformat(row["timestamp"])
        for row in rows if row["arrived"]
    ]  # fmt: skip
    assert max(late) > timedelta(days=140)
    assert came != rows
    expected = await end(await new_service(), batches(rows, 1))
    assert await end(await new_service(), batches(came, 4)) == expected


async def test_backlogs_of_74_and_243_days_in_any_order(
    new_service: NewService, shared_data: Path
) -> None:
    """Stretches held back of a crane of Kazakhstan, which come in pieces, newest first or mixed."""
    with (shared_data / f"{KAZAKH}.csv").open(newline="") as file:
        every = list(csv.DictReader(file))
    of: dict[str, Rows] = {}
    for row in sorted(every, key=lambda row: row["timestamp"]):
        of.setdefault(row["tag-local-identifier"], []).append(row)
    rows = max(of.values(), key=len)
    reference = (shared_data / f"{KAZAKH}-reference-data.csv").read_bytes()
    expected = await end(await new_service(), [reference, csv_of(rows)])
    begin = datetime.fromisoformat(rows[len(rows) // 4]["timestamp"])
    for days in (74, 243):
        until = begin + timedelta(days=days)
        late = [begin <= datetime.fromisoformat(row["timestamp"]) < until for row in rows]
        held = [row for row, away in zip(rows, late, strict=True) if away]
        live = [row for row, away in zip(rows, late, strict=True) if not away]
        assert min(len(held), len(live)) > 50
        deliveries = [reference, csv_of(live), *reversed(batches(held, 2))]
        if days == 243:
            random.Random(days).shuffle(deliveries)
        assert await end(await new_service(), deliveries) == expected
