"""The page of a report, with no database: which numbers it says, how, and what it escapes."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api import flyway_page
from app.api.flyway_page import (
    BIRDS_NAMED,
    KEPT_HERE,
    ROWS_MAX,
    TO,
    Content,
    page,
    stamped,
    words,
)  # fmt: skip
from app.api.flyway_report import _names
from app.api.ledger import Flyway, LedgerOut
from app.api.species import LANGUAGES
from app.store.sight import GROUP_MIN

NAMES = {"own": "Цэн тогоруу", "en": "White-naped Crane", "status": "from memory: verify mn"}
EXAMPLE: dict[str, Any] = LedgerOut.model_json_schema()["examples"][0]
LAYER = EXAMPLE["boundary"] | {"name": "MODIS", "cell_size_m": 5_566.0, "fitness": "demonstration"}
WAY: dict[str, Any] = {
    "individual": "WNC-17", "season": "2024-spring",
    "departure_time": datetime(2024, 3, 1, 23, 59, tzinfo=UTC),
    "arrival_time": datetime(2024, 4, 2, tzinfo=UTC),
    "duration_days": 31.0, "travel_days": 4.25, "stop_days": 26.0, "stopovers": 3,
    "staging_sites": 1, "route_km": 2345.6, "unobserved_days": None, "travel_speed_m_s": 6.25,
    "straightness": 0.918, "countries": ["China", "Mongolia", "Atlantis"],
}  # fmt: skip


def ledger(**changes: Any) -> LedgerOut:
    return LedgerOut.model_validate(EXAMPLE | changes)


def row(**changes: Any) -> dict[str, Any]:
    return EXAMPLE["items"][0] | changes


def content(lang: str = "en", **changes: Any) -> Content:
    made = Content(
        lang=lang,
        words=words(lang),
        flyway=Flyway("white_naped_crane", None, simulated=False),
        names=NAMES,
        made=datetime(2026, 11, 27, 16, 23, tzinfo=UTC),
        version="0.1.0",
        days=(None, None),
        tables={name: ledger() for name in ("area", "class", "protection")},
        migrations=[WAY],
        migrations_left=False,
        birds_left=False,
        lines=[("WNC-17", "#000000")],
        kinds={"stopover": "#e08214"},
        images={},
        studies=[],
    )
    return replace(made, **changes)


class Read(HTMLParser):
    """Text of a page by tag, and the classes of its cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.at: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[tuple[str, str]] = []
        self.tables: list[list[list[str]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        if tag not in {"meta", "img"}:
            self.at.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in {"td", "th"}:
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag) -> None:
        assert self.at.pop()[0] == tag  # every tag is closed, in order

    def handle_data(self, data) -> None:
        tag = self.at[-1][0] if self.at else ""
        if tag in {"td", "th"}:
            self.tables[-1][-1][-1] += data
        if data.strip():
            self.said.append((tag, data))

    def texts(self, tag: str) -> list[str]:
        return [text for each, text in self.said if each == tag]


def read(made: Content) -> Read:
    found = Read(page(made))
    assert found.at == []
    return found


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("season", [None, "spring", "autumn", "other"])
def test_the_heading_names_the_bird_and_the_season_in_every_language(lang, season) -> None:
    found = read(content(lang, flyway=Flyway("white_naped_crane", season, simulated=False)))
    (head,) = found.texts("h1")
    w = words(lang)
    assert head == found.texts("title")[0]
    assert NAMES["own"] in head and w[f"season.{season}" if season else "year"] in head
    assert page(content(lang)).count("<main>") == 1  # where a screen reader's reader begins
    assert "{" not in page(content(lang)).partition("</style>")[2]  # no gap is left unfilled


def test_a_bird_without_a_name_in_the_language_has_its_english_one() -> None:
    assert "White-naped Crane" in read(content("mn", names=NAMES | {"own": ""})).texts("h1")[0]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_birds_of_any_other_species_are_called_so_in_every_language(lang) -> None:
    names = _names("default", lang)
    made = content(lang, names=names, flyway=Flyway("default", "other", simulated=False))
    found = read(made)
    assert names["own"] in found.texts("h1")[0]
    assert names["own"] not in {"", "default"} and "<i class=" not in page(made)
    below = found.texts("p")[0]
    assert lang == "en" or below == "any other species"  # no comma before a name that is not there


@pytest.mark.parametrize(("lang", "told"), [("mn", True), ("zh", False), ("en", False)])
def test_a_name_to_verify_is_told_to_the_readers_of_that_language_alone(lang, told) -> None:
    assert ("verify" in page(content(lang))) == told


def facts(found: Read) -> dict[str, str]:
    return dict(zip(found.texts("dt"), found.texts("dd"), strict=True))


def test_facts_of_the_whole_year_and_of_a_period() -> None:
    w = words("en")
    said = facts(read(content()))
    assert said[w["season"]] == "whole year" and w["period"] not in said
    assert said[w["sample"]] == "7 of 8 tracked birds, 6 families"
    low, high = datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 5, 31, tzinfo=UTC)
    one = content(flyway=Flyway("white_naped_crane", "spring", simulated=False), days=(low, high))
    said = facts(read(one))
    assert (said[w["season"]], said[w["period"]]) == ("spring", f"2024-03-01 {TO} 2024-05-31")
    assert facts(read(replace(one, days=(None, high))))[w["period"]] == f"… {TO} 2024-05-31"
    assert facts(read(replace(one, days=(low, None))))[w["period"]] == f"2024-03-01 {TO} …"


