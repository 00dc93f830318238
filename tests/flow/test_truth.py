"""Simulated birds of all species through the service: the stopovers stored are the true stays."""

from __future__ import annotations

import numpy as np

from app.movement.itinerary import ROUTES, Place
from app.movement.sensing import Sending
from app.movement.simulate import flock_csv, reference_csv, simulate_flock
from app.movement.track import DAY_US
from app.seeds import profiles, rows
from app.store.windows import micros
from tests.flow.conftest import START_US
from tests.movement.truth import Ends, Score, score

FLOCK = simulate_flock(
    [profiles()[key] for key in ROUTES],
    [Place(row["name"], float(row["lon"]), float(row["lat"])) for row in rows("sites")],
    n_individuals=8,
    start_us=START_US,
    days=320,
    seed=41,
    sending=Sending(),
)


async def stored(service, local_identifier: str) -> Ends:
    found = await service.rows(
        "select x.* from stopover x join individual i on i.id = x.individual_id"
        " where i.local_identifier = :name order by x.arrival_time_latest",
        name=local_identifier,
    )
    names = ("arrival_time_earliest", "arrival_time_latest",
             "departure_time_earliest", "departure_time_latest")  # fmt: skip
    return Ends(*(np.array([micros(row[name]) for row in found], dtype=np.int64) for name in names))


async def test_late_uploads_and_gross_errors_do_not_hide_the_truth(service) -> None:
    """Pushed as the institutes got them: in order of upload, backlogs of months at the end."""
    await service.push(reference_csv(FLOCK))
    header, *lines = flock_csv(FLOCK).decode().splitlines()
    for part in range(2):
        half = lines[part * len(lines) // 2 : (part + 1) * len(lines) // 2]
        await service.push("\n".join([header, *half]).encode() + b"\n")
        await service.drain()
    total = Score()
    for bird in FLOCK.birds:
        profile = profiles()[bird.species_key]
        total += score(bird, profile, await stored(service, bird.local_identifier))
    assert total.true > 60
    assert min(total.recall, total.precision) >= 0.95
    assert total.coverage >= 0.95
    late = sum(int((b.sent.upload_us - b.sent.track.time_us > DAY_US).sum()) for b in FLOCK.birds)
    assert late > 100
