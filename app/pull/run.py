"""Run a connector: keep each page as a push and move its cursor in one transaction."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from app.errors import Problem, SetupError
from app.pipeline.receive import reading_of, whose
from app.pull import PROVIDERS
from app.pull.page import Errand, Page, PullFailed
from app.pull.web import Web, opened
from app.store import connectors, inbox
from app.store.engine import Store

log = structlog.get_logger()

BACKOFF_S = (300, 900, 3600, 21_600, 86_400)
"""Wait after the first, second … failure in a row [s]: the cadence of Movebank's own mirror."""
ATTENTION = {"credentials-refused", "licence-not-accepted", "host-key-differs"}
"""Only a person mends these: asking often would lock the account."""


class _Overtaken(Exception):  # noqa: N818 - no error: somebody changed the connector
    """The connector was edited, paused or deleted while it was pulled."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the operator sets: other addresses of providers, and where watched folders are."""

    bases: Mapping[str, str]
    inbox_dir: Path | None = None


async def pull(
    store: Store, connector_id: int, around: Surroundings, *, now: datetime | None = None
) -> int | None:
    """
    Pull a connector that is due; return how many new pushes that made.

    None: it is not due, or another process pulls it or its provider at this moment.
    """
    async with store.read() as conn:
        task = await connectors.take(conn, connector_id)
    if task is None:
        return None
    provider = PROVIDERS[task.provider]
    turn = task.provider if provider.alone else None
    async with connectors.locked(store, connector_id, provider=turn) as mine:
        if not mine:
            return None
        async with store.read() as conn:  # what another process has just done is not done again
            task = await connectors.take(conn, connector_id)
        return None if task is None else await _pull(store, task, around, now or datetime.now(UTC))


async def _pull(
    store: Store, task: connectors.Task, around: Surroundings, now: datetime
) -> int | None:
    kept, moved = 0, False
    failure: PullFailed | None = None
    try:
        async with _service(task, around) as web, aclosing(_pages(task, around, now, web)) as pages:
            async for page in pages:
                kept += await _keep(store, task, page)
                moved = True
    except _Overtaken:
        return kept
    except PullFailed as failed:
        failure = failed
        log.warning("pull_failed", connector=task.id, provider=task.provider, code=failed.code)
    except SetupError as wrong:
        failure = PullFailed("address-refused", str(wrong), remedy="The operator mends it.")
    except Problem:
        raise  # the database: nothing is known of this pull, and it goes on at once when it is back
    except Exception:
        log.exception("pull_broken", connector=task.id, provider=task.provider)
        failure = PullFailed(
            "internal-error", "The pull broke for a reason of ours.", remedy="The log has it."
        )
    async with store.write() as conn:
        if failure is None:
            await connectors.finish(conn, task, None, None, 0)
        else:
            problem = {
                "code": failure.code, "detail": failure.detail, "remedy": failure.remedy,
                "at": now.isoformat(),
            }  # fmt: skip
            failures = 0 if moved else task.failures
            again = _again(failure, failures, now)
            await connectors.finish(conn, task, problem, again, failures + 1)
    return kept


def _pages(
    task: connectors.Task, around: Surroundings, now: datetime, web: Web | None
) -> AsyncGenerator[Page, None]:
    provider = PROVIDERS[task.provider]
    errand = Errand(
        settings=provider.settings.model_validate(task.settings),
        cursor=task.cursor,
        now=now,
        overlap=timedelta(seconds=task.overlap_s),
        settle=timedelta(seconds=task.settle_s),
        username=task.username,
        password=task.password,
        # Each study has a folder of its own: a name can't reach what others dropped.
        root=around.inbox_dir and around.inbox_dir / str(task.study),
        base=around.bases.get(task.provider),
    )
    return provider.pages(errand, web)


@asynccontextmanager
async def _service(task: connectors.Task, around: Surroundings) -> AsyncIterator[Web | None]:
    home = PROVIDERS[task.provider].base
    if home is None:
        yield None
        return
    async with opened(around.bases.get(task.provider) or home) as web:
        yield web


async def _keep(store: Store, task: connectors.Task, page: Page) -> int:
    """Keep a page and move the cursor, both or neither; give 1 if the bytes are new."""
    async with store.write() as conn:
        if not await connectors.advance(conn, task, page.cursor):
            raise _Overtaken
        if page.pieces is None:
            return 0
        delivery = inbox.Delivery(
            task.study_id, connector_id=task.id, content_type=page.content_type
        )
        how = whose(reading_of(task.reads), page.file_name)
        # Overlap asks for what is known: equal bytes leave no trace, rather than one each hour.
        unseen = await conn.begin_nested()
        kept = await inbox.keep(conn, delivery, how, _streamed(page))
        await (unseen.rollback() if kept.replayed else unseen.commit())
        return 0 if kept.replayed else 1


async def _streamed(page: Page) -> AsyncIterator[bytes]:
    assert page.pieces is not None
    for piece in page.pieces():
        yield piece


def _again(failure: PullFailed, failures: int, now: datetime) -> datetime:
    """Return when to try again: later each time, and never before the provider allows it."""
    wait_s: float = BACKOFF_S[min(failures, len(BACKOFF_S) - 1)]
    if failure.code in ATTENTION:
        wait_s = BACKOFF_S[-1]
    if failure.retry_after_s is not None:
        wait_s = max(60.0, failure.retry_after_s)
    return now + timedelta(seconds=wait_s)
