"""A map style of the vector tiles, for MapLibre and whatever else reads its language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from fastapi import APIRouter, Request

from app.api.filters import SpeciesQuery, species_key
from app.api.problems import READING
from app.api.tiles import LAYERS

router = APIRouter(prefix="/styles", tags=["tiles"])

StyleLayer = dict[str, Any]

SPECIES = (
    "white_naped_crane", "hooded_crane", "red_crowned_crane", "siberian_crane", "common_crane",
    "demoiselle_crane", "black_faced_spoonbill", "eurasian_spoonbill",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of one theme; those of the species are the viewer's (its palette.js)."""

    ground: str
    ink: str
    density: str
    species: tuple[str, ...]
    other: str

    @property
    def bird(self) -> list[Any]:
        """Return the expression of a species' colour."""
        pairs = [each for pair in zip(SPECIES, self.species, strict=True) for each in pair]
        return ["match", ["to-string", ["get", "species"]], *pairs, self.other]


THEMES = {
    "light": Theme(
        "#f8f6f1", "#22303a", "#0b5d6b",
        ("#0130c1", "#800088", "#790c00", "#c9410a", "#4f3b3d", "#047ed2", "#23001a", "#8e74a8"),
        "#b16f4c",
    ),
    "dark": Theme(
        "#1c262e", "#e3eaee", "#7fd6e2",
        ("#8fb98a", "#dbb0d2", "#f9b113", "#917114", "#f98151", "#858192", "#edf8cf", "#eb67e0"),
        "#abf993",
    ),
}  # fmt: skip

_EXAMPLE = {"version": 8, "name": "Flyways", "sources": {}, "layers": []}


@router.get(
    "/flyways.json",
    responses={
        **READING,
        200: {
            "content": {"application/json": {"example": _EXAMPLE}},
            "description": "MapLibre style, version 8",
        },
    },
)
async def read_style(
    request: Request, theme: Literal["light", "dark"] = "light", species: SpeciesQuery = None
) -> dict[str, Any]:
    """
    A MapLibre style that draws every layer of tiles on a plain ground.

    It has no base map: lay the layers over one of your own. `species` goes on to the tiles.
    """
    known, colours = species_key(species), THEMES[theme]
    query = f"?species={known}" if known else ""
    return {
        "version": 8,
        "name": "Flyways",
        "center": [118, 43],
        "zoom": 3,
        "sources": {
            name: {"type": "vector", "url": f"{request.base_url}tiles/{name}.json{query}"}
            for name in LAYERS
        },
        "layers": [
            {
                "id": "ground", "type": "background",
                "paint": {"background-color": colours.ground},
            },
            *_areas(colours), *_lines(colours), *_places(colours),
        ],
    }  # fmt: skip


def _layer(name: str, kind: str, source: str, **more: Any) -> StyleLayer:
    return {"id": name, "type": kind, "source": source, "source-layer": source, **more}


def _is(name: str, *, value: Any) -> list[Any]:
    return ["==", ["get", name], value]


def _number(name: str) -> list[Any]:
    return ["to-number", ["get", name], 0]


def _areas(theme: Theme) -> list[StyleLayer]:
    """Density by the logarithm of its hours, since places differ a thousandfold; corridors."""
    shade = ["interpolate", ["linear"], ["log10", ["max", 1, _number("hours")]],
             0, 0.08, 4, 0.75]  # fmt: skip
    return [
        _layer("density", "fill", "density", paint={
            "fill-color": theme.density, "fill-opacity": shade, "fill-antialias": False,
        }),
        _layer("corridors", "fill", "flyways", filter=_is("part", value="corridor"), paint={
            "fill-color": theme.bird, "fill-opacity": 0.08,
        }),
    ]  # fmt: skip


def _lines(theme: Theme) -> list[StyleLayer]:
    """Ways of birds; mean routes as two lines side by side, as the viewer draws them."""
    seen = ["all", ["==", ["geometry-type"], "LineString"]]
    width = ["min", 9, ["*", 1.2, ["sqrt", ["max", 1, _number("n_birds")]]]]
    return [
        _layer("tracks-unobserved", "line", "tracks", filter=[*seen, _is("observed", value=False)],
               paint={"line-color": theme.bird, "line-opacity": 0.5, "line-dasharray": [2, 3]}),
        _layer("tracks", "line", "tracks", filter=[*seen, _is("observed", value=True)],
               paint={"line-color": theme.bird, "line-width": 1.2}),
        _layer("tracks-short", "circle", "tracks", filter=["==", ["geometry-type"], "Point"],
               paint={"circle-color": theme.bird, "circle-radius": 1.2}),
        _layer("connections", "line", "flyways", filter=_is("part", value="connection"),
               paint={"line-color": theme.bird, "line-width": width, "line-opacity": 0.7}),
        _layer("flyways-unobserved", "line", "flyways", filter=_is("part", value="unobserved"),
               paint={"line-color": theme.bird, "line-width": 1.4, "line-opacity": 0.8,
                      "line-dasharray": [3.6, 2.9]}),
        _layer("mean-routes-bed", "line", "flyways", filter=_is("part", value="route"),
               paint={"line-color": theme.ground, "line-width": 7.8}),
        _layer("mean-routes", "line", "flyways", filter=_is("part", value="route"),
               paint={"line-color": theme.bird, "line-width": 1.7, "line-gap-width": 2.4}),
    ]  # fmt: skip


def _places(theme: Theme) -> list[StyleLayer]:
    """Areas of circles are proportional to bird-days, with a least size for the pointer."""
    size = ["max", 3, ["min", 24, ["*", 1.3, ["sqrt", ["max", 0, _number("bird_days")]]]]]
    return [
        _layer("stopovers", "circle", "stopovers", paint={
            "circle-color": theme.bird, "circle-opacity": 0.7, "circle-radius": size,
        }),
        _layer("sites", "circle", "sites", paint={
            "circle-color": theme.ground, "circle-opacity": 0.6, "circle-radius": 5,
            "circle-stroke-color": theme.ink, "circle-stroke-width": 1.5,
        }),
    ]  # fmt: skip
