// How each feed is drawn: map layers from a theme and a colour expression, bottom to top.

const EMPTY = { type: 'FeatureCollection', features: [] };
const DAY_S = 86400;

/** Which map layers belong to which feed. */
export const GROUPS = {
  flyways: [
    'corridor-95', 'corridor-50', 'corridor-edge', 'connections', 'connection-arrows',
    'flyway-unobserved', 'mean-route-bed', 'mean-route',
  ],
  tracks: ['tracks-unobserved', 'tracks-casing', 'tracks-observed', 'track-arrows'],
  stopovers: ['stopovers-most', 'stopovers'],
  sites: ['sites', 'site-names'],
  positions: ['positions', 'position-names'],
};

/** Layers that answer a click, the one on top first. */
export const PICKED = [
  ['positions', 'positions'], ['sites', 'sites'], ['stopovers', 'stopovers'],
  ['flyways', 'mean-route'], ['flyways', 'connections'], ['tracks', 'tracks-observed'],
  ['tracks', 'tracks-unobserved'], ['flyways', 'flyway-unobserved'], ['flyways', 'corridor-50'],
  ['flyways', 'corridor-95'],
];

export const feedSources = () => Object.fromEntries(
  [...Object.keys(GROUPS), 'selection'].map((name) => [
    name, { type: 'geojson', data: EMPTY, tolerance: 0.3 },
  ]),
);

/** Pixels of a circle whose area is proportional to the stay; the legend draws the same. */
const RADIUS_PX_PER_ROOT_DAY = 1.3; // a winter of 150 d: 16 px, so that neighbours stay apart
const LEAST_RADIUS_PX = 3; // still a target for the pointer
export const stopoverRadiusPx = (days) => (
  Math.max(LEAST_RADIUS_PX, RADIUS_PX_PER_ROOT_DAY * Math.sqrt(days)));
const stopoverRadius = (property) => [
  'max', LEAST_RADIUS_PX,
  ['*', RADIUS_PX_PER_ROOT_DAY, ['sqrt', ['/', ['max', 0, number(property)], DAY_S]]],
];

/** Pixels of a connection's line, by the birds that flew it; the legend draws the same. */
export const connectionWidthPx = (birds) => Math.min(9, 1.2 * Math.sqrt(birds));
const connectionWidth = ['min', 9, ['*', 1.2, ['sqrt', ['max', 1, number('n_birds')]]]];

/** A mean route is two lines side by side, as no bird's way is drawn; the legend draws the same. */
export const MEAN_ROUTE = { apart: 2.4, width: 1.7, bed: 7.8 };

/** Long dashes: the short ones are one bird's. */
export const SILENCE = { dashes: [5, 4], width: 1.4 };

/** Faint: corridors of eight species and two seasons may lie on each other. */
export const CORRIDOR_OPACITY = { 95: 0.05, 50: 0.09 };

function number(property) {
  return ['to-number', ['get', property], 0];
}

/** `trackOpacity`: faint where colours tell of stays alone. */
export function feedLayers(theme, colour, trackOpacity) {
  return [
    ...connectionLayers(colour), ...trackLayers(theme, colour, trackOpacity),
    ...routeLayers(theme, colour), ...stopoverLayers(theme, colour),
    ...siteLayers(theme), ...positionLayers(theme, colour), ...selectionLayers(theme),
  ];
}

const isPart = (part) => ['==', ['get', 'part'], part];
const isLevel = (level) => ['==', number('level'), level];

export function corridorLayers(colour) {
  const corridor = (level, opacity) => ({
    id: `corridor-${level}`, type: 'fill', source: 'flyways',
    filter: ['all', isPart('corridor'), isLevel(level)],
    paint: { 'fill-color': colour, 'fill-opacity': opacity, 'fill-antialias': false },
  });
  return [
    corridor(95, CORRIDOR_OPACITY[95]), corridor(50, CORRIDOR_OPACITY[50]),
    {
      id: 'corridor-edge', type: 'line', source: 'flyways', filter: isPart('corridor'),
      paint: {
        'line-color': colour, 'line-width': ['case', isLevel(50), 1.1, 0.6],
        'line-opacity': ['case', isLevel(50), 0.55, 0.4],
      },
    },
  ];
}

function connectionLayers(colour) {
  return [
    {
      id: 'connections', type: 'line', source: 'flyways', filter: isPart('connection'),
      layout: { 'line-cap': 'round' },
      paint: { 'line-color': colour, 'line-width': connectionWidth, 'line-opacity': 0.6 },
    },
    arrows('connection-arrows', 'flyways', colour, isPart('connection')),
  ];
}

function routeLayers(theme, colour) {
  const [apart, width, bed] = ['apart', 'width', 'bed'].map((what) => (
    ['interpolate', ['linear'], ['zoom'], 3, 0.7 * MEAN_ROUTE[what], 7, MEAN_ROUTE[what]]));
  const dashes = SILENCE.dashes.map((px) => px / SILENCE.width); // the map's unit is the width
  const layout = { 'line-join': 'round' };
  return [
    {
      id: 'flyway-unobserved', type: 'line', source: 'flyways', filter: isPart('unobserved'),
      paint: {
        'line-color': colour, 'line-width': SILENCE.width, 'line-dasharray': dashes,
        'line-opacity': 0.8,
      },
    },
    {
      id: 'mean-route-bed', type: 'line', source: 'flyways', filter: isPart('route'), layout,
      paint: { 'line-color': theme.halo, 'line-width': bed },
    },
    {
      id: 'mean-route', type: 'line', source: 'flyways', filter: isPart('route'), layout,
      paint: { 'line-color': colour, 'line-width': width, 'line-gap-width': apart },
    },
  ];
}

