"""HTTP only: parse, authorise, call the store, shape. One file per noun, listed in ROUTERS."""

from __future__ import annotations

from fastapi import APIRouter

from app.api import (
    deployments,
    health,
    individuals,
    institutes,
    keys,
    push,
    pushes,
    reference_data,
    session,
    sources,
    species,
    studies,
    tags,
)

ROUTERS: tuple[APIRouter, ...] = (
    health.router,
    institutes.router,
    keys.router,
    session.router,
    studies.router,
    individuals.router,
    tags.router,
    deployments.router,
    sources.router,
    species.router,
    reference_data.router,
    pushes.router,
    push.router,
)
"""Every router of the service; a new noun is one more line here."""
