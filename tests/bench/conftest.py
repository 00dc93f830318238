"""Benches use the same service as the flow tests, and the same processes as the fault tests."""

from tests.faults.conftest import durable_server, new_dsn, site
from tests.flow.conftest import new_service

__all__ = ["durable_server", "new_dsn", "new_service", "site"]
