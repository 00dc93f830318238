// Time zones of the places that are looked at: asked of the service once a place.

import { positions } from './geometry.js';
import { request } from './http.js';

const DECIMALS = 3; // about 100 m: finer than the borders of time zones are drawn

const known = new Map(); // address -> promise of a zone

function zoneAt([lon, lat]) {
  const east = ((lon + 540) % 360) - 180;
  const path = `api/v1/time-zones?lon=${east.toFixed(DECIMALS)}&lat=${lat.toFixed(DECIMALS)}`;
  if (!known.has(path)) {
    const asked = request(path).then(({ document: answer }) => answer.time_zone);
    asked.catch(() => known.delete(path)); // the next look asks again
    known.set(path, asked);
  }
  return known.get(path);
}

/** The zones (IANA names) where a feature begins and ends: of a point twice the same. */
export async function zonesOf({ geometry }) {
  const places = [...positions(geometry)];
  const [first, last] = await Promise.all([places[0], places.at(-1)].map(zoneAt));
  return { first, last };
}
