"""Answers over a real socket: head and body in one write, whatever kind of answer it is."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn

from app.wire import OneWrite

START = {"type": "http.response.start", "status": 200}
ASKED = b"%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n"


def body(content: bytes, more: bool = False) -> dict:  # noqa: FBT001, FBT002 - of ASGI
    return {"type": "http.response.body", "body": content, "more_body": more}


def start(*headers: tuple[bytes, bytes], status: int = 200) -> dict:
    return START | {"headers": list(headers), "status": status}


async def answering(scope, receive, send):
    match scope["path"]:
        case "/short":
            await send(start((b"content-length", b"5")))
            await send(body(b"crane"))
        case "/empty":
            await send(start(status=204))
            await send(body(b""))
        case "/pieces":
            await send(start())
            for piece in (b"HTTP/1.1 in a body", b"second"):
                await send(body(piece, more=True))
                await asyncio.sleep(0.01)
            await send(body(b""))
        case "/echo":
            content, more = b"", True
            while more:
                message = await receive()
                content, more = content + message["body"], message["more_body"]
            await send(start((b"content-length", b"%d" % len(content))))
            await send(body(content))
        case "/broken":
            await send(start((b"content-length", b"9")))
            raise RuntimeError


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(
            answering, http=OneWrite, lifespan="off", log_config=None, log_level="critical"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield listening.getsockname()
        server.should_exit = True
        thread.join(timeout=20)


@contextmanager
def line(address) -> Iterator[socket.socket]:
    with socket.create_connection(address, timeout=10) as connected:
        yield connected


def until(connected: socket.socket, end: bytes) -> bytes:
    came = b""
    while not came.endswith(end):
        piece = connected.recv(65536)
        assert piece, came
        came += piece
    return came


@pytest.fixture
def writes(monkeypatch) -> list[bytes]:
    """Give what is handed to the transports of connections that begin now."""
    handed: list[bytes] = []
    real = OneWrite.connection_made

    class Watched:
        def __init__(self, transport) -> None:
            self._transport = transport

        def write(self, data: bytes) -> None:
            handed.append(bytes(data))
            self._transport.write(data)

        def __getattr__(self, name: str):
            return getattr(self._transport, name)

    monkeypatch.setattr(
        OneWrite, "connection_made", lambda self, transport: real(self, Watched(transport))
    )
    return handed


def test_a_short_answer_is_one_write(address, writes):
    with line(address) as connected:
        for _ in range(3):
            connected.sendall(ASKED % (b"GET", b"/short", b""))
            until(connected, b"\r\n\r\ncrane")
    assert len(writes) == 3
    assert all(each.startswith(b"HTTP/1.1 200 OK\r\n") for each in writes)


@pytest.mark.parametrize(
    ("method", "path", "end"),
    [(b"HEAD", b"/short", b"content-length: 5\r\n\r\n"), (b"GET", b"/empty", b"\r\n\r\n")],
)
def test_an_answer_without_a_body_is_one_write_and_the_line_stays(
    address, writes, method, path, end
):
    with line(address) as connected:
        for _ in range(2):
            connected.sendall(ASKED % (method, path, b""))
            assert until(connected, end).count(b"HTTP/1.1") == 1
        connected.sendall(ASKED % (b"GET", b"/short", b""))
        until(connected, b"crane")
    assert len(writes) == 3


def test_pieces_go_as_they_come(address, writes):
    with line(address) as connected:
        connected.sendall(ASKED % (b"GET", b"/pieces", b""))
        came = until(connected, b"0\r\n\r\n")
    assert came.endswith(b"\r\n\r\n12\r\nHTTP/1.1 in a body\r\n6\r\nsecond\r\n0\r\n\r\n")
    assert len(writes) == 3


def test_who_waits_for_leave_to_send_the_body_gets_it(address):
    with line(address) as connected:
        head = b"Expect: 100-continue\r\nContent-Length: 3\r\n"
        connected.sendall(ASKED % (b"POST", b"/echo", head))
        assert until(connected, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        connected.sendall(b"abc")
        assert until(connected, b"abc").startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("split", [0, 1, 3])
@pytest.mark.parametrize("connection", [b"Upgrade, HTTP2-Settings", b"close,upgrade"])
def test_who_would_rather_speak_http_2_is_answered_in_http_1(address, split, connection):
    """As Java's client asks; its body goes with the head, after it, or in two."""
    head = b"Connection: %s\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\nContent-Length: 3\r\n"
    asked = ASKED % (b"POST", b"/echo", head % connection) + b"abc"
    with line(address) as connected:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.sendall(asked[: len(asked) - split])
        if split:
            time.sleep(0.1)
            connected.sendall(asked[-split:])
        assert until(connected, b"\r\n\r\nabc").startswith(b"HTTP/1.1 200")
        if b"close" in connection:
            assert connected.recv(1) == b""
        else:
            connected.sendall(ASKED % (b"GET", b"/short", b""))
            assert until(connected, b"crane").count(b"HTTP/1.1 200") == 1


def test_many_that_would_rather_speak_http_2_are_answered_one_by_one(address):
    asked = ASKED % (b"GET", b"/short", b"Connection: upgrade\r\nUpgrade: h2c\r\n")
    with line(address) as connected:
        connected.sendall(asked * 1_500)
        came = b""
        while came.count(b"crane") < 1_500:
            came += connected.recv(65536)
    assert came.count(b"HTTP/1.1 200") == 1_500


@pytest.mark.parametrize("more", [b"", b"Connection: upgrade\r\nUpgrade: h2c\r\n"])
def test_a_tunnel_is_not_opened(address, more):
    with line(address) as connected:
        connected.sendall(ASKED % (b"CONNECT", b"elsewhere:443", more))
        connected.shutdown(socket.SHUT_WR)
        came = b""
        while piece := connected.recv(65536):
            came += piece
    assert not came.startswith(b"HTTP/1.1 2")


def test_requests_in_one_go_are_answered_in_their_order(address):
    with line(address) as connected:
        asked = [
            (b"GET", b"/short"),
            (b"GET", b"/empty"),
            (b"HEAD", b"/short"),
            (b"GET", b"/short"),
        ]
        connected.sendall(b"".join(ASKED % (*each, b"") for each in asked))
        came = until(connected, b"crane")
        while came.count(b"HTTP/1.1") < 4:
            came += until(connected, b"crane")
    assert [part[:3] for part in came.split(b"HTTP/1.1 ")[1:]] == [b"200", b"204", b"200", b"200"]


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (b"GET /broken HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 200"),
        (b"no HTTP\r\n\r\n", b"HTTP/1.1 400"),
    ],
)
def test_what_breaks_off_is_not_left_waiting(address, asked, answer):
    with line(address) as connected:
        connected.sendall(asked)
        came = b""
        while piece := connected.recv(65536):
            came += piece
    assert came.startswith(answer)
