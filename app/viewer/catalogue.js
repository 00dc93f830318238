// What the reader can choose from: the studies, and all birds that the feeds have shown so far.

import { feedQuery, fetchEarliest, fetchFeed } from './feeds.js';
import { requestItems } from './http.js';
import { isOfAYear } from './seasons.js';

/** Numbers within text by their value: bird 9 before bird 10. */
export const byText = new Intl.Collator(undefined, { numeric: true }).compare;

/** Collects individuals from feed features; the unfiltered positions feed comes first. */
export class Catalogue {
  constructor() {
    this.birds = new Map(); // individual_id -> { id, name, species, taxon, simulated, time }
    this.species = new Set();
    this.seasons = new Set();
    this.studies = [];
    this.extent = null; // [first, last] time of all that was seen [ms since 1970 UTC]
  }

  /** All birds and times, whatever the filters. */
  async readBirds() {
    const [latest, earliest] = await Promise.all([
      fetchFeed('positions', feedQuery({}), null), fetchEarliest('tracks'),
    ]);
    this.add([...latest.features, ...earliest]);
  }

  async readStudies() {
    this.studies = await requestItems('api/v1/studies?limit=1000');
  }

  /** Their ids, in the order of their names. */
  get birdsByName() {
    const names = [...this.birds.values()].sort((a, b) => byText(a.name, b.name));
    return names.map(({ id }) => id);
  }

  add(features) {
    for (const { properties } of features) {
      this.#addSpecies(properties);
      if (properties.individual_id !== undefined) this.#addBird(properties);
      if (isOfAYear(properties.season)) this.seasons.add(properties.season);
      for (const name of ['time', 'time_first', 'time_last']) this.#addTime(properties[name]);
    }
  }

  #addSpecies({ species }) {
    if (typeof species === 'string' && species) this.species.add(species);
  }

  #addBird(properties) {
    const id = String(properties.individual_id);
    const known = this.birds.get(id) ?? { id, simulated: false };
    this.birds.set(id, {
      ...known,
      name: properties.individual ?? known.name ?? id,
      species: properties.species ?? known.species ?? '',
      taxon: properties.species_name ?? known.taxon ?? '', // as its institute calls the species
      time: properties.time ?? known.time ?? properties.time_last ?? null,
      simulated: known.simulated || properties.simulated === true,
    });
  }

  #addTime(text) {
    const time = new Date(text ?? NaN);
    if (Number.isNaN(time.getTime())) return;
    const [first, last] = this.extent ?? [Infinity, -Infinity];
    this.extent = [Math.min(first, time), Math.max(last, time)];
    this.#addSeasons(time.getUTCFullYear());
  }

  // Season ids as the service forms them: <year>-<season>, wintering named by its starting year.
  #addSeasons(year) {
    for (const season of ['spring', 'breeding', 'autumn', 'wintering']) {
      this.seasons.add(`${year}-${season}`);
    }
  }

  /** Do these features show simulated birds: 'all' of them, 'some', or 'none'? */
  simulated(features) {
    const told = features.map(({ properties }) => this.#isSimulated(properties));
    if (!told.includes(true)) return 'none';
    return told.includes(false) ? 'some' : 'all';
  }

  /** Products of many birds that do not say it are simulated if all birds are. */
  #isSimulated({ simulated, individual_id: bird }) {
    if (simulated !== undefined) return simulated === true;
    if (bird !== undefined) return this.birds.get(String(bird))?.simulated ?? false;
    return this.birds.size > 0 && [...this.birds.values()].every((each) => each.simulated);
  }
}
