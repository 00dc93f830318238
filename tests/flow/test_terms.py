"""What is said of a deployment stays with it: by a file, by hand, and on the way out again."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from app.pipeline.exports import export
from app.store import lifeless_verdicts, worn
from app.store.engine import execute
from app.store.ledger import _MANIPULATED, _NOT_WILD
from app.store.lifeless_verdicts import Decision
from app.store.sight import Filters
from tests.flow.conftest import Service
from tests.flow.test_lifeless import ALIVE, KNOWN, suspicions
from tests.flow.test_lifeless import csv as events_csv

OYSTERCATCHERS = "telemetry/oystercatcher_o_assen"
CHANGED = {"5635": "5515867", "5750": "5515867"}
"""Tag to bird: this one got a new tag when the first had failed."""


async def exported(service: Service, out: Path) -> list[dict[str, str]]:
    (study,) = await service.rows("select ref from study")
    await export(
        service.store, service.audience, study["ref"], form="movebank-csv", out=out,
        filters=Filters(),
    )  # fmt: skip
    with (out / "reference.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def table(body: bytes) -> dict[str, dict[str, str]]:
    """Give what the rows of reference data say, by tag, without blanks."""
    return {row["tag-id"]: _said(row) for row in csv.DictReader(io.StringIO(body.decode()))}


def _said(row: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in row.items() if value}


@pytest.fixture
def files(shared_data: Path) -> list[bytes]:
    """Give fixes and reference data of oystercatchers, one of which wore two tags in 2019."""
    folder = shared_data / OYSTERCATCHERS
    return [
        (folder / f"O_ASSEN-{n}").read_bytes() for n in ("gps-2019.csv.gz", "reference-data.csv")
    ]


@pytest.mark.parametrize("late", [False, True], ids=["reference first", "reference late"])
async def test_each_tag_of_an_oystercatcher_goes_out_with_its_own_terms(
    service: Service, new_service, files: list[bytes], tmp_path: Path, *, late: bool
) -> None:
    for body in files if late else reversed(files):
        await service.push(body)
        await service.drain()
    await service.push(files[1] + b"\n")  # the same once more, in other bytes
    await service.drain()
    sent = table(files[1])
    assert {tag for tag, row in sent.items() if row["animal-id"] == "5515867"} == set(CHANGED)
    assert "deployment-end-type" not in sent["5750"]
    for row in await exported(service, tmp_path):
        assert _said(row) == sent.pop(row["tag-id"])
    assert sent == {}
    again = await new_service()
    told = {name: (tmp_path / name).read_bytes() for name in ("events.csv", "reference.csv")}
    for body in told.values():
        await again.push(body)
    await again.drain()
    await exported(again, tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in told} == told


async def test_what_an_older_version_mixed_is_told_apart_again(
    service: Service, files: list[bytes], tmp_path: Path
) -> None:
    await service.push(files[1])
    await service.drain()
    receipt = "select stored, duplicates, state from decoding"
    before = await service.rows(receipt)
    async with service.store.write() as conn:
        # As they were kept before: with the bird, the last row's over the first's.
        for tag in CHANGED:
            await execute(
                conn,
                "with given as (update deployment d set terms = '{}' from deployment was, tag t"
                " where was.id = d.id and t.id = d.tag_id and t.local_identifier = :tag"
                " and d.replaced_at is null returning d.individual_id, was.terms as said)"
                " update individual i set terms = i.terms || said from given"
                " where i.id = individual_id",
                {"tag": tag},
            )
        # The repair of the migration.
        await execute(conn, "update decoding set state = 'received', attempts = 0")
    mixed = {row["tag-id"]: _said(row) for row in await exported(service, tmp_path)}
    sent = table(files[1])
    assert mixed != sent and mixed["5750"]["deployment-end-type"] == "equipment failure"
    await service.drain()
    assert {row["tag-id"]: _said(row) for row in await exported(service, tmp_path)} == sent
    assert await service.rows(receipt) == before
    kept = await service.rows("select terms from individual where local_identifier = '5515867'")
    assert {name.partition("-")[0] for name in kept[0]["terms"]} == {"animal"}


async def test_birds_that_reference_data_call_relocated_are_not_wild_in_a_ledger(service) -> None:
    await service.push(b"tag-id,animal-id,manipulation-type\nT1,A,relocated\nT2,B,none\n")
    await service.drain()
    rows = await service.rows(
        f"select local_identifier as bird from individual i where {_MANIPULATED}",
        not_wild=list(_NOT_WILD),
    )
    assert rows == [{"bird": "A"}]


def _reference(end_type: str, off: str = "", more: str = "") -> bytes:
    bird = ALIVE.birds[0]
    return (
        "tag-id,animal-id,deploy-on-date,deploy-off-date,deployment-end-type,animal-comments\n"
        f"{bird.tag_identifier},{bird.local_identifier},2024-06-01,{off},{end_type},{more}\n"
    ).encode()


async def test_a_confirmed_death_goes_out_whatever_the_file_had_said(
    service: Service, new_service, tmp_path: Path
) -> None:
    await service.push(_reference("unknown"))
    await service.push(events_csv(KNOWN))
    await service.drain()
    async with service.store.write() as conn:
        # What a version before had kept with the bird has less to say than the deployment.
        await execute(conn, "update individual set terms = terms ||"
                      " '{\"deployment-end-type\": \"removal\"}'")  # fmt: skip
    (found,) = await suspicions(service)
    async with service.store.write() as conn:
        verdict = await lifeless_verdicts.decide(
            conn, service.audience, found["ref"], Decision("confirm", "Kim", end_type="dead")
        )
    await service.drain()
    (row,) = await exported(service, tmp_path)
    assert row["deployment-end-type"] == "dead"
    assert row["deploy-off-date"] == f"{found['start_time']:%Y-%m-%d %H:%M:%S}.000"
    # The same end in a later file, with another word for it: the verdict stands.
    await service.push(_reference("removal", row["deploy-off-date"], "seen"))
    await service.drain()
    (row,) = await exported(service, tmp_path)
    assert (row["deployment-end-type"], row["animal-comments"]) == ("dead", "seen")
    again = await new_service()
    await again.push((tmp_path / "reference.csv").read_bytes())
    await again.drain()
    (kept,) = await again.rows("select terms from deployment where replaced_at is null")
    assert kept["terms"] == {"deployment-end-type": "dead"}
    async with service.store.write() as conn:
        (now,) = await worn.page(conn, service.audience, limit=9)
        await worn.edit(conn, service.audience, now["ref"],
                        {"terms": now["terms"] | {"study-site": "Weir"}})  # fmt: skip
        await lifeless_verdicts.undo(conn, service.audience, verdict["ref"])
        (now,) = await worn.page(conn, service.audience, limit=9)
    assert now["deploy_off"] is None
    assert now["terms"] == {"deployment-end-type": "unknown", "study-site": "Weir"}
    await service.push(_reference("captured"))
    await service.drain()
    (row,) = await exported(service, tmp_path)
    assert (row["deployment-end-type"], row["study-site"]) == ("captured", "Weir")
