"""How requests come to the web process, and how answers leave it: head and body in one write."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class OneWrite(HttpToolsProtocol):
    """
    Uvicorn's protocol, with one write for what is one answer to most of those who ask.

    Uvicorn writes the head at once, which for a short answer doubles the calls of the system, the
    packets, and how often the client is woken. ASGI has the server wait for the first of the body.

    Java's client asks with every first request whether it may go on in HTTP/2. The parser ends such
    a request at its head, and Uvicorn would hand it on without its body: here it is read as if
    nobody had asked, as RFC 9110 (7.8) has it.
    """

    transport: Any

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection."""
        super().connection_made(cast("asyncio.Transport", transport))
        self.transport = _Joining(transport)

    def data_received(self, data: bytes) -> None:
        """Read what came."""
        self._unset_keepalive_if_required()
        rest = memoryview(data)
        try:
            while rest:
                rest = self._read(rest)
        except httptools.HttpParserError:
            told = "Invalid HTTP request received."
            self.logger.warning(told)
            self.send_400_response(told)

    def _read(self, data: memoryview) -> memoryview:
        """Read on; return what follows the head of a request that asked in vain."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as ended:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
            elif self._asks_in_vain():
                self._read_unasked()
                return data[ended.args[0] :]
        return data[:0]

    def on_headers_complete(self) -> None:
        """Begin to answer, if the body is read as well."""
        if not self._asks_in_vain():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Tell whoever answers that the body is whole."""
        if not self._asks_in_vain():
            super().on_message_complete()

    def _asks_in_vain(self) -> bool:
        return (
            self.parser.should_upgrade()
            and self._get_upgrade() is not None
            and not self._should_upgrade()
        )

    def _read_unasked(self) -> None:
        """Read the head of a request that asked in vain once more, without its question."""
        head = [self.parser.get_method(), b" ", self.url, b" HTTP/1.1\r\n"]
        for name, value in self.headers:
            words = [
                word
                for word in value.split(b",")
                if name != b"connection" or word.strip().lower() != b"upgrade"
            ]
            if name != b"upgrade":
                head += [name, b": ", b",".join(words), b"\r\n"]
        # A parser that has ended at a head reads on in no other way; made as Uvicorn makes its own.
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        with suppress(httptools.HttpParserUpgrade):  # as every CONNECT ends
            self.parser.feed_data(b"".join([*head, b"\r\n"]))

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
