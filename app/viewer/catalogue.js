// The birds and species the reader can choose from: all that the feeds have shown so far.

/** Collects individuals from feed features; the unfiltered positions feed comes first. */
export class Catalogue {
  constructor() {
    this.birds = new Map(); // individual_id -> { id, name, species, speciesName, simulated, time }
    this.species = new Map(); // species -> name to show
    this.seasons = new Set();
  }

  add(features) {
    for (const { properties } of features) {
      this.#addSpecies(properties);
      if (properties.individual_id !== undefined) this.#addBird(properties);
      if (properties.season) this.seasons.add(properties.season);
      for (const time of [properties.time_first, properties.time_last]) this.#addSeasons(time);
    }
  }

  #addSpecies({ species, species_name: speciesName }) {
    if (typeof species !== 'string' || !species) return;
    if (speciesName || !this.species.has(species)) this.species.set(species, speciesName ?? '');
  }

  #addBird(properties) {
    const id = String(properties.individual_id);
    const known = this.birds.get(id) ?? { id, simulated: false };
    this.birds.set(id, {
      ...known,
      name: properties.individual ?? known.name ?? id,
      species: properties.species ?? known.species ?? '',
      time: properties.time ?? known.time ?? properties.time_last ?? null,
      simulated: known.simulated || properties.simulated === true,
    });
  }

  // Season ids as the service forms them: <year>-<season>, wintering named by its starting year.
  #addSeasons(time) {
    const year = new Date(time ?? NaN).getUTCFullYear();
    if (Number.isNaN(year)) return;
    for (const season of ['spring', 'breeding', 'autumn', 'wintering']) {
      this.seasons.add(`${year}-${season}`);
    }
  }

  speciesLabel(species) {
    const name = this.species.get(species);
    return name && name !== species ? `${name} (${species})` : species;
  }

  /** Does any of these features show simulated birds? Products of many birds: if all birds are. */
  simulated(features) {
    const all = this.birds.size > 0 && [...this.birds.values()].every((bird) => bird.simulated);
    return features.some(({ properties }) => {
      if (properties.simulated !== undefined) return properties.simulated === true;
      if (properties.individual_id === undefined) return all;
      return this.birds.get(String(properties.individual_id))?.simulated ?? false;
    });
  }
}
