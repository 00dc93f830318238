// The map itself: sources, layers, theme, what lies under a point, where to look.

import { basemapLayers, basemapSources, coastLayers } from './basemap.js';
import { boundsOf } from './geometry.js';
import { addIcons } from './icons.js';
import { corridorLayers, feedLayers, feedSources, GROUPS, PICKED } from './layers.js';
import { maplibre } from './libraries.js';
import { THEMES } from './themes.js';
import { t } from './words.js';

const PICK_PX = 5; // half the side of the box that answers a click: a track is 2 px wide
const [CLEAR, FAINT] = [0.9, 0.6]; // opacity of tracks, which carry no season
const ATTRIBUTION = 'Land: Natural Earth';

maplibre.prewarm(); // its worker starts while the words are fetched

/** Resolves once the style stands and layers can be filled. */
export async function createMap(container, state, { theme, scale, failed }) {
  const map = new maplibre.Map({
    container,
    style: {
      version: 8,
      sources: { ...basemapSources(), ...feedSources() },
      layers: allLayers(THEMES[theme], scale),
    },
    center: [state.lon, state.lat],
    zoom: state.zoom,
    maxZoom: 15,
    attributionControl: false,
    dragRotate: false,
    pitchWithRotate: false,
    fadeDuration: 0,
    locale: mapWords(),
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  const attribution = new maplibre.AttributionControl({
    compact: false, customAttribution: ATTRIBUTION,
  });
  map.addControl(attribution, 'bottom-right');
  map.addControl(new maplibre.NavigationControl({ showCompass: false }), 'bottom-right');
  map.addControl(new maplibre.ScaleControl({ maxWidth: 120, unit: 'metric' }), 'bottom-left');
  map.on('error', ({ error }) => failed(error));
  await map.once('style.load');
  addIcons(map);
  return map;
}

/** Resolves when everything given to the map is drawn. */
export const quiet = (map) => map.once('idle');

/** Bottom to top; the coast lies over the corridors, which would blur it. */
const allLayers = (theme, { by, expression: colour }) => [
  ...basemapLayers(theme), ...corridorLayers(colour), ...coastLayers(theme),
  ...feedLayers(theme, colour, by === 'season' ? FAINT : CLEAR),
];

const mapWords = () => ({
  'Map.Title': t('map.label'),
  'NavigationControl.ZoomIn': t('map.zoom_in'),
  'NavigationControl.ZoomOut': t('map.zoom_out'),
});

/** Repaint every layer in a theme and colour scale; data and view stay. */
export function repaint(map, theme, scale) {
  for (const layer of allLayers(THEMES[theme], scale)) {
    for (const [property, value] of Object.entries(layer.paint)) {
      map.setPaintProperty(layer.id, property, value);
    }
  }
}

/** Numbered, so that a rendered piece leads back to its whole feature. */
export function setFeed(map, feed, features) {
  const numbered = features.map((feature, id) => ({ ...feature, id }));
  map.getSource(feed).setData({ type: 'FeatureCollection', features: numbered });
}

export function showLayer(map, feed, on) {
  for (const id of GROUPS[feed]) {
    map.setLayoutProperty(id, 'visibility', on ? 'visible' : 'none');
  }
}

export function setSelection(map, feature) {
  const features = feature ? [feature] : [];
  map.getSource('selection').setData({ type: 'FeatureCollection', features });
}

/** What lies under a point, the top first, each feature once: [{ feed, index }]. */
export function pick(map, { x, y }) {
  const box = [[x - PICK_PX, y - PICK_PX], [x + PICK_PX, y + PICK_PX]];
  const seen = new Map();
  for (const [feed, layer] of PICKED) {
    for (const { id } of map.queryRenderedFeatures(box, { layers: [layer] })) {
      seen.set(`${feed} ${id}`, { feed, index: id });
    }
  }
  return [...seen.values()];
}

/** Look at these features; a single place keeps a zoom that shows its surroundings. */
export function lookAt(map, features, gliding = true) {
  const bounds = boundsOf(features);
  if (!bounds) return;
  const still = !gliding || window.matchMedia('(prefers-reduced-motion: reduce)').matches;
  map.fitBounds(bounds, { padding: 60, maxZoom: 9, duration: still ? 0 : 700 });
}
