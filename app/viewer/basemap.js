// Land, coast and graticule: Natural Earth through world-atlas, no borders, no glyph server.

import { continuousRing } from './geometry.js';
import { LAND_10M, LAND_50M, LAND_110M, topologyFeature } from './libraries.js';

const NEAR_ZOOM = 5.5; // from here a 1:50 M coast is visibly coarse (about 1 km per pixel)
const EMPTY = { type: 'FeatureCollection', features: [] };

export const basemapSources = () => ({
  land: { type: 'geojson', data: EMPTY, tolerance: 0.2 },
  coast: { type: 'geojson', data: EMPTY, tolerance: 0.2 },
  graticule: { type: 'geojson', data: graticule() },
});

export function basemapLayers(theme) {
  return [
    { id: 'sea', type: 'background', paint: { 'background-color': theme.sea } },
    {
      id: 'land', type: 'fill', source: 'land',
      paint: { 'fill-color': theme.land, 'fill-antialias': false },
    },
    {
      id: 'graticule', type: 'line', source: 'graticule',
      paint: { 'line-color': theme.graticule, 'line-width': 0.6, 'line-opacity': 0.7 },
    },
  ];
}

export function coastLayers(theme) {
  return [
    {
      id: 'coast', type: 'line', source: 'coast',
      layout: { 'line-join': 'round' },
      paint: {
        'line-color': theme.coast,
        'line-width': ['interpolate', ['linear'], ['zoom'], 2, 0.5, 8, 1.1],
      },
    },
  ];
}

/**
 * Draw a rough land at once, the coarse one when the map has time for its many points, and the fine
 * one once the reader comes near.
 */
export async function loadLand(map, paved) {
  await drawLand(map, LAND_110M);
  await paved;
  await drawLand(map, LAND_50M);
  let fine = false;
  const refine = () => {
    if (fine || map.getZoom() < NEAR_ZOOM) return;
    fine = true;
    map.off('moveend', refine);
    drawLand(map, LAND_10M).catch((error) => map.fire('error', { error }));
  };
  map.on('moveend', refine);
  refine();
}

async function drawLand(map, address) {
  const response = await fetch(address);
  if (!response.ok) {
    throw new Error(`Land outline: HTTP ${response.status}. Run the install step again.`);
  }
  const topology = await response.json();
  const land = unbroken(topologyFeature(topology, topology.objects.land));
  map.getSource('land').setData(land);
  map.getSource('coast').setData({ type: 'Feature', properties: {}, geometry: coastOf(land) });
}

/** Rings that run on across 180° instead of jumping back through the whole map. */
function unbroken({ features }) {
  const polygons = features.flatMap(({ geometry }) => (
    geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.coordinates
  ));
  const coordinates = polygons.map((rings) => rings.map((ring) => (
    continuousRing(ring, rings[0][0][0])
  )));
  const geometry = { type: 'MultiPolygon', coordinates };
  return { type: 'FeatureCollection', features: [{ type: 'Feature', properties: {}, geometry }] };
}

/** The rings without the cuts along 180° and the pole, which are no coast. */
function coastOf(land) {
  const lines = [];
  const rings = land.features.flatMap(({ geometry }) => (
    geometry.type === 'Polygon' ? geometry.coordinates : geometry.coordinates.flat()
  ));
  for (const ring of rings) {
    let line = [ring[0]];
    for (let i = 1; i < ring.length; i += 1) {
      if (isCut(ring[i - 1], ring[i])) {
        if (line.length > 1) lines.push(line);
        line = [ring[i]];
      } else {
        line.push(ring[i]);
      }
    }
    if (line.length > 1) lines.push(line);
  }
  return { type: 'MultiLineString', coordinates: lines };
}

function isCut([lonA, latA], [lonB, latB]) {
  const edge = (lon) => Math.abs(Math.abs(lon) - 180) < 0.01;
  return (edge(lonA) && edge(lonB)) || (latA < -89.9 && latB < -89.9);
}

function graticule(step = 10) {
  const lines = [];
  for (let lon = -180; lon < 180; lon += step) lines.push([[lon, -80], [lon, 80]]);
  for (let lat = -80; lat <= 80; lat += step) lines.push([[-180, lat], [180, lat]]);
  const geometry = { type: 'MultiLineString', coordinates: lines };
  return { type: 'Feature', properties: {}, geometry };
}
