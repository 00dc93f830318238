"""
An SFTP drop: files that a maker or a colleague leaves on a server that they run.

The server is the one whose host key is named, or it is not asked: nothing is trusted on first
use. Its address is a public one, unless the operator names it; a name is resolved once, and what
was checked is what is connected to. Times of SFTP are whole seconds, so that marks are checked
again within the overlap.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, suppress
from fnmatch import fnmatchcase
from functools import partial
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from socket import SOCK_STREAM, gaierror
from typing import IO, TYPE_CHECKING, Annotated, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints

from app.errors import SetupError
from app.pull.files import FileLeft, Files, Pieces, Seen, pages_of, unreadable
from app.pull.page import Errand, Page, Provider, PullFailed
from app.pull.web import CONNECT_S, MEMORY_BYTES, PIECE_BYTES, SILENT_S

if TYPE_CHECKING:
    import asyncssh

T = TypeVar("T")

PORT = 22
LOGIN_S = 30.0
"""Longest wait for the handshake and the login [s]."""
CLOSED_S = 5.0
"""Longest wait for the end of a connection [s]."""
LISTED_MAX = 20_000
"""Most names of a folder that are looked at, of any kind."""
NAME_MAX_CHARS = 255
PRIVATE_KEY = "-----BEGIN "
"""How the secret of a connector begins that is a private key and no password."""
TRANSLATED = IPv6Network("64:ff9b::/96")
"""Where a network translates to the IPv4 address in the last bits (RFC 6052)."""


def _downward(folder: str) -> str:
    if ".." in folder.split("/"):
        raise ValueError("a folder is named from above, without ..")
    return folder


HostKey = Annotated[str, StringConstraints(pattern=r"^SHA256:[A-Za-z0-9+/]{43}$")]


class Settings(Files):
    """Which server, which of its folders and which files there."""

    host: str = Field(pattern=r"^[A-Za-z0-9._:-]{1,253}$", description="name or address")
    port: int = Field(PORT, ge=1, le=65_535)
    host_keys: list[HostKey] = Field(
        min_length=1, max_length=8,
        description="fingerprints that the server may show, as ssh-keygen -l prints them",
    )  # fmt: skip
    folder: Annotated[str, AfterValidator(_downward)] = Field(
        default=".",
        pattern=r"^/?[\w.-]+(/[\w.-]+)*$",
        max_length=500,
        description="from where a login begins, or from / on",
    )


async def pages(errand: Errand, _web: None) -> AsyncGenerator[Page, None]:
    """Give each quiet file that is new or changed, oldest first."""
    import asyncssh  # noqa: PLC0415 - slow to load, and only a worker that pulls speaks SSH

    left: list[str] = []
    folder = errand.settings.folder.encode()
    try:
        async with _connected(errand) as sftp:
            there = await _listed(sftp, folder, errand.settings.pattern, left)
            async for page in pages_of(errand, there, partial(_read, sftp, folder), left=left):
                yield page
    except asyncssh.HostKeyNotVerifiable as refused:
        raise PullFailed(
            "host-key-differs",
            f"{errand.settings.host} shows none of the host keys that the connector names"
            f" ({refused.reason}).",
            remedy="Ask who runs the server whether its key has changed, by another way than this"
            " network; only then add the new fingerprint to host_keys. It is tried daily.",
        ) from refused
    except asyncssh.PermissionDenied as refused:
        raise _unauthorised(errand, "it denies the login") from refused
    except (asyncssh.Error, OSError, TimeoutError) as lost:
        raise PullFailed(
            "provider-unreachable",
            f"{errand.settings.host} did not answer in full: {type(lost).__name__}.",
            remedy="Nothing is to do if it passes; else look at the network of the worker.",
        ) from lost


def _unauthorised(errand: Errand, said: str) -> PullFailed:
    return PullFailed(
        "credentials-refused",
        f"{errand.settings.host} can't be signed in to: {said}.",
        remedy="Give the connector the right name and password, or a private key without a"
        " passphrase in its place: it is tried at once. Until then only daily, so that the account"
        " is not locked.",
    )


@asynccontextmanager
async def _connected(errand: Errand) -> AsyncIterator[asyncssh.SFTPClient]:
    import asyncssh  # noqa: PLC0415 - as above

    class Client(asyncssh.SSHClient):
        """Trusts the keys that are named, and no file of this machine."""

        def validate_host_public_key(
            self, _host: str, _addr: str, _port: int, key: asyncssh.SSHKey
        ) -> bool:
            """Tell whether a key is one of those; asked for every key, as none is known."""
            shown = key.get_fingerprint("sha256")
            if shown not in errand.settings.host_keys:
                raise asyncssh.HostKeyNotVerifiable(f"it shows {shown}, {key.get_algorithm()}")
            return True

    secret: dict[str, Any] = {"password": errand.password, "client_keys": None}
    if errand.password.startswith(PRIVATE_KEY):
        try:
            secret = {"password": None,
                      "client_keys": [asyncssh.import_private_key(errand.password)]}  # fmt: skip
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as unreadable:
            raise _unauthorised(errand, "the private key can't be read") from unreadable
    address = await _address(errand)
    options = asyncssh.SSHClientConnectionOptions(
        client_factory=Client, username=errand.username, known_hosts=([], [], []),
        x509_trusted_certs=None, config=None, agent_path=None, gss_auth=False, gss_kex=False,
        connect_timeout=CONNECT_S, login_timeout=LOGIN_S,
        keepalive_interval=SILENT_S / 4, keepalive_count_max=3, **secret,
    )  # fmt: skip
    ssh = await asyncssh.connect(address, errand.settings.port, options=options)
    try:
        yield await _answered(ssh.start_sftp_client())
    finally:
        # Who is silent is not waited for to say good-bye either.
        ssh.close()
        with suppress(TimeoutError, asyncssh.Error, OSError):
            async with asyncio.timeout(CLOSED_S):
                await ssh.wait_closed()
        ssh.abort()


async def _answered(asked: Awaitable[T]) -> T:
    async with asyncio.timeout(SILENT_S):
        return await asked


async def _address(errand: Errand) -> str:
    """Return the checked address of a server: a public one, or the server that is named for us."""
    host, port = errand.settings.host, errand.settings.port
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=SOCK_STREAM)
    except (gaierror, UnicodeError) as unknown:
        raise PullFailed(
            "provider-unreachable",
            f"There is no server of the name {host}.",
            remedy="Correct host in the settings of the connector.",
        ) from unknown
    addresses = [str(each[4][0]) for each in found]
    if (host, port) != _allowed(errand.base) and not all(map(is_public, addresses)):
        raise PullFailed(
            "address-refused",
            f"{host} is within this network or on this machine: a connector does not go there.",
            remedy="If that server is meant, the operator names it in FLYWAYS_PULL_BASES, as"
            ' {"sftp": "sftp://HOST:PORT"}.',
        )
    return addresses[0]


def _allowed(base: str | None) -> tuple[str, int] | None:
    """Return host and port of the one server that the operator allows, wherever it is."""
    if base is None:
        return None
    try:
        parts = urlsplit(base)
        if parts.scheme == "sftp" and parts.hostname:
            return parts.hostname, parts.port or PORT
    except ValueError:
        pass
    raise SetupError(f"{base} is no address of an SFTP server. Correct FLYWAYS_PULL_BASES.")


def is_public(address: str) -> bool:
    """Tell whether an address is one of the open internet, whatever it is wrapped in."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        if found.teredo is not None:
            return False
        last = IPv4Address(int(found) & 0xFFFF_FFFF) if found in TRANSLATED else None
        found = found.ipv4_mapped or found.sixtofour or last or found
    return found.is_global and not found.is_multicast


