// The legend: only what the map shows now, drawn with the map's own measures.

import { byId, drawing, element } from './dom.js';
import { redraw } from './focus.js';
import {
  CORRIDOR_OPACITY, connectionWidthPx, MEAN_ROUTE, SILENCE, stopoverRadiusPx,
} from './layers.js';
import { t } from './words.js';

const DAYS = [2, 14, 60, 150]; // the printed classes' limits, then a long and a whole winter
const BIRDS = [1, 10, 40];

const KEYS = {
  tracks: () => [
    entry(line({}), t('legend.observed')),
    entry(line({ 'stroke-dasharray': '3 5' }), t('legend.gap')),
  ],
  stopovers: () => [stopoverKey(), element('p', {}, t('legend.stopovers'))],
  sites: () => [entry(siteKey(), t('legend.sites'))],
  positions: () => [entry(positionKey(), t('legend.positions'))],
  flyways: (parts) => [
    ...(parts.has('connection')
      ? [connectionKey(), element('p', {}, t('legend.connections'))] : []),
    ...FLYWAY_KEYS.filter(([part]) => parts.has(part))
      .map(([part, key]) => entry(key(), t(`legend.${part}`))),
  ],
};

/** Parts of a flyway beside its connections. */
const FLYWAY_KEYS = [
  ['corridor', () => corridorKey()], ['route', () => meanRouteKey()],
  ['unobserved', () => silenceKey()],
];

/**
 * `visible`: feeds that are on and hold features; `parts`: what the flyways among them are made
 * of; `shown`: colour values among all.
 */
export function drawLegend({ visible, parts, ...colouring }) {
  for (const [feed, key] of Object.entries(KEYS)) {
    byId(`key-${feed}`).replaceChildren(...(visible.has(feed) ? key(parts) : []));
  }
  redraw(byId('legend'), colours(colouring));
}

function colours({ scale, shown, label, choose, chosen }) {
  const entries = scale.entries.filter(([value]) => shown.has(value));
  // The season filter takes a season of one year; its colour stands for those of all years.
  const row = (value) => (scale.by === 'season' ? ['div', { class: 'row' }] : ['button', {
    type: 'button', id: `legend-${encodeURIComponent(value)}`, class: 'row',
    'aria-pressed': String(chosen === value),
    click: () => choose(chosen === value ? '' : value),
  }]);
  const items = entries.map(([value, colour]) => element('li', {}, element(
    ...row(value),
    drawing(14, 14, ['circle', { cx: 7, cy: 7, r: 5.5, fill: colour }]),
    element('span', {}, label(value)),
  )));
  const colourCount = new Set(entries.map(([, colour]) => colour)).size;
  return element(
    'div', { class: 'legend-colours' },
    element('ul', { class: 'rows', 'aria-label': t(`colour.${scale.by}`) }, items),
    scale.by === 'individual' && colourCount < entries.length
      ? element('p', { class: 'quiet' }, t('legend.repeats')) : null,
  );
}

const entry = (key, text) => element('div', { class: 'key-row' }, key, element('span', {}, text));

const line = (attributes) => drawing(40, 10, ['line', {
  x1: 2, x2: 38, y1: 5, y2: 5, stroke: 'currentColor', 'stroke-width': 1.8, ...attributes,
}]);

const silenceKey = () => line({
  'stroke-width': SILENCE.width, 'stroke-dasharray': SILENCE.dashes.join(' '),
});

function meanRouteKey() {
  const { apart, width } = MEAN_ROUTE;
  const off = (apart + width) / 2;
  return drawing(40, 10, ...[5 - off, 5 + off].map((y) => ['line', {
    x1: 2, x2: 38, y1: y, y2: y, stroke: 'currentColor', 'stroke-width': width,
  }]));
}

const siteKey = () => drawing(
  40, 14, ['path', { d: 'M20 2 L25 7 L20 12 L15 7 Z', fill: 'currentColor' }],
);

const positionKey = () => drawing(40, 14, ['circle', {
  cx: 20, cy: 7, r: 4.5, fill: 'currentColor', 'fill-opacity': 0.45, stroke: 'currentColor',
  'stroke-width': 1.6,
}]);

const corridorKey = () => drawing(
  40, 16, corridorShape(2, 1, 36, 14, 95), corridorShape(11, 4, 18, 8, 50),
);

/** Twice the map's opacity: one corridor on the panel, two seasons on each other on the map. */
const corridorShape = (x, y, width, height, level) => ['rect', {
  x, y, width, height, rx: 4, fill: 'currentColor', 'fill-opacity': 2 * CORRIDOR_OPACITY[level],
  stroke: 'currentColor', 'stroke-width': level === 50 ? 1.1 : 0.6, 'stroke-opacity': 0.5,
}];

/** Circles standing on one line, each with its days below. */
function stopoverKey() {
  const base = 2 * stopoverRadiusPx(DAYS.at(-1)) + 2;
  const shapes = [];
  let x = 0;
  for (const days of DAYS) {
    const r = stopoverRadiusPx(days);
    const half = Math.max(r + 2, 18);
    const circle = {
      cx: x + half, cy: base - r, r, fill: 'currentColor', 'fill-opacity': 0.3,
      stroke: 'currentColor', 'stroke-width': 0.8,
    };
    shapes.push(['circle', circle], caption(x + half, base + 14, `${days} d`));
    x += 2 * half;
  }
  return drawing(x, base + 18, ...shapes);
}

function connectionKey() {
  const shapes = BIRDS.flatMap((birds, order) => [['line', {
    x1: 6 + order * 46, x2: 38 + order * 46, y1: 8, y2: 8, stroke: 'currentColor',
    'stroke-opacity': 0.6, 'stroke-width': connectionWidthPx(birds), 'stroke-linecap': 'round',
  }], caption(22 + order * 46, 27, String(birds))]);
  return drawing(140, 31, ...shapes);
}

const caption = (x, y, content) => ['text', {
  x, y, content, 'text-anchor': 'middle', 'font-size': 11, fill: 'currentColor',
}];
