// What one feature says: a heading and rows of label and value.

import { count, distance, duration, durationRange, place, utc, utcWindow } from './format.js';
import { middleOf } from './geometry.js';
import { seasonLabel } from './seasons.js';
import { speciesFull } from './species.js';
import { currentLanguage, t, term } from './words.js';

const number = (value) => count(value, currentLanguage());

const ROWS = {
  positions: (p) => [
    ['species', speciesOf(p)], ['time', utc(p.time)], ['study', p.study],
  ],
  tracks: (p) => [
    ['species', speciesOf(p)], ['study', p.study],
    ['part', t(p.observed === false ? 'part.unobserved' : 'part.observed')],
    ['first_fix', utc(p.time_first)], ['last_fix', utc(p.time_last)],
    ['span', duration((new Date(p.time_last) - new Date(p.time_first)) / 1000)],
    ['fixes', number(p.n_fixes)],
  ],
  stopovers: (p) => [
    ['species', speciesOf(p)], ['kind', p.kind && term('kind', p.kind)],
    ['season', p.season && seasonLabel(p.season)],
    ['site', p.site], ['country', p.country],
    ['arrival', utcWindow(p.arrival_time_earliest, p.arrival_time_latest)],
    ['departure', utcWindow(p.departure_time_earliest, p.departure_time_latest)],
    ['duration', durationRange(p.duration_min_s, p.duration_max_s)],
    ['fixes', number(p.n_fixes)], ['radius', distance(p.radius_m)],
  ],
  sites: (p) => [
    ['individuals', number(p.n_individuals)], ['bird_days', `${number(p.bird_days)} d`],
    ['species', speciesOf(p)],
    ['first_fix', utc(p.time_first)], ['last_fix', utc(p.time_last)],
    ['radius', distance(p.radius_m)], ['country', p.country],
  ],
  flyways: (p) => [
    ['species', speciesOf(p)], ['season', p.season && seasonLabel(p.season)],
    ['birds', p.n_birds === undefined ? null : number(p.n_birds)],
    ['passages', p.n_passages === undefined ? null : number(p.n_passages)],
    ['level', p.level === undefined ? null : t('level.of', { level: p.level })],
  ],
};

function speciesOf({ species }) {
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

/** [label, text] pairs; what the feature does not say is left out. */
export function rows(feed, feature) {
  const said = ROWS[feed](feature.properties)
    .filter(([, value]) => ![undefined, null, ''].includes(value) && !/^—/.test(value))
    .map(([key, value]) => [t(`field.${key}`), String(value)]);
  if (feature.geometry.type === 'Point') said.push([t('field.place'), place(middleOf(feature))]);
  return said;
}
