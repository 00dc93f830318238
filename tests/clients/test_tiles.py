"""GDAL over HTTP and MapLibre in a browser open the tiles and the style as they are served."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext

from tests.clients.conftest import serving
from tests.clients.mvt import fetched
from tests.store.flock import Flock

LAYERS = {"tracks": 3, "stopovers": 1, "sites": 2, "flyways": 4, "density": 1}
"""Features in the tile of the world: the stopovers of three birds are one group there."""

DRAW = """async (style) => {
  const { Map, setWorkerUrl } = await import('/viewer/vendor/maplibre-gl/maplibre-gl.mjs');
  setWorkerUrl('/viewer/vendor/maplibre-gl/maplibre-gl-worker.mjs');
  const box = document.createElement('div');
  box.style.cssText = 'position: fixed; inset: 0';
  document.body.replaceChildren(box);
  const errors = [];
  const map = new Map({ container: box, style, attributionControl: false, center: [122, 43] });
  map.on('error', (event) => errors.push(event.error.message));
  await new Promise((resolve) => { map.once('idle', resolve); });
  const layers = map.queryRenderedFeatures().map((feature) => feature.layer.id);
  map.remove();
  return { errors, layers: [...new Set(layers)].sort() };
}"""


@pytest.fixture(scope="module")
def address(new_database: Callable[[], str]) -> Iterator[str]:
    flock = Flock(new_database())
    institute, _ = flock.institute("Amur")
    study = flock.study(institute, "Cranes", "open")
    for name in ("A", "B", "C"):
        bird = flock.bird(study, name)
        flock.stopover(study, bird)
        flock.density(study, bird, (127.1, 38.2), 5, public=True)
        for hour, place in enumerate(((127.0, 38.0), (122.0, 43.0), (115.0, 49.0))):
            flock.public_fix(study, bird, hour, place)
    sites = (flock.site("public", "Here", 127.1, 38.2), flock.site("public", "There", 115.1, 49.7))
    flock.connection("public", sites)
    flock.corridor("public")
    for part in ("route", "unobserved"):
        flock.flyway_line("public", part)
    with serving(flock.dsn) as url:
        yield url


@pytest.mark.skipif(shutil.which("ogrinfo") is None, reason="GDAL is not installed")
@pytest.mark.parametrize(("layer", "count"), LAYERS.items())
def test_ogrinfo_reads_a_tile_at_its_address(address: str, layer: str, count: int) -> None:
    done = subprocess.run(
        ["ogrinfo", "-ro", "-al", "-so", f"MVT:{address}/tiles/{layer}/0/0/0.pbf"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert f"Feature Count: {count}" in done.stdout
    assert 'ID["EPSG",3857]' in done.stdout


@pytest.mark.parametrize(("layer", "count"), LAYERS.items())
def test_a_tile_holds_the_places_it_was_made_of(address: str, layer: str, count: int) -> None:
    found = fetched(f"{address}/tiles/{layer}/0/0/0.pbf", (0, 0, 0))
    assert len(found) == count
    west, south, east, north = 115.0, 38.0, 127.2, 49.8
    for each in found:
        a, b, c, d = each.lonlat_bounds()
        slack = 6  # the cells of the world's density are that wide [degrees]
        assert west - slack <= a <= c <= east + slack
        assert south - slack <= b <= d <= north + slack


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_maplibre_draws_the_style_without_a_complaint(
    context: BrowserContext, address: str, theme: str
) -> None:
    page = context.new_page()
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.on(
        "response", lambda got: got.status >= 400 and failures.append(f"{got.status} {got.url}")
    )
    page.goto(f"{address}/docs")
    found = page.evaluate(DRAW, f"{address}/styles/flyways.json?theme={theme}")
    page.close()
    assert found["errors"] == []
    assert failures == []
    assert found["layers"] == [
        "connections", "corridors", "density", "flyways-unobserved", "mean-routes",
        "mean-routes-bed", "sites", "stopovers", "tracks",
    ]  # fmt: skip
