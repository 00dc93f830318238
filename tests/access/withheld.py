"""What strangers may know, and beside it what they may not: rows of every derived table."""

from __future__ import annotations

import gzip

from tests.store.flock import DAY, SPECIES, START, UNRELEASED, Flock, ref_of

SECRET = (120.7654321, 45.1234567)


def open_world(dsn: str) -> Flock:
    """Fill a database with an opened study of three birds, a layer, and the public's catalogue."""
    flock = Flock(dsn)
    institute, _ = flock.institute("Amur")
    study = flock.study(institute, "Open", "open")
    layer = flock.insert("layer", name="Land", kind="polygons", classes='{"0": "marsh"}',
                         source="own", ref=ref_of("layer"))  # fmt: skip
    for name in ("A", "B", "C"):
        bird = flock.bird(study, name)
        derive(flock, study, bird, layer, (127.1, 38.2), days=(0, 6))
    here = flock.site("public", "Here", 127.1, 38.2)
    flock.connection("public", (here, flock.site("public", "There", 115.1, 49.7)))
    flock.corridor("public")
    for (stay,) in flock.run("select id from stopover"):
        flock.insert("site_visit", site_id=here, stopover_id=stay)
    return flock


def derive(
    flock: Flock, study: int, bird: int, layer: int, place: tuple[float, float], days, **more
) -> None:
    lon, lat = place
    for day in days:
        flock.stopover(study, bird, day, lon=lon, lat=lat, **more)
        flock.leg(study, bird, day, from_lon=lon, from_lat=lat, **more)
        for public in (False, True):
            flock.density(study, bird, place, 5, public=public, month=f"2020-{day + 1:02}-01",
                          **more)  # fmt: skip
        flock.public_fix(study, bird, 24 * day, (round(lon, 1), round(lat, 1)), **more)
        flock.season(study, bird, f"{2000 + day}-spring", **more)
        for method in ("akde", "dbb"):
            flock.utilisation(study, bird, f"{2000 + day}-spring", 50, place, method=method)
        for public in (False, True):
            flock.season_use(study, bird, [place] * 3, f"{2000 + day}-spring", public=public,
                             **more)  # fmt: skip
        common = {
            "individual_id": bird, "day": f"2020-03-{day + 1:02}", "kind": "stopover",
            "study_id": study, "species_key": "white_naped_crane", "season": "2020-spring",
            "bird_days": 0.75, "release_at": more.get("release_at", "2021-01-01T00:00:00Z"),
        }  # fmt: skip
        flock.insert("presence_day", **common)
        flock.insert("use_day", layer_id=layer, class_id=0, **common)
        flock.insert("available", individual_id=bird, season=f"{2000 + day}-spring", share=1.0,
                     layer_id=layer, class_id=0, study_id=study, species_key="white_naped_crane",
                     method="akde")  # fmt: skip


def foreign(flock: Flock) -> None:
    """Add a whole private study of another institute, catalogue, layer and all."""
    institute, _ = flock.institute("Foreign")
    study = flock.study(institute, "Private")
    layer = flock.insert("layer", name="Secret", kind="polygons", classes='{"0": "nest"}',
                         source="own", study_id=study)  # fmt: skip
    bird = flock.bird(study, "Secret")
    flock.run("update individual set ref = %s where id = %s", ref_of("hidden bird"), bird)
    flock.latest_fix(study, bird, SECRET)
    flock.track_part(study, bird, f"MULTILINESTRING(({SECRET[0]} {SECRET[1]},121 46))")
    derive(flock, study, bird, layer, SECRET, days=(1, 9))
    flock.insert("source", study_id=study, name="gate", scheme="token", secrets=[b"x"],
                 ref=ref_of("hidden source"))  # fmt: skip
    send(flock, study, flock.tag(study, "Secret tag"))
    scope = f"institute:{institute}"
    site = flock.site(scope, "Secret place", *SECRET, ref=ref_of("hidden"))
    flock.connection(scope, (site, site))
    flock.corridor(scope)


NOUNS = {
    "individual": "individual", "study": "study", "institute": "institute", "tag": "tag",
    "deployment": "deployment", "stopover": "stopover", "site": "site", "layer": "layer",
    "protection": "layer", "source": "source", "connector": "connector", "mapping": "mapping",
    "push_id": "push", "push": "push", "snapshot": "snapshot", "observation": "observation",
    "suspicion": "lifeless", "trial": "screening_trial",
}  # fmt: skip
"""Parameters of addresses that are ids, and the tables of which."""


