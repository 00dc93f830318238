import gzip
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from app.movement.track import Track

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def neasia_cranes():
    """27 real demoiselle cranes; the file's times are UTC+8 (its PROVENANCE)."""
    data = Path(os.environ.get("FLYWAYS_TEST_DATA", ROOT / ".." / "shared" / "data"))
    path = data / "telemetry" / "demoiselle_crane_neasia" / "cranes_guo_2018_2019.csv.gz"
    if not path.exists():
        pytest.skip("shared data absent")
    table = pl.read_csv(gzip.decompress(path.read_bytes()), infer_schema_length=0)
    local = table["timestamp"].str.to_datetime("%Y/%m/%d %H:%M", time_unit="us")
    time_us = (local - timedelta(hours=8)).dt.epoch("us").to_numpy()
    lon, lat = (table[f"location.{c}"].cast(pl.Float64).to_numpy() for c in ("long", "lat"))
    bird = table["individual.local.identifier"].to_numpy()
    tracks = {}
    for name in np.unique(bird):
        index = np.flatnonzero(bird == name)
        index = index[np.argsort(time_us[index], kind="stable")]
        error = np.full(index.shape[0], 20.0)
        tracks[name] = Track(time_us[index], lon[index], lat[index], error)
    return tracks


@pytest.fixture
def day():
    """Microseconds to a date in UTC."""
    return lambda us: (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(us))).date()
