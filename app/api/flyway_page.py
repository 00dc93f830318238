"""The page of a flyway's report: words and numbers put into HTML, every text escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import orjson

from app.api.ledger import Flyway, LedgerOut, LedgerRow
from app.seeds import profile_of
from app.store.sight import GROUP_MIN

FOLDER = Path(__file__).parent / "report"
TO = "\u2013"
"""Between two ends, and where there is no number: an en dash."""
BIRDS_NAMED = 12
"""With more lines than this colours tell no birds apart; the calendar names them all."""
KEPT_HERE = "<!-- kept -->"
"""Where a page that was kept says so when it is read."""
ROWS_MAX = 60
"""Most rows of one table of the ledger in print; /api/v1/flyways/{id}/ledger has them all."""


@dataclass(frozen=True, slots=True)
class Content:
    """Everything a report says."""

    lang: str
    words: dict[str, str]
    flyway: Flyway
    names: dict[str, str]
    made: datetime
    version: str
    days: tuple[datetime | None, datetime | None]
    tables: dict[str, LedgerOut]
    migrations: Sequence[dict[str, Any]]
    migrations_left: bool
    birds_left: bool
    lines: Sequence[tuple[str, str]]
    kinds: dict[str, str]
    images: dict[str, list[str]]
    studies: Sequence[dict[str, Any]]


@cache
def words(lang: str) -> dict[str, str]:
    """Return the report's words in a language."""
    found: dict[str, str] = orjson.loads((FOLDER / f"{lang}.json").read_bytes())
    return found


def stamped(page: str, found: dict[str, Any]) -> tuple[str, str]:
    """
    Return a kept page with a line that names its snapshot, and the page's language.

    Without that line, and `KEPT_HERE` in its place, the page has the digest that the manifest
    tells.
    """
    lang = page.partition('<html lang="')[2][:2]
    text = words(lang)["kept"].format(
        time=f"{found['made_at']:%Y-%m-%d %H:%M}", id=found["ref"],
        digest=f"sha256:{found['digest'].hex()}",
    )  # fmt: skip
    return page.replace(KEPT_HERE, f'<p class="kept">{escape(text)}</p>', 1), lang


def page(content: Content) -> str:
    """Return the report as one HTML page with nothing outside it."""
    title = _title(content)
    style = (FOLDER / "report.css").read_text(encoding="utf-8")
    body = "\n".join(
        [*_head(content, title), *_figures(content), *_ledger(content),
         "<section class=wide>" if content.migrations else "<section>",
         *_migrations(content), *_notes(content), "</section>"]
    )  # fmt: skip
    return (
        f'<!doctype html>\n<html lang="{content.lang}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style></head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body></html>\n"
    )


def _title(content: Content) -> str:
    name = content.names["own"] or content.names["en"]
    season = content.flyway.season
    when = content.words[f"season.{season}" if season else "year"]
    return content.words["title"].format(name=name, when=when)


def _head(content: Content, title: str) -> Iterable[str]:
    w, area = content.words, content.tables["area"]
    profile = profile_of(content.flyway.species)
    yield f"<h1>{escape(title)}</h1>"
    scientific = escape(profile.scientific_name)
    also = [
        escape(content.names["en"]) if content.lang != "en" else "",
        f'<i class="scientific">{scientific}</i>' if scientific else "",
    ]
    if any(also):
        yield f"<p>{', '.join(filter(None, also))}</p>"
    if w["unverified"]:
        english = '<span lang="en">Translation not verified by a speaker.</span>'
        yield f'<p class="warning">{escape(w["unverified"])} {english}</p>'
    if content.flyway.simulated:
        yield f'<p class="warning">{escape(w["simulated"])}</p>'
    sample = area.sample
    low, high = (f"{day:%Y-%m-%d}" if day else "…" for day in content.days)
    facts = [
        (w["season"], w[f"season.{content.flyway.season}" if content.flyway.season else "year"]),
        *([(w["period"], f"{low} {TO} {high}")] if any(content.days) else []),
        (w["sample"], w["sample.of"].format(
            birds=sample.birds, tracked=sample.birds_tracked, families=sample.families)),
        (w["total"], _number(w, area.total_bird_days)),
        (w["unobserved"], _number(w, area.unobserved_days)),
        (w["boundary"], f"{area.boundary.name}. {area.boundary.source}" if area.boundary
         else w["value.not measured"]),
        (w["layer"], _layer(content)),
    ]  # fmt: skip
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    yield f"<dl>{rows}</dl>"
    made = w["made"].format(time=f"{content.made:%Y-%m-%d %H:%M}", version=content.version)
    yield f'<p class="note">{escape(made)}</p>'
    yield KEPT_HERE


