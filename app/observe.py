"""What operators see: structured logs and Prometheus metrics, without payloads or credentials."""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client import generate_latest as _generate
from structlog.typing import EventDict, Processor, WrappedLogger

REGISTRY = CollectorRegistry(auto_describe=True)

REQUEST_SECONDS = Histogram(
    "flyways_request_seconds",
    "Time to answer a request, by route template (never by path: a path may name a bird).",
    ["method", "route", "status"],
    registry=REGISTRY,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
UNITS = Gauge(
    "flyways_units",
    "Record candidates of all pushes in force, by what became of them.",
    ["outcome"],
    registry=REGISTRY,
)
DEAD = Gauge(
    "flyways_dead_letters",
    "Work laid aside after failing again and again, by kind; `flyways doctor` tells why.",
    ["kind"],
    registry=REGISTRY,
)
QUEUE_LENGTH = Gauge(
    "flyways_queue_length", "Work that waits for a worker, by kind.", ["kind"], registry=REGISTRY
)
QUEUE_AGE_SECONDS = Gauge(
    "flyways_queue_age_seconds", "Age of the oldest waiting work.", registry=REGISTRY
)
PUSHES_REFUSED = Counter(
    "flyways_pushes_refused",
    "Pushes that were not proven to come from their source, by code.",
    ["code"],
    registry=REGISTRY,
)
SOURCES_ALARMED = Gauge(
    "flyways_sources_alarmed",
    "Sources that refused push after push within a day; `flyways doctor` names them.",
    registry=REGISTRY,
)
WORKER_SEEN_SECONDS = Gauge(
    "flyways_worker_seen_seconds", "Time since a worker last reported.", registry=REGISTRY
)

WITHHELD = frozenset(
    {
        "authorization", "body", "cookie", "database_url", "dsn", "excerpt", "geometry", "key",
        "lat", "lon", "password", "payload", "secret", "signature", "ticket", "token",
    }
)  # fmt: skip
"""Names of values that never reach a log: credentials, and where a bird was."""


_CHATTERS = ("alembic", "asyncssh", "procrastinate")
"""
Libraries that tell of each step they take: a line for every job would hide our own, and of a
connection it would tell the name at the server.
"""


def exposition() -> tuple[bytes, str]:
    """Give the metrics in Prometheus' text format, and its media type."""
    return _generate(REGISTRY), CONTENT_TYPE_LATEST


def withhold(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Replace values that must not be logged; a structlog processor."""
    del logger, method
    for name in WITHHELD & event.keys():
        event[name] = "(withheld)"
    return event


def configure_logging(level: str, kind: Literal["auto", "console", "json"] = "auto") -> None:
    """Send our own and the libraries' logs to standard error in one form."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        withhold,
    ]
    console = kind == "console" or (kind == "auto" and sys.stderr.isatty())
    # A traceback with the values of its variables would hold payloads.
    traceback = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    last: list[Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if console
        else [
            structlog.processors.ExceptionRenderer(traceback),
            structlog.processors.JSONRenderer(),
        ]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _CHATTERS:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))
    # Addresses of requests may hold a ticket or a place; our own line has the route only.
    logging.getLogger("uvicorn.access").disabled = True
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
