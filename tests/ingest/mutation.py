"""Changes that know what a push is made of: lines, cells, elements, archives, encodings."""

from __future__ import annotations

import gzip
import io
import json
import random
import re
import zipfile
from collections.abc import Callable, Sequence

Change = Callable[[random.Random, bytes, Sequence[bytes]], bytes]

VALUES = (
    b"", b" ", b"NA", b"null", b"0", b"-0", b"-1", b"90", b"90.0000001", b"-180", b"180", b"360",
    b"1e999", b"NaN", b"inf", b"-inf", b"9" * 30, b"0x1F", b"1_000", b"1,5", b"1.5.2", b"true",
    b"2018-02-30 10:00:00", b"2016-12-31 23:59:60", b"2018-03-25T02:30:00", b"1999-01-01",
    b"2018-07-05T10:48:10+14:59", b"0000-00-00 00:00:00", b"9999-12-31 23:59:59",
    b"03/04/2024 5:06", b"1530787690", b"1530787690000",
    b"20180705T104810Z", b"24:00:00", b"2018/7/5 1:02",
    b"\0", b"\x1e", b'"', b'""', b"'", b"\\", b"\\ud800", b"\\u0000", b"\xff", b"\xc3",
    b"\xed\xa0\x80", "丹顶鹤".encode(), "두루미".encode("cp949"), "\u202e\u200b".encode(),
    b"a" * 201, b"x" * 70_000,
    b"&#0;", b"]]>", b"<!--", b"<![CDATA[", b"&b;", b"{", b"[", b"}", b"]", b"[" * 600,
    b'{"a":' * 70,
)  # fmt: skip
"""What stands in a cell, an attribute or a JSON value that was not thought of."""

_TOKEN = re.compile(
    rb"-?[0-9]+(?:[./:-][0-9]+)*(?:[T ][0-9]{1,2}:[0-9:.]+(?:Z|[+-][0-9:]+)?)?"
    rb'|"[^"\n]*"|[A-Za-z_][\w.:-]*'
)
_ELEMENT = re.compile(rb"<([A-Za-z][\w:.-]*)[^<>]*>[^<]*(?:</\1>)?")


def _spot(rng: random.Random, found: Sequence[re.Match[bytes]]) -> tuple[int, int]:
    return rng.choice(found).span() if found else (0, 0)


def token(rng: random.Random, text: bytes, pool: Sequence[bytes]) -> bytes:
    """Put another value, or one of another sample, in the place of one."""
    start, end = _spot(rng, [*_TOKEN.finditer(text)])
    value = rng.choice(VALUES)
    if rng.random() < 0.4:
        other = rng.choice(pool)
        first, last = _spot(rng, [*_TOKEN.finditer(other[:20_000])])
        value = other[first:last]
    return text[:start] + value + text[end:]


def number(rng: random.Random, text: bytes, pool: Sequence[bytes]) -> bytes:
    """Change one digit or the length of one number."""
    found = [*re.finditer(rb"[0-9]+", text)]
    start, end = _spot(rng, found)
    value = rng.choice([
        b"%d" % rng.randrange(10 ** rng.randrange(1, 8)),
        text[start:end] + text[start:end],
        text[start : end - 1],
        b"-" + text[start:end],
    ])  # fmt: skip
    return text[:start] + value + text[end:]


def lines(rng: random.Random, text: bytes, pool: Sequence[bytes]) -> bytes:
    """Repeat, drop, swap, join or borrow lines."""
    held = text.split(b"\n")
    at, to = rng.randrange(len(held)), rng.randrange(len(held))
    kind = rng.randrange(6)
    if kind == 0:
        held.insert(to, held[at])
    elif kind == 1:
        del held[at]
    elif kind == 2:
        held[at], held[to] = held[to], held[at]
    elif kind == 3:
        held[at : at + 2] = [b"".join(held[at : at + 2])]
    elif kind == 4:
        held.insert(at, rng.choice(rng.choice(pool)[:20_000].split(b"\n")))
    else:
        held = held[: max(at, 1)]
    return b"\n".join(held)


def columns(rng: random.Random, text: bytes, pool: Sequence[bytes]) -> bytes:
    """Move, drop or repeat one column of a table in every line."""
    mark = max((b",", b";", b"\t"), key=text.count)
    rows = [line.split(mark) for line in text.split(b"\n")]
    width = max(map(len, rows))
    at, to, kind = rng.randrange(width), rng.randrange(width), rng.randrange(3)
    for row in rows:
        if max(at, to) < len(row):
            if kind == 0:
                row[at], row[to] = row[to], row[at]
            elif kind == 1:
                del row[at]
            else:
                row.insert(to, row[at])
    return b"\n".join(mark.join(row) for row in rows)


