"""Key sites, what became of sites, and what observers counted at them.

Revision ID: 0025
Revises: 0024
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables, and have every bird measured and every catalogue told of its stays."""
    _contributions()
    _key_sites()
    _sites()
    for name, kind in (
        ("individual_id", sa.Integer()),
        ("arrival_time", sa.DateTime(timezone=True)),
        ("departure_time", sa.DateTime(timezone=True)),
    ):
        op.add_column("site_visit", sa.Column(name, kind))
    op.execute(
        "update site_visit v set individual_id = s.individual_id,"
        " arrival_time = s.arrival_time_latest, departure_time = s.departure_time_earliest"
        " from stopover s where s.id = v.stopover_id"
    )
    op.execute(
        "insert into utilisation_due (individual_id, study_id, from_time, to_time)"
        " select id, study_id, '-infinity', 'infinity' from individual"
        " on conflict (individual_id) do update"
        " set revision = utilisation_due.revision + 1, from_time = '-infinity',"
        " to_time = 'infinity'"
    )


def downgrade() -> None:
    """Take them away."""
    for name in ("individual_id", "arrival_time", "departure_time"):
        op.drop_column("site_visit", name)
    for name in (
        "site_count", "site_change", "key_site_due", "key_site", "key_sample",
        "season_use",
    ):  # fmt: skip
        op.drop_table(name)


def _contributions() -> None:
    op.create_table(
        "season_use",
        sa.Column("individual_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "season", sa.String(), nullable=False, comment="id of the season, or all: a resident's"
        ),
        sa.Column("public", sa.Boolean(), nullable=False, comment="counted from public_fix"),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("species_key", sa.String(), nullable=False),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("n_hours", sa.Integer(), nullable=False, comment="UTC hours with a position"),
        sa.Column(
            "unobserved_s",
            sa.Double(),
            nullable=True,
            comment="null for public places: nights are withheld",
        ),
        sa.Column(
            "cells",
            sa.LargeBinary(),
            nullable=False,
            comment="int32 triples x, y, hours of level 15",
        ),
        sa.Column("release_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"],
            ["individual.study_id", "individual.id"],
            name=op.f("fk_season_use_study_id_individual_id_individual"),
        ),
        sa.PrimaryKeyConstraint("individual_id", "season", "public", name=op.f("pk_season_use")),
        comment="hours of a bird's season by cell; what key sites are made of",
    )
    op.create_index("ix_season_use_study", "season_use", ["study_id"], unique=False)


def _key_sites() -> None:
    op.create_table(
        "key_sample",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "scope", sa.String(), nullable=False, comment="public, operator or institute:<id>"
        ),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("species_key", sa.String(), nullable=False),
        sa.Column("season", sa.String(), nullable=False, comment="kind of season, over all years"),
        sa.Column("n_birds", sa.Integer(), nullable=False),
        sa.Column(
            "representativeness",
            sa.Double(),
            nullable=True,
            comment="[%]; null where birds are too few to judge",
        ),
        sa.Column("asymptote", sa.Double(), nullable=True),
        sa.Column("sufficient", sa.Boolean(), nullable=False),
        sa.Column("birds_exceeded", sa.Double(), nullable=False),
        sa.Column("scale_m", sa.Double(), nullable=False),
        sa.Column("observed_days", sa.Double(), nullable=False),
        sa.Column("unobserved_days", sa.Double(), nullable=True),
        sa.Column("version", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_sample")),
        sa.UniqueConstraint(
            "scope",
            "simulated",
            "species_key",
            "season",
            name=op.f("uq_key_sample_scope_simulated_species_key_season"),
        ),
    )
    op.create_table(
        "key_site",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "scope", sa.String(), nullable=False, comment="public, operator or institute:<id>"
        ),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("species_key", sa.String(), nullable=False),
        sa.Column("season", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="from the largest"),
        sa.Column("area", sa.String(), nullable=True),
        sa.Column("area_km2", sa.Double(), nullable=False),
        sa.Column(
            "n_birds", sa.Integer(), nullable=False, comment="birds whose core areas meet it"
        ),
        sa.Column("n_birds_max", sa.Integer(), nullable=False, comment="most birds in one cell"),
        sa.Column(
            "geom",
            Geometry("MULTIPOLYGON", srid=4326, spatial_index=False),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_site")),
        sa.UniqueConstraint(
            "scope",
            "simulated",
            "species_key",
            "season",
            "number",
            name=op.f("uq_key_site_scope_simulated_species_key_season_number"),
        ),
    )
    op.create_table(
        "key_site_due",
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
        sa.PrimaryKeyConstraint("scope", "simulated", name=op.f("pk_key_site_due")),
        comment="catalogues whose key sites are to be found again",
    )


def _sites() -> None:
    op.create_table(
        "site_change",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "scope", sa.String(), nullable=False, comment="public, operator or institute:<id>"
        ),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("from_ref", sa.Uuid(), nullable=False),
        sa.Column("from_name", sa.String(), nullable=False),
        sa.Column("to_ref", sa.Uuid(), nullable=True),
        sa.Column("to_name", sa.String(), nullable=True),
        sa.Column("shared_days", sa.Double(), nullable=False, comment="bird-days that went over"),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "kind in ('merged', 'split', 'ended')", name=op.f("ck_site_change_kind")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site_change")),
        comment="sites that gave their stays to others: append-only; ended has no successor",
    )
    op.create_index("ix_site_change_from", "site_change", ["from_ref"], unique=False)
    op.create_index("ix_site_change_to", "site_change", ["to_ref"], unique=False)
    op.create_table(
        "site_count",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("ref", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("institute_id", sa.Integer(), nullable=True, comment="null: the operator"),
        sa.Column("open", sa.Boolean(), nullable=False, comment="everybody may read it"),
        sa.Column("site_ref", sa.Uuid(), nullable=False, comment="as its author knew the site"),
        sa.Column(
            "site_name",
            sa.String(),
            nullable=True,
            comment="of a named site, which all catalogues share",
        ),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("species_key", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("note", sa.String(), server_default="", nullable=False),
        sa.Column("counted_by", sa.String(), nullable=False),
        sa.Column(
            "recorded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.Column("retracted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retracted_by", sa.String(), nullable=True),
        sa.CheckConstraint("n >= 0", name=op.f("ck_site_count_n")),
        sa.ForeignKeyConstraint(
            ["institute_id"], ["institute.id"], name=op.f("fk_site_count_institute_id_institute")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site_count")),
        sa.UniqueConstraint("ref", name=op.f("uq_site_count_ref")),
        comment="counts entered by observers: append-only, taken back and never changed",
    )
    op.create_index("ix_site_count_site_name", "site_count", ["site_name"], unique=False)
    op.create_index("ix_site_count_site_ref", "site_count", ["site_ref"], unique=False)
