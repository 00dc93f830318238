from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest import unpack

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def sample() -> Callable[[str], bytes]:
    """Our own small payloads, by name."""
    return lambda name: (ROOT / "tests/data/telemetry" / name).read_bytes()


@pytest.fixture(scope="session")
def real() -> Callable[[str], bytes]:
    """Real payloads, which are not ours to publish."""
    folder = Path(os.environ.get("FLYWAYS_TEST_DATA", ROOT / "../shared/data"))
    if not folder.is_dir():
        pytest.skip("no shared data here")
    return lambda name: unpack((folder / name).read_bytes(), limit_bytes=10**9)