def element(rng: random.Random, text: bytes, pool: Sequence[bytes]) -> bytes:
    """Drop, repeat, nest or borrow an element of XML."""
    start, end = _spot(rng, [*_ELEMENT.finditer(text)])
    mine = text[start:end]
    other = rng.choice(pool)
    first, last = _spot(rng, [*_ELEMENT.finditer(other[:20_000])])
    made = rng.choice([b"", mine * 2, b"<a>" + mine + b"</a>", other[first:last], mine * 70])
    return text[:start] + made + text[end:]


def node(rng: random.Random, text: bytes, pool: Sequence[bytes]) -> bytes:
    """Change one value or key anywhere in JSON."""
    try:
        document = json.loads(text, parse_int=lambda digits: int(digits[:40]))
    except (ValueError, RecursionError):
        return token(rng, text, pool)
    spots: list[tuple[dict | list, object]] = []
    waiting = [document]
    while waiting:
        held = waiting.pop()
        keys = held.keys() if isinstance(held, dict) else range(len(held))
        spots += [(held, key) for key in keys]
        waiting += [held[key] for key in keys if isinstance(held[key], dict | list)]
    if not spots:
        return text
    held, key = rng.choice(spots)
    odd = [None, True, False, 0, -1, 91, 1e300, 2**63, -(2**63) - 1, "", "x", [], {}, [[]],
           {"a": 1}, [held[key]], {"a": held[key]},
           str(held[key])[:300], rng.choice(spots)[1]]  # fmt: skip
    kind = rng.randrange(4)
    if kind == 0 and isinstance(held, dict):
        held[rng.choice([*(str(k) for _, k in spots), "x"])] = held.pop(key)
    elif kind == 1:
        del held[key]
    elif kind == 2 and isinstance(held, list):
        held.append(held[key])
    else:
        held[key] = rng.choice(odd)
    return json.dumps(document).encode()


def dressed(rng: random.Random, text: bytes, pool: Sequence[bytes]) -> bytes:
    """Write the text in another encoding, with other line ends, delimiters or marks before it."""
    codec = rng.choice(["utf-16", "utf-16-be", "gb18030", "cp949", "latin-1", "utf-8-sig"])
    return rng.choice([
        lambda: text.decode("utf-8", "replace").encode(codec, "replace"),
        lambda: text.replace(b"\n", rng.choice([b"\r\n", b"\r", b"\n\n", b"\x1e\n"])),
        lambda: text.replace(b",", rng.choice([b";", b"\t", b" "])),
        lambda: text.replace(b".", b","),
        lambda: b"\xef\xbb\xbf" + text,
        lambda: b"# note\n" * rng.randrange(1, 30) + text,
        lambda: text[: rng.randrange(len(text) + 1)],
    ])()  # fmt: skip


def spliced(rng: random.Random, text: bytes, pool: Sequence[bytes]) -> bytes:
    """Go on as another sample does."""
    other = rng.choice(pool)
    return text[: rng.randrange(len(text) + 1)] + other[rng.randrange(len(other) + 1) :]


def archived(rng: random.Random, payload: bytes, pool: Sequence[bytes]) -> bytes:
    """Change what an archive or a workbook holds and pack it again, whole."""
    try:
        with zipfile.ZipFile(io.BytesIO(payload)) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()[:30]}
    except Exception:  # noqa: BLE001 - damaged before: start from a whole one
        parts = {"a.csv": payload[:20_000]}
    if not parts:
        return payload
    name = rng.choice(sorted(parts))
    parts[name] = changed(rng, parts[name], pool)
    if rng.random() < 0.15:
        parts[rng.choice(["../a", "b.csv", "xl/worksheets/sheet9.xml"])] = parts[name]
    if rng.random() < 0.15:
        del parts[name]
    if rng.random() < 0.1:
        return gzip.compress(parts.get(name, b""), mtime=0)
    held = io.BytesIO()
    method = rng.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2])
    with zipfile.ZipFile(held, "w", method) as archive:
        for part, body in parts.items():
            archive.writestr(zipfile.ZipInfo(part), body, method)
    return held.getvalue()


def changed(rng: random.Random, text: bytes, pool: Sequence[bytes]) -> bytes:
    """Change text once, in a way that fits it."""
    text = text or b" "
    kinds: list[Change] = [token, token, number, lines, dressed, spliced]
    if text.lstrip(b"\xef\xbb\xbf \n")[:1] in (b"{", b"["):
        kinds += [node] * 4
    elif b"</" in text[:20_000]:
        kinds += [element] * 3
    else:
        kinds += [columns]
    return rng.choice(kinds)(rng, text, pool)


def mutated(rng: random.Random, payload: bytes, pool: Sequence[bytes], limit: int) -> bytes:
    """
    Change a payload in one to three places.

    Parameters
    ----------
    rng : random.Random
        Decides.
    payload : bytes
        Any.
    pool : sequence of bytes
        Samples to borrow from, one at least, none empty.
    limit : int
        Most bytes of the result.
    """
    for _ in range(rng.randrange(1, 4)):
        packed = payload.startswith((b"PK", b"\x1f\x8b"))
        payload = (archived if packed else changed)(rng, payload, pool)[:limit]
    return payload