def hidden(parameter: str) -> str:
    """Give the id of a row that no stranger may know of."""
    return str(ref_of("hidden", NOUNS[parameter]))


def foreign_nouns(flock: Flock) -> None:
    """Add to the private study a row of whatever has an id, and give each an id known before."""
    (study, institute), (bird,), (tag,), (push,) = (
        flock.run(f"select {columns} from {table} order by id desc")[0]
        for table, columns in (("study", "id, institute_id"), ("individual", "id"), ("tag", "id"),
                               ("push", "id"))
    )  # fmt: skip
    flock.deployment(study, tag, bird, "(,)")
    own = {"study_id": study}
    of_bird = {**own, "individual_id": bird}
    (decoding,) = flock.run("select id from decoding where push_id = %s", push)[0]
    flock.insert("refusal", decoding_id=decoding, unit=1, excerpt="secret row", code="no-time",
                 remedy="-", **own)  # fmt: skip
    mapping = flock.insert("mapping", name="Secret columns", **own)
    flock.insert("mapping_version", mapping_id=mapping, number=1, document="{}", made_by="Foreign")
    flock.insert("connector", name="Secret pull", provider="movebank", settings="{}", overlap_s=1,
                 settle_s=1, interval_s=3600, **own)  # fmt: skip
    flock.insert("observation", about_start=START, about_end=START + DAY, said="{}",
                 noun="stopover", decided_by="Foreign", reviewer="Secret", **of_bird)  # fmt: skip
    flock.insert("withdrawal", numbers="{}", decided_by="Foreign", **of_bird)
    flock.insert("study_parameters", said="{}", species_key=SPECIES, decided_by="Foreign", **own)
    flock.insert("screening_trial", said="{}", **of_bird)
    flock.insert("lifeless", tag_id=tag, start_time=START, end_time=START + DAY, dismissed=False,
                 still_min_s=1.0, still_radius_m=1.0, lon=SECRET[0], lat=SECRET[1], n_still=1,
                 n_away=0, observed_s=1.0, days_midday=0, days_dark=0, basis="position",
                 method="m", **of_bird)  # fmt: skip
    for scope in ("public", f"institute:{institute}"):
        kept = flock.insert("snapshot", scope=scope, address="/api/v1/stopovers", manifest="{}",
                            digest=b"secret", media_type="application/json",
                            body=gzip.compress(b"{}"))  # fmt: skip
        flock.insert("snapshot_bird", snapshot_id=kept, exact=scope != "public", **of_bird)
    scope = f"scope = 'institute:{institute}'"
    whose = {"institute": f"id = {institute}", "study": f"id = {study}", "site": scope,
             "snapshot": "scope = 'public'"}  # fmt: skip
    for table in {*NOUNS.values()}:
        newest = f"select max(id) from {table} where {whose.get(table, f'study_id = {study}')}"
        flock.run(
            f"update {table} set ref = %s where id = ({newest}) returning 1",
            ref_of("hidden", table),
        )


def send(flock: Flock, study: int, tag: int) -> None:
    """Add a fix and a reading of a tag, which only its owner may learn of."""
    push = flock.insert("push", study_id=study, digest=b"secret", size_bytes=1)
    made = flock.insert("decoding", study_id=study, push_id=push, number=1, tz="UTC")
    flock.fix(study, tag, 1, SECRET, decoding_id=made)
    flock.insert("reading", tag_id=tag, time=UNRELEASED.replace(year=2020), sensor=0, variant=1,
                 study_id=study, decoding_id=made, battery_v=3.21)  # fmt: skip


def unreleased(flock: Flock) -> None:
    """Add rows of the opened study that are withheld or not yet released."""
    (study,), (bird,), (layer,) = (
        flock.run(f"select id from {table} order by id")[0]
        for table in ("study", "individual", "layer")
    )
    derive(flock, study, bird, layer, SECRET, days=(10, 11), release_at=UNRELEASED)
    flock.stopover(study, bird, 20, kind="breeding", public_lon=None, public_lat=None,
                   lon=SECRET[0], lat=SECRET[1])  # fmt: skip
    send(flock, study, flock.tag(study, "of the open study", bird))
    flock.latest_fix(study, bird, SECRET)
    flock.track_part(study, bird, f"MULTILINESTRING(({SECRET[0]} {SECRET[1]},121 46))")
    site = flock.run("select id from site where name = 'Here' and scope = 'public'")[0][0]
    for (stay,) in flock.run("select id from stopover where lon = %s", SECRET[0]):
        flock.run("insert into site_visit values (%s, %s) on conflict do nothing", site, stay)
    flock.run("update study set version = version + 1")
