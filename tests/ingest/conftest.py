from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest import Decoded, unpack

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


def shown(decoded: Decoded) -> list[dict[str, object]]:
    """Records with what each holds: no nulls, no number of the unit."""
    rows = decoded.records.drop("unit").iter_rows(named=True)
    return [{k: v for k, v in row.items() if v is not None and v is not False} for row in rows]


@pytest.fixture(scope="session")
def values() -> Callable[[Decoded], list[dict[str, object]]]:
    """What each record of a decoding holds."""
    return shown
