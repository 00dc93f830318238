"""How answers leave the web process: the head of one goes with the first of its body."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class OneWrite(HttpToolsProtocol):
    """
    Uvicorn's protocol, with one write for what is one answer to most of those who ask.

    Uvicorn writes the head at once, which for a short answer doubles the calls of the system, the
    packets, and how often the client is woken. ASGI has the server wait for the first of the body.
    """

    transport: Any

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection."""
        super().connection_made(cast("asyncio.Transport", transport))
        self.transport = _Joining(transport)

    def on_response_complete(self) -> None:
        """Let the head of an answer without a body go."""
        self.transport.flush()
        super().on_response_complete()


class _Joining:
    """A transport that holds the head of an answer until the next write, its end or the end."""

    __slots__ = ("_held", "_transport", "get_extra_info", "is_closing")

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._held = b""
        self.is_closing = transport.is_closing
        self.get_extra_info = transport.get_extra_info

    def write(self, data: bytes) -> None:
        if self._held:
            data, self._held = self._held + data, b""
        elif data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 1"):
            self._held = data
            return
        self._transport.write(data)

    def flush(self) -> None:
        if self._held:
            self.write(b"")

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
