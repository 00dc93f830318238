// The filter form: options from what the feeds have shown, values from the state.

import { byText } from './catalogue.js';
import { byId, element } from './dom.js';
import { latestFirst, seasonLabel } from './seasons.js';
import { speciesFull, speciesKey } from './species.js';
import { FILTERS, FIRST_DAY, LAST_DAY, LAYERS } from './state.js';
import { fillSpan, listenToSpan } from './timespan.js';
import { LANGUAGES, t } from './words.js';

/** Report each change as a part of the state: { species: 'Grus vipio' }. */
export function listenToForm(change) {
  for (const name of FILTERS) {
    byId(`filter-${name}`).addEventListener('change', ({ target }) => {
      if (target.reportValidity()) change({ [name]: target.value });
    });
  }
  listenToSpan(change);
  byId('filter-area').addEventListener('change', ({ target }) => change({ area: target.checked }));
  for (const name of ['colour', 'lang']) {
    byId(`filter-${name}`).addEventListener('change', ({ target }) => {
      change({ [name]: target.value });
    });
  }
  for (const layer of LAYERS) {
    byId(`layer-${layer}`).addEventListener('change', () => change({
      layers: LAYERS.filter((name) => byId(`layer-${name}`).checked),
    }));
  }
}

/** Bring the form in line with the state and what can be chosen. */
export function fillForm(state, catalogue, language) {
  const birds = [...catalogue.birds.values()]
    .filter((bird) => !state.species || speciesKey(bird.species) === speciesKey(state.species))
    .map((bird) => [bird.id, bird.name]);
  const species = [...catalogue.species].map((name) => [name, speciesFull(name)]);
  const seasons = [...catalogue.seasons].sort(latestFirst);
  fillSelect('species', species.sort(byLabel), { species: chosenSpecies(state, catalogue) });
  fillSelect('individual', birds.sort(byLabel), state);
  const studies = catalogue.studies.map(({ id, name }) => [String(id), name ?? id]);
  fillSelect('study', studies.sort(byLabel), state);
  fillSelect('season', seasons.map((season) => [season, seasonLabel(season)]), state);
  byId('filter-from').value = state.from;
  byId('filter-to').value = state.to;
  byId('filter-to').min = state.from || FIRST_DAY;
  byId('filter-from').max = state.to || LAST_DAY;
  fillSpan(state, catalogue.extent);
  byId('filter-area').checked = state.area;
  byId('filter-colour').value = state.colour;
  byId('filter-lang').replaceChildren(...options(Object.entries(LANGUAGES), language));
  for (const layer of LAYERS) byId(`layer-${layer}`).checked = state.layers.includes(layer);
}

/** The species as the feeds call it, whichever of its names a link gives. */
export const chosenSpecies = ({ species }, catalogue) => (
  [...catalogue.species].find((name) => speciesKey(name) === speciesKey(species)) ?? species);

const byLabel = ([, a], [, b]) => byText(a, b);

function fillSelect(name, entries, state) {
  const chosen = state[name];
  const known = entries.some(([value]) => value === chosen);
  // A link may name what this audience cannot see (yet): it stays visible as what it is.
  const extra = chosen && !known ? [[chosen, chosen]] : [];
  const all = [['', t('filter.all')], ...extra, ...entries];
  byId(`filter-${name}`).replaceChildren(...options(all, chosen));
}

const options = (entries, chosen) => entries.map(([value, label]) => (
  element('option', { value, selected: value === chosen }, String(label))
));
