"""Pages for people: the map at `/`, its files below `/viewer`, `/docs` and `/guides`, offline."""

from __future__ import annotations

import asyncio
import gzip
import os
from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.api import guides
from app.api.conditional import accepts_gzip
from app.api.kept import GZIP_LEVEL

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
    """The map's own files, each compressed once; npm's folder and lists are for its makers."""

    def __init__(self, *, directory: Path) -> None:
        super().__init__(directory=directory)
        self._zipped: dict[tuple[str, str], bytes] = {}

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer with a file, compressed for whoever takes gzip."""
        plain = await super().get_response(path, scope)
        asked = Headers(scope=scope)
        if not isinstance(plain, FileResponse) or "range" in asked or not accepts_gzip(asked):
            return plain
        version = (str(plain.path), plain.headers["etag"])
        if version not in self._zipped:
            self._zipped[version] = await asyncio.to_thread(_zipped, plain.path)
        answer = Response(self._zipped[version], plain.status_code)
        del plain.headers["content-length"]
        answer.headers.update(plain.headers)
        answer.headers["content-encoding"] = "gzip"
        return answer

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Find a file to serve."""
        if path.startswith(("node_modules", "package")):
            return "", None
        return super().lookup_path(path)


def _zipped(path: str | os.PathLike[str]) -> bytes:
    return gzip.compress(Path(path).read_bytes(), GZIP_LEVEL, mtime=0)


def _page(path: Path) -> Callable[[Request], Response]:
    def answer(_: Request) -> Response:
        if not path.is_file():
            raise HTTPException(404)
        return FileResponse(path, headers={"Cache-Control": "no-cache"})

    return answer
