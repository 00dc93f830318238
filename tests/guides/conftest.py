"""The service that the guides talk to: served over HTTP, with a worker beside it."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app import operate
from app.pipeline import run as flow
from tests.clients.conftest import serving
from tests.viewer.chromium import browser, chromium, context, pytest_runtest_protocol

__all__ = ["browser", "chromium", "context", "pytest_runtest_protocol"]

POLL_S = 0.05


@contextmanager
def working(dsn: str) -> Iterator[None]:
    """Derive what waits, as a worker does, until the block ends."""
    stop = threading.Event()

    async def work() -> None:
        async with operate.opened(dsn) as store:
            while not stop.is_set():
                assert await flow.drain(store) == []
                await asyncio.sleep(POLL_S)

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def environ(database: str) -> dict[str, str]:
    """What every guide finds in its environment: programs, and the database for `flyways`."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {
        **kept,
        "PATH": programs,
        "FLYWAYS_DATABASE_URL": database,
        "FLYWAYS_LOG_LEVEL": "error",
    }


@pytest.fixture
def service(database: str) -> Iterator[str]:
    with serving(database) as url, working(database):
        yield url
