"""Column mappings with their versions, and corrections of refused units.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# Not valid: no row that is there names a mapping, and a check would hold the table meanwhile.
KEYS = {
    ("source", "fk_source_study_id_mapping_id_mapping"): (
        "(study_id, mapping_id) references mapping (study_id, id)"
    ),
    ("decoding", "fk_decoding_study_id_mapping_id_mapping"): (
        "(study_id, mapping_id) references mapping (study_id, id)"
    ),
    ("decoding", "fk_decoding_mapping_id_mapping_version_mapping_version"): (
        "(mapping_id, mapping_version) references mapping_version (mapping_id, number)"
    ),
}


def upgrade() -> None:
    """Add the tables, and to sources and decodings what they are read with."""
    op.create_table(
        "mapping",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("ref", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        _now("created_at"),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name="fk_mapping_study_id_study"),
        sa.PrimaryKeyConstraint("id", name="pk_mapping"),
        sa.UniqueConstraint("ref", name="uq_mapping_ref"),
        sa.UniqueConstraint("study_id", "name", name="uq_mapping_study_id_name"),
        sa.UniqueConstraint("study_id", "id", name="uq_mapping_study_id_id"),
    )
    op.create_table(
        "mapping_version",
        sa.Column("mapping_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", postgresql.JSONB(), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        _now("made_at"),
        sa.ForeignKeyConstraint(
            ["mapping_id"], ["mapping.id"], name="fk_mapping_version_mapping_id_mapping"
        ),
        sa.PrimaryKeyConstraint("mapping_id", "number", name="pk_mapping_version"),
        comment="never changed: pushes name the version they were read with",
    )
    op.create_table(
        "correction",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("push_id", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.BigInteger(), nullable=False),
        sa.Column("original", sa.String(), nullable=False, comment="the unit as it was sent"),
        sa.Column("text", sa.String(), comment="what is read in its place; null: taken back"),
        sa.Column("corrected_by", sa.String(), nullable=False),
        _now("corrected_at"),
        sa.ForeignKeyConstraint(
            ["study_id", "push_id"], ["push.study_id", "push.id"],
            name="fk_correction_study_id_push_id_push",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_correction"),
        comment="what a person says a refused unit should have been; the newest of a unit counts",
    )  # fmt: skip
    op.create_index("ix_correction_push_id", "correction", ["push_id", "unit", "id"])
    op.create_index(
        "ix_refusal_study_id", "refusal", ["study_id", sa.text("decoding_id desc"), "unit"]
    )
    op.add_column(
        "source",
        sa.Column(
            "mapping_id", sa.Integer(), comment="read with its newest version, in place of a format"
        ),
    )
    op.add_column(
        "decoding", sa.Column("mapping_id", sa.Integer(), comment="null: read as a format")
    )
    op.add_column(
        "decoding",
        sa.Column(
            "correction_id",
            sa.BigInteger(),
            nullable=False,
            server_default=sa.text("0"),
            comment="read with the corrections of its push up to this one",
        ),
    )
    op.add_column("decoding", sa.Column(
        "asked_by", sa.String(), comment="who had it read again; null: it came so"))  # fmt: skip
    for (table, name), key in KEYS.items():
        op.execute(f"alter table {table} add constraint {name} foreign key {key} not valid")


def downgrade() -> None:
    """Forget mappings and corrections; what they read stays until it is read again."""
    for table, name in KEYS:
        op.drop_constraint(name, table, type_="foreignkey")
    for name in ("asked_by", "correction_id", "mapping_id"):
        op.drop_column("decoding", name)
    op.drop_column("source", "mapping_id")
    op.drop_index("ix_refusal_study_id", "refusal")
    for table in ("correction", "mapping_version", "mapping"):
        op.drop_table(table)


def _now(name: str) -> sa.Column[object]:
    return sa.Column(
        name, sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"),
        nullable=False,
    )  # fmt: skip
