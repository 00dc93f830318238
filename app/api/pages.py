"""Pages for people: the map at `/`, its files below `/viewer`, `/docs` and `/guides`, offline."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from app.api import guides

_APP = Path(__file__).parents[1]
VIEWER = _APP / "viewer"
DOCS = _APP / "api" / "docs"


def install(app: FastAPI) -> None:
    """
    Serve the pages; a file that is missing is a 404 like any other.

    They stand before all else: the map asks for forty files before it draws, and to try the
    routes of the service on each of them took as long as to send it.
    """
    files = Mount("/viewer", _Viewer(directory=VIEWER), name="viewer-files")
    app.router.routes[:0] = [
        *([files] if VIEWER.is_dir() else []),
        Route("/", _page(VIEWER / "index.html"), methods=["GET"], name="map"),
        Route("/docs", _page(DOCS / "index.html"), methods=["GET"], name="docs"),
        Mount("/docs", StaticFiles(directory=DOCS), name="docs-files"),
        *guides.routes(),
    ]


class _Viewer(StaticFiles):
    """The map's own files; npm's folder and lists are for its makers."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Find a file to serve."""
        if path.startswith(("node_modules", "package")):
            return "", None
        return super().lookup_path(path)


def _page(path: Path) -> Callable[[Request], Response]:
    def answer(_: Request) -> Response:
        if not path.is_file():
            raise HTTPException(404)
        return FileResponse(path, headers={"Cache-Control": "no-cache"})

    return answer