def test_simulated_birds_are_called_so() -> None:
    told = words("en")["simulated"]
    assert told in page(content(flyway=Flyway("white_naped_crane", None, simulated=True)))
    assert told not in page(content())


def test_what_is_not_measured_is_said_and_its_table_left_out() -> None:
    bare = ledger(boundary=None)
    found = read(content(tables={"area": bare, "class": bare, "protection": bare}))
    w, said = words("en"), facts(found)
    assert said[w["boundary"]] == said[w["layer"]] == w["value.not measured"]
    assert w["ledger.area"] in found.texts("h2")
    assert w["ledger.class"] not in found.texts("h2")
    assert w["ledger.protection"] not in found.texts("h2")


def test_a_coarse_layer_says_its_cells_and_that_it_is_for_demonstration() -> None:
    tables = content().tables | {"class": ledger(layer=LAYER)}
    assert "(demonstration only: cells of 5.6 km)" in page(content(tables=tables))
    assert "ячейка 5,6 км" in page(content("ru", tables=tables))
    fine = content().tables | {"class": ledger(layer=LAYER | {"fitness": None})}
    assert "demonstration only" not in page(content(tables=fine))


def test_a_row_of_the_ledger_in_words_and_numbers() -> None:
    one = row(
        area="Mongolia", area_kind="coast", season="breeding", bird_days=12_345.67, share=0.123,
        share_low=0.1, share_high=0.2, birds=12, families=9, capture_areas=["China", "Atlantis"],
    )  # fmt: skip
    tables = content().tables | {"area": ledger(items=[one])}
    table = read(content(tables=tables)).tables[0]
    assert table[1] == [
        "Mongolia", "coast", "breeding", "12\u202f345.7", "12.3 %", f"10.0{TO}20.0 %", "12", "9",
        "China, Atlantis", "12.0",
    ]  # fmt: skip
    russian = read(content("ru", tables=tables)).tables[0]
    assert russian[1][3:6] == ["12\u202f345,7", "12,3 %", f"10,0{TO}20,0 %"]
    assert len(table[0]) == len(table[1]) == len(russian[0])


@pytest.mark.parametrize(("low", "high"), [(None, None), (0.1, None), (None, 0.2)])
def test_an_interval_with_an_end_missing_is_none(low, high) -> None:
    tables = content().tables | {"area": ledger(items=[row(share_low=low, share_high=high)])}
    assert read(content(tables=tables)).tables[0][1][5] == TO


def test_classes_and_protection_are_said_in_the_readers_words() -> None:
    tables = content("zh").tables | {
        "class": ledger(layer=LAYER, items=[row(**{"class": "grasslands"}), row(**{"class": "?"})]),
        "protection": ledger(
            protection=[LAYER], items=[row(protection="none", ramsar="Ramsar site")]
        ),
    }
    _, classes, protection, _ = read(content("zh", tables=tables)).tables
    assert [each[0] for each in classes[1:]] == [words("zh")["class.grasslands"], "?"]
    assert protection[1][:2] == [words("zh")["value.none"], "Ramsar site"]


