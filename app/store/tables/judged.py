"""What is suspected of tags, and what people decide about it."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.store.tables.naming import (
    bird_columns,
    bird_key,
    instant,
    metadata,
    now_column,
    place_checks,
    place_columns,
    ref_column,
    study_column,
)


def _tag_columns() -> list[Column[object]]:
    return [*bird_columns(), Column("tag_id", Integer, nullable=False)]


def _tag_key() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["study_id", "tag_id"], ["tag.study_id", "tag.id"])


def _decision_columns() -> list[Column[object]]:
    """Columns of what a person decides: why, who and when, and who took it back."""
    return [
        Column("note", String, nullable=False, server_default=""),
        Column("decided_by", String, nullable=False),
        now_column("decided_at"),
        instant("undone_at", null=True),
        Column("undone_by", String),
    ]


lifeless = Table(
    "lifeless",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    ref_column(),
    *_tag_columns(),
    instant("start_time"),
    instant("end_time"),
    Column("dismissed", Boolean, nullable=False),
    Column("basis", String, nullable=False),
    *place_columns(),
    Column("radius_m", Double),
    Column("n_still", Integer, nullable=False),
    Column("n_away", Integer, nullable=False),
    Column("observed_s", Double, nullable=False),
    Column("days_midday", Integer, nullable=False),
    Column("days_dark", Integer, nullable=False),
    Column("stirring_share", Double),
    Column("temperature_c", Double),
    Column("temperature_before_c", Double),
    Column("battery_v", Double),
    Column("battery_before_v", Double),
    Column("method", String, nullable=False),
    Column("still_radius_m", Double, nullable=False),
    Column("still_min_s", Double, nullable=False),
    bird_key(),
    _tag_key(),
    UniqueConstraint("individual_id", "tag_id", "start_time"),
    *place_checks(),
    Index("ix_lifeless_study_id", "study_id", "id"),
    comment="tags that lie still to the end of their data; derived, as everything of a bird",
)

lifeless_verdict = Table(
    "lifeless_verdict",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    ref_column(),
    *_tag_columns(),
    instant("start_time"),
    instant("end_time"),
    Column("verdict", String, nullable=False),
    Column("end_type", String, comment="of a confirmed one: Movebank's deployment-end-type"),
    instant("ended_time", null=True),
    Column("reviewer", String, nullable=False),
    Column("note", String, nullable=False, server_default=""),
    Column("found", JSONB, nullable=False, comment="the suspicion as it stood"),
    Column("deployment_ref", Uuid, comment="the deployment that a confirmation ended ..."),
    Column("deployment_before", JSONB, comment="... and what it said before"),
    Column("decided_by", String, nullable=False),
    now_column("decided_at"),
    instant("undone_at", null=True),
    Column("undone_by", String),
    bird_key(),
    _tag_key(),
    CheckConstraint("verdict in ('confirm', 'dismiss')", name="verdict"),
    Index("ix_lifeless_verdict_individual_id", "individual_id"),
    Index("ix_lifeless_verdict_study_id", "study_id", "id"),
    comment="what a person decided about a suspicion; a dismissal holds for any that overlaps it",
)

observation = Table(
    "observation",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    ref_column(),
    *bird_columns(),
    Column("noun", String, nullable=False),
    instant("about_start"),
    instant("about_end"),
    Column("said", JSONB, nullable=False, comment="what is corrected, by its name"),
    Column("reviewer", String, nullable=False),
    *_decision_columns(),
    bird_key(),
    CheckConstraint("noun in ('stopover', 'season')", name="noun"),
    CheckConstraint("about_start < about_end", name="about"),
    Index("ix_observation_individual_id", "individual_id"),
    Index("ix_observation_study_id", "study_id", "id"),
    comment="what observers correct of stopovers and seasons; append-only but for undone_at",
)

study_parameters = Table(
    "study_parameters",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    study_column(),
    Column("species_key", String, nullable=False),
    Column("said", JSONB, nullable=False, comment="parameters of the profile, by name"),
    *_decision_columns(),
    ForeignKeyConstraint(["study_id"], ["study.id"]),
    Index("uq_study_parameters_current", "study_id", "species_key", unique=True,
          postgresql_where=text("undone_at is null")),
    comment="where a study goes by other parameters than the profile of a species",
)  # fmt: skip

screening_trial = Table(
    "screening_trial",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    ref_column(),
    *bird_columns(),
    Column("said", JSONB, nullable=False, comment="parameters tried, by name"),
    Column("found", JSONB, comment="what would change; null: a worker has it before it"),
    now_column("asked_at"),
    bird_key(),
    Index("ix_screening_trial_waiting", "id", postgresql_where=text("found is null")),
    comment="trials of parameters that change nothing; kept for a day",
)

withdrawal = Table(
    "withdrawal",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    ref_column(),
    *bird_columns(),
    Column("numbers", JSONB, nullable=False, comment="what left the products with the bird"),
    *_decision_columns(),
    bird_key(),
    Index("uq_withdrawal_current", "individual_id", unique=True,
          postgresql_where=text("undone_at is null")),
    comment="birds that their owner took out of every product; append-only but for undone_at",
)  # fmt: skip

snapshot = Table(
    "snapshot",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    ref_column(),
    Column("scope", String, nullable=False, comment="public, operator or institute:<id>"),
    Column("address", String, nullable=False, comment="path and sorted query of the product"),
    Column("manifest", JSONB, nullable=False),
    Column("digest", LargeBinary, nullable=False, comment="SHA-256 of the manifest, canonical"),
    Column("media_type", String, nullable=False),
    Column("body", LargeBinary, nullable=False, comment="the answer, gzip"),
    now_column("made_at"),
    Index("ix_snapshot_scope_address_made_at", "scope", "address", "made_at"),
    comment="answers kept as they were: never changed",
)

snapshot_bird = Table(
    "snapshot_bird",
    metadata,
    Column("snapshot_id", ForeignKey("snapshot.id", ondelete="CASCADE"), primary_key=True),
    Column("individual_id", Integer, primary_key=True, autoincrement=False),
    study_column(),
    Column("exact", Boolean, nullable=False, comment="false: seen through the public view"),
    Column("protection", Integer, nullable=False, server_default=text("0")),
    bird_key(),
    Index("ix_snapshot_bird_individual_id", "individual_id"),
    comment="the birds that an answer may stand on",
)
