"""Who owns what: institutes, keys, studies, individuals, tags, deployments, sources."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
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
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSTZRANGE, ExcludeConstraint

from app.store.tables.naming import instant, metadata, now_column, ref_column, study_column

EMPTY_OBJECT = text("'{}'::jsonb")

institute = Table(
    "institute",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    ref_column(),
    Column("name", String, nullable=False, unique=True),
    Column("country", String(2)),
    now_column("created_at"),
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    ref_column(),
    Column("institute_id", ForeignKey("institute.id"), comment="null: the operator's own key"),
    Column("label", String, nullable=False, server_default=""),
    Column("prefix", String, nullable=False, comment="shown in lists so that a key can be told"),
    Column("secret_sha256", LargeBinary, nullable=False, unique=True),
    Column("scopes", ARRAY(String), nullable=False),
    now_column("created_at"),
    instant("expires_at", null=True),
    instant("revoked_at", null=True),
    instant("last_used_at", null=True),
)

sign_in = Table(
    "sign_in",
    metadata,
    Column("token_sha256", LargeBinary, primary_key=True),
    Column("kind", String, nullable=False),
    Column("api_key_id", ForeignKey("api_key.id"), nullable=False),
    now_column("created_at"),
    instant("expires_at"),
    CheckConstraint("kind in ('ticket', 'session')", name="kind"),
    comment="browser sign-in: a ticket is changed once for a session cookie",
)

study = Table(
    "study",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    ref_column(),
    Column("institute_id", ForeignKey("institute.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("visibility", String, nullable=False, server_default="private"),
    instant("opened_at", null=True),
    Column("release_delay_s", BigInteger, nullable=False, server_default=text(str(30 * 86_400))),
    Column("public_grid_deg", Double, nullable=False, server_default=text("0.1")),
    Column("simulated", Boolean, nullable=False, server_default=text("false")),
    Column("taxon", String, comment="taxon of individuals whose files name none"),
    Column("licence", String),
    Column("citation", String),
    Column("version", BigInteger, nullable=False, server_default=text("0")),
    now_column("created_at"),
    CheckConstraint("visibility in ('private', 'open')", name="visibility"),
    CheckConstraint("release_delay_s >= 0 and public_grid_deg > 0", name="protection"),
    UniqueConstraint("institute_id", "name"),
    comment="version counts the committed changes of anything a reader of the study can see",
)

individual = Table(
    "individual",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    ref_column(),
    study_column(),
    Column("local_identifier", String, nullable=False),
    Column("taxon", String, comment="as the owner writes it"),
    Column("taxon_declared", Boolean, nullable=False, server_default=text("false"),
           comment="from reference data or by hand, which event rows never change"),
    Column("species_key", String, nullable=False, server_default="default"),
    Column("terms", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    now_column("created_at"),
    ForeignKeyConstraint(["study_id"], ["study.id"]),
    UniqueConstraint("study_id", "local_identifier"),
    UniqueConstraint("study_id", "id"),
    comment="terms: what the Movebank reference data say of the bird (sex, ring id, siblings)",
)  # fmt: skip

tag = Table(
    "tag",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    ref_column(),
    study_column(),
    Column("local_identifier", String, nullable=False),
    Column("terms", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    now_column("created_at"),
    ForeignKeyConstraint(["study_id"], ["study.id"]),
    UniqueConstraint("study_id", "local_identifier"),
    UniqueConstraint("study_id", "id"),
)

tag_alias = Table(
    "tag_alias",
    metadata,
    Column("study_id", Integer, primary_key=True, autoincrement=False),
    Column("alias", String, primary_key=True),
    Column("tag_id", Integer, nullable=False),
    Column("made_by", String, nullable=False),
    now_column("made_at"),
    ForeignKeyConstraint(["study_id", "tag_id"], ["tag.study_id", "tag.id"]),
    Index("ix_tag_alias_tag_id", "tag_id"),
    comment="other names of a tag in pushes; no tag of the study has one as its local identifier",
)

deployment = Table(
    "deployment",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("ref", Uuid, nullable=False, server_default=text("gen_random_uuid()")),
    study_column(),
    Column("tag_id", Integer, nullable=False),
    Column("individual_id", Integer, nullable=False),
    Column("during", TSTZRANGE, nullable=False, comment="[deploy_on, deploy_off)"),
    Column("declared", Boolean, nullable=False, comment="false: implied by names in event rows"),
    Column("local_identifier", String),
    Column("terms", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    Column("terms_by_hand", ARRAY(String), nullable=False, server_default=text("'{}'"),
           comment="names of terms that a person decided, which reference data never change"),
    now_column("recorded_at"),
    instant("replaced_at", null=True),
    ForeignKeyConstraint(["study_id"], ["study.id"]),
    ForeignKeyConstraint(["study_id", "tag_id"], ["tag.study_id", "tag.id"]),
    ForeignKeyConstraint(
        ["study_id", "individual_id"], ["individual.study_id", "individual.id"]
    ),
    CheckConstraint("not isempty(during)", name="during"),
    ExcludeConstraint(
        ("tag_id", "="),
        ("during", "&&"),
        name="ex_deployment_tag_id_during",
        where=text("replaced_at is null"),
        using="gist",
    ),
    Index("ix_deployment_current_individual", "individual_id",
          postgresql_where=text("replaced_at is null")),
    Index("ix_deployment_ref", "ref"),
    comment="append-only: an edit closes the row at replaced_at and adds its successor",
)  # fmt: skip

mapping = Table(
    "mapping",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    ref_column(),
    study_column(),
    Column("name", String, nullable=False),
    now_column("created_at"),
    ForeignKeyConstraint(["study_id"], ["study.id"]),
    UniqueConstraint("study_id", "name"),
    UniqueConstraint("study_id", "id"),
)

mapping_version = Table(
    "mapping_version",
    metadata,
    Column("mapping_id", ForeignKey("mapping.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("document", JSONB, nullable=False),
    Column("made_by", String, nullable=False),
    now_column("made_at"),
    comment="never changed: pushes name the version they were read with",
)

source = Table(
    "source",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    ref_column(),
    study_column(),
    Column("name", String, nullable=False),
    Column("format", String, comment="null: named by the bytes themselves"),
    Column("tz", String, nullable=False, server_default="UTC"),
    Column("encoding", String, comment="null: found out"),
    Column("datum", String, nullable=False, server_default="wgs84"),
    Column("date_order", String, comment="dmy or mdy; null: found out"),
    Column("mapping_id", Integer, comment="read with its newest version, in place of a format"),
    Column("scheme", String, nullable=False),
    Column(
        "secrets",
        ARRAY(LargeBinary),
        nullable=False,
        comment="token, basic: SHA-256 of each; standard-webhooks, github: the signing keys;"
        " newest first",
    ),
    Column("ack_status", SmallInteger, nullable=False, server_default=text("202")),
    Column("refused_signatures", Integer, nullable=False, server_default=text("0")),
    Column(
        "refused_lately",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="refused since a day without any, or since a manager looked at them",
    ),
    instant("refused_last_at", null=True),
    Column("refused_last_code", String),
    now_column("created_at"),
    instant("disabled_at", null=True),
    ForeignKeyConstraint(["study_id"], ["study.id"]),
    ForeignKeyConstraint(["study_id", "mapping_id"], ["mapping.study_id", "mapping.id"]),
    CheckConstraint("scheme in ('token', 'basic', 'standard-webhooks', 'github')", name="scheme"),
    CheckConstraint("ack_status in (200, 202)", name="ack_status"),
    UniqueConstraint("study_id", "name"),
)

connector = Table(
    "connector",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    ref_column(),
    study_column(),
    Column("name", String, nullable=False),
    Column("provider", String, nullable=False),
    Column("settings", JSONB, nullable=False),
    Column("username", String, nullable=False, server_default=""),
    Column("password", String, nullable=False, server_default="",
           comment="as the provider wants it; never read but by a pull"),
    Column("format", String, comment="null: named by the bytes themselves"),
    Column("tz", String, nullable=False, server_default="UTC"),
    Column("encoding", String, comment="null: found out"),
    Column("datum", String, nullable=False, server_default="wgs84"),
    Column("date_order", String, comment="dmy, mdy; null: found out"),
    Column("mapping_id", Integer, comment="read with its newest version, in place of a format"),
    Column("interval_s", Integer, nullable=False),
    Column("overlap_s", Integer, nullable=False),
    Column("settle_s", Integer, nullable=False),
    Column("cursor", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    Column("version", Integer, nullable=False, server_default=text("0")),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("problem", JSONB),
    now_column("created_at"),
    now_column("next_run_at"),
    instant("paused_at", null=True),
    instant("last_run_at", null=True),
    instant("last_success_at", null=True),
    ForeignKeyConstraint(["study_id"], ["study.id"]),
    ForeignKeyConstraint(["study_id", "mapping_id"], ["mapping.study_id", "mapping.id"]),
    CheckConstraint("interval_s > 0 and overlap_s >= 0 and settle_s >= 0", name="schedule"),
    UniqueConstraint("study_id", "name"),
    comment="the cursor moves in the transaction that keeps the bytes before it; version counts"
    " edits, so that a pull under way knows of them",
)  # fmt: skip
