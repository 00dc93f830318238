"""Tags that lie still, and what data managers decide about them.

Revision ID: 0018
Revises: 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

EVERYBODY = """
insert into dirty (individual_id, study_id, from_time, to_time)
select i.id, i.study_id, '-infinity', 'infinity' from individual i order by i.id
on conflict (individual_id) do update set from_time = '-infinity', to_time = 'infinity'
"""


def upgrade() -> None:
    """Add two tables, and have every bird looked at once."""
    op.create_table(
        "lifeless",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        _ref(),
        *_worn(),
        _time("start_time"),
        _time("end_time"),
        sa.Column("dismissed", sa.Boolean(), nullable=False),
        sa.Column("basis", sa.String(), nullable=False),
        *(_double(name) for name in ("lon", "lat")),
        _double("radius_m", null=True),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("n_still", "n_away")),
        _double("observed_s"),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("days_midday", "days_dark")),
        *(
            _double(name, null=True)
            for name in (
                "stirring_share", "temperature_c", "temperature_before_c", "battery_v",
                "battery_before_v",
            )
        ),
        sa.Column("method", sa.String(), nullable=False),
        *(_double(name) for name in ("still_radius_m", "still_min_s")),
        *_keys("lifeless"),
        sa.UniqueConstraint(
            "individual_id", "tag_id", "start_time",
            name="uq_lifeless_individual_id_tag_id_start_time",
        ),
        sa.CheckConstraint("lon between -180 and 180", name="ck_lifeless_lon_range"),
        sa.CheckConstraint("lat between -90 and 90", name="ck_lifeless_lat_range"),
        comment="tags that lie still to the end of their data; derived, as everything of a bird",
    )  # fmt: skip
    op.create_index("ix_lifeless_study_id", "lifeless", ["study_id", "id"])
    op.create_table(
        "lifeless_verdict",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        _ref(),
        *_worn(),
        _time("start_time"),
        _time("end_time"),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("end_type", sa.String(),
                  comment="of a confirmed one: Movebank's deployment-end-type"),
        _time("ended_time", null=True),
        sa.Column("reviewer", sa.String(), nullable=False),
        sa.Column("note", sa.String(), server_default="", nullable=False),
        sa.Column("found", postgresql.JSONB(), nullable=False,
                  comment="the suspicion as it stood"),
        sa.Column("deployment_ref", sa.Uuid(),
                  comment="the deployment that a confirmation ended ..."),
        sa.Column("deployment_before", postgresql.JSONB(),
                  comment="... and what it said before"),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True),
                  server_default=sa.text("clock_timestamp()"), nullable=False),
        _time("undone_at", null=True),
        sa.Column("undone_by", sa.String()),
        *_keys("lifeless_verdict"),
        sa.CheckConstraint("verdict in ('confirm', 'dismiss')",
                           name="ck_lifeless_verdict_verdict"),
        comment="what a person decided about a suspicion; a dismissal holds for any that overlaps"
        " it",
    )  # fmt: skip
    op.create_index("ix_lifeless_verdict_individual_id", "lifeless_verdict", ["individual_id"])
    op.create_index("ix_lifeless_verdict_study_id", "lifeless_verdict", ["study_id", "id"])
    op.execute(EVERYBODY)


def downgrade() -> None:
    """Forget suspicions and verdicts; a deployment that one of them ended stays ended."""
    op.drop_table("lifeless_verdict")
    op.drop_table("lifeless")
    op.execute(EVERYBODY)


def _ref() -> sa.Column[object]:
    return sa.Column("ref", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False)


def _worn() -> list[sa.Column[object]]:
    return [
        sa.Column(name, sa.Integer(), nullable=False)
        for name in ("individual_id", "study_id", "tag_id")
    ]


def _time(name: str, *, null: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=null)


def _double(name: str, *, null: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Double(), nullable=null)


def _keys(table: str) -> list[sa.Constraint]:
    return [
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.UniqueConstraint("ref", name=f"uq_{table}_ref"),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"], ["individual.study_id", "individual.id"],
            name=f"fk_{table}_study_id_individual_id_individual",
        ),
        sa.ForeignKeyConstraint(
            ["study_id", "tag_id"], ["tag.study_id", "tag.id"],
            name=f"fk_{table}_study_id_tag_id_tag",
        ),
    ]  # fmt: skip
