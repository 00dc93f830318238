"""HEAD over a real socket: what a GET tells, no body, and the connection stays."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from app.wire import OneWrite
from tests.clients.conftest import serving

ADDRESSES = (
    "/feeds/sites.geojson",
    "/feeds/positions.geojson",
    "/api/v1/species",
    "/viewer/main.js",
    "/tiles/sites.json",
    "/metrics",
    "/nothing/here",
)


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
@pytest.mark.parametrize("http", [OneWrite, "h11"])
def test_a_head_and_a_get_share_one_connection(
    new_database: Callable[[], str],
    caplog: pytest.LogCaptureFixture,
    http: type[OneWrite] | str,
    encoding: str,
) -> None:
    headers = {"Accept-Encoding": encoding}
    with serving(new_database(), http=http) as url:
        line = HTTPConnection(urlsplit(url).netloc, timeout=20)
        line.connect()
        assert line.sock is not None
        own = line.sock.getsockname()
        for path in ADDRESSES:
            line.request("HEAD", path, headers=headers)
            head = line.getresponse()
            assert head.read() == b""
            line.request("GET", path, headers=headers)
            got = line.getresponse()
            body = got.read()
            assert line.sock.getsockname() == own, path
            assert (head.status, head.getheader("ETag")) == (got.status, got.getheader("ETag"))
            if path != "/metrics":  # it counts the HEAD before it
                assert head.getheader("Content-Length") == got.getheader("Content-Length")
                assert len(body) == int(got.headers["Content-Length"])
        line.close()
    assert [record.getMessage() for record in caplog.records if record.levelno > logging.INFO] == []
