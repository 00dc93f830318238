"""Hours by cell are kept up with the fixes: only what changed is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from app.pipeline.verify import verify
from app.store import work
from app.store.engine import execute
from tests.flow.conftest import Service

HEAD = (
    "timestamp,location-long,location-lat,individual-local-identifier,tag-local-identifier,"
    "individual-taxon-canonical-name"
)
ROWS = (
    "select month, public, level, x, y, hours, release_at, xmin::text as written"
    " from density_cell order by public, month, level, x, y"
)


def csv(*lines: str) -> bytes:
    return "\n".join([HEAD, *(f"{line},K1,T1,Grus vipio" for line in lines)]).encode()


def days(month: str, lon: float, *, hour: int = 12) -> list[str]:
    return [f"2021-{month}-{day:02} {hour:02}:10:00,{lon},49.7" for day in range(1, 11)]


async def test_a_later_month_leaves_the_rows_of_earlier_ones(service: Service) -> None:
    await service.push(csv(*days("01", 116.1), *days("02", 116.1)))
    await service.drain()
    before = await service.rows(ROWS)
    await service.push(csv(*days("04", 116.1)))
    await service.drain()
    after = await service.rows(ROWS)
    early = [row for row in after if row["month"].month < 4]
    assert early == before
    assert {row["month"].month for row in after} == {1, 2, 4}


async def test_a_changed_month_alone_is_counted_again(service: Service) -> None:
    await service.push(csv(*days("01", 116.1), *days("02", 116.1)))
    await service.drain()
    before = await service.rows(ROWS)
    await service.push(csv(*days("02", 116.1, hour=14)))
    await service.drain()
    after = await service.rows(ROWS)
    assert [r for r in after if r["month"].month == 1] == [
        r for r in before if r["month"].month == 1
    ]
    hours = {
        (row["level"], row["hours"])
        for row in after
        if row["month"].month == 2 and not row["public"]
    }
    assert hours == {(level, 20) for level in (6, 8, 10, 12, 14)}


async def test_the_public_reads_a_month_the_delay_after_its_end(service: Service) -> None:
    await service.push(csv(*days("02", 116.1, hour=4)))  # noon where the bird is
    await service.drain()
    rows = [row for row in await service.rows(ROWS) if row["public"]]
    delay = (await service.rows("select release_delay_s from study"))[0]["release_delay_s"]
    assert rows
    ends = datetime(2021, 3, 1, tzinfo=UTC) + timedelta(seconds=delay)
    assert {row["release_at"] for row in rows} == {ends}


async def test_verify_sees_a_wrong_count_and_a_rebuild_mends_it(service: Service) -> None:
    await service.push(csv(*days("01", 116.1)))
    await service.drain()
    async with service.store.write() as conn:
        await execute(conn, "update density_cell set hours = hours + 1 where level = 6")
    assert await _differing(service) == {"density_cell"}
    async with service.store.write() as conn:
        await work.mark_all_dirty(conn)
    await service.drain()
    assert await _differing(service) == set()


async def test_totals_are_the_sums_of_the_months_and_are_mended_with_them(
    service: Service,
) -> None:
    await service.push(csv(*days("01", 116.1), *days("02", 117.3)))
    await service.drain()
    sums = (
        "select level, x, y, sum(hours) as hours from density_cell where not public"
        " group by 1, 2, 3 order by 1, 2, 3"
    )
    totals = "select level, x, y, hours from density_total order by 1, 2, 3"
    assert await service.rows(totals) == await service.rows(sums) != []
    async with service.store.write() as conn:
        await execute(conn, "update density_total set hours = hours + 1 where level = 6")
        await execute(conn, "update density_total set x = x + 1 where level = 14")
    assert await _differing(service) == {"density_total"}
    async with service.store.write() as conn:
        await work.mark_all_dirty(conn)
    await service.drain()
    assert await service.rows(totals) == await service.rows(sums)


async def _differing(service: Service) -> set[str]:
    return {table async for verdict in verify(service.store) for table in verdict.differs}
