"""A provider on loopback: answers as its service does, and fails as it is told to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Asked:
    """A request as the service sees it."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reply:
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    short_by: int = 0  # bytes that are announced and never sent
    midway: Callable[[], object] = lambda: None  # what happens once half of it is sent

    @classmethod
    def of(cls, value: Any, status: int = 200, **headers: str) -> Reply:
        return cls(
            json.dumps(value).encode(), status, {"Content-Type": "application/json"} | headers
        )


HTML = {"Content-Type": "text/html"}
FAULTS: dict[str, Callable[[Reply], Reply]] = {
    "busy": lambda _: Reply(b"slow down", 429, {"Retry-After": "7"}),
    "broken": lambda _: Reply(b"<h1>Oops</h1>", 502, HTML),
    "page": lambda _: Reply(b"<html>Maintenance tonight</html>", 200, HTML),
    "cut": lambda reply: Reply(reply.body, 200, reply.headers, short_by=1 + len(reply.body) // 2),
    "moved": lambda _: Reply(b"", 302, {"Location": "http://127.0.0.1:9/steal"}),
    "hangs up": lambda _: Reply(b"", 0),
}


class Service:
    """A service: `answer` is its sound behaviour; each fault spoils one answer, in turn."""

    base: str

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.faults: list[str | None] = []

    def answer(self, asked: Asked) -> Reply:
        raise NotImplementedError

    def reply(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        fault = self.faults.pop(0) if self.faults else None
        reply = self.answer(asked)
        return FAULTS[fault](reply) if fault else reply


@contextmanager
def serving(service: Any) -> Iterator[Any]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do(self) -> None:
            where = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(where.query).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = service.reply(Asked(self.command, where.path, query, headers, body))
            if not reply.status:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            sent = reply.body[: len(reply.body) - reply.short_by]
            with suppress(ConnectionError):  # who asked may be gone by then
                self.wfile.write(sent[: len(sent) // 2])
                reply.midway()
                self.wfile.write(sent[len(sent) // 2 :])
            self.close_connection = bool(reply.short_by)

        do_GET = do_POST = do  # noqa: N815 - names of the library

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        service.base = f"http://127.0.0.1:{server.server_port}"
        yield service
        server.shutdown()
        thread.join()
