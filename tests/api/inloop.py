"""The application spoken to in this very thread: half the work of calling it in one of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx2
from fastapi import FastAPI

T = TypeVar("T")


class AsAsked(httpx2.AsyncByteStream):
    """A body that is made part by part, each when the application asks for it."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = parts

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            yield part


class Here(httpx2.BaseTransport):
    """Runs the loop of an application for as long as a request takes."""

    def __init__(self, app: FastAPI, caller: str) -> None:
        self._runner = asyncio.Runner()
        self._asgi = httpx2.ASGITransport(app=app, client=(caller, 50000))
        self._stop = asyncio.Event()
        self._life: asyncio.Task[None] | None = None

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Have one request answered, its whole body too."""
        if not isinstance(request.stream, httpx2.AsyncByteStream):
            request.stream = AsAsked(request.stream)
        return self.run(self._answer(request))

    def start(self) -> None:
        """Start the application, or raise what it does not start for."""
        self.run(self._started(asyncio.Event()))

    def close(self) -> None:
        """Stop the application and its loop."""
        if self._life is not None:
            self.run(self._stopped(self._life))
        self._runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run work in the loop; from a test with a loop of its own, in another thread."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._runner.run(work)
        with ThreadPoolExecutor(1) as other:
            return other.submit(self._runner.run, work).result()

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        answer = await self._asgi.handle_async_request(request)
        assert isinstance(answer.stream, httpx2.AsyncByteStream)
        body = b"".join([part async for part in answer.stream])
        return httpx2.Response(
            answer.status_code, headers=answer.headers.raw, stream=httpx2.ByteStream(body)
        )

    async def _started(self, ready: asyncio.Event) -> None:
        self._life = asyncio.ensure_future(self._live(ready))
        waiting = asyncio.ensure_future(ready.wait())
        await asyncio.wait((self._life, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._life.done():
            await self._life

    async def _live(self, ready: asyncio.Event) -> None:
        async with self._asgi.app.router.lifespan_context(self._asgi.app):
            ready.set()
            await self._stop.wait()

    async def _stopped(self, life: asyncio.Task[None]) -> None:
        self._stop.set()
        await life


class Client(httpx2.Client):
    """A caller of `app`; `here` runs other work in its loop."""

    def __init__(self, app: FastAPI, caller: str = "127.0.0.1") -> None:
        self.app = app
        self.here = Here(app, caller)
        super().__init__(transport=self.here, base_url="http://testserver", follow_redirects=True)


@contextmanager
def spoken_to(app: FastAPI, *, caller: str = "127.0.0.1", start: bool = True) -> Iterator[Client]:
    """Give a client of an application, which has been started unless `start` says otherwise."""
    with Client(app, caller) as client:
        if start:
            client.here.start()
        yield client
