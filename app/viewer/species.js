// Names of species in the reader's language, from the service's species profiles.

import { requestItems } from './http.js';
import { currentLanguage } from './words.js';

const known = new Map(); // key, scientific name or synonym -> profile

export async function loadSpecies() {
  for (const profile of await requestItems('api/v1/species')) {
    const { key, scientific_name: scientific, synonyms } = profile;
    for (const name of [key, scientific, ...synonyms].filter(Boolean)) known.set(name, profile);
  }
}

/** The key of a species, by whichever of its names: a link may say `Grus vipio`. */
export const speciesKey = (species) => known.get(species)?.key ?? species;

/** `White-naped Crane`; a species without a profile stays as it was sent. */
export function speciesName(species) {
  const profile = known.get(species);
  if (!profile) return species;
  return profile.names[currentLanguage()] || profile.names.en || profile.scientific_name;
}

/** `White-naped Crane (Grus vipio)` */
export function speciesFull(species) {
  const [name, scientific] = [speciesName(species), known.get(species)?.scientific_name];
  return scientific && scientific !== name ? `${name} (${scientific})` : name;
}
