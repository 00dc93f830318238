// What stands around the map, drawn from the viewer's state: form, legend, lists, notices, session.

import { byId, element } from './dom.js';
import { chosenSpecies, fillForm } from './filters.js';
import { redraw } from './focus.js';
import { middleOf, viewBox } from './geometry.js';
import { drawLegend } from './legend.js';
import { drawLists } from './lists.js';
import * as notices from './notices.js';
import { colourValue } from './palette.js';
import { speciesName } from './species.js';
import { filtered } from './state.js';
import { currentLanguage, t } from './words.js';

export function drawPage(viewer) {
  fillForm(viewer.state, viewer.catalogue, currentLanguage());
  drawPageLegend(viewer);
  drawPageLists(viewer);
  drawPageNotices(viewer);
  drawSession(viewer);
}

const visibleFeatures = ({ visible, loader }) => [...visible].flatMap((feed) => loader.data[feed]);

const LABELS = {
  species: speciesName,
  individual: (value, { birds }) => birds.get(value)?.name ?? value,
  season: (value) => t(`season_name.${value || 'none'}`),
};

function drawPageLegend(viewer) {
  const { state, catalogue, loader, visible } = viewer;
  const coloured = [...visible].filter((feed) => feed !== 'sites')
    .flatMap((feed) => loader.data[feed]);
  drawLegend({
    scale: viewer.scale,
    shown: new Set(coloured.map(({ properties }) => colourValue(state.colour, properties))),
    visible,
    parts: new Set(loader.data.flyways.map(({ properties: { part } }) => part)),
    chosen: state.colour === 'species' ? chosenSpecies(state, catalogue) : state[state.colour],
    choose: (value) => viewer.change({ [state.colour]: value }),
    label: (value) => LABELS[state.colour](value, catalogue),
  });
}

export function drawPageLists(viewer) {
  const { map, loader, scale } = viewer;
  const [west, south, east, north] = viewBox(map.getBounds());
  const between = (lon) => (
    west <= east ? lon >= west && lon <= east : lon >= west || lon <= east);
  drawLists({
    data: loader.data,
    visible: viewer.visible,
    inView: ([lon, lat]) => lat >= south && lat <= north && between(((lon + 540) % 360) - 180),
    colourOf: scale.of,
    choose: (item) => {
      map.jumpTo({ center: middleOf(item.feature) });
      viewer.choose(item);
    },
  });
}

export function drawPageNotices(viewer) {
  const { loader, state, catalogue, visible } = viewer;
  notices.showLoading(loader.underway);
  notices.showIncomplete(state.layers.filter((feed) => loader.incomplete.has(feed)));
  notices.showSimulated(catalogue.simulated(visibleFeatures(viewer)));
  // What could not be loaded is not called empty.
  const answered = loader.settled && !state.layers.some((feed) => loader.unanswered.has(feed));
  const empty = answered && state.layers.length > 0 && visible.size === 0;
  const kind = filtered(state) ? 'filtered' : 'all';
  notices.showEmpty(empty ? kind : null, () => viewer.clear());
}

function drawSession(viewer) {
  if (viewer.session === null) return;
  const { signed_in: signedIn, institute: own } = viewer.session;
  const institute = own?.name ?? t('session.operator');
  const leave = () => viewer.attempt('session', () => viewer.leave());
  const out = { type: 'button', id: 'sign-out', click: leave };
  const report = { id: 'morning', href: 'morning', hreflang: 'en' };
  redraw(
    byId('session'),
    element('span', {}, signedIn ? t('session.signed_in', { institute }) : t('session.public')),
    ...(signedIn ? [
      element('a', report, t('session.morning')), element('button', out, t('session.sign_out')),
    ] : []),
  );
}
