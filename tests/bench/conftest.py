"""Benches use the same service as the flow tests, and the same processes as the fault tests."""

import uvloop

from tests.faults.conftest import durable_server, new_dsn, site
from tests.flow.conftest import new_service


def pytest_asyncio_loop_factories():
    """Give the event loop of the processes that serve and work."""
    return {"uvloop": uvloop.new_event_loop}


__all__ = ["durable_server", "new_dsn", "new_service", "site"]
