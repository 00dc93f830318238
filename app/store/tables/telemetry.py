"""What tags reported: pushes as sent, their decodings, fixes, flags and verdicts."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    REAL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.store.tables.naming import (
    instant,
    metadata,
    now_column,
    place_checks,
    place_columns,
    ref_column,
    study_column,
)

COUNTS = (
    "units", "records", "refused", "stored", "duplicates", "superseded", "without_position",
)  # fmt: skip

push = Table(
    "push",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    ref_column(),
    study_column(),
    Column("source_id", ForeignKey("source.id")),
    Column("connector_id", Integer, comment="no key: a deleted connector leaves its pushes"),
    Column("digest", LargeBinary, nullable=False, comment="SHA-256 of the body as sent"),
    Column("size_bytes", BigInteger, nullable=False),
    Column("content_type", String),
    Column("idempotency_key", String, comment="webhook id or Idempotency-Key header"),
    Column("tag", String, comment="told, or in the name of the file: whose rows without a tag are"),
    Column("named_tag", String, comment="the tag in the name of the file, whatever was told"),
    Column("replay_of_id", ForeignKey("push.id"), comment="same bytes, read the same way"),
    now_column("received_at"),
    ForeignKeyConstraint(["study_id"], ["study.id"]),
    UniqueConstraint("study_id", "id"),
    Index("uq_push_digest", "study_id", "digest", text("coalesce(tag, '')"), unique=True,
          postgresql_where=text("replay_of_id is null")),
    Index("uq_push_idempotency_key", "study_id", text("coalesce(source_id, 0)"),
          "idempotency_key", unique=True, postgresql_where=text("idempotency_key is not null")),
    Index("ix_push_source_id", "source_id", "id",
          postgresql_where=text("source_id is not null")),
)  # fmt: skip

push_chunk = Table(
    "push_chunk",
    metadata,
    Column("push_id", ForeignKey("push.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    CheckConstraint("octet_length(body) <= 1048576", name="body_size"),
)

decoding = Table(
    "decoding",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    study_column(),
    Column("push_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("format", String),
    Column("tz", String, nullable=False),
    Column("encoding", String, comment="null: found out"),
    Column("datum", String, nullable=False, server_default="wgs84"),
    Column("date_order", String, comment="dmy or mdy; null: found out"),
    Column("mapping_id", Integer, comment="null: read as a format"),
    Column("mapping_version", Integer, nullable=False, server_default=text("0")),
    Column("correction_id", BigInteger, nullable=False, server_default=text("0"),
           comment="read with the corrections of its push up to this one"),
    Column("tag", String, comment="whose rows without a tag are"),
    Column("asked_by", String, comment="who had it read again; null: it came so"),
    Column("delivery_id", BigInteger,
           comment="the push that brought known bytes to be read so; no key, to take no lock"),
    Column("state", String, nullable=False, server_default="received"),
    *(Column(name, BigInteger, nullable=False, server_default=text("0")) for name in COUNTS),
    instant("time_first", null=True),
    instant("time_last", null=True),
    Column("tag_ids", ARRAY(Integer), nullable=False, server_default=text("'{}'")),
    Column("warnings", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    Column("problem", JSONB),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    now_column("received_at"),
    instant("stored_at", null=True),
    instant("processed_at", null=True),
    instant("replaced_at", null=True),
    ForeignKeyConstraint(["study_id", "push_id"], ["push.study_id", "push.id"]),
    ForeignKeyConstraint(["study_id", "mapping_id"], ["mapping.study_id", "mapping.id"]),
    ForeignKeyConstraint(["mapping_id", "mapping_version"],
                         ["mapping_version.mapping_id", "mapping_version.number"]),
    UniqueConstraint("push_id", "number"),
    CheckConstraint("state in ('received', 'stored', 'processed', 'failed')", name="state"),
    CheckConstraint("units = records + refused", name="units"),
    CheckConstraint(
        "records = stored + duplicates + superseded + without_position", name="records"
    ),
    Index("ix_decoding_open", "id", postgresql_where=text("state = 'received'")),
    Index("ix_decoding_study", "study_id", "id"),
    Index("ix_decoding_received_at", "received_at"),
)  # fmt: skip

correction = Table(
    "correction",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    study_column(),
    Column("push_id", BigInteger, nullable=False),
    Column("unit", BigInteger, nullable=False),
    Column("original", String, nullable=False, comment="the unit as it was sent"),
    Column("text", String, comment="what is read in its place; null: taken back"),
    Column("corrected_by", String, nullable=False),
    now_column("corrected_at"),
    ForeignKeyConstraint(["study_id", "push_id"], ["push.study_id", "push.id"]),
    Index("ix_correction_push_id", "push_id", "unit", "id"),
    comment="what a person says a refused unit should have been; the newest of a unit counts",
)

refusal = Table(
    "refusal",
    metadata,
    Column("decoding_id", ForeignKey("decoding.id"), primary_key=True),
    Column("unit", BigInteger, primary_key=True),
    study_column(),
    Column("excerpt", String, nullable=False),
    Column("code", String, nullable=False),
    Column("remedy", String, nullable=False),
    Column("offset_bytes", BigInteger,
           comment="of the first byte of the unit, in the push unpacked"),
    Column("line", BigInteger, comment="row of the sheet of a workbook, which has no such byte"),
    Index("ix_refusal_study_id", "study_id", text("decoding_id desc"), "unit"),
)  # fmt: skip

_KEY = ("tag_id", "time", "sensor", "variant")


def _key_columns() -> list[Column[object]]:
    return [
        Column("tag_id", Integer, primary_key=True, autoincrement=False),
        Column("time", DateTime(timezone=True), primary_key=True),
        Column("sensor", SmallInteger, primary_key=True, comment="index into record.SENSORS"),
        Column("variant", BigInteger, primary_key=True, comment="hash of the content"),
    ]


fix = Table(
    "fix",
    metadata,
    *_key_columns(),
    study_column(),
    Column("decoding_id", BigInteger, nullable=False),
    Column("visible", Boolean, nullable=False, comment="no flag hides it, or a verdict shows it"),
    Column("live", Boolean, nullable=False, server_default=text("true"),
           comment="false: its decoding was replaced, or a later provider revision came"),
    *place_columns(),
    Column("error_m", REAL, nullable=False, comment="position error, one sigma"),
    Column("height_m", REAL),
    Column("ground_speed_m_s", REAL),
    Column("heading_deg", REAL),
    Column("satellites", SmallInteger),
    Column("dop", REAL),
    Column("stated_error_m", REAL),
    Column("argos_class", String(1)),
    Column("semi_major_m", REAL),
    Column("semi_minor_m", REAL),
    Column("orientation_deg", REAL),
    Column("lon2", Double),
    Column("lat2", Double),
    Column("solution", SmallInteger, nullable=False, server_default=text("1"),
           comment="which of the two solutions of an Argos pass, as sent, lon and lat are;"
           " lon2 and lat2 are the other one"),
    Column("solution_by_hand", SmallInteger,
           comment="which of the two, as the sender numbers them, a person chose for lon and lat:"
           " the track does not choose again"),
    Column("provider_id", String),
    Column("provider_revision", Integer),
    Column("marked_outlier", Boolean),
    Column("battery_v", REAL),
    Column("temperature_c", REAL),
    Column("activity", Double),
    *place_checks(),
    CheckConstraint("solution in (1, 2)", name="solution"),
    CheckConstraint("solution_by_hand is null or solution_by_hand in (1, 2) and solution = 1",
                    name="solution_by_hand"),
    CheckConstraint("time between '1978-01-01Z' and '2100-01-01Z'", name="time_window"),
    Index("ix_fix_provider_id", "tag_id", "provider_id",
          postgresql_where=text("provider_id is not null")),
    Index("ix_fix_decoding_id", "decoding_id", postgresql_using="brin"),
    comment="study_id is that of the tag: the insert joins it, as a foreign key checked row by"
    " row costs 40 % of a bulk load",
)  # fmt: skip

reading = Table(
    "reading",
    metadata,
    *_key_columns(),
    study_column(),
    Column("decoding_id", BigInteger, nullable=False),
    Column("argos_class", String(1)),
    Column("battery_v", REAL),
    Column("temperature_c", REAL),
    Column("activity", Double),
    ForeignKeyConstraint(["study_id", "tag_id"], ["tag.study_id", "tag.id"]),
    comment="records without position",
)

fix_flag = Table(
    "fix_flag",
    metadata,
    *_key_columns(),
    Column("code", String, primary_key=True),
    study_column(),
    Column("origin", String, nullable=False),
    Column("detail", String, nullable=False, server_default=""),
    CheckConstraint("origin in ('record', 'track')", name="origin"),
)

fix_verdict = Table(
    "fix_verdict",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    study_column(),
    Column("tag_id", Integer, nullable=False),
    Column("time", DateTime(timezone=True), nullable=False),
    Column("sensor", SmallInteger, nullable=False),
    Column("variant", BigInteger, nullable=False),
    Column("verdict", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("decided_by", String, nullable=False),
    now_column("decided_at"),
    instant("undone_at", null=True),
    CheckConstraint("verdict in ('hide', 'show')", name="verdict"),
    Index("uq_fix_verdict_current", *_KEY, unique=True,
          postgresql_where=text("undone_at is null")),
    comment="what a person decided about one fix; wins over flags and outlives re-ingest",
)  # fmt: skip

naming = Table(
    "naming",
    metadata,
    Column("decoding_id", ForeignKey("decoding.id"), primary_key=True),
    Column("tag_id", Integer, primary_key=True),
    Column("individual_id", Integer, primary_key=True),
    study_column(),
    instant("time_first"),
    instant("time_last"),
    ForeignKeyConstraint(["study_id", "tag_id"], ["tag.study_id", "tag.id"]),
    ForeignKeyConstraint(["study_id", "individual_id"], ["individual.study_id", "individual.id"]),
    Index("ix_naming_tag_id_individual_id_time_first", "tag_id", "individual_id", "time_first"),
    comment="which individual the rows of a decoding in force named for a tag, and when",
)

naming_week = Table(
    "naming_week",
    metadata,
    Column("decoding_id", ForeignKey("decoding.id"), primary_key=True),
    Column("tag_id", Integer, primary_key=True),
    Column("individual_id", Integer, primary_key=True),
    Column("week", Integer, primary_key=True, comment="weeks since 1970-01-01, UTC"),
    study_column(),
    instant("time_first"),
    instant("time_last"),
    Column("times", ARRAY(DateTime(timezone=True)), nullable=False),
    ForeignKeyConstraint(["study_id", "tag_id"], ["tag.study_id", "tag.id"]),
    ForeignKeyConstraint(["study_id", "individual_id"], ["individual.study_id", "individual.id"]),
    Index("ix_naming_week_tag_id_individual_id_time_first",
          "tag_id", "individual_id", "time_first"),
    comment="when the rows of a naming name the individual, week by week; of one time it has none",
)  # fmt: skip
