// What stands in for the map where the browser cannot draw one: every place is in view.

import { byId } from './dom.js';
import { Problem } from './http.js';
import { createMap } from './map.js';

const nothing = () => {};

export const MAPLESS = {
  getBounds: () => ({
    getWest: () => -180, getSouth: () => -90, getEast: () => 180, getNorth: () => 90,
  }),
  getCanvas: () => byId('map'),
  getSource: () => ({ setData: nothing }),
  fitBounds: nothing,
  jumpTo: nothing,
  on: nothing,
  once: async () => {},
  setLayoutProperty: nothing,
  setPaintProperty: nothing,
};

/** The map or, told why to `look.failed`, what stands in for it. */
export async function makeMap(state, look) {
  try {
    return await createMap(byId('map'), state, look);
  } catch (error) {
    const withoutGpu = error.name === 'GPUInitializationError'; // so MapLibre calls no WebGL 2
    const code = withoutGpu ? 'no-webgl' : 'no-map';
    look.failed(new Problem({ code, detail: error.message }));
    return goWithout();
  }
}

/** Take away what the map has begun, and what needs one. */
function goWithout() {
  byId('map').replaceChildren();
  byId('skip').hidden = true;
  byId('filter-area').disabled = true;
  return MAPLESS;
}
