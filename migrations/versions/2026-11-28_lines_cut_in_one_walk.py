"""Lines are cut at the antimeridian step by step, in one walk along their vertices.

PostGIS' ST_WrapX takes a line apart wherever it crosses itself: of a month of ten-minute fixes
around a roost that is hundreds of thousands of pieces, and minutes that no signal interrupts.

Revision ID: 0035
Revises: 0034
"""

from __future__ import annotations

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

# A step of more than 180 degrees goes the other way round, over the antimeridian.
CUT_LINE = """
create function cut_line(shape geometry) returns geometry
language sql immutable strict parallel safe as $$
  with vertex as (
    select row_number() over () as n, d.path[1:cardinality(d.path) - 1] as line,
      st_x(d.geom) as lon, st_y(d.geom) as lat
    from st_dumppoints(shape) as d
  ), step as (
    select *, lag(lon) over way as lon_before, lag(lat) over way as lat_before
    from vertex window way as (partition by line order by n)
  ), crossing as (
    select *, abs(lon - lon_before) > 180 as crosses,
      lat_before + (lat - lat_before)
        * coalesce((180 - abs(lon_before)) / nullif(360 - abs(lon - lon_before), 0), 0) as lat_there
    from step
  ), numbered as (
    select *, count(*) filter (where lon_before is null or crosses) over (order by n) as part
    from crossing
  ), spot as (
    select part, n, 1 as turn, lon, lat from numbered
    union all
    select part - 1, n, -1, 180 * sign(lon_before), lat_there from numbered where crosses
    union all
    select part, n, 0, 180 * sign(lon), lat_there from numbered where crosses
  ), piece as (
    select part, st_makeline(st_setsrid(st_makepoint(lon, lat), st_srid(shape)) order by n, turn)
      as line
    from spot group by part
  )
  -- A step that ends on the antimeridian leaves a piece of no length on its other side.
  select coalesce(
    st_collect(line order by part) filter (where st_length(line) > 0),
    st_collect(line order by part)
  )
  from piece
$$
"""


def upgrade() -> None:
    """Make the function."""
    op.execute(CUT_LINE)


def downgrade() -> None:
    """Drop it; the code from before asks PostGIS' own."""
    op.execute("drop function cut_line(geometry)")