def _layer(content: Content) -> str:
    layer = content.tables["class"].layer
    if layer is None:
        return content.words["value.not measured"]
    text = f"{layer.name}. {layer.source}"
    if layer.fitness and layer.cell_size_m:
        km = _number(content.words, layer.cell_size_m / 1000)
        text += f" ({content.words['demonstration'].format(km=km)})"
    return text


def _figures(content: Content) -> Iterable[str]:
    w = content.words
    for name in ("map", "latitude", "nsd", "calendar"):
        images = content.images.get(name, [])
        if not images:
            continue
        yield f"<h2>{escape(w[name])}</h2>"
        note = (
            f"{w[f'{name}.note']} {w['map.years'] if name == 'map' and any(content.days) else ''}"
        )
        for number, image in enumerate(images):
            caption = "" if number else f"<figcaption>{escape(note.strip())}</figcaption>"
            legend = _legend_of(name, content) if image is images[-1] else ""
            shown = f'<img alt="{escape(w[name])}" src="{image}">'
            yield f'<figure class="{name}">{shown}{caption}{legend}</figure>'
        if name == "calendar" and content.birds_left:
            yield f'<p class="note">{escape(w["first_only"].format(n=len(content.lines)))}</p>'


def _legend_of(name: str, content: Content) -> str:
    """Return what the colours of a figure mean: it stays on the figure's page."""
    if name in {"latitude", "nsd"} and len(content.lines) <= BIRDS_NAMED:
        return _legend(content.lines)
    if name == "calendar":
        kinds = content.kinds.items()
        return _legend([(content.words[f"stay.{kind}"], colour) for kind, colour in kinds])
    return ""


def _legend(items: Sequence[tuple[str, str]]) -> str:
    each = "".join(f'<li><i style="background:{c}"></i>{escape(name)}</li>' for name, c in items)
    return f'<ul class="legend">{each}</ul>'


def _ledger(content: Content) -> Iterable[str]:
    w = content.words
    for name, columns in (
        ("area", ("area", "kind", "season")),
        ("class", ("class",)),
        ("protection", ("protection", "ramsar")),
    ):
        table = content.tables[name]
        if (name == "class" and not table.layer) or (name == "protection" and not table.protection):
            continue
        yield f"<h2>{escape(w[f'ledger.{name}'])}</h2>"
        if name == "class":
            yield f'<p class="note">{escape(_layer(content))}</p>'
        if not table.items:
            yield f"<p>{escape(w['ledger.none'].format(n=GROUP_MIN))}</p>"
            continue
        heads = [w["season"] if c == "season" else w[f"col.{c}"] for c in columns]
        numbers = [w[f"col.{c}"] for c in ("bird_days", "share", "interval", "birds", "families")]
        rows = [
            [*(_value(content, c, row) for c in columns), *_numbers(w, row),
             ", ".join(_area(content, a) for a in row.capture_areas),
             _number(w, row.unobserved_days)]
            for row in table.items[:ROWS_MAX]
        ]  # fmt: skip
        head = [*heads, *numbers, w["col.capture"], w["unobserved"]]
        n = len(columns)
        yield _table(head, rows, {*range(n, n + 5), n + 6})
        if len(table.items) > ROWS_MAX:
            yield f'<p class="note">{escape(w["first_only"].format(n=ROWS_MAX))}</p>'


def _numbers(w: dict[str, str], row: LedgerRow) -> list[str]:
    interval = TO
    if row.share_low is not None and row.share_high is not None:
        interval = f"{_number(w, 100 * row.share_low)}{TO}{_number(w, 100 * row.share_high)} %"
    share = f"{_number(w, 100 * row.share)} %"
    return [_number(w, row.bird_days), share, interval, str(row.birds), str(row.families)]


