"""The job process: turns waiting work into jobs and runs them, a few birds at a time."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any, LiteralString

import procrastinate
import psycopg
import structlog
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException

from app.pipeline import run as flow
from app.pull.run import Surroundings, pull
from app.store import connectors, keysites, measuring, work
from app.store.engine import Store, sync_dsn
from app.store.listen import notices

log = structlog.get_logger()

SWEEP_S = 1.0
"""Longest time between commit of work and a job for it [s], even when every notice is lost."""

HEARTBEAT_S, STALLED_S = 2.0, 6.0
"""A worker that has not reported for `STALLED_S` is dead, and its jobs are given up [s]."""

BATCH = 50
"""Pieces of work of each kind that one sweep turns into jobs."""

CONCURRENCY = 2
"""Jobs at a time in one process: one waits for the database while the other computes."""

URGENT, LEISURE = "default", "leisure"
"""Queues; the second is of what no push waits for, one job at a time beside the others.

The areas of a bird take many seconds: whatever its priority, such a job once begun would keep the
next fix waiting to its end.
"""

SWITCH_S = 0.0005
"""Longest that arithmetic in Python holds up the event loop [s]; Python's own 5 ms, met at each
of a hundred answers of the database, would be half a second for one new fix."""

PULLS = 2
"""Pulls at a time in one process; each holds one connection for its lock and uses another."""

KEY_SITES = "key sites"
"""Lock of every search for key sites: one among a thousand birds holds a gigabyte."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""What tells a worker to end."""

POOL_WAIT_S = 60.0
"""Longest wait for a free connection [s]: nobody waits for the answer of a job."""


class Connector(procrastinate.PsycopgConnector):
    """
    Says a statement again whose connection was lost within it: the next connection is a new one.

    A restart of the database would end the worker otherwise; or the end of a job would not be
    noted, and its lock held as long as the worker lives.
    """

    async def execute_query_async(self, query: LiteralString, **arguments: Any) -> None:
        """Run a statement."""
        await _once_more(super().execute_query_async, query, **arguments)

    async def execute_query_one_async(self, query: LiteralString, **arguments: Any) -> Any:
        """Run a statement; return its row."""
        return await _once_more(super().execute_query_one_async, query, **arguments)

    async def execute_query_all_async(self, query: LiteralString, **arguments: Any) -> Any:
        """Run a statement; return its rows."""
        return await _once_more(super().execute_query_all_async, query, **arguments)


async def _once_more(call: Callable[..., Awaitable[Any]], query: str, **arguments: Any) -> Any:
    try:
        return await call(query, **arguments)
    except ConnectorException as lost:
        if not isinstance(lost.__cause__, psycopg.OperationalError):
            raise
    return await call(query, **arguments)


def queue(dsn: str) -> procrastinate.App:
    """Return the job queue, whose tables stand in a schema of their own."""
    connector = Connector(
        conninfo=sync_dsn(dsn), kwargs={"options": "-c search_path=jobs"}, min_size=1, max_size=6
    )
    return procrastinate.App(connector=connector)


class Jobs:
    """The kinds of job; a job is a hint, the work itself stands in the store."""

    def __init__(self, app: procrastinate.App, store: Store) -> None:
        self.app, self.store = app, store
        self.day: date | None = None
        # Pushes go first: a bird that several of them touch is derived once.
        self.decode_small = app.task(name="decode_small", priority=1)(self._decode_small)
        self.decode = app.task(name="decode", priority=1)(self._decode)
        self.derive = app.task(name="derive")(self._derive)
        self.catalogue = app.task(name="catalogue")(self._catalogue)
        self.utilise = app.task(name="utilise", queue=LEISURE)(self._utilise)
        self.key_sites = app.task(name="key_sites", queue=LEISURE, priority=-1)(self._key_sites)
        self.trial = app.task(name="trial", priority=2)(self._trial)  # somebody waits for it

    async def _decode_small(self, study_id: int) -> None:
        await flow.decode_small(self.store, study_id)

    async def _decode(self, decoding_id: int) -> None:
        await flow.decode_push(self.store, decoding_id)

    async def _derive(self, individual_id: int) -> None:
        await flow.derive_individual(self.store, individual_id)

    async def _catalogue(self, scope: str, *, simulated: bool) -> None:
        await flow.refresh_catalogue(self.store, scope, simulated=simulated)

    async def _trial(self, trial_id: int) -> None:
        await flow.try_parameters(self.store, trial_id)

    async def _utilise(self, individual_id: int) -> None:
        await flow.utilise_individual(self.store, individual_id)

    async def _key_sites(self, scope: str, *, simulated: bool) -> None:
        await flow.renew_key_sites(self.store, scope, simulated=simulated)

    async def sweep(self) -> None:
        """Make a job of everything that waits and has none waiting yet."""
        async with self.store.read() as conn:
            queued = await work.queued(conn)
            todo = await work.waiting(conn, limit=BATCH)
            unmeasured = await measuring.waiting(conn, limit=BATCH)
            unfound = await keysites.waiting(conn, limit=BATCH)
        hints: list[tuple[str, Any, dict[str, Any]]] = [
            *((f"study:{n}", self.decode_small, {"study_id": n}) for n in todo.studies),
            *((f"push:{n}", self.decode, {"decoding_id": n}) for n in todo.decodings),
            *((f"trial:{n}", self.trial, {"trial_id": n}) for n in todo.trials),
            *((f"bird:{n}", self.derive, {"individual_id": n}) for n in todo.individuals),
            *(
                (
                    work.product_subject(scope, simulated=simulated), self.catalogue,
                    {"scope": scope, "simulated": simulated},
                )
                for scope, simulated in todo.catalogues
            ),
            *(
                (measuring.subject(n), self.utilise, {"individual_id": n})
                for n in unmeasured
            ),
            *(
                (
                    keysites.subject(scope, simulated=simulated), self.key_sites,
                    {"scope": scope, "simulated": simulated},
                )
                for scope, simulated in unfound
            ),
        ]  # fmt: skip
        for name, task, arguments in hints:
            if name not in queued:
                lock = KEY_SITES if task is self.key_sites else name
                await _defer(task, name, lock, **arguments)

    async def mark_releases(self) -> None:
        """Once a day, and at the start: let the catalogues take in what was released."""
        self.day = await flow.mark_releases(self.store, self.day)

    async def give_up_stalled(self) -> None:
        """End the jobs of dead workers: their work still waits and gets new jobs."""
        manager = self.app.job_manager
        await manager.prune_stalled_workers(STALLED_S)
        for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_S):
            if job.id is not None:
                await manager.finish_job_by_id_async(
                    job.id, status=procrastinate.jobs.Status.FAILED, delete_job=True
                )
                log.warning("stalled_job_given_up", job=job.task_name)


