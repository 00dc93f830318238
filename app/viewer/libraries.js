// The one door to third-party files; vendor.json says which file of which package each is.
// A relative path instead of an import map: an import map is an inline script, which a strict
// Content-Security-Policy (script-src 'self') refuses.
export * as maplibre from './vendor/maplibre-gl/maplibre-gl.mjs';
export { default as topologyFeature } from './vendor/topojson-client/feature.js';

export const LAND_110M = new URL('./vendor/world-atlas/land-110m.json', import.meta.url);
export const LAND_50M = new URL('./vendor/world-atlas/land-50m.json', import.meta.url);
export const LAND_10M = new URL('./vendor/world-atlas/land-10m.json', import.meta.url);
