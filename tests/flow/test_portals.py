"""Files as the portals of Argos hand them out: what is stored and refused sums, over HTTP."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from app import operate
from app.pipeline import run as flow
from tests.api.served import as_key, served
from tests.flow.conftest import Service

PORTALS = {
    "argos_wildlife_computers/106744-Locations.csv": ("wildlife-csv", 543),
    "argos_wildlife_computers/106744-Argos.csv": ("wildlife-csv", 1_349),
    "argos_stat/Sara.txt": ("stat-tab", 2_496),
}
OUTCOMES = ("stored", "duplicates", "superseded", "without_position")


async def test_files_of_argos_portals_sum_over_http(service: Service, shared_data: Path) -> None:
    async with operate.opened(service.store.dsn) as store:
        partner = await operate.add_partner(store, "Kenai", "US")
        studies = [
            await operate.add_study(store, name, UUID(partner["institute"])) for name in PORTALS
        ]
    async with served(service.store.dsn) as client:
        client.headers.update(as_key(partner["key"]))
        for study, (name, (form, units)) in zip(studies, PORTALS.items(), strict=True):
            body = (shared_data / "telemetry" / name).read_bytes()
            kept = await client.post(f"/api/v1/studies/{study['ref']}/pushes", content=body)
            assert kept.status_code == 202, kept.text
            (waiting,) = await service.rows("select id from decoding where state = 'received'")
            await flow.decode_push(service.store, waiting["id"])
            receipt = (await client.get(f"/api/v1/pushes/{kept.json()['push_id']}")).json()
            assert (receipt["format"], receipt["units"]) == (form, units)
            assert receipt["records"] + receipt["refused"] == units
            assert sum(receipt[each] for each in OUTCOMES) == receipt["records"]
            live = await service.rows(
                "select count(*) as n from fix where live and study_id = :id", id=study["id"]
            )
            assert live[0]["n"] == receipt["stored"] > 450
