"""The first tables.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def geometry(kind: str) -> Geometry:
    """Return a WGS 84 type whose index, if any, is created by name below."""
    return Geometry(kind, srid=4326, spatial_index=False)


def upgrade() -> None:
    """Apply."""
    op.execute("create extension if not exists postgis")
    op.execute("create extension if not exists btree_gist")
    op.create_table(
        "corridor",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "scope", sa.String(), nullable=False, comment="public, operator or institute:<id>"
        ),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("species_key", sa.String(), nullable=False),
        sa.Column("season", sa.String(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("n_birds", sa.Integer(), nullable=False),
        sa.Column("area_km2", sa.Double(), nullable=False),
        sa.Column("geom", geometry("MULTIPOLYGON"), nullable=False),
        sa.CheckConstraint("level in (50, 95)", name=op.f("ck_corridor_level")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_corridor")),
        sa.UniqueConstraint(
            "scope",
            "simulated",
            "species_key",
            "season",
            "level",
            name=op.f("uq_corridor_scope_simulated_species_key_season_level"),
        ),
        comment="where the birds of a flyway fly; made from observed parts of legs only",
    )
    op.create_index("ix_corridor_geom", "corridor", ["geom"], unique=False, postgresql_using="gist")
    op.create_table(
        "fix_flag",
        sa.Column("tag_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sensor", sa.SmallInteger(), nullable=False, comment="index into record.SENSORS"),
        sa.Column("variant", sa.BigInteger(), nullable=False, comment="hash of the content"),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), server_default="", nullable=False),
        sa.CheckConstraint("origin in ('record', 'track')", name=op.f("ck_fix_flag_origin")),
        sa.PrimaryKeyConstraint(
            "tag_id", "time", "sensor", "variant", "code", name=op.f("pk_fix_flag")
        ),
    )
    op.create_table(
        "fix_verdict",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("tag_id", sa.Integer(), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sensor", sa.SmallInteger(), nullable=False),
        sa.Column("variant", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column(
            "decided_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("verdict in ('hide', 'show')", name=op.f("ck_fix_verdict_verdict")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fix_verdict")),
        comment="what a person decided about one fix; wins over flags and outlives re-ingest",
    )
    op.create_index(
        "uq_fix_verdict_current",
        "fix_verdict",
        ["tag_id", "time", "sensor", "variant"],
        unique=True,
        postgresql_where=sa.text("undone_at is null"),
    )
    op.create_table(
        "institute",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("ref", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_institute")),
        sa.UniqueConstraint("name", name=op.f("uq_institute_name")),
        sa.UniqueConstraint("ref", name=op.f("uq_institute_ref")),
    )
    op.create_table(
        "product_dirty",
        sa.Column(
            "scope", sa.String(), nullable=False, comment="public, operator or institute:<id>"
        ),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column(
            "since_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.Column("dead_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("scope", "simulated", name=op.f("pk_product_dirty")),
        comment="catalogues of sites and flyways that a changed stopover or leg touches",
    )
    op.create_table(
        "site",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("ref", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column(
            "scope", sa.String(), nullable=False, comment="public, operator or institute:<id>"
        ),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("key", sa.String(), nullable=False, comment="seed name, or the rounded centre"),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("named", sa.Boolean(), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("radius_m", sa.Double(), nullable=False),
        sa.Column("area", sa.String(), nullable=True),
        sa.Column("codes", sa.String(), nullable=True),
        sa.Column("n_individuals", sa.Integer(), nullable=False),
        sa.Column("n_stopovers", sa.Integer(), nullable=False),
        sa.Column("bird_days", sa.Double(), nullable=False),
        sa.Column("species_keys", postgresql.ARRAY(sa.String()), nullable=False),
        sa.Column("time_first", sa.DateTime(timezone=True), nullable=False),
        sa.Column("time_last", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("lat between -90 and 90", name=op.f("ck_site_lat_range")),
        sa.CheckConstraint("lon between -180 and 180", name=op.f("ck_site_lon_range")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site")),
        sa.UniqueConstraint("ref", name=op.f("uq_site_ref")),
        sa.UniqueConstraint("scope", "simulated", "key", name=op.f("uq_site_scope_simulated_key")),
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("ref", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column(
            "institute_id", sa.Integer(), nullable=True, comment="null: the operator's own key"
        ),
        sa.Column("label", sa.String(), server_default="", nullable=False),
        sa.Column(
            "prefix",
            sa.String(),
            nullable=False,
            comment="shown in lists so that a key can be told",
        ),
        sa.Column("secret_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.String()), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["institute_id"], ["institute.id"], name=op.f("fk_api_key_institute_id_institute")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("ref", name=op.f("uq_api_key_ref")),
        sa.UniqueConstraint("secret_sha256", name=op.f("uq_api_key_secret_sha256")),
    )
    op.create_table(
        "connection",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "scope", sa.String(), nullable=False, comment="public, operator or institute:<id>"
        ),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("species_key", sa.String(), nullable=False),
        sa.Column("season", sa.String(), nullable=False, comment="spring, autumn or other"),
        sa.Column("from_site_id", sa.Integer(), nullable=True),
        sa.Column("to_site_id", sa.Integer(), nullable=True),
        sa.Column("n_birds", sa.Integer(), nullable=False),
        sa.Column("n_passages", sa.Integer(), nullable=False),
        sa.Column("travel_days_median", sa.Double(), nullable=False),
        sa.Column("distance_m", sa.Double(), nullable=True),
        sa.Column("observed_share", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["from_site_id"],
            ["site.id"],
            name=op.f("fk_connection_from_site_id_site"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["to_site_id"],
            ["site.id"],
            name=op.f("fk_connection_to_site_id_site"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connection")),
    )
    op.create_index(
        "ix_connection_scope", "connection", ["scope", "simulated", "species_key"], unique=False
    )
    op.create_table(
        "study",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("ref", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("institute_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("visibility", sa.String(), server_default="private", nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "release_delay_s", sa.BigInteger(), server_default=sa.text("2592000"), nullable=False
        ),
        sa.Column("public_grid_deg", sa.Double(), server_default=sa.text("0.1"), nullable=False),
        sa.Column("simulated", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "taxon",
            sa.String(),
            nullable=True,
            comment="taxon of individuals whose files name none",
        ),
        sa.Column("licence", sa.String(), nullable=True),
        sa.Column("citation", sa.String(), nullable=True),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint("visibility in ('private', 'open')", name=op.f("ck_study_visibility")),
        sa.CheckConstraint(
            "release_delay_s >= 0 and public_grid_deg > 0", name=op.f("ck_study_protection")
        ),
        sa.ForeignKeyConstraint(
            ["institute_id"], ["institute.id"], name=op.f("fk_study_institute_id_institute")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study")),
        sa.UniqueConstraint("institute_id", "name", name=op.f("uq_study_institute_id_name")),
        sa.UniqueConstraint("ref", name=op.f("uq_study_ref")),
        comment="version counts the committed changes of anything a reader of the study can see",
    )
    op.create_table(
        "individual",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("ref", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("local_identifier", sa.String(), nullable=False),
        sa.Column("taxon", sa.String(), nullable=True, comment="as the owner writes it"),
        sa.Column(
            "taxon_declared",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="from reference data or by hand, which event rows never change",
        ),
        sa.Column("species_key", sa.String(), server_default="default", nullable=False),
        sa.Column(
            "terms",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["study_id"], ["study.id"], name=op.f("fk_individual_study_id_study")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_individual")),
        sa.UniqueConstraint("ref", name=op.f("uq_individual_ref")),
        sa.UniqueConstraint("study_id", "id", name=op.f("uq_individual_study_id_id")),
        sa.UniqueConstraint(
            "study_id", "local_identifier", name=op.f("uq_individual_study_id_local_identifier")
        ),
        comment="terms: every other term of the Movebank reference data (sex, ring id, siblings)",
    )
    op.create_table(
        "layer",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("ref", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=True, comment="null: part of the service"),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column(
            "classes",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="names by class id",
        ),
        sa.Column("cell_size_m", sa.Double(), nullable=True),
        sa.Column(
            "source", sa.String(), nullable=False, comment="origin, licence and date, as printed"
        ),
        sa.Column("note", sa.String(), server_default="", nullable=False),
        sa.Column(
            "recorded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind in ('polygons', 'raster', 'boundary')", name=op.f("ck_layer_kind")
        ),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_layer_study_id_study")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_layer")),
        sa.UniqueConstraint("ref", name=op.f("uq_layer_ref")),
    )
    op.create_table(
        "sign_in",
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("api_key_id", sa.Integer(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind in ('ticket', 'session')", name=op.f("ck_sign_in_kind")),
        sa.ForeignKeyConstraint(
            ["api_key_id"], ["api_key.id"], name=op.f("fk_sign_in_api_key_id_api_key")
        ),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_sign_in")),
        comment="browser sign-in: a ticket is changed once for a session cookie",
    )
    op.create_table(
        "source",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("ref", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column(
            "format", sa.String(), nullable=True, comment="null: named by the bytes themselves"
        ),
        sa.Column("tz", sa.String(), server_default="UTC", nullable=False),
        sa.Column("scheme", sa.String(), nullable=False),
        sa.Column(
            "secrets",
            sa.ARRAY(sa.LargeBinary()),
            nullable=False,
            comment="token: SHA-256 of each; standard-webhooks: the signing keys; newest first",
        ),
        sa.Column("ack_status", sa.SmallInteger(), server_default=sa.text("202"), nullable=False),
        sa.Column("refused_signatures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "scheme in ('token', 'standard-webhooks')", name=op.f("ck_source_scheme")
        ),
        sa.CheckConstraint("ack_status in (200, 202)", name=op.f("ck_source_ack_status")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_source_study_id_study")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source")),
        sa.UniqueConstraint("ref", name=op.f("uq_source_ref")),
        sa.UniqueConstraint("study_id", "name", name=op.f("uq_source_study_id_name")),
    )
    op.create_table(
        "tag",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("ref", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("local_identifier", sa.String(), nullable=False),
        sa.Column(
            "terms",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_tag_study_id_study")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag")),
        sa.UniqueConstraint("ref", name=op.f("uq_tag_ref")),
        sa.UniqueConstraint("study_id", "id", name=op.f("uq_tag_study_id_id")),
        sa.UniqueConstraint(
            "study_id", "local_identifier", name=op.f("uq_tag_study_id_local_identifier")
        ),
    )
    op.create_table(
        "deployment",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("ref", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("tag_id", sa.Integer(), nullable=False),
        sa.Column("individual_id", sa.Integer(), nullable=False),
        sa.Column(
            "during", postgresql.TSTZRANGE(), nullable=False, comment="[deploy_on, deploy_off)"
        ),
        sa.Column(
            "declared",
            sa.Boolean(),
            nullable=False,
            comment="false: implied by names in event rows",
        ),
        sa.Column("local_identifier", sa.String(), nullable=True),
        sa.Column(
            "terms",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "recorded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("tag_id"), "="),
            (sa.column("during"), "&&"),
            where=sa.text("replaced_at is null"),
            using="gist",
            name="ex_deployment_tag_id_during",
        ),
        sa.CheckConstraint("not isempty(during)", name=op.f("ck_deployment_during")),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"],
            ["individual.study_id", "individual.id"],
            name=op.f("fk_deployment_study_id_individual_id_individual"),
        ),
        sa.ForeignKeyConstraint(
            ["study_id", "tag_id"],
            ["tag.study_id", "tag.id"],
            name=op.f("fk_deployment_study_id_tag_id_tag"),
        ),
        sa.ForeignKeyConstraint(
            ["study_id"], ["study.id"], name=op.f("fk_deployment_study_id_study")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployment")),
        comment="append-only: an edit closes the row at replaced_at and adds its successor",
    )
    op.create_index(
        "ix_deployment_current_individual",
        "deployment",
        ["individual_id"],
        unique=False,
        postgresql_where=sa.text("replaced_at is null"),
    )
    op.create_index("ix_deployment_ref", "deployment", ["ref"], unique=False)
    op.create_table(
        "dirty",
        sa.Column("individual_id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("from_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("to_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "since_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.Column("dead_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"],
            ["individual.study_id", "individual.id"],
            name=op.f("fk_dirty_study_id_individual_id_individual"),
        ),
        sa.PrimaryKeyConstraint("individual_id", name=op.f("pk_dirty")),
        comment="the span of each individual whose fixes, flags or deployments changed",
    )
    op.create_table(
        "fix",
        sa.Column("tag_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sensor", sa.SmallInteger(), nullable=False, comment="index into record.SENSORS"),
        sa.Column("variant", sa.BigInteger(), nullable=False, comment="hash of the content"),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("decoding_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "visible",
            sa.Boolean(),
            nullable=False,
            comment="no flag hides it, or a verdict shows it",
        ),
        sa.Column(
            "live",
            sa.Boolean(),
            server_default=sa.text("true"),
            nullable=False,
            comment="false: its decoding was replaced, or a later provider revision came",
        ),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("error_m", sa.REAL(), nullable=False, comment="position error, one sigma"),
        sa.Column("height_m", sa.REAL(), nullable=True),
        sa.Column("ground_speed_m_s", sa.REAL(), nullable=True),
        sa.Column("heading_deg", sa.REAL(), nullable=True),
        sa.Column("satellites", sa.SmallInteger(), nullable=True),
        sa.Column("dop", sa.REAL(), nullable=True),
        sa.Column("stated_error_m", sa.REAL(), nullable=True),
        sa.Column("argos_class", sa.String(length=1), nullable=True),
        sa.Column("semi_major_m", sa.REAL(), nullable=True),
        sa.Column("semi_minor_m", sa.REAL(), nullable=True),
        sa.Column("orientation_deg", sa.REAL(), nullable=True),
        sa.Column("lon2", sa.Double(), nullable=True),
        sa.Column("lat2", sa.Double(), nullable=True),
        sa.Column("provider_id", sa.String(), nullable=True),
        sa.Column("provider_revision", sa.Integer(), nullable=True),
        sa.Column("marked_outlier", sa.Boolean(), nullable=True),
        sa.Column("battery_v", sa.REAL(), nullable=True),
        sa.Column("temperature_c", sa.REAL(), nullable=True),
        sa.Column("activity", sa.Double(), nullable=True),
        sa.CheckConstraint(
            "time between '1978-01-01Z' and '2100-01-01Z'", name=op.f("ck_fix_time_window")
        ),
        sa.CheckConstraint("lat between -90 and 90", name=op.f("ck_fix_lat_range")),
        sa.CheckConstraint("lon between -180 and 180", name=op.f("ck_fix_lon_range")),
        sa.PrimaryKeyConstraint("tag_id", "time", "sensor", "variant", name=op.f("pk_fix")),
        comment="study_id is that of the tag: the insert joins it, as a foreign key checked row by"
        " row costs 40 % of a bulk load",
    )
    op.create_index(
        "ix_fix_decoding_id", "fix", ["decoding_id"], unique=False, postgresql_using="brin"
    )
    op.create_index(
        "ix_fix_provider_id",
        "fix",
        ["tag_id", "provider_id"],
        unique=False,
        postgresql_where=sa.text("provider_id is not null"),
    )
    op.create_table(
        "latest_fix",
        sa.Column("individual_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("species_key", sa.String(), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.CheckConstraint("lat between -90 and 90", name=op.f("ck_latest_fix_lat_range")),
        sa.CheckConstraint("lon between -180 and 180", name=op.f("ck_latest_fix_lon_range")),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"],
            ["individual.study_id", "individual.id"],
            name=op.f("fk_latest_fix_study_id_individual_id_individual"),
        ),
        sa.PrimaryKeyConstraint("individual_id", name=op.f("pk_latest_fix")),
    )
    op.create_table(
        "layer_feature",
        sa.Column("layer_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("class_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), server_default="", nullable=False),
        sa.Column("geom", geometry("GEOMETRY"), nullable=False),
        sa.ForeignKeyConstraint(
            ["layer_id"], ["layer.id"], name=op.f("fk_layer_feature_layer_id_layer")
        ),
        sa.PrimaryKeyConstraint("layer_id", "number", name=op.f("pk_layer_feature")),
    )
    op.create_index(
        "ix_layer_feature_geom", "layer_feature", ["geom"], unique=False, postgresql_using="gist"
    )
    op.create_table(
        "layer_raster",
        sa.Column("layer_id", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column(
            "transform", postgresql.ARRAY(sa.Double()), nullable=False, comment="affine a b c d e f"
        ),
        sa.Column("cells", sa.LargeBinary(), nullable=False, comment="int16, row by row, zlib"),
        sa.ForeignKeyConstraint(
            ["layer_id"], ["layer.id"], name=op.f("fk_layer_raster_layer_id_layer")
        ),
        sa.PrimaryKeyConstraint("layer_id", name=op.f("pk_layer_raster")),
    )
    op.create_table(
        "leg",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("ref", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("individual_id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("species_key", sa.String(), nullable=False),
        sa.Column("departure_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("arrival_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("from_lon", sa.Double(), nullable=False),
        sa.Column("from_lat", sa.Double(), nullable=False),
        sa.Column("to_lon", sa.Double(), nullable=False),
        sa.Column("to_lat", sa.Double(), nullable=False),
        sa.Column("season", sa.String(), nullable=True),
        sa.Column("length_m", sa.Double(), nullable=False),
        sa.Column("displacement_m", sa.Double(), nullable=False),
        sa.Column("straightness", sa.Double(), nullable=False),
        sa.Column("speed_max_m_s", sa.Double(), nullable=False),
        sa.Column("observed_s", sa.Double(), nullable=False),
        sa.Column("unobserved_s", sa.Double(), nullable=False),
        sa.Column("n_fixes", sa.Integer(), nullable=False),
        sa.Column(
            "line",
            geometry("MULTILINESTRING"),
            nullable=True,
            comment="observed parts, generalised",
        ),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("parameters", sa.String(), nullable=False),
        sa.Column("release_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"],
            ["individual.study_id", "individual.id"],
            name=op.f("fk_leg_study_id_individual_id_individual"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leg")),
        sa.UniqueConstraint(
            "individual_id", "departure_time", name=op.f("uq_leg_individual_id_departure_time")
        ),
        sa.UniqueConstraint("ref", name=op.f("uq_leg_ref")),
        comment="from the end of one stopover to the start of the next; ends are stopover centres",
    )
    op.create_index("ix_leg_study", "leg", ["study_id", "departure_time", "id"], unique=False)
    op.create_table(
        "presence_day",
        sa.Column("individual_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC"),
        sa.Column("kind", sa.String(), nullable=False, comment="kind of stopover, or travel"),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("species_key", sa.String(), nullable=False),
        sa.Column("season", sa.String(), nullable=True),
        sa.Column("bird_days", sa.Double(), nullable=False),
        sa.Column("release_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"],
            ["individual.study_id", "individual.id"],
            name=op.f("fk_presence_day_study_id_individual_id_individual"),
        ),
        sa.PrimaryKeyConstraint("individual_id", "day", "kind", name=op.f("pk_presence_day")),
    )
    op.create_index("ix_presence_day_study", "presence_day", ["study_id", "day"], unique=False)
    op.create_table(
        "public_fix",
        sa.Column("individual_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("species_key", sa.String(), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("release_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("lat between -90 and 90", name=op.f("ck_public_fix_lat_range")),
        sa.CheckConstraint("lon between -180 and 180", name=op.f("ck_public_fix_lon_range")),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"],
            ["individual.study_id", "individual.id"],
            name=op.f("fk_public_fix_study_id_individual_id_individual"),
        ),
        sa.PrimaryKeyConstraint("individual_id", "time", name=op.f("pk_public_fix")),
        comment="positions on the public grid, breeding and roost places left out, one a UTC hour",
    )
    op.create_index("ix_public_fix_study", "public_fix", ["study_id", "time"], unique=False)
    op.create_table(
        "push",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("ref", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=True),
        sa.Column(
            "digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of the body as sent"
        ),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("content_type", sa.String(), nullable=True),
        sa.Column(
            "idempotency_key",
            sa.String(),
            nullable=True,
            comment="webhook id or Idempotency-Key header",
        ),
        sa.Column(
            "replay_of_id", sa.BigInteger(), nullable=True, comment="same bytes, read the same way"
        ),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["replay_of_id"], ["push.id"], name=op.f("fk_push_replay_of_id_push")
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.id"], name=op.f("fk_push_source_id_source")
        ),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_push_study_id_study")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_push")),
        sa.UniqueConstraint("ref", name=op.f("uq_push_ref")),
        sa.UniqueConstraint("study_id", "id", name=op.f("uq_push_study_id_id")),
    )
    op.create_index(
        "uq_push_digest",
        "push",
        ["study_id", "digest"],
        unique=True,
        postgresql_where=sa.text("replay_of_id is null"),
    )
    op.create_index(
        "uq_push_idempotency_key",
        "push",
        ["study_id", sa.literal_column("coalesce(source_id, 0)"), "idempotency_key"],
        unique=True,
        postgresql_where=sa.text("idempotency_key is not null"),
    )
    op.create_table(
        "reading",
        sa.Column("tag_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sensor", sa.SmallInteger(), nullable=False, comment="index into record.SENSORS"),
        sa.Column("variant", sa.BigInteger(), nullable=False, comment="hash of the content"),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("decoding_id", sa.BigInteger(), nullable=False),
        sa.Column("argos_class", sa.String(length=1), nullable=True),
        sa.Column("battery_v", sa.REAL(), nullable=True),
        sa.Column("temperature_c", sa.REAL(), nullable=True),
        sa.Column("activity", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["study_id", "tag_id"],
            ["tag.study_id", "tag.id"],
            name=op.f("fk_reading_study_id_tag_id_tag"),
        ),
        sa.PrimaryKeyConstraint("tag_id", "time", "sensor", "variant", name=op.f("pk_reading")),
        comment="records without position",
    )
    op.create_table(
        "season",
        sa.Column("individual_id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("season", sa.String(), nullable=False),
        sa.Column("species_key", sa.String(), nullable=False),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("basis", sa.String(), server_default="track", nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("release_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"],
            ["individual.study_id", "individual.id"],
            name=op.f("fk_season_study_id_individual_id_individual"),
        ),
        sa.UniqueConstraint("individual_id", "season", name=op.f("uq_season_individual_id_season")),
    )
    op.create_table(
        "stay",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("individual_id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("arrival_time_earliest", sa.DateTime(timezone=True), nullable=False),
        sa.Column("arrival_time_latest", sa.DateTime(timezone=True), nullable=False),
        sa.Column("departure_time_earliest", sa.DateTime(timezone=True), nullable=False),
        sa.Column("departure_time_latest", sa.DateTime(timezone=True), nullable=False),
        sa.Column("arrival_open", sa.Boolean(), nullable=False),
        sa.Column("departure_open", sa.Boolean(), nullable=False),
        sa.Column("n_fixes", sa.Integer(), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("radius_m", sa.Double(), nullable=False),
        sa.Column("observed_s", sa.Double(), nullable=False),
        sa.Column("max_gap_s", sa.Double(), nullable=False),
        sa.Column(
            "hull",
            postgresql.ARRAY(sa.Double(), dimensions=2),
            nullable=False,
            comment="lon, lat vertices",
        ),
        sa.CheckConstraint("lat between -90 and 90", name=op.f("ck_stay_lat_range")),
        sa.CheckConstraint("lon between -180 and 180", name=op.f("ck_stay_lon_range")),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"],
            ["individual.study_id", "individual.id"],
            name=op.f("fk_stay_study_id_individual_id_individual"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stay")),
        sa.UniqueConstraint(
            "individual_id",
            "arrival_time_latest",
            name=op.f("uq_stay_individual_id_arrival_time_latest"),
        ),
        comment="core stops; merged into stopovers over the whole life of the bird",
    )
    op.create_table(
        "stopover",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("ref", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("individual_id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("species_key", sa.String(), nullable=False),
        sa.Column("arrival_time_earliest", sa.DateTime(timezone=True), nullable=False),
        sa.Column("arrival_time_latest", sa.DateTime(timezone=True), nullable=False),
        sa.Column("departure_time_earliest", sa.DateTime(timezone=True), nullable=False),
        sa.Column("departure_time_latest", sa.DateTime(timezone=True), nullable=False),
        sa.Column("arrival_open", sa.Boolean(), nullable=False),
        sa.Column("departure_open", sa.Boolean(), nullable=False),
        sa.Column("n_fixes", sa.Integer(), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("radius_m", sa.Double(), nullable=False),
        sa.Column("observed_s", sa.Double(), nullable=False),
        sa.Column("max_gap_s", sa.Double(), nullable=False),
        sa.Column("duration_min_s", sa.Double(), nullable=False),
        sa.Column("duration_max_s", sa.Double(), nullable=False),
        sa.Column("centre", geometry("POINT"), nullable=False),
        sa.Column("polygon", geometry("GEOMETRY"), nullable=False, comment="hull of the stays"),
        sa.Column("n_stays", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("season", sa.String(), nullable=True),
        sa.Column("seen_or_inferred", sa.String(), nullable=False),
        sa.Column(
            "area", sa.String(), nullable=True, comment="country or sea area of the boundary set"
        ),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column(
            "parameters", sa.String(), nullable=False, comment="digest of the species profile used"
        ),
        sa.Column("public_lon", sa.Double(), nullable=True),
        sa.Column("public_lat", sa.Double(), nullable=True),
        sa.Column("release_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "arrival_time_latest < departure_time_earliest", name=op.f("ck_stopover_order")
        ),
        sa.CheckConstraint("lat between -90 and 90", name=op.f("ck_stopover_lat_range")),
        sa.CheckConstraint("lon between -180 and 180", name=op.f("ck_stopover_lon_range")),
        sa.CheckConstraint(
            "public_lat between -90 and 90", name=op.f("ck_stopover_public_lat_range")
        ),
        sa.CheckConstraint(
            "public_lon between -180 and 180", name=op.f("ck_stopover_public_lon_range")
        ),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"],
            ["individual.study_id", "individual.id"],
            name=op.f("fk_stopover_study_id_individual_id_individual"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stopover")),
        sa.UniqueConstraint(
            "individual_id",
            "arrival_time_latest",
            name=op.f("uq_stopover_individual_id_arrival_time_latest"),
        ),
        sa.UniqueConstraint("ref", name=op.f("uq_stopover_ref")),
    )
    op.create_index(
        "ix_stopover_centre", "stopover", ["centre"], unique=False, postgresql_using="gist"
    )
    op.create_index(
        "ix_stopover_study", "stopover", ["study_id", "arrival_time_latest", "id"], unique=False
    )
    op.create_table(
        "track_part",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("individual_id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("species_key", sa.String(), nullable=False),
        sa.Column("observed", sa.Boolean(), nullable=False),
        sa.Column("time_first", sa.DateTime(timezone=True), nullable=False),
        sa.Column("time_last", sa.DateTime(timezone=True), nullable=False),
        sa.Column("n_fixes", sa.Integer(), nullable=False),
        sa.Column("line", geometry("MULTILINESTRING"), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"],
            ["individual.study_id", "individual.id"],
            name=op.f("fk_track_part_study_id_individual_id_individual"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_track_part")),
        sa.UniqueConstraint(
            "individual_id",
            "observed",
            "time_first",
            name=op.f("uq_track_part_individual_id_observed_time_first"),
        ),
        comment="generalised track by month; gaps over the limit are parts with observed = false",
    )
    op.create_index(
        "ix_track_part_line", "track_part", ["line"], unique=False, postgresql_using="gist"
    )
    op.create_index("ix_track_part_study", "track_part", ["study_id", "time_first"], unique=False)
    op.create_table(
        "use_day",
        sa.Column("individual_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("layer_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("class_id", sa.Integer(), nullable=False, comment="-1: outside every class"),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("species_key", sa.String(), nullable=False),
        sa.Column("season", sa.String(), nullable=True),
        sa.Column("bird_days", sa.Double(), nullable=False),
        sa.Column("release_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["layer_id"], ["layer.id"], name=op.f("fk_use_day_layer_id_layer")),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"],
            ["individual.study_id", "individual.id"],
            name=op.f("fk_use_day_study_id_individual_id_individual"),
        ),
        sa.PrimaryKeyConstraint(
            "individual_id", "layer_id", "day", "kind", "class_id", name=op.f("pk_use_day")
        ),
        comment="one bird's time in each class of a layer; sums over classes equal presence_day",
    )
    op.create_index("ix_use_day_layer", "use_day", ["layer_id", "study_id", "day"], unique=False)
    op.create_table(
        "decoding",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("push_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("format", sa.String(), nullable=True),
        sa.Column("tz", sa.String(), nullable=False),
        sa.Column("mapping_version", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("state", sa.String(), server_default="received", nullable=False),
        sa.Column("units", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("records", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("refused", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("stored", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("duplicates", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("superseded", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("without_position", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("time_first", sa.DateTime(timezone=True), nullable=True),
        sa.Column("time_last", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "tag_ids", sa.ARRAY(sa.Integer()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column(
            "warnings",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        sa.Column("problem", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("processed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state in ('received', 'stored', 'processed', 'failed')", name=op.f("ck_decoding_state")
        ),
        sa.CheckConstraint(
            "records = stored + duplicates + superseded + without_position",
            name=op.f("ck_decoding_records"),
        ),
        sa.CheckConstraint("units = records + refused", name=op.f("ck_decoding_units")),
        sa.ForeignKeyConstraint(
            ["study_id", "push_id"],
            ["push.study_id", "push.id"],
            name=op.f("fk_decoding_study_id_push_id_push"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decoding")),
        sa.UniqueConstraint("push_id", "number", name=op.f("uq_decoding_push_id_number")),
    )
    op.create_index(
        "ix_decoding_open",
        "decoding",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state = 'received'"),
    )
    op.create_index("ix_decoding_study", "decoding", ["study_id", "id"], unique=False)
    op.create_table(
        "push_chunk",
        sa.Column("push_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("octet_length(body) <= 1048576", name=op.f("ck_push_chunk_body_size")),
        sa.ForeignKeyConstraint(["push_id"], ["push.id"], name=op.f("fk_push_chunk_push_id_push")),
        sa.PrimaryKeyConstraint("push_id", "number", name=op.f("pk_push_chunk")),
    )
    op.create_table(
        "site_visit",
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("stopover_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"], ["site.id"], name=op.f("fk_site_visit_site_id_site"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["stopover_id"],
            ["stopover.id"],
            name=op.f("fk_site_visit_stopover_id_stopover"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("site_id", "stopover_id", name=op.f("pk_site_visit")),
    )
    op.create_index("ix_site_visit_stopover_id", "site_visit", ["stopover_id"], unique=False)
    op.create_table(
        "naming",
        sa.Column("decoding_id", sa.BigInteger(), nullable=False),
        sa.Column("tag_id", sa.Integer(), nullable=False),
        sa.Column("individual_id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("time_first", sa.DateTime(timezone=True), nullable=False),
        sa.Column("time_last", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["decoding_id"], ["decoding.id"], name=op.f("fk_naming_decoding_id_decoding")
        ),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"],
            ["individual.study_id", "individual.id"],
            name=op.f("fk_naming_study_id_individual_id_individual"),
        ),
        sa.ForeignKeyConstraint(
            ["study_id", "tag_id"],
            ["tag.study_id", "tag.id"],
            name=op.f("fk_naming_study_id_tag_id_tag"),
        ),
        sa.PrimaryKeyConstraint("decoding_id", "tag_id", "individual_id", name=op.f("pk_naming")),
        comment="which individual the rows of a decoding named for a tag, and when",
    )
    op.create_index("ix_naming_tag_id", "naming", ["tag_id"], unique=False)
    op.create_table(
        "push_wait",
        sa.Column("decoding_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "subject",
            sa.String(),
            nullable=False,
            comment="individual:<id> or product:<scope>:<0|1>",
        ),
        sa.ForeignKeyConstraint(
            ["decoding_id"], ["decoding.id"], name=op.f("fk_push_wait_decoding_id_decoding")
        ),
        sa.PrimaryKeyConstraint("decoding_id", "subject", name=op.f("pk_push_wait")),
        comment="what must be derived before a push counts as processed",
    )
    op.create_index("ix_push_wait_subject", "push_wait", ["subject"], unique=False)
    op.create_table(
        "refusal",
        sa.Column("decoding_id", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.BigInteger(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("excerpt", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("remedy", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["decoding_id"], ["decoding.id"], name=op.f("fk_refusal_decoding_id_decoding")
        ),
        sa.PrimaryKeyConstraint("decoding_id", "unit", name=op.f("pk_refusal")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("refusal")
    op.drop_index("ix_push_wait_subject", table_name="push_wait")
    op.drop_table("push_wait")
    op.drop_index("ix_naming_tag_id", table_name="naming")
    op.drop_table("naming")
    op.drop_index("ix_site_visit_stopover_id", table_name="site_visit")
    op.drop_table("site_visit")
    op.drop_table("push_chunk")
    op.drop_index("ix_decoding_study", table_name="decoding")
    op.drop_index(
        "ix_decoding_open", table_name="decoding", postgresql_where=sa.text("state = 'received'")
    )
    op.drop_table("decoding")
    op.drop_index("ix_use_day_layer", table_name="use_day")
    op.drop_table("use_day")
    op.drop_index("ix_track_part_study", table_name="track_part")
    op.drop_index("ix_track_part_line", table_name="track_part", postgresql_using="gist")
    op.drop_table("track_part")
    op.drop_index("ix_stopover_study", table_name="stopover")
    op.drop_index("ix_stopover_centre", table_name="stopover", postgresql_using="gist")
    op.drop_table("stopover")
    op.drop_table("stay")
    op.drop_table("season")
    op.drop_table("reading")
    op.drop_index(
        "uq_push_idempotency_key",
        table_name="push",
        postgresql_where=sa.text("idempotency_key is not null"),
    )
    op.drop_index(
        "uq_push_digest", table_name="push", postgresql_where=sa.text("replay_of_id is null")
    )
    op.drop_table("push")
    op.drop_index("ix_public_fix_study", table_name="public_fix")
    op.drop_table("public_fix")
    op.drop_index("ix_presence_day_study", table_name="presence_day")
    op.drop_table("presence_day")
    op.drop_index("ix_leg_study", table_name="leg")
    op.drop_table("leg")
    op.drop_table("layer_raster")
    op.drop_index("ix_layer_feature_geom", table_name="layer_feature", postgresql_using="gist")
    op.drop_table("layer_feature")
    op.drop_table("latest_fix")
    op.drop_index(
        "ix_fix_provider_id", table_name="fix", postgresql_where=sa.text("provider_id is not null")
    )
    op.drop_index("ix_fix_decoding_id", table_name="fix", postgresql_using="brin")
    op.drop_table("fix")
    op.drop_table("dirty")
    op.drop_index("ix_deployment_ref", table_name="deployment")
    op.drop_index(
        "ix_deployment_current_individual",
        table_name="deployment",
        postgresql_where=sa.text("replaced_at is null"),
    )
    op.drop_table("deployment")
    op.drop_table("tag")
    op.drop_table("source")
    op.drop_table("sign_in")
    op.drop_table("layer")
    op.drop_table("individual")
    op.drop_table("study")
    op.drop_index("ix_connection_scope", table_name="connection")
    op.drop_table("connection")
    op.drop_table("api_key")
    op.drop_table("site")
    op.drop_table("product_dirty")
    op.drop_table("institute")
    op.drop_index(
        "uq_fix_verdict_current",
        table_name="fix_verdict",
        postgresql_where=sa.text("undone_at is null"),
    )
    op.drop_table("fix_verdict")
    op.drop_table("fix_flag")
    op.drop_index("ix_corridor_geom", table_name="corridor", postgresql_using="gist")
    op.drop_table("corridor")
