// The GeoJSON feeds: what to ask for, page by page, with a bound on what is held.

import { nextPage, request } from './http.js';

/** Drawing order, from the bottom up. */
export const FEEDS = ['flyways', 'tracks', 'stopovers', 'sites', 'positions'];

const PAGE_FEATURES = 1000; // per request: drawn soon, and a page stays below a few MB
const MOST_FEATURES = 20000; // per layer: what software rendering still pans at >= 10 frames/s

/** The feeds' query: only the filters that are set. `box` is [west, south, east, north] or null. */
export function feedQuery(filters, box = null) {
  const query = new URLSearchParams();
  for (const name of ['species', 'individual', 'study', 'season']) {
    if (filters[name]) query.set(name, filters[name]);
  }
  const interval = datetimeInterval(filters.from, filters.to);
  if (interval) query.set('datetime', interval);
  if (box) query.set('bbox', box.map((degrees) => degrees.toFixed(4)).join(','));
  query.set('limit', String(PAGE_FEATURES));
  return query;
}

/** RFC 3339 interval over whole UTC days, both inclusive; an open end is `..`. */
export function datetimeInterval(from, to) {
  if (!from && !to) return '';
  const first = from ? `${from}T00:00:00Z` : '..';
  const last = to ? `${to}T23:59:59.999Z` : '..';
  return `${first}/${last}`;
}

const begun = new Map(); // address of a first page -> the request under way

/** Ask for the first page of a feed before anybody can take it. */
export function begin(name, query) {
  const asked = request(firstPage(name, query));
  asked.catch(() => {}); // told to whoever takes it
  begun.set(firstPage(name, query), asked);
}

/** All pages of a feed up to MOST_FEATURES; `complete` says whether that was all there is. */
export async function fetchFeed(name, query, signal) {
  const features = [];
  let next = firstPage(name, query);
  while (next && features.length < MOST_FEATURES) {
    const early = begun.get(next);
    begun.delete(next); // whoever asks again wants to know anew
    const { document: page, response } = await (early ?? request(next, { signal }));
    signal?.throwIfAborted(); // nobody could stop an early one
    features.push(...(page.features ?? []).filter((feature) => feature.geometry));
    next = nextPage(page, response);
  }
  return { features, complete: !next };
}

const firstPage = (name, query) => `feeds/${name}.geojson?${query}`;

/** The first feature of a feed that is in order of time; none in an empty feed. */
export async function fetchEarliest(name) {
  const { document: page } = await request(`feeds/${name}.geojson?limit=1`);
  return page.features ?? [];
}
