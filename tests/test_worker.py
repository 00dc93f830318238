"""The job process: one hint for each piece of work, pushes first, the dead given up."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import procrastinate
import pytest
from procrastinate.exceptions import ConnectorException

from app.pipeline import run as flow
from app.pull.run import Surroundings
from app.store import connectors, work
from app.store.engine import Store, execute
from app.worker import Jobs, Pulls, _work, queue
from tests.faults.test_poison import push, store, study
from tests.faults.test_web import csv, row

__all__ = ["store", "study"]

JOBS = """
select id, task_name, lock, queueing_lock, priority, args
from jobs.procrastinate_jobs order by id
"""


@pytest.fixture
async def jobs(store: Store, database: str) -> AsyncIterator[Jobs]:
    app = queue(database)
    async with app.open_async():
        yield Jobs(app, store)


async def listed(store: Store) -> list[dict[str, Any]]:
    async with store.read() as conn:
        return await execute(conn, JOBS)


async def test_work_that_waits_has_one_job_however_often_it_is_looked_for(
    jobs: Jobs, store: Store, study: int
) -> None:
    await push(store, study, row("127,38", tag="a"))
    await jobs.sweep()
    await jobs.sweep()
    large = await push(store, study, *[row("127,38", tag="b")] * (work.SMALL_BYTES // 40))
    await push(store, study, row("127,38", tag="c"))
    await jobs.sweep()
    assert [job["queueing_lock"] for job in await listed(store)] == [
        f"study:{study}", f"push:{large.decoding_id}",
    ]  # fmt: skip
    async with store.read() as conn:
        assert await work.queued(conn) == {job["queueing_lock"] for job in await listed(store)}


async def test_pushes_go_before_birds_and_birds_before_their_catalogues(
    jobs: Jobs, store: Store, study: int
) -> None:
    bird = await push(store, study, row("127,38", tag="a"))
    await flow.decode_push(store, bird.decoding_id)
    await jobs.sweep()
    await push(store, study, row("127,38", tag="b"))
    await jobs.sweep()
    taken = await jobs.app.job_manager.fetch_job(None, None)
    assert taken is not None
    assert taken.task_name == "decode_small"


async def test_key_sites_are_searched_for_in_one_catalogue_at_a_time(
    jobs: Jobs, store: Store, study: int
) -> None:
    async with store.write() as conn:
        await work.mark_key_sites_due(conn, study)
    await jobs.sweep()
    searches = [job for job in await listed(store) if job["task_name"] == "key_sites"]
    assert {job["queueing_lock"] for job in searches} >= {"key sites:operator:0"}
    assert len(searches) > 1
    assert {job["lock"] for job in searches} == {"key sites"}


async def test_the_worker_does_all_that_waits(jobs: Jobs, store: Store, study: int) -> None:
    kept = [await push(store, study, row("127,38", tag=name)) for name in "abc"]
    for _ in range(3):  # pushes, then their birds, then catalogues and areas
        await jobs.sweep()
        await jobs.app.run_worker_async(
            wait=False, install_signal_handlers=False, delete_jobs="always", listen_notify=False
        )
    async with store.read() as conn:
        states = await execute(conn, "select id, state from decoding order by id", {})
        left = await work.waiting(conn, limit=10)
    assert states == [{"id": each.decoding_id, "state": "processed"} for each in kept]
    assert left == work.Waiting([], [], [], [], [])
    assert await listed(store) == []


async def test_a_push_is_processed_while_areas_are_measured(
    jobs: Jobs, store: Store, study: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    measuring, let_go = asyncio.Event(), asyncio.Event()

    async def measure(_store: Store, _bird: int) -> None:
        measuring.set()
        await let_go.wait()

    monkeypatch.setattr(flow, "utilise_individual", measure)
    for name in "abcd":  # more birds than there are places for jobs
        await push(store, study, row("127,38", tag=name))
    await flow.drain(store, areas=False)
    await jobs.sweep()
    assert {job["task_name"] for job in await listed(store)} == {"utilise"}
    worker = asyncio.create_task(_work(jobs.app))
    await measuring.wait()
    late = await push(store, study, row("128,38", tag="a"))
    while (await state_of(store, late.decoding_id)) != "processed":
        await jobs.sweep()
        await asyncio.sleep(0.05)
    assert not let_go.is_set()
    let_go.set()
    worker.cancel()
    with pytest.raises(asyncio.CancelledError):
        await worker


async def state_of(store: Store, decoding_id: int) -> str:
    async with store.read() as conn:
        rows = await execute(conn, "select state from decoding where id = :id", {"id": decoding_id})
    return str(rows[0]["state"])


async def test_the_job_of_a_dead_worker_is_given_up_and_its_work_gets_another(
    jobs: Jobs, store: Store, study: int
) -> None:
    await push(store, study, row("127,38", tag="a"))
    await jobs.sweep()
    manager = jobs.app.job_manager
    worker = await manager.register_worker()
    begun = await manager.fetch_job(None, worker)
    assert begun is not None
    async with store.write() as conn:
        await execute(
            conn,
            "update jobs.procrastinate_workers set last_heartbeat = now() - interval '1 minute'",
        )
    await jobs.give_up_stalled()
    assert await listed(store) == []
    await jobs.sweep()
    assert [job["task_name"] for job in await listed(store)] == ["decode_small"]


async def test_catalogues_are_marked_once_a_day(jobs: Jobs) -> None:
    await jobs.mark_releases()
    known = jobs.day
    await jobs.mark_releases()
    assert known is not None
    assert jobs.day == known


async def test_connectors_that_are_due_are_pulled_and_a_busy_one_keeps_no_other_waiting(
    store: Store, study: int, tmp_path: Path
) -> None:
    async with store.write() as conn:
        rows = await execute(
            conn,
            "insert into connector (study_id, name, provider, settings, interval_s, overlap_s,"
            " settle_s) select :study, name, 'folder', '{\"folder\": \".\", \"pattern\": \"*\"}',"
            " 60, 0, 0 from unnest(array['a', 'b', 'c', 'd']) as name returning id,"
            " (select ref from study where id = :study) as study", {"study": study},
        )  # fmt: skip
    folder = tmp_path / str(rows[0]["study"])
    folder.mkdir()
    (folder / "a.csv").write_bytes(csv(row("127,38")))
    roomy = Store(store.dsn, pool_size=6)
    pulls = Pulls(roomy, Surroundings({}, tmp_path))
    busy = [row["id"] for row in rows[:2]]
    elsewhere = Store(store.dsn, pool_size=2)
    async with (
        connectors.locked(elsewhere, busy[0], provider=None),
        connectors.locked(elsewhere, busy[1], provider=None),
    ):
        for _ in range(4):
            await pulls.start()
            await asyncio.gather(*pulls.under_way.values())
    async with store.read() as conn:
        left = await connectors.due(conn, limit=10)
        pushes = await execute(conn, "select connector_id from push")
    assert left == busy
    assert pushes[0]["connector_id"] in {row["id"] for row in rows[2:]}
    assert len(pushes) == 1
    await pulls.stop()
    await elsewhere.close()
    await roomy.close()


async def test_a_statement_whose_connection_is_lost_within_it_is_said_again(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a job's end is never noted, and the next one of its bird waits for this worker's end."""
    genuine, lost = procrastinate.PsycopgConnector.execute_query_one_async, []

    async def once(connector: Any, query: str, **arguments: Any) -> Any:
        if not lost:
            lost.append(query)
            ended = "select pg_terminate_backend(pg_backend_pid()) as ended"
            return await genuine(connector, ended)
        return await genuine(connector, query, **arguments)

    monkeypatch.setattr(procrastinate.PsycopgConnector, "execute_query_one_async", once)
    assert isinstance(await jobs.app.job_manager.register_worker(), int)
    assert len(lost) == 1
    with pytest.raises(ConnectorException):
        await jobs.app.connector.execute_query_one_async("select nonsense")


async def test_a_queue_that_is_lost_is_taken_up_again_until_the_worker_ends(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    both = asyncio.Event()

    async def run(queues: list[str], **_: Any) -> None:
        begun.extend(queues)
        if begun.count(queues[0]) == 2:
            both.set()
            await asyncio.sleep(60)
        raise ConnectorException

    monkeypatch.setattr("app.worker.SWEEP_S", 0.01)
    monkeypatch.setattr(jobs.app, "run_worker_async", run)
    worker = asyncio.create_task(_work(jobs.app))
    await asyncio.wait_for(both.wait(), 5)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(worker, 5)
