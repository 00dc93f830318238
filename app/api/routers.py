"""Every noun of the interface: one file each, listed in ROUTERS."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.routing import APIRoute

from app.api import (
    comparison,
    connectivity,
    connectors,
    counts,
    decodings,
    deployments,
    external_feed,
    feeds,
    fixes,
    flyway_report,
    flyways,
    habitat,
    health,
    individuals,
    institutes,
    keys,
    keysites,
    layers,
    ledger,
    legs,
    lifeless,
    loss,
    mappings,
    migrations,
    morning,
    observations,
    parameters,
    plots,
    push,
    pushes,
    readings,
    reference_data,
    refusals,
    screening,
    seasons,
    selection,
    sensors,
    session,
    shareduse,
    sites,
    snapshots,
    sources,
    species,
    stopovers,
    studies,
    styles,
    tags,
    tiles,
    timezones,
    tracks,
    utilisation,
    withdrawals,
)
from app.api.filters import take_only_its_own

ROUTERS: tuple[APIRouter, ...] = (
    push.router,
    sensors.router,
    external_feed.router,
    feeds.router,
    tiles.router,
    styles.router,
    health.router,
    institutes.router,
    keys.router,
    session.router,
    flyways.router,
    connectivity.router,
    comparison.router,
    ledger.router,
    flyway_report.router,
    migrations.router,
    legs.router,
    seasons.router,
    sites.router,
    loss.router,
    keysites.router,
    counts.router,
    fixes.router,
    tracks.router,
    utilisation.router,
    shareduse.router,
    habitat.router,
    layers.router,
    selection.router,
    stopovers.router,
    studies.router,
    individuals.router,
    tags.router,
    deployments.router,
    readings.router,
    lifeless.router,
    observations.router,
    screening.router,
    parameters.router,
    sources.router,
    connectors.router,
    mappings.router,
    mappings.trials,
    species.router,
    timezones.router,
    reference_data.router,
    pushes.router,
    decodings.router,
    refusals.router,
    plots.router,
    morning.router,
    snapshots.router,
    withdrawals.router,
)
"""
Every router of the service; a new noun is one more line here.

A request is tried with one after another, at a cost each: what is asked most often stands first.
"""

OURS = ("/api/v1/", "/feeds/", "/tiles/")
"""
Where requests with parameters that are not known are refused: a misspelt filter would list
everything, a misspelt `dry_run` store. Elsewhere stand the doors of senders, who put what they like
into the address.
"""

for _route in (route for router in ROUTERS for route in router.routes):
    if isinstance(_route, APIRoute) and _route.path.startswith(OURS):
        take_only_its_own(_route)
