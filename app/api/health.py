"""Health for supervisors, metrics for operators."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from app import observe
from app.api.auth import AnyAudience
from app.api.deps import StoreDep
from app.api.problems import documented
from app.api.schemas import Shown
from app.errors import NotSignedIn, Unavailable
from app.store import health, sources

router = APIRouter(tags=["operation"])
_LOOPBACK = {"127.0.0.1", "::1"}
_HANDED_ON = {
    "forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip",
}  # fmt: skip
"""Headers of proxies: with one of them, whoever asks from this machine asks for somebody else."""


class Alive(Shown):
    """The process answers, or the whole service does."""

    status: str


_EXAMPLE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"example": {"status": "ok"}}}}
}


@router.get("/health/live", responses=_EXAMPLE)
async def live(response: Response) -> Alive:
    """Tell that the process answers."""
    response.headers["Cache-Control"] = "no-store"
    return Alive(status="ok")


@router.get("/health/ready", responses={**_EXAMPLE, **documented(503)})
async def ready(store: StoreDep, response: Response) -> Alive:
    """Tell that the database answers and is at the revision this version needs."""
    async with store.read() as conn:
        found = await health.revision(conn)
    wanted = health.newest_revision()
    if found != wanted:
        raise Unavailable(f"The database is at revision {found}; this version needs {wanted}.")
    response.headers["Cache-Control"] = "no-store"
    return Alive(status="ok")


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {
            "description": "Prometheus text",
            "content": {"text/plain": {"example": "flyways_queue_age_seconds 0.0\n"}},
        },
        **documented(401, 503),
    },
)
async def metrics(request: Request, store: StoreDep, audience: AnyAudience) -> Response:
    """
    Answer the metrics in Prometheus' text format.

    How much work waits tells when a private study got data, so they are for the operator: callers
    on this machine, or with the operator's key.
    """
    if not _is_near(request) and audience.kind != "operator":
        raise NotSignedIn(
            "Metrics are for the operator.",
            remedy="Ask from the machine of the service, or send the operator's key.",
        )
    async with store.read() as conn:
        _observe_backlog(await health.backlog(conn))
        for outcome, n in (await health.units(conn)).items():
            observe.UNITS.labels(outcome).set(n)
        observe.SOURCES_ALARMED.set(await sources.count_alarmed(conn))
        observe.WORKER_SEEN_SECONDS.set(await health.worker_seen_s(conn))
    body, media_type = observe.exposition()
    return Response(body, headers={"Content-Type": media_type, "Cache-Control": "no-store"})


def _is_near(request: Request) -> bool:
    if request.client is None:
        return True
    return request.client.host in _LOOPBACK and not _HANDED_ON & {*request.headers}


def _observe_backlog(backlog: dict[str, dict[str, float]]) -> None:
    for kind, figures in backlog.items():
        observe.QUEUE_LENGTH.labels(kind).set(figures["waiting"])
        observe.DEAD.labels(kind).set(figures["dead"])
    urgent = (f for kind, f in backlog.items() if kind not in health.AT_LEISURE)
    observe.QUEUE_AGE_SECONDS.set(max(f["oldest_age_s"] for f in urgent))