def _value(content: Content, column: str, row: LedgerRow) -> str:
    w = content.words
    if column == "area":
        return _area(content, row.area or "")
    if column == "kind":
        kind = row.area_kind or ""
        return w.get(f"kind.{kind}", w.get(f"value.{kind}", kind))
    if column == "season":
        return w.get(f"season.{row.season}", row.season or "")
    if column == "class":
        name = row.class_ or ""
        return w.get(f"class.{name}", w.get(f"value.{name}", name))
    name = (row.protection if column == "protection" else row.ramsar) or ""
    return w.get(f"value.{name}", name)


def _area(content: Content, name: str) -> str:
    return content.words.get(f"area.{name}", content.words.get(f"value.{name}", name))


def _migrations(content: Content) -> Iterable[str]:
    w = content.words
    if not content.migrations:
        yield f"<h2>{escape(w['migrations'])}</h2><p>{escape(w['migrations.none'])}</p>"
        return
    yield f"<h2>{escape(w['migrations'])}</h2>"
    hours = f"{profile_of(content.flyway.species).headline_min_s / 3600:g}"
    yield f'<p class="note">{escape(w["migrations.note"].format(hours=hours))}</p>'
    names = ("bird", "season", "departure", "arrival", "days", "travel", "stop", "stopovers",
             "staging", "route", "speed", "straightness", "countries")  # fmt: skip
    head = [w["season"] if name == "season" else w[f"col.{name}"] for name in names]
    head.insert(10, w["unobserved"])
    rows = [_migration(content, row) for row in content.migrations]
    yield _table(head, rows, {4, 5, 6, 7, 8, 9, 10, 11, 12}, "migrations")
    if content.migrations_left:
        yield f'<p class="note">{escape(w["first_only"].format(n=len(content.migrations)))}</p>'


def _migration(content: Content, row: dict[str, Any]) -> list[str]:
    w = content.words
    year, _, season = row["season"].partition("-")
    return [
        row["individual"],
        f"{year} {w[f'season.{season}']}",
        f"{row['departure_time']:%Y-%m-%d}",
        f"{row['arrival_time']:%Y-%m-%d}",
        _number(w, row["duration_days"]),
        _number(w, row["travel_days"]),
        _number(w, row["stop_days"]),
        str(row["stopovers"]),
        str(row["staging_sites"]),
        _number(w, row["route_km"], 0),
        _number(w, row["unobserved_days"]),
        _number(w, row["travel_speed_m_s"]),
        _number(w, row["straightness"], 2),
        " → ".join(_area(content, name) for name in row["countries"]),
    ]


def _notes(content: Content) -> Iterable[str]:
    w = content.words
    yield f"<h2>{escape(w['notes'])}</h2>"
    notes = [w[f"notes.{name}"] for name in ("interval", "coast", "silence")]
    boundary = content.tables["area"].boundary
    if boundary and boundary.note:
        notes.append(boundary.note)
    if content.lang != "en" and f"verify {content.lang}" in content.names["status"]:
        notes.append(f"{content.names['own']}: {content.names['status']}")
    yield "<ul>" + "".join(f"<li>{escape(note)}</li>" for note in notes) + "</ul>"
    yield f"<h2>{escape(w['studies'])}</h2>"
    items = [
        ". ".join(
            part
            for part in (row["institute_name"], row["name"], row["citation"], row["licence"])
            if part
        )
        for row in content.studies
    ]
    yield "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"


def _table(
    head: Sequence[str], rows: Sequence[Sequence[str]], right: set[int], kind: str = "ledger"
) -> str:
    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=number' if k in right else ''}>{escape(text)}</{tag}>"
            for k, text in enumerate(row)
        )

    body = "\n".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return (
        f'<div class="scroll" tabindex="0"><table class="{kind}">'
        f"<thead><tr>{cells('th', head)}</tr></thead>\n<tbody>{body}</tbody></table></div>"
    )


def _number(w: dict[str, str], value: float | None, digits: int = 1) -> str:
    """Return a number with the language's decimal mark and narrow spaces between thousands."""
    if value is None:
        return TO
    whole, point, parts = f"{value:,.{digits}f}".partition(".")
    return whole.replace(",", "\u202f") + (w["decimal"] if point else "") + parts
