// Colours of birds and species, one set per theme; tests/viewer measures how far apart they stay
// for readers with protanopia, deuteranopia and tritanopia.

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

/**
 * A scale from values to colours. By species: the fixed eight, one colour for all others.
 * By individual: in the order of the names, repeating after eight (the legend says so).
 */
export function colourScale(by, values, theme) {
  const palette = PALETTES[theme];
  const entries = [...values].sort().map((value, order) => {
    const place = by === 'species' ? speciesPlace(value) : order % palette.length;
    return [value, place < 0 ? OTHER[theme] : palette[place]];
  });
  const lookup = new Map(entries);
  const property = by === 'species' ? 'species' : 'individual_id';
  const expression = entries.length === 0
    ? OTHER[theme]
    : ['match', ['to-string', ['get', property]], ...entries.flat(), OTHER[theme]];
  return { by, entries, expression, of: (value) => lookup.get(value) ?? OTHER[theme] };
}