async def _listed(
    sftp: asyncssh.SFTPClient, folder: bytes, pattern: str, left: list[str]
) -> dict[str, Seen]:
    """Return the plain files: no link, wherever it points, and no hidden ones, as in `folder`."""
    import asyncssh  # noqa: PLC0415 - as above

    found: dict[str, Seen] = {}
    looked_at = 0
    try:
        async with asyncio.timeout(SILENT_S):
            async for entry in sftp.scandir(folder):
                looked_at += 1
                if looked_at > LISTED_MAX:
                    raise PullFailed(
                        "folder-too-full",
                        f"The folder lists more than {LISTED_MAX} names.",
                        remedy="Move away what was taken: its bytes are kept as pushes.",
                    )
                name = _name(entry.filename, left)
                if name is not None and fnmatchcase(name, pattern):
                    seen = _seen(entry.attrs)
                    found |= {} if seen is None else {name: seen}
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath, asyncssh.SFTPPermissionDenied,
            asyncssh.SFTPFailure) as missing:  # fmt: skip
        raise PullFailed(
            "folder-missing",
            f"The server shows no folder {folder.decode()} ({missing.reason!r:.80}).",
            remedy="Correct folder in the settings, or have the account allowed to list it.",
        ) from missing
    return found


def _name(sent: str | bytes, left: list[str]) -> str | None:
    """Return the name of a file if it is one: a name is no path, and what it says can be shown."""
    if isinstance(sent, bytes) and (told := unreadable(sent)):
        left.append(told)
        return None
    name = sent.decode() if isinstance(sent, bytes) else sent
    if name.startswith("."):
        return None
    if len(name) > NAME_MAX_CHARS or "/" in name or not name.isprintable():
        left.append(f"{name!r:.80} is no name of a file: rename it")
        return None
    return name


def _seen(attrs: asyncssh.SFTPAttrs) -> Seen | None:
    import asyncssh  # noqa: PLC0415 - as above

    if attrs.type != asyncssh.FILEXFER_TYPE_REGULAR or attrs.size is None or attrs.mtime is None:
        return None
    return Seen(f"{attrs.size}:{attrs.mtime}", attrs.mtime * 1_000_000_000, attrs.size)


@asynccontextmanager
async def _read(
    sftp: asyncssh.SFTPClient, folder: bytes, name: str, seen: Seen
) -> AsyncIterator[Pieces]:
    """Fetch a file as a whole; what is not as it was listed, from begin to end, is left."""
    import asyncssh  # noqa: PLC0415 - as above

    with tempfile.SpooledTemporaryFile(MEMORY_BYTES) as body:
        try:
            file = await _answered(sftp.open(folder + b"/" + name.encode(), "rb"))
            try:
                size = await _fetched(file, body, seen.size_bytes)
                after = _seen(await _answered(file.stat()))
            finally:
                await _answered(file.close())
        except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection):
            raise
        except asyncssh.SFTPError as refused:
            raise FileLeft(f"can't be read ({refused.reason!r:.80})") from refused
        if after != seen or size != seen.size_bytes:
            raise FileLeft("changed while it was read")
        yield partial(_pieces, body)


async def _fetched(file: Any, body: IO[bytes], size_bytes: int) -> int:
    """Write what a file holds; more than it should hold is not asked for."""
    size = 0
    while size <= size_bytes:
        piece = await _answered(file.read(PIECE_BYTES, size))
        if not piece:
            break
        body.write(piece)
        size += len(piece)
    return size


def _pieces(body: IO[bytes]) -> Iterator[bytes]:
    body.seek(0)
    while piece := body.read(PIECE_BYTES):
        yield piece


PROVIDER = Provider(
    pages=pages,
    settings=Settings,
    format=None,
    base=None,
    interval_s=900,
    overlap_s=1800,
    settle_s=120,
)
