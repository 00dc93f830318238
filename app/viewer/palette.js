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
  light: ['#0072b2', '#5b2a86', '#c8102e', '#b8860b', '#5f6b73', '#009e73', '#1b1b1b', '#d55e9b'],
  dark: ['#56b4e9', '#b79cf0', '#ff6b5e', '#f0d060', '#9aa7b0', '#2fc79a', '#f5f5f5', '#f29cc8'],
};
export const OTHER = { light: '#7a5c3e', dark: '#c9a27e' };

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
