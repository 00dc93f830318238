"""GDAL reads what we serve: ogrinfo against a server on a loopback port."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.clients.conftest import serving
from tests.store.flock import Flock

pytestmark = pytest.mark.skipif(shutil.which("ogrinfo") is None, reason="GDAL is not installed")


@pytest.fixture(scope="module")
def address(new_database: Callable[[], str]) -> Iterator[str]:
    flock = Flock(new_database())
    institute, _ = flock.institute("Amur")
    study = flock.study(institute, "Cranes", "open")
    for name in ("A", "B", "C"):
        bird = flock.bird(study, name)
        flock.stopover(study, bird)
        for hour, lon in enumerate((179.7, 179.9, -179.8, -179.6)):
            flock.public_fix(study, bird, hour, (lon, 60.0 + hour / 10))
    sites = (flock.site("public", "Here", 127.1, 38.2), flock.site("public", "There", 115.1, 49.7))
    flock.connection("public", sites)
    flock.corridor("public")
    with serving(flock.dsn) as url:
        yield url


@pytest.mark.parametrize(
    ("name", "count", "kind"),
    [
        ("positions", 3, "Point"),
        ("stopovers", 3, "Point"),
        ("sites", 2, "Point"),
        ("tracks", 3, "Multi Line String"),
        ("flyways", 2, "Unknown (any)"),
    ],
)
def test_ogrinfo_reads_each_feed_whole(address: str, name: str, count: int, kind: str) -> None:
    done = subprocess.run(
        ["ogrinfo", "-ro", "-al", "-so", f"{address}/feeds/{name}.geojson"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert f"Feature Count: {count}" in done.stdout
    assert f"Geometry: {kind}" in done.stdout
    assert 'ID["EPSG",4326]' in done.stdout


def test_ogr_sees_times_as_times(address: str) -> None:
    done = subprocess.run(
        ["ogrinfo", "-ro", "-al", "-so", f"{address}/feeds/positions.geojson"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "time: DateTime" in done.stdout
    assert "simulated: Integer(Boolean)" in done.stdout
