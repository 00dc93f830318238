"""The query parameters that every list and feed of derived data shares, read once."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_validation_alias
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

from app.api.intervals import interval_of
from app.errors import BadInput
from app.seeds import profile_of, profiles
from app.store.sight import Box, Filters

SpeciesQuery = Annotated[
    str | None,
    Query(max_length=100, description="key, scientific name or synonym", examples=["Grus vipio"]),
]
SeasonQuery = Annotated[
    str | None,
    Query(
        pattern=r"^[0-9]{4}-(spring|autumn|breeding|wintering|summering)$",
        description="wintering is named by its starting year",
        examples=["2020-spring"],
    ),
]
BoxQuery = Annotated[
    str | None,
    Query(
        max_length=200,
        description="west,south,east,north in degrees; west > east crosses the antimeridian",
        examples=["110,30,145,55"],
    ),
]
DatetimeQuery = Annotated[
    str | None,
    Query(
        max_length=100,
        description="RFC 3339 instant or interval, both ends included; `..` is an open end",
        examples=["2020-03-01T00:00:00Z/2020-05-31T23:59:59Z"],
    ),
]


_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
"""A number as JSON and maps write it: Python alone reads 1_0, and the digits of every script."""


def species_key(species: str | None) -> str | None:
    """Return the key of a species by key, scientific name, synonym or English name."""
    if species is None or species == "default":
        return species
    profile = profile_of(species)
    if profile.key == "default":
        known = ", ".join(sorted(profiles()))
        raise BadInput(
            "The species is not known.",
            code="species-unknown",
            remedy=f"Use one of these keys, or its scientific name or synonym: {known}.",
        )
    return profile.key


def box_of(bbox: str | None) -> Box | None:
    """Read west,south,east,north; six numbers are read with heights, which are left aside."""
    if bbox is None:
        return None
    parts = [part.strip() for part in bbox.split(",")]
    if not all(map(_NUMBER.fullmatch, parts)):
        raise _bad_box()
    numbers = [float(part) for part in parts]
    if len(numbers) == 6:
        numbers = [*numbers[:2], *numbers[3:5]]
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
        raise _bad_box()
    west, south, east, north = numbers
    if max(abs(west), abs(east)) > 180 or not -90 <= south <= north <= 90:
        raise _bad_box()
    return Box(west, south, east, north)


def _bad_box() -> BadInput:
    return BadInput(
        "bbox is not a box in degrees.",
        code="bbox-invalid",
        remedy="Send bbox=west,south,east,north with longitudes -180..180, latitudes -90..90 and "
        "south <= north; west > east crosses the antimeridian.",
    )


BUSTER = "_"
"""What some clients add to every address, so that no cache answers."""


def unknown_of(request: Request, known: Collection[str]) -> set[str]:
    """Return the query parameters that an address does not take."""
    return {*request.query_params} - {*known, BUSTER}


def take_only_its_own(route: APIRoute) -> None:
    """
    Make a route refuse each query parameter that neither its handler nor a dependency declares.

    Left unread, one that was meant to narrow or to date an answer would get another one.
    """
    known = list(dict.fromkeys(_declared(route.dependant)))
    serve = route.app

    async def held(scope: Scope, receive: Receive, send: Send) -> None:
        if unknown_of(Request(scope), known):
            raise BadInput(
                "A query parameter is none of this address.",
                code="parameter-unknown",
                remedy=f"Leave it out, or use one of {', '.join(known)}."
                if known
                else "Leave it out: this address takes none.",
            )
        await serve(scope, receive, send)

    route.app = held


def _declared(dependant: Dependant) -> Iterator[str]:
    for field in dependant.query_params:
        kind = field.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):  # it stands for its fields
            yield from kind.model_fields
        else:
            yield get_validation_alias(field)
    for each in dependant.dependencies:
        yield from _declared(each)


async def _filters(
    *,
    species: SpeciesQuery = None,
    individual: UUID | None = None,
    study: UUID | None = None,
    season: SeasonQuery = None,
    bbox: BoxQuery = None,
    datetime: DatetimeQuery = None,
) -> Filters:
    first, last = interval_of(datetime)
    return Filters(
        species=species_key(species),
        individual=individual,
        study=study,
        season=season,
        box=box_of(bbox),
        time_from=first,
        time_to=last,
    )


FiltersDep = Annotated[Filters, Depends(_filters)]
"""Species, individual, study, season, bbox and datetime of a request."""
