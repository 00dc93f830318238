"""Every table of the service; the migrations are kept equal to these by a drift test."""

from app.store.tables.derived import (
    connection,
    corridor,
    density_cell,
    density_total,
    latest_fix,
    leg,
    public_fix,
    recent,
    season,
    site,
    site_visit,
    smoothed_fix,
    stay,
    stop,
    stop_state,
    stopover,
    track_part,
)
from app.store.tables.habitat import (
    capture,
    layer,
    layer_feature,
    layer_raster,
    ledger_day,
    presence_day,
    use_day,
)
from app.store.tables.judged import (
    lifeless,
    lifeless_verdict,
    observation,
    screening_trial,
    snapshot,
    snapshot_bird,
    study_parameters,
    withdrawal,
)
from app.store.tables.naming import metadata
from app.store.tables.places import (
    key_sample,
    key_site,
    key_site_due,
    season_use,
    site_change,
    site_count,
    species_use,
)
from app.store.tables.reference import (
    api_key,
    deployment,
    individual,
    institute,
    mapping,
    mapping_version,
    sign_in,
    source,
    study,
    tag,
    tag_alias,
)
from app.store.tables.routes import flyway_line, stay_cover, stay_range, way
from app.store.tables.telemetry import (
    correction,
    decoding,
    fix,
    fix_flag,
    fix_verdict,
    naming,
    naming_week,
    push,
    push_chunk,
    reading,
    refusal,
)
from app.store.tables.utilisation import utilisation, utilisation_due
from app.store.tables.work import dirty, product_dirty, push_wait

__all__ = [
    "api_key", "capture", "connection", "correction", "corridor", "decoding", "density_cell",
    "density_total", "deployment", "dirty", "fix", "fix_flag", "fix_verdict", "flyway_line",
    "individual", "institute", "key_sample", "key_site", "key_site_due", "latest_fix", "layer",
    "layer_feature", "layer_raster", "ledger_day", "leg", "lifeless", "lifeless_verdict", "mapping",
    "mapping_version", "metadata", "naming", "naming_week", "observation", "presence_day",
    "product_dirty", "public_fix", "push", "push_chunk", "push_wait", "reading", "recent",
    "refusal", "screening_trial", "season", "season_use", "sign_in", "site", "site_change",
    "site_count", "site_visit", "smoothed_fix", "snapshot", "snapshot_bird", "source",
    "species_use", "stay", "stay_cover", "stay_range", "stop", "stop_state", "stopover", "study",
    "study_parameters", "tag", "tag_alias", "track_part", "use_day", "utilisation",
    "utilisation_due", "way", "withdrawal",
]  # fmt: skip
