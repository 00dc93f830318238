"""Lineage: which site of today is which of yesterday, what merged and what split."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Span: TypeAlias = Sequence[float]
"""A bird, and the ends of its stay [s since 1970]."""

DAY_S = 86_400.0

SHARE_MIN = 0.1
"""Least share of an earlier site's bird-days that makes another site its successor: one stray stay
at the rim is no split; our choice."""


@dataclass(frozen=True, slots=True)
class Change:
    """
    Stays that went from a site to another one.

    ``merged``: the earlier site is no more, and `target` has its stays; ``split``: `target` is new
    and was a part of it; ``ended``: it is no more, and nothing took its stays.
    """

    kind: Literal["merged", "split", "ended"]
    origin: int
    target: str | None
    days: float


def shared_days(
    old: Mapping[int, Sequence[Span]], new: Mapping[str, Sequence[Span]]
) -> dict[tuple[int, str], float]:
    """
    Return the bird-days that each earlier site has in common with each new one, where any.

    Told by bird and time and not by row, so that it holds over recomputes. A stay that both have
    counts for a second at least.

    Examples
    --------
    >>> shared_days({1: [(7, 0.0, 172_800.0)]}, {"a": [(7, 86_400.0, 259_200.0)]})
    {(1, 'a'): 1.0}
    """
    of_bird: dict[float, list[tuple[float, float, str]]] = defaultdict(list)
    for key, spans in new.items():
        for bird, first, last in spans:
            of_bird[bird].append((first, last, key))
    out: dict[tuple[int, str], float] = defaultdict(float)
    for site, spans in old.items():
        for bird, first, last in spans:
            for start, end, key in of_bird.get(bird, ()):
                common = min(float(last), end) - max(float(first), start)
                if common >= 0.0:
                    out[site, key] += max(common, 1.0) / DAY_S
    return dict(out)


def heirs(
    old: Mapping[int, str],
    new: Sequence[str],
    shared: Mapping[tuple[int, str], float],
    *,
    named: Collection[str],
) -> dict[str, int]:
    """
    Return which earlier site each new one continues.

    A name is continued by the same name alone. Of the others those with most bird-days in common
    belong together, the most first; of equals those of the same key, then the oldest site, then
    the first key. A site that shares no stay with any continues the one of its own key.

    Parameters
    ----------
    old : mapping
        Keys of earlier sites by id.
    new : sequence of str
        Keys of the new sites.
    shared : mapping
        Bird-days in common, as `shared_days` gives them.
    named : collection of str
        Keys of named sites, earlier or new.

    Returns
    -------
    dict
        Id of the earlier site by the key of the new one, where there is one.

    Examples
    --------
    >>> heirs({1: "a", 2: "b"}, ["c"], {(1, "c"): 3.0, (2, "c"): 1.0}, named=())
    {'c': 1}
    """
    of_key = {key: site for site, key in old.items()}
    out = {key: of_key[key] for key in new if key in named and key in of_key}
    ranked = sorted(
        (-round(days, 6), old[site] != key, site, key)
        for (site, key), days in shared.items()
        if old[site] not in named and key not in named
    )
    same = [(0.0, False, of_key[key], key) for key in sorted(new) if key in of_key]
    taken = set(out.values())
    for _, _, site, key in (*ranked, *same):
        if key not in out and site not in taken:
            out[key] = site
            taken.add(site)
    return out


def changes(
    shared: Mapping[tuple[int, str], float], heirs: Mapping[str, int], gone: Collection[int]
) -> list[Change]:
    """Return what merged, split and ended, in a fixed order."""
    total: dict[int, float] = defaultdict(float)
    for (site, _), days in shared.items():
        total[site] += days
    out = []
    left = set(gone)
    for (site, key), days in sorted(shared.items()):
        if heirs.get(key) == site or days < SHARE_MIN * total[site]:
            continue
        if site in gone:
            left.discard(site)
            out.append(Change("merged", site, key, days))
        elif key not in heirs:
            out.append(Change("split", site, key, days))
    return out + [Change("ended", site, None, 0.0) for site in sorted(left)]
