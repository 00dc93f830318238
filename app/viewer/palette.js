// Colours of birds, species and seasons, one set per theme; tests/viewer measures how far apart
// they stay for readers with protanopia, deuteranopia and tritanopia.

import { SEASONS, seasonName } from './seasons.js';

/** The region's eight, always in the same colour. Names as in the species table, then synonyms. */
const SPECIES = [
  ['Grus vipio', 'Antigone vipio', 'white_naped_crane'],
  ['Grus monacha', 'hooded_crane'],
  ['Grus japonensis', 'red_crowned_crane'],
  ['Leucogeranus leucogeranus', 'Grus leucogeranus', 'siberian_crane'],
  ['Grus grus', 'common_crane'],
  ['Grus virgo', 'Anthropoides virgo', 'demoiselle_crane'],
  ['Platalea minor', 'black_faced_spoonbill'],
  ['Platalea leucorodia', 'eurasian_spoonbill'],
];

export const PALETTES = {
  light: ['#0130c1', '#800088', '#790c00', '#c9410a', '#4f3b3d', '#047ed2', '#23001a', '#8e74a8'],
  dark: ['#8fb98a', '#dbb0d2', '#f9b113', '#917114', '#f98151', '#858192', '#edf8cf', '#eb67e0'],
};
export const OTHER = { light: '#b16f4c', dark: '#abf993' };

/** The palette's place of a species name or key, or -1. */
export function speciesPlace(name) {
  return SPECIES.findIndex((names) => names.includes(name));
}

/** By season: in the order of SEASONS; then what carries none. */
export const SEASON_PALETTES = {
  light: ['#458f58', '#af760c', '#530b67', '#6d2303', '#483de3'],
  dark: ['#68fdc1', '#f0d101', '#b139d7', '#cf3513', '#b5c8fd'],
};
export const NO_SEASON = { light: '#585760', dark: '#74716c' };

/** What of a feature its colour stands for, '' where it says nothing of it. */
export function colourValue(by, { species, individual_id: bird, season }) {
  return String({ species, individual: bird, season: seasonName(season) }[by] ?? '');
}

/**
 * A scale from values, in the order of the legend, to colours. By species: the fixed eight, one
 * colour for all others.
 * By individual: in the order of the names, repeating after eight (the legend says so).
 * By season: one colour each, whatever the values.
 */
export function colourScale(by, values, theme) {
  const entries = by === 'season' ? seasonEntries(theme) : valueEntries(by, values, theme);
  const lookup = new Map(entries);
  const otherwise = by === 'season' ? NO_SEASON[theme] : OTHER[theme];
  const expression = entries.length === 0 ? otherwise : MATCH[by](entries, otherwise);
  const of = (properties) => lookup.get(colourValue(by, properties)) ?? otherwise;
  return { by, entries, expression, of };
}

const seasonEntries = (theme) => [
  ...SEASONS.map((name, place) => [name, SEASON_PALETTES[theme][place]]), ['', NO_SEASON[theme]],
];

function valueEntries(by, values, theme) {
  const palette = PALETTES[theme];
  return values.map((value, order) => {
    const place = by === 'species' ? speciesPlace(value) : order % palette.length;
    return [value, place < 0 ? OTHER[theme] : palette[place]];
  });
}

const matchText = (property) => (entries, otherwise) => [
  'match', ['to-string', ['get', property]], ...entries.flat(), otherwise];

const MATCH = {
  species: matchText('species'),
  individual: matchText('individual_id'),
  season: (entries, otherwise) => [
    'case',
    ...entries.filter(([name]) => name).flatMap(([name, colour]) => [
      ['in', name, ['to-string', ['get', 'season']]], colour]),
    otherwise,
  ],
};
