// What the reader chose: kept in the address (#…), so that a link shows the same map.

export const FILTERS = ['species', 'individual', 'study', 'season', 'from', 'to'];
/** What colours can stand for. */
export const COLOURS = ['species', 'individual', 'season'];
export const LAYERS = ['tracks', 'stopovers', 'sites', 'flyways', 'positions'];

export const START = Object.freeze({
  zoom: 3.1, lat: 41.5, lon: 120, // North-East Asia whole, from the Lena to the Yangtze
  layers: Object.freeze(['tracks', 'stopovers', 'sites', 'positions']),
  species: '', individual: '', study: '', season: '', from: '', to: '',
  area: false, colour: 'species', lang: '',
});

/** The days that the service takes: the age of satellite telemetry, with room ahead. */
export const [FIRST_DAY, LAST_DAY] = ['1970-01-01', '2099-12-31'];

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const SEASON = /^\d{4}-(spring|breeding|summering|autumn|wintering)$/;

/** What a filter must be for the service to take it; a species may have many names. */
const SOUND = {
  species: () => true,
  individual: (text) => UUID.test(text),
  study: (text) => UUID.test(text),
  season: (text) => SEASON.test(text),
  from: isDay,
  to: isDay,
};

/** A day of the calendar: browsers take 30 February for 2 March. */
function isDay(text) {
  const time = new Date(`${text}T00:00Z`);
  const real = !Number.isNaN(time.getTime()) && time.toISOString().slice(0, 10) === text;
  return real && FIRST_DAY <= text && text <= LAST_DAY;
}

/** Read a fragment; whatever is malformed falls back to the start, part by part. */
export function readFragment(fragment) {
  const given = new URLSearchParams(fragment.replace(/^#/, ''));
  const state = { ...START, ...readPosition(given.get('map')) };
  for (const name of FILTERS) {
    const text = given.get(name) ?? '';
    state[name] = SOUND[name](text) ? text : '';
  }
  if (state.to < state.from) state.to = '';
  if (given.has('layers')) {
    const wanted = given.get('layers').split(',');
    state.layers = LAYERS.filter((layer) => wanted.includes(layer));
  }
  state.area = given.get('area') === '1';
  if (COLOURS.includes(given.get('colour'))) state.colour = given.get('colour');
  state.lang = given.get('lang') ?? '';
  return state;
}

/** Does a fragment say where to look? */
export function namesPlace(fragment) {
  const given = new URLSearchParams(fragment.replace(/^#/, ''));
  return 'zoom' in readPosition(given.get('map'));
}

function readPosition(text) {
  const [zoom, lat, lon] = (text ?? '').split('/').map(Number);
  const sound = [zoom, lat, lon].every(Number.isFinite)
    && zoom >= 0 && zoom <= 20 && Math.abs(lat) <= 85 && Math.abs(lon) <= 180;
  return sound ? { zoom, lat, lon } : {};
}

/** Write the fragment; what equals the start is left out, the position always stands. */
export function writeFragment(state) {
  const lon = ((state.lon + 540) % 360) - 180;
  const parts = [`map=${state.zoom.toFixed(2)}/${state.lat.toFixed(4)}/${lon.toFixed(4)}`];
  for (const name of FILTERS) {
    if (state[name]) parts.push(`${name}=${encodeURIComponent(state[name])}`);
  }
  if (state.layers.join() !== START.layers.join()) parts.push(`layers=${state.layers.join()}`);
  if (state.area) parts.push('area=1');
  if (state.colour !== START.colour) parts.push(`colour=${state.colour}`);
  if (state.lang) parts.push(`lang=${state.lang}`);
  return `#${parts.join('&')}`;
}

export const filtered = (state) => state.area || FILTERS.some((name) => state[name]);
