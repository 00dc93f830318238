"""The viewer's files hold together: words, third-party files, sizes, no outside address."""

import json
import re
from pathlib import Path

VIEWER = Path(__file__).resolve().parents[2] / "app" / "viewer"
MODULES = sorted(VIEWER.glob("*.js"))
WORDS = {path.stem: json.loads(path.read_text()) for path in (VIEWER / "words").glob("*.json")}
OWN = [*MODULES, *VIEWER.glob("*.html"), *VIEWER.glob("*.css"), *VIEWER.glob("words/*.json")]
HOLE = re.compile(r"\{(\w+)\}")


def test_six_languages_say_the_same_things_with_the_same_holes() -> None:
    assert set(WORDS) == {"en", "zh", "ja", "ko", "mn", "ru"}
    english = WORDS["en"]
    for words in WORDS.values():
        assert list(words) == list(english)
        assert all(words.values())
        for key, text in words.items():
            assert set(HOLE.findall(text)) <= {*HOLE.findall(english[key]), "next"}, key


def test_every_word_asked_for_exists() -> None:
    source = "".join(path.read_text() for path in OWN if path.suffix != ".json")
    asked = set(re.findall(r"""\bt\('([\w.]+)'""", source))
    asked |= set(re.findall(r"""data-t(?:-label)?="([\w.]+)\"""", source))
    asked |= {f"field.{key}" for key in re.findall(r"(?:\[|Row\()'(\w+)', ", details_rows())}
    assert asked - set(WORDS["en"]) == set()
    assert len(asked) > 60


def details_rows() -> str:
    source = (VIEWER / "details.js").read_text()
    return source[source.index("const zoneRow") : source.index("function speciesOf")]


def test_vendor_list_names_exactly_what_the_page_loads() -> None:
    listed = {entry["to"] for entry in json.loads((VIEWER / "vendor.json").read_text())}
    source = "".join(path.read_text() for path in OWN)
    loaded = set(re.findall(r"vendor/([\w./-]+\.(?:mjs|json|js|css))\b", source))
    assert loaded <= listed
    indirect = {"maplibre-gl/maplibre-gl-worker.mjs"} | {
        f"topojson-client/{name}.js" for name in ("identity", "reverse", "transform")
    }
    licences = {name for name in listed if "LICENSE" in name}
    habitat = {"world-atlas/countries-50m.json"}  # read by the service as a built-in layer
    assert listed == loaded | indirect | licences | habitat
    assert {name.split("/")[0] for name in licences} == {name.split("/")[0] for name in listed}


def test_the_page_asks_for_every_module_at_once() -> None:
    """Without these lines each import would wait for the module that names it."""
    page = (VIEWER / "index.html").read_text()
    preloaded = set(re.findall(r'<link rel="modulepreload" href="viewer/([\w./-]+)">', page))
    listed = {entry["to"] for entry in json.loads((VIEWER / "vendor.json").read_text())}
    third = {f"vendor/{name}" for name in listed if name.endswith((".js", "maplibre-gl.mjs"))}
    scripts = re.findall(r'<script type="module" src="viewer/([\w./-]+)">', page)
    assert scripts == ["early.js", "main.js"]
    assert preloaded == third | {path.name for path in MODULES} - set(scripts)


def test_who_has_no_javascript_is_led_to_every_feed_and_to_the_guides() -> None:
    page = (VIEWER / "index.html").read_text()
    (told,) = re.findall(r"<noscript>(.+?)</noscript>", page, re.DOTALL)
    feeds = re.findall(r'id="layer-(\w+)"', page)
    assert re.findall(r'href="([^"]+)"', told) == [
        *(f"feeds/{feed}.geojson" for feed in feeds), "guides",
    ]  # fmt: skip


def test_own_files_name_no_other_host_and_need_no_inline_code() -> None:
    for path in OWN:
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://", text), path.name
        assert "innerHTML" not in text, path.name
    page = (VIEWER / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|\bon\w+=|\bstyle=|<style", page)


def test_modules_stay_small() -> None:
    for path in MODULES:
        lines = path.read_text().splitlines()
        assert len(lines) <= 250, path.name
        assert max(map(len, lines)) <= 100, path.name
