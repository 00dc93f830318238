"""Benches use the same service as the flow tests."""

from tests.flow.conftest import new_service

__all__ = ["new_service"]
