"""The job queue's own tables, in a schema of their own.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let the queue library lay its tables into the schema `jobs`."""
    op.execute("create schema jobs")
    op.execute("set local search_path = jobs, public")
    # Many statements in one go: only the driver's own execute without parameters takes them.
    op.get_bind().connection.dbapi_connection.execute(SchemaManager.get_schema())
    op.execute("set local search_path = public")


def downgrade() -> None:
    """Take the queue away: what is still to do stands in `dirty` and `decoding`."""
    op.execute("drop schema jobs cascade")
