// Small geometry on GeoJSON; positions are [lon, lat] in degrees.

/** Every position of a geometry, whatever its depth. */
export function* positions(geometry) {
  if (geometry.type === 'GeometryCollection') {
    for (const part of geometry.geometries) yield* positions(part);
  } else {
    yield* flatten(geometry.coordinates);
  }
}

function* flatten(coordinates) {
  if (typeof coordinates[0] === 'number') yield coordinates;
  else for (const part of coordinates) yield* flatten(part);
}

/**
 * The smallest box around the features: [[west, south], [east, north]] or null. Longitudes lie on a
 * circle: the box leaves out their widest gap, so across 180° east exceeds 180.
 */
export function boundsOf(features) {
  const lons = [];
  let [south, north] = [90, -90];
  for (const feature of features) {
    for (const [lon, lat] of positions(feature.geometry)) {
      lons.push(lon);
      south = Math.min(south, lat);
      north = Math.max(north, lat);
    }
  }
  if (lons.length === 0) return null;
  const [west, east] = narrowestArc(lons);
  return [[west, south], [east, north]];
}

function narrowestArc(lons) {
  const sorted = [...new Set(lons)].sort((a, b) => a - b);
  let [widest, after] = [sorted[0] + 360 - sorted.at(-1), 0];
  for (let i = 1; i < sorted.length; i += 1) {
    const gap = sorted[i] - sorted[i - 1];
    if (gap > widest) [widest, after] = [gap, i];
  }
  const west = sorted[after];
  return [west, west + 360 - widest];
}

/**
 * A ring whose longitudes never jump: each lies within 180° of the one before, the first within
 * 180° of `near`. A ring around a pole is closed along the pole.
 */
export function continuousRing(ring, near) {
  let before = near;
  const run = ring.map(([lon, lat]) => {
    before = lon + 360 * Math.round((before - lon) / 360);
    return [before, lat];
  });
  const [[first, lat], [last]] = [run[0], run.at(-1)];
  if (Math.abs(last - first) < 180) return run;
  const pole = lat < 0 ? -90 : 90;
  return [...run, [last, pole], [first, pole], run[0]];
}

/** A map's view as a GeoJSON bbox: across 180° west exceeds east (RFC 7946, section 5.2). */
export function viewBox(bounds) {
  const wrap = (lon) => ((((lon + 180) % 360) + 360) % 360) - 180;
  const whole = bounds.getEast() - bounds.getWest() >= 360;
  const [west, east] = whole ? [-180, 180] : [wrap(bounds.getWest()), wrap(bounds.getEast())];
  return [west, Math.max(bounds.getSouth(), -90), east, Math.min(bounds.getNorth(), 90)];
}

/** Where to stand to look at a feature: a point itself, else the middle of its box. */
export function middleOf(feature) {
  const [[west, south], [east, north]] = boundsOf([feature]);
  return [(west + east) / 2, (south + north) / 2];
}