def test_a_long_ledger_is_cut_and_says_so() -> None:
    told = words("en")["first_only"].format(n=ROWS_MAX)
    for n in (ROWS_MAX, ROWS_MAX + 1):
        tables = content().tables | {"area": ledger(items=[row()] * n)}
        made = content(tables=tables)
        assert len(read(made).tables[0]) == 1 + ROWS_MAX
        assert (told in page(made)) == (n > ROWS_MAX)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_an_empty_table_gives_the_rule_in_its_place(lang) -> None:
    none = ledger(items=[], layer=LAYER, protection=[LAYER])
    empty = dict.fromkeys(content().tables, none)
    found = read(content(lang, tables=empty))
    assert found.texts("p").count(words(lang)["ledger.none"].format(n=GROUP_MIN)) == len(empty)
    assert len(found.tables) == 1  # the migrations alone
    assert str(GROUP_MIN) in words(lang)["ledger.none"].format(n=GROUP_MIN)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_kept_page_names_its_snapshot_and_is_else_the_same(lang) -> None:
    plain = page(content(lang))
    row = {"made_at": datetime(2026, 11, 27, 23, 5, tzinfo=UTC), "ref": UUID(int=7),
           "digest": bytes(range(32))}  # fmt: skip
    marked, told = stamped(plain, row)
    assert told == lang
    (line,) = set(marked.splitlines()) - set(plain.splitlines())
    for part in ("2026-11-27 23:05 UTC", str(row["ref"]), f"sha256:{row['digest'].hex()}"):
        assert part in line
    assert marked.replace(line, KEPT_HERE) == plain


def test_a_migration_in_print() -> None:
    table = read(content()).tables[-1]
    assert table[1] == [
        "WNC-17", "2024 spring", "2024-03-01", "2024-04-02", "31.0", "4.2", "26.0", "3", "1",
        "2\u202f346", TO, "6.2", "0.92", "China → Mongolia → Atlantis",
    ]  # fmt: skip
    assert len(table[0]) == len(table[1])
    assert table[0][10] == words("en")["unobserved"]


def test_no_migration_is_said_and_stays_on_upright_pages() -> None:
    without = page(content(migrations=[]))
    assert words("en")["migrations.none"] in without
    assert "<section class=wide>" not in without
    assert "<section class=wide>" in page(content())


@pytest.mark.parametrize("left", [False, True])
def test_what_was_left_out_is_counted(left) -> None:
    images = {"calendar": ["data:,"]}
    said = page(content(migrations_left=left, birds_left=left, images=images))
    assert said.count(words("en")["first_only"].format(n=1)) == (2 if left else 0)


@pytest.mark.parametrize("n", [BIRDS_NAMED, BIRDS_NAMED + 1])
def test_colours_are_told_while_they_can_be(n) -> None:
    lines = [(f"B{k}", "#000000") for k in range(n)]
    images = {name: ["data:,"] for name in ("latitude", "nsd")}
    assert page(content(lines=lines, images=images)).count("<li><i ") == (
        2 * n if n <= BIRDS_NAMED else 0
    )


def test_a_figure_of_two_pages_has_one_caption_and_missing_ones_no_heading() -> None:
    made = content(images={"calendar": ["data:,1", "data:,2"], "map": []})
    text, w = page(made), words("en")
    assert text.count('<figure class="calendar">') == 2 and text.count("<figcaption>") == 1
    assert w["calendar"] in read(made).texts("h2") and w["map"] not in read(made).texts("h2")
    # In print a tall map is made smaller; the rows of a calendar would be too small to read.
    *_, printed = text.partition("@media print")[2].partition("figure img { max-height")
    assert ".calendar img { max-height: none; }" in printed.partition("</style>")[0]


def test_studies_are_cited_without_gaps() -> None:
    whole = {"institute_name": "Amur", "name": "Cranes", "citation": "Li 2024", "licence": "CC0"}
    studies = [whole, whole | {"citation": None, "licence": ""}]
    said = read(content(studies=studies)).texts("li")
    assert said[-2:] == ["Amur. Cranes. Li 2024. CC0", "Amur. Cranes"]


@given(st.text(min_size=1).filter(str.strip))
def test_whatever_a_name_holds_stays_text(name) -> None:
    hostile = f"<script>{name}"
    studies = [{"institute_name": hostile, "name": hostile, "citation": "", "licence": ""}]
    made = content(
        lines=[(hostile, "#000000")], studies=studies, images={"latitude": ["data:,"]},
        migrations=[WAY | {"individual": hostile}],
    )  # fmt: skip
    text = page(made)
    assert "<script" not in text
    assert text.count("&lt;script&gt;") == 4


@given(
    st.none() | st.floats(-1e9, 1e9), st.integers(0, 3), st.sampled_from(LANGUAGES)
)  # fmt: skip
def test_a_number_is_read_back_as_it_was(value, digits, lang) -> None:
    said = flyway_page._number(words(lang), value, digits)
    if value is None:
        assert said == TO
        return
    mark = "," if lang == "ru" else "."
    plain = said.replace("\u202f", "").replace(mark, ".")
    assert plain == f"{value:.{digits}f}"
    assert all(len(part) == 3 for part in re.split("\u202f", said.split(mark)[0])[1:])
