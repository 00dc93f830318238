// The map as lists: what is in view, reachable without a pointer and readable by a screen reader.

import { title } from './details.js';
import { byId, drawing, element } from './dom.js';
import { redraw } from './focus.js';
import { durationRange, utc } from './format.js';
import { middleOf } from './geometry.js';
import { t } from './words.js';

const MOST_ROWS = 50; // a list to be read, not a table of all; the heading gives the full number

const LISTED = {
  positions: { note: ({ properties: p }) => utc(p.time), order: (a, b) => later(a.time, b.time) },
  stopovers: {
    note: ({ properties: p }) => durationRange(p.duration_min_s, p.duration_max_s),
    order: (a, b) => (b.duration_min_s ?? 0) - (a.duration_min_s ?? 0),
  },
  sites: {
    note: ({ properties: p }) => t('list.birds', { n: p.n_individuals ?? '—' }),
    order: (a, b) => (b.n_individuals ?? 0) - (a.n_individuals ?? 0),
  },
};

const later = (a, b) => String(b ?? '').localeCompare(String(a ?? ''));

/**
 * Redraw the lists; `data` maps a feed to its features, `choose` opens one. Each list stays the
 * element that it is: a heading that is replaced is lost to who tabs or points to it just then.
 */
export function drawLists({ data, visible, inView, colourOf, choose }) {
  for (const feed of Object.keys(LISTED)) {
    const near = data[feed]
      .map((feature, index) => ({ feed, index, feature }))
      .filter(({ feature }) => inView(middleOf(feature)))
      .sort((a, b) => LISTED[feed].order(a.feature.properties, b.feature.properties));
    const rows = near.slice(0, MOST_ROWS).map((item) => row(item, colourOf, choose));
    const list = byId(`list-${feed}`);
    const heading = t('list.in_view', { what: t(`layer.${feed}`), n: near.length });
    list.hidden = !visible.has(feed);
    list.querySelector('summary').textContent = heading;
    redraw(list.querySelector('ul'), ...rows);
  }
}

function row(item, colourOf, choose) {
  const dot = item.feed === 'sites' ? null
    : drawing(10, 10, ['circle', { cx: 5, cy: 5, r: 4, fill: colourOf(item.feature.properties) }]);
  const id = `row-${item.feed}-${item.feature.id}`; // the same after each redraw: the focus is kept
  return element('li', {}, element(
    'button',
    {
      type: 'button', id, class: 'row', 'data-list': `list-${item.feed}`,
      click: () => choose(item),
    },
    dot, element('span', {}, title(item.feed, item.feature)),
    element('span', { class: 'quiet' }, LISTED[item.feed].note(item.feature)),
  ));
}