class Pulls:
    """Pulls under way, beside the jobs: they wait for others' servers, and need no processor."""

    def __init__(self, store: Store, around: Surroundings) -> None:
        self.store, self.around = store, around
        self.under_way: dict[int, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Begin pulls that are due, up to `PULLS` at a time."""
        self.under_way = {key: task for key, task in self.under_way.items() if not task.done()}
        if len(self.under_way) >= PULLS:
            return
        async with self.store.read() as conn:
            due = await connectors.due(conn, limit=BATCH)
        # Each tries all that are due: one whose provider is busy must not keep others waiting.
        for connector_id in due[: PULLS - len(self.under_way)]:
            if connector_id not in self.under_way:
                self.under_way[connector_id] = asyncio.create_task(self._first_of(due))

    async def _first_of(self, due: list[int]) -> None:
        async def any_of() -> None:
            for connector_id in due:
                if await pull(self.store, connector_id, self.around) is not None:
                    return

        await _guarded(any_of)

    async def stop(self) -> None:
        """End what is under way: what it kept stays, and the rest is asked for again."""
        for task in self.under_way.values():
            task.cancel()
        await asyncio.gather(*self.under_way.values(), return_exceptions=True)


async def _defer(task: Any, name: str, lock: str, **arguments: Any) -> None:
    """Queue a job once; those of one lock run one after another, whoever works."""
    with contextlib.suppress(AlreadyEnqueued):
        await task.configure(lock=lock, queueing_lock=name).defer_async(**arguments)


async def run(dsn: str, around: Surroundings) -> None:
    """Work until cancelled; a job under way is finished, anything else waits for the next start."""
    sys.setswitchinterval(SWITCH_S)
    store = Store(
        dsn,
        pool_size=CONCURRENCY + 3 + 2 * PULLS,
        pool_wait_s=POOL_WAIT_S,
        statement_timeout_s=900,
        name="worker",
    )
    app = queue(dsn)
    jobs, pulls = Jobs(app, store), Pulls(store, around)
    try:
        await store.assert_durable()
        async with app.open_async():
            beat = asyncio.create_task(_repeat(jobs, pulls, dsn))
            try:
                await _work(app)
            finally:
                beat.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await beat
                await pulls.stop()
    finally:
        await store.close()


async def _work(app: procrastinate.App) -> None:
    """
    Take jobs of both queues until a signal says to end.

    A job under way gets time to end; one of leisure little of it, as it is done anew at no loss.
    """
    loop, told, ending = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    for each in SIGNALS:
        loop.add_signal_handler(each, told.set)
    takers = [
        asyncio.create_task(_take(app, ending, *how))
        for how in ((URGENT, CONCURRENCY, 20), (LEISURE, 1, 4))
    ]
    waiting = asyncio.create_task(told.wait())
    try:
        await asyncio.wait([*takers, waiting], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)  # one more ends it at once
        ending.set()
        for task in (*takers, waiting):
            task.cancel()
        ended = await asyncio.gather(*takers, return_exceptions=True)
    for outcome in ended:
        if isinstance(outcome, Exception):
            raise outcome


async def _take(
    app: procrastinate.App, ending: asyncio.Event, name: str, concurrency: int, grace_s: float
) -> None:
    """Take jobs of one queue; where the database was away for too long, begin anew."""
    while not ending.is_set():
        try:
            await app.run_worker_async(
                queues=[name],
                concurrency=concurrency,
                delete_jobs="always",
                update_heartbeat_interval=HEARTBEAT_S,
                stalled_worker_timeout=STALLED_S,
                fetch_job_polling_interval=SWEEP_S,
                shutdown_graceful_timeout=grace_s,
                install_signal_handlers=False,
            )
        except ConnectorException as lost:
            log.warning("queue_lost", queue=name, cause=repr(lost.__cause__))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ending.wait(), SWEEP_S)


async def _repeat(jobs: Jobs, pulls: Pulls, dsn: str) -> None:
    """Sweep at every notice; each second all the same, and look after the dead as well."""
    now = asyncio.get_running_loop().time
    async with notices(dsn, work.CHANNEL) as woken:
        while True:
            await _guarded(jobs.mark_releases)
            await _guarded(jobs.give_up_stalled)
            beat = now() + SWEEP_S
            while (left_s := beat - now()) > 0:
                await _guarded(jobs.sweep)
                await _guarded(pulls.start)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(woken.wait(), left_s)
                woken.clear()


async def _guarded(step: Callable[[], Awaitable[None]]) -> None:
    """A sweep that fails (the database restarts) is tried again at the next beat."""
    try:
        await step()
    except Exception:
        log.exception("sweep_failed")
