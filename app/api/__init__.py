"""HTTP only: parse, authorise, call the store, shape. One file per noun, listed in ROUTERS."""

from __future__ import annotations

from fastapi import APIRouter

from app.api import (
    deployments,
    feeds,
    health,
    individuals,
    institutes,
    keys,
    pushes,
    reference_data,
    session,
    sources,
    species,
    stopovers,
    studies,
    tags,
)

ROUTERS: tuple[APIRouter, ...] = (
    feeds.router,
    health.router,
    institutes.router,
    keys.router,
    session.router,
    stopovers.router,
    studies.router,
    individuals.router,
    tags.router,
    deployments.router,
    sources.router,
    species.router,
    reference_data.router,
    pushes.router,
)
"""Every router of the service; a new noun is one more line here."""
