// What one feature says: a heading and rows of label and value.

import {
  count, distance, distanceRange, duration, durationRange, localTime, place, timeWindow, utc,
  utcDay,
} from './format.js';
import { middleOf } from './geometry.js';
import { seasonLabel } from './seasons.js';
import { speciesFull } from './species.js';
import { currentLanguage, t, term } from './words.js';

const number = (value) => count(value, currentLanguage());

/** By another's rule for its public view, days are all that is told of a stay. */
const isExact = ({ precision }) => !precision || precision === 'exact';

/** [key, text in UTC, the same on the clock of the place once its zone is known] */
const timeRow = (key, time, zone) => [key, utc(time), zone && localTime(time, zone)];

function windowRow(key, p, zone) {
  const ends = [p[`${key}_time_earliest`], p[`${key}_time_latest`]];
  if (!isExact(p)) return [key, timeWindow(...ends, utcDay)];
  const local = zone && timeWindow(...ends, (time) => localTime(time, zone));
  return [key, timeWindow(...ends), local];
}

const zoneRow = ({ first, last }) => ['time_zone', first === last ? first : `${first} – ${last}`];

/** What the passages of a part are, where they are not flights from site to site. */
const PASSAGES = { route: 'migrations', unobserved: 'silences' };

const ROWS = {
  positions: (p, zone) => [
    ['species', speciesOf(p)], timeRow('time', p.time, zone.last), zoneRow(zone),
    ['study', p.study],
  ],
  tracks: (p, zone) => [
    ['species', speciesOf(p)], ['study', p.study],
    ['part', t(p.observed === false ? 'part.unobserved' : 'part.observed')],
    timeRow('first_fix', p.time_first, zone.first), timeRow('last_fix', p.time_last, zone.last),
    zoneRow(zone),
    ['span', duration((new Date(p.time_last) - new Date(p.time_first)) / 1000)],
    ['fixes', number(p.n_fixes)],
  ],
  stopovers: (p, zone) => [
    ['species', speciesOf(p)], ['kind', p.kind && term('kind', p.kind)],
    ['season', p.season && seasonLabel(p.season)],
    ['site', p.site], ['country', p.country],
    windowRow('arrival', p, zone.first), windowRow('departure', p, zone.last), zoneRow(zone),
    ['duration', durationRange(p.duration_min_s, p.duration_max_s)],
    ['fixes', number(p.n_fixes)], ['radius', distance(p.radius_m)],
  ],
  sites: (p, zone) => [
    ['individuals', number(p.n_individuals)], ['bird_days', `${number(p.bird_days)} d`],
    ['species', speciesOf(p)],
    ['first_fix', utcDay(p.time_first)], ['last_fix', utcDay(p.time_last)], zoneRow(zone),
    ['radius', distance(p.radius_m)], ['country', p.country],
  ],
  flyways: (p) => [
    ['species', speciesOf(p)], ['season', p.season && seasonLabel(p.season)],
    ['birds', number(p.n_birds)],
    [PASSAGES[p.part] ?? 'passages', number(p.n_passages)],
    ['level', Number.isFinite(p.level) ? t('level.of', { level: p.level }) : null],
    ['length', distance(p.length_m)],
    ['width_50', distanceRange(p.width_50_m)], ['width_95', distanceRange(p.width_95_m)],
  ],
};

/** Does the panel of this feed tell times of a place? */
export const hasClock = (feed) => feed !== 'flyways';

function speciesOf({ species, taxon }) {
  if (species === 'default' && taxon) return taxon; // without a profile, and yet with a name
  return [species ?? []].flat().map(speciesFull).join(', ');
}

/** A short name for headings and lists. */
export function title(feed, { properties }) {
  if (feed === 'sites') return properties.name || t('site.unnamed');
  if (feed === 'stopovers') {
    return t('stopover.of', { bird: properties.individual, where: properties.site || '' }).trim();
  }
  if (feed === 'flyways') return t(`flyways.${properties.part ?? 'connection'}`);
  return String(properties.individual ?? properties.individual_id ?? t(`layer.${feed}`));
}

/**
 * [label, text, text by the clock of the place] of each row; what the feature does not say is left
 * out. `taxon`: what the institute of a bird calls its species; `zones`: { first, last } of
 * zonesOf, empty while they are not known.
 */
export function rows({ feed, feature, taxon = '' }, zones = {}) {
  const said = ROWS[feed]({ ...feature.properties, taxon }, zones)
    .filter(([, value]) => ![undefined, null, ''].includes(value) && !/^—/.test(value))
    .map(([key, value, local]) => [t(`field.${key}`), String(value), local]);
  if (feature.geometry.type === 'Point') said.push([t('field.place'), place(middleOf(feature))]);
  return said;
}
