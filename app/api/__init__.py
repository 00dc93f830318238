"""HTTP only: parse, authorise, call the store, shape. One file per noun, listed in ROUTERS."""

from __future__ import annotations

from fastapi import APIRouter

from app.api import feeds, health, keys, session, stopovers, studies

ROUTERS: tuple[APIRouter, ...] = (
    feeds.router,
    health.router,
    keys.router,
    session.router,
    stopovers.router,
    studies.router,
)
"""Every router of the service; a new noun is one more line here."""
