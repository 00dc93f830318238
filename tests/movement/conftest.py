from datetime import UTC, datetime, timedelta

import pytest

from tests.movement import worlds


@pytest.fixture(scope="session")
def neasia_cranes():
    """27 real demoiselle cranes."""
    if not worlds.CRANES.exists():
        pytest.skip("shared data absent")
    return worlds.cranes()


@pytest.fixture
def day():
    """Microseconds to a date in UTC."""
    return lambda us: (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(us))).date()
