"""HTTP only: parse, authorise, call the store, shape. One file per noun, listed in ROUTERS."""

from __future__ import annotations

from fastapi import APIRouter

from app.api import (
    connectors,
    decodings,
    deployments,
    external_feed,
    feeds,
    fixes,
    flyways,
    habitat,
    health,
    individuals,
    institutes,
    keys,
    legs,
    mappings,
    plots,
    push,
    pushes,
    readings,
    reference_data,
    refusals,
    seasons,
    sensors,
    session,
    sites,
    sources,
    species,
    stopovers,
    studies,
    styles,
    tags,
    tiles,
    timezones,
    tracks,
)

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
    legs.router,
    seasons.router,
    sites.router,
    fixes.router,
    tracks.router,
    habitat.router,
    stopovers.router,
    studies.router,
    individuals.router,
    tags.router,
    deployments.router,
    readings.router,
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
)
"""
Every router of the service; a new noun is one more line here.

A request is tried with one after another, at a cost each: what is asked most often stands first.
"""
