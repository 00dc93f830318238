"""
Pull connectors: what providers hold is fetched, kept as sent, and goes on like any push.

One provider a file. A provider gives pages: bytes as the provider sent them, and the cursor from
which the next pull goes on once those bytes are on disk. It knows no database; `run.py` keeps a
page and moves the cursor in one transaction.
"""

from __future__ import annotations

from app.pull import cls, druid, folder, lotek, movebank, sftp
from app.pull.page import Provider

PROVIDERS: dict[str, Provider] = {
    "movebank": movebank.PROVIDER,
    "cls": cls.PROVIDER,
    "druid": druid.PROVIDER,
    "lotek": lotek.PROVIDER,
    "folder": folder.PROVIDER,
    "sftp": sftp.PROVIDER,
}
