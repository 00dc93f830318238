"""A short way answers what it can read, and leaves the rest to the common route behind it."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, Request, Response

from app.api.deps import ShortWay


def asked(request: Request) -> int | None:
    text = request.path_params["number"]
    return int(text) if text.isdecimal() else None


async def shortly(request: Request, number: int) -> Response:
    return Response(f"{number} shortly by {request.scope['route'].path}")


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()

    @app.get("/of/{number}")
    async def common(number: str) -> str:
        return f"{number} commonly"

    app.router.routes.insert(0, ShortWay("/of/{number}", shortly, asked))
    return app


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/of/12", 200, "12 shortly by /of/{number}"),
        ("GET", "/of/0", 200, "0 shortly by /of/{number}"),
        ("GET", "/of/twelve", 200, '"twelve commonly"'),
        ("POST", "/of/12", 405, '{"detail":"Method Not Allowed"}'),
        ("GET", "/off/12", 404, '{"detail":"Not Found"}'),
    ],
)
async def test_what_is_asked_amiss_goes_the_common_way(
    app: FastAPI, method: str, path: str, status: int, text: str
) -> None:
    transport: Any = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://flyways.test") as client:
        answer = await client.request(method, path)
    assert (answer.status_code, answer.text) == (status, text)


def test_the_document_tells_of_the_common_way_alone(app: FastAPI) -> None:
    assert list(app.openapi()["paths"]) == ["/of/{number}"]