const OBSERVED = ['!=', ['get', 'observed'], false];

function trackLayers(theme, colour, opacity) {
  const width = ['interpolate', ['linear'], ['zoom'], 3, 1.1, 8, 2];
  return [
    {
      id: 'tracks-unobserved', type: 'line', source: 'tracks', filter: ['!', OBSERVED],
      paint: {
        'line-color': colour, 'line-width': width, 'line-opacity': opacity,
        'line-dasharray': [1.5, 3],
      },
    },
    {
      id: 'tracks-casing', type: 'line', source: 'tracks', filter: OBSERVED,
      layout: { 'line-join': 'round', 'line-cap': 'round' },
      paint: {
        'line-color': theme.halo, 'line-opacity': 0.7,
        'line-width': ['interpolate', ['linear'], ['zoom'], 3, 2, 8, 3.6],
      },
    },
    {
      id: 'tracks-observed', type: 'line', source: 'tracks', filter: OBSERVED,
      layout: { 'line-join': 'round', 'line-cap': 'round' },
      paint: { 'line-color': colour, 'line-width': width, 'line-opacity': opacity },
    },
    arrows('track-arrows', 'tracks', colour, OBSERVED, opacity),
  ];
}

function arrows(id, source, colour, filter, opacity = 1) {
  return {
    id, type: 'symbol', source, filter, minzoom: 3.5,
    layout: {
      'symbol-placement': 'line', 'symbol-spacing': 220, 'icon-image': 'arrow', 'icon-size': 0.5,
      'icon-allow-overlap': true, 'icon-rotation-alignment': 'map',
    },
    paint: { 'icon-color': colour, 'icon-opacity': opacity },
  };
}

function stopoverLayers(theme, colour) {
  const longestBelow = ['-', 0, number('duration_min_s')];
  return [
    {
      id: 'stopovers-most', type: 'circle', source: 'stopovers',
      layout: { 'circle-sort-key': longestBelow },
      paint: {
        'circle-radius': stopoverRadius('duration_max_s'), 'circle-color': colour,
        'circle-opacity': 0, 'circle-stroke-color': colour, 'circle-stroke-width': 0.8,
        'circle-stroke-opacity': 0.45,
      },
    },
    {
      id: 'stopovers', type: 'circle', source: 'stopovers',
      layout: { 'circle-sort-key': longestBelow },
      paint: {
        'circle-radius': stopoverRadius('duration_min_s'), 'circle-color': colour,
        'circle-opacity': 0.3, 'circle-stroke-color': colour, 'circle-stroke-width': 0.8,
        'circle-stroke-opacity': 0.7,
      },
    },
  ];
}

/** Names that people gave; a place found from stays shows its coordinates to who opens it. */
const siteName = ['case', ['==', ['get', 'named'], false], '', ['coalesce', ['get', 'name'], '']];

function siteLayers(theme) {
  return [
    {
      id: 'sites', type: 'symbol', source: 'sites',
      layout: {
        'icon-image': 'diamond', 'icon-allow-overlap': true,
        'icon-size': ['interpolate', ['linear'], ['zoom'], 3, 0.4, 6, 0.55],
      },
      paint: { 'icon-color': theme.site, 'icon-halo-color': theme.halo, 'icon-halo-width': 1.5 },
    },
    name('site-names', 'sites', siteName, theme, 3.8),
  ];
}

function positionLayers(theme, colour) {
  return [
    {
      id: 'positions', type: 'circle', source: 'positions',
      paint: {
        'circle-radius': 4.5, 'circle-color': colour, 'circle-stroke-color': theme.ink,
        'circle-stroke-width': 1.6,
      },
    },
    name('position-names', 'positions', ['to-string', ['get', 'individual']], theme, 5.5),
  ];
}

function name(id, source, text, theme, minzoom) {
  return {
    id, type: 'symbol', source, minzoom,
    layout: {
      'text-field': text, 'text-font': ['sans-serif'], 'text-size': 12, 'text-max-width': 9,
      'text-variable-anchor': ['left', 'right', 'top', 'bottom'], 'text-radial-offset': 0.8,
      'text-justify': 'auto', 'text-optional': true,
      'symbol-sort-key': ['-', 0, number('n_individuals')],
    },
    paint: { 'text-color': theme.ink, 'text-halo-color': theme.halo, 'text-halo-width': 1.4 },
  };
}

function selectionLayers(theme) {
  const isPoint = ['==', ['geometry-type'], 'Point'];
  return [
    {
      id: 'selection-line', type: 'line', source: 'selection', filter: ['!', isPoint],
      layout: { 'line-join': 'round', 'line-cap': 'round' },
      paint: { 'line-color': theme.selection, 'line-width': 3.2, 'line-opacity': 0.85 },
    },
    {
      id: 'selection-point', type: 'circle', source: 'selection', filter: isPoint,
      paint: {
        'circle-radius': ['+', 4, ['max', 5, stopoverRadius('duration_max_s')]],
        'circle-opacity': 0,
        'circle-color': theme.selection,
        'circle-stroke-color': theme.selection,
        'circle-stroke-width': 2,
      },
    },
  ];
}
