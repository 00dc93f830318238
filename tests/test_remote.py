"""A file pushed to a service elsewhere: the real one, and servers that answer strangely."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import uvicorn

from app import operate, remote
from app.config import Settings
from app.errors import SetupError
from app.main import create_app
from app.pipeline import run as flow
from app.store.engine import Store

BODY = b"timestamp,location-long,location-lat,tag-id\n2024-03-01 00:00:00,127.5,34.8,T1\n"
PROCESSED = (202, {}, b'{"state": "processed"}')
Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "birds.csv"
    path.write_bytes(BODY)
    return path


def push(url: str, file: Path, study: str = "s", key: str = "flw_k", **options: Any) -> Any:
    return remote.push(url, file, study, key=key, options=options)


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def script(*answers: Answer) -> type[BaseHTTPRequestHandler]:
    """Make a server that gives these answers in turn and keeps what it was asked."""

    class Scripted(BaseHTTPRequestHandler):
        left: ClassVar[list[Answer]] = list(answers)
        asked: ClassVar[list[tuple[str, str, bytes, str | None]]] = []

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            key = self.headers.get("Authorization")
            self.asked.append((self.command, self.path, body, key))
            status, headers, said = self.left.pop(0)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(said)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = answer  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            pass

    return Scripted


def test_the_name_of_a_file_may_be_any_bytes(tmp_path: Path) -> None:
    file = tmp_path / os.fsdecode(b"\xff\xe9t\xe9.csv")
    file.write_bytes(BODY)
    named: list[str | None] = []

    server = script(PROCESSED)
    answer = server.do_POST

    def note(self: Any) -> None:
        named.append(self.headers.get("Content-Disposition"))
        answer(self)

    server.do_POST = note
    with listening(server) as url:
        assert push(url, file)["state"] == "processed"
    assert named == ["attachment; filename*=UTF-8''%FF%E9t%E9.csv"]


@pytest.mark.parametrize("url", ["http://[bad", "http://", "http://host:port", "ftp://host"])
def test_what_is_no_web_address_is_told(url: str, file: Path) -> None:
    with pytest.raises(SetupError, match="is no web address"):
        push(url, file)


@pytest.mark.parametrize("key", ["flw_a\nb", "flw_a\r\nX: y", "flw_é"])
def test_a_key_that_is_none_is_told_before_anything_is_sent(key: str, file: Path) -> None:
    with pytest.raises(SetupError, match="in one line") as told:
        push("http://127.0.0.1:1", file, key=key)
    assert key not in str(told.value)


def test_a_busy_service_is_asked_again_after_the_time_it_names(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    grows = (200, {}, b'{"state": "stored"}')
    server = script(
        (503, {"Retry-After": "2"}, b""), (429, {"Retry-After": "9999"}, b""),
        (202, {"Location": "/api/v1/pushes/p"}, b'{"state": "received"}'),
        (503, {"Retry-After": "soon"}, b""), grows, (200, {}, PROCESSED[2]),
    )  # fmt: skip
    with listening(server) as url:
        assert push(f"{url}/", file, "a/b?c", tz="Asia/Seoul", format=None)["state"] == "processed"
    assert pauses == [2, remote.PAUSE_MAX_S, remote.POLL_S, remote.POLL_S, remote.POLL_S]
    asked = [(method, path) for method, path, _, _ in server.asked]
    post = ("POST", "/api/v1/studies/a%2Fb%3Fc/pushes?tz=Asia%2FSeoul")
    assert asked == [post] * 3 + [("GET", "/api/v1/pushes/p")] * 3
    # Each try sends the whole file.
    assert [body for _, _, body, _ in server.asked[:3]] == [BODY] * 3
    assert {key for *_, key in server.asked} == {"Bearer flw_k"}


def test_the_tag_in_the_name_of_a_file_goes_with_it(tmp_path: Path) -> None:
    path = tmp_path / "00007304g.txt"
    path.write_bytes(BODY)
    server = script(PROCESSED, PROCESSED)
    with listening(server) as url:
        push(url, path, tag=None)
        push(url, path, tag="other")
    assert [asked.split("?")[1] for _, asked, *_ in server.asked] == ["tag=7304", "tag=other"]


def test_a_service_that_stays_busy_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    said = json.dumps({"detail": "Too many.", "remedy": "Wait."}).encode()
    server = script(*[(429, {}, said)] * remote.TRIES_MAX)
    with listening(server) as url, pytest.raises(SetupError, match=r"429: Too many\. Wait\."):
        push(url, file)
    assert server.left == []


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((200, {}, b"<html>It works!</html>"), "no receipt"),
        ((200, {}, b"[]"), "no receipt"),
        ((202, {}, b'{"push": 1}'), "no receipt"),
        ((200, {"Content-Length": "500"}, b"{"), "does not answer"),
        ((500, {}, b"<h1>oops</h1>"), "500: <h1>oops"),
        ((401, {}, b'{"detail": "No key.", "remedy": "Send one."}'), r"401: No key\. Send one\."),
        ((404, {}, b'["x"]'), "404"),
        ((301, {"Location": "https://flyways.example/x"}, b""), "moved to https://flyways.example"),
        ((307, {"Location": "http://127.0.0.1:1/x"}, b""), "moved to"),
        ((202, {"Location": "http://127.0.0.1:1/r"}, b'{"state": "received"}'), "elsewhere"),
        ((202, {"Location": "//evil.example/r"}, b'{"state": "received"}'), "elsewhere"),
    ],
)
def test_a_strange_answer_is_told_in_a_line_and_the_key_goes_nowhere_else(
    file: Path, answer: Answer, told: str
) -> None:
    server = script(answer)
    with listening(server) as url, pytest.raises(SetupError, match=told):
        push(url, file)
    assert len(server.asked) == 1


def test_a_server_that_hangs_up_or_is_not_there_is_told(file: Path) -> None:
    class HangsUp(BaseHTTPRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()

    with listening(HangsUp) as url, pytest.raises(SetupError, match="Is it up"):
        push(url, file)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(SetupError, match="Is it up"):
        push(f"http://127.0.0.1:{port}", file)
    for url in ("ftp://x", "127.0.0.1:8000", "file:///etc/passwd"):
        with pytest.raises(SetupError, match="no web address"):
            push(url, file)


@pytest.fixture
def service(database: str) -> Iterator[tuple[str, str, str, Callable[[], None]]]:
    """The real service on a port: its address, a study, a key, and what a worker does."""

    async def set_up() -> tuple[str, str]:
        async with operate.opened(database) as store:
            made = await operate.add_partner(store, "Amur", "RU")
            study = await operate.add_study(store, "Cranes", made["institute"])
            return str(study["ref"]), str(made["key"])

    async def drain() -> None:
        store = Store(database, pool_size=1)
        try:
            await flow.drain(store, areas=False)
        finally:
            await store.close()

    study, key = asyncio.run(set_up())
    settings = Settings(_env_file=None, database_url=database, rate_limit="off")
    config = uvicorn.Config(
        create_app(settings, demand_durable=False), port=0, log_config=None, lifespan="on"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}", study, key, lambda: asyncio.run(drain())
    finally:
        server.should_exit = True
        thread.join()


def test_the_real_service_takes_a_file_and_tells_when_it_is_processed(
    service: tuple[str, str, str, Callable[[], None]],
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, study, key, work = service
    monkeypatch.setattr(remote, "POLL_S", 0.05)
    done = threading.Event()

    def works() -> None:
        while not done.wait(0.1):
            work()

    worker = threading.Thread(target=works)
    worker.start()
    try:
        receipt = push(url, file, study, key, tz="UTC+9")
    finally:
        done.set()
        worker.join()
    assert (receipt["state"], receipt["stored"]) == ("processed", 1)
    assert receipt["time_first"] == "2024-02-29T15:00:00Z"
    assert push(url, file, study, key, tz="UTC+9")["replay_of"] == receipt["push_id"]
    for wrong, told in ((("no-id", key), "422"), ((study, "flw_no"), "401: The key is unknown")):
        with pytest.raises(SetupError, match=told):
            push(url, file, *wrong)
    with pytest.raises(SetupError, match="422: There is no format"):
        push(url, file, study, key, format="no-such")
