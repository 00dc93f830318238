"""The real service on a loopback port, and the browser of the viewer's tests."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from app.config import Settings
from app.main import create_app
from app.wire import OneWrite
from tests.viewer.chromium import browser, chromium, context, pytest_runtest_protocol
from tests.viewer.conftest import visit

__all__ = ["browser", "chromium", "context", "pytest_runtest_protocol", "serving", "visit"]


@contextmanager
def serving(dsn: str, **server: Any) -> Iterator[str]:
    """Serve a database until the block ends; give the address."""
    settings = Settings(database_url=dsn, rate_limit="off", pool_size=4, _env_file=None)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        app = create_app(settings, demand_durable=False)
        # As `flyways serve` does, it leaves logs to whoever set them up.
        server = {"http": OneWrite} | server
        config = uvicorn.Config(app, log_level="error", log_config=None, lifespan="on", **server)
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, args=([listening],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            running.should_exit = True
            thread.join(timeout=20)
