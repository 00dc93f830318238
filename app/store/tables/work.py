"""Work to do is data: what has changed and waits to be derived again."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    text,
)

from app.store.tables.naming import instant, metadata, now_column, study_column

dirty = Table(
    "dirty",
    metadata,
    Column("individual_id", Integer, primary_key=True),
    study_column(),
    instant("from_time"),
    instant("to_time"),
    now_column("since_at"),
    # Of the transaction that marked it: one that is marked anew after it was clean has another.
    Column("revision", BigInteger, nullable=False, server_default=text("txid_current()")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("last_error", String),
    instant("dead_at", null=True),
    ForeignKeyConstraint(["study_id", "individual_id"], ["individual.study_id", "individual.id"]),
    comment="the span of each individual whose fixes, flags or deployments changed",
)

product_dirty = Table(
    "product_dirty",
    metadata,
    Column("scope", String, primary_key=True, comment="public, operator or institute:<id>"),
    Column("simulated", Boolean, primary_key=True),
    now_column("since_at"),
    Column("revision", BigInteger, nullable=False, server_default=text("1")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("last_error", String),
    instant("dead_at", null=True),
    comment="catalogues of sites and flyways that a changed stopover or leg touches",
)

push_wait = Table(
    "push_wait",
    metadata,
    Column("decoding_id", ForeignKey("decoding.id"), primary_key=True),
    Column("subject", String, primary_key=True, comment="individual:<id> or product:<scope>:<0|1>"),
    Index("ix_push_wait_subject", "subject"),
    comment="what must be derived before a push counts as processed",
)
