"""Species: the profiles that screening, stopovers and seasons go by, with names to show."""

from __future__ import annotations

from functools import cache

from fastapi import APIRouter

from app.api.deps import StrictRoute
from app.api.problems import documented
from app.api.schemas import Shown, example
from app.errors import BadInput
from app.movement.profile import Profile
from app.seeds import profile_of, profiles, rows

router = APIRouter(prefix="/api/v1/species", tags=["species"], route_class=StrictRoute)

LANGUAGES = ("en", "zh", "ja", "ko", "mn", "ru")


class SpeciesOut(Shown):
    """One profile; `default` serves every taxon without one of its own."""

    model_config = example(
        key="white_naped_crane",
        scientific_name="Antigone vipio",
        synonyms=["Grus vipio"],
        names={"en": "White-naped Crane", "ja": "マナヅル"},
        stop_radius_m=10000.0,
        stop_min_s=86400.0,
        staging_min_s=1209600.0,
        headline_min_s=172800.0,
        speed_max_m_s=35.0,
        speed_hard_m_s=60.0,
    )

    key: str
    scientific_name: str
    synonyms: list[str]
    names: dict[str, str]
    stop_radius_m: float
    stop_min_s: float
    staging_min_s: float
    headline_min_s: float
    speed_max_m_s: float
    speed_hard_m_s: float


class SpeciesList(Shown):
    """Every profile; the list is short and never paged."""

    items: list[SpeciesOut]
    next: None = None


def species_key_of(name: str) -> str:
    """Return the profile key of a key, scientific name, synonym or English name."""
    key = profile_of(name).key
    if key == "default" and name.casefold() != "default":
        raise BadInput(
            "There is no profile for this species.",
            code="species-unknown",
            remedy="Use a key or a name from GET /api/v1/species; `default` is every other taxon.",
        )
    return key


@cache
def _names() -> dict[str, dict[str, str]]:
    return {
        row["key"]: {language: row[language] for language in LANGUAGES if row[language]}
        for row in rows("names")
    }


def _shown(profile: Profile) -> SpeciesOut:
    return SpeciesOut(
        key=profile.key,
        scientific_name=profile.scientific_name,
        synonyms=list(profile.synonyms),
        names=_names().get(profile.key, {"en": profile.english_name}),
        stop_radius_m=profile.stop_radius_m,
        stop_min_s=profile.stop_min_s,
        staging_min_s=profile.staging_min_s,
        headline_min_s=profile.headline_min_s,
        speed_max_m_s=profile.speed_max_m_s,
        speed_hard_m_s=profile.speed_hard_m_s,
    )


@router.get("", responses=documented(429))
async def list_species() -> SpeciesList:
    """List the species profiles with their names in six languages."""
    return SpeciesList(items=[_shown(profile) for profile in profiles().values()])
