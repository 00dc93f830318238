// What the reader does on the map itself: pointing, choosing, moving.

import { pick } from './map.js';

/**
 * Tell `choose` the point of a click or, by Enter, the centre; `moved` the place after a move,
 * and whether the reader made it.
 */
export function listenToMap(map, { choose, moved }) {
  const canvas = map.getCanvas();
  map.on('click', ({ point }) => choose(point));
  map.on('mousemove', ({ point }) => {
    canvas.style.cursor = pick(map, point).length ? 'pointer' : '';
  });
  canvas.addEventListener('keydown', ({ key }) => {
    const { clientWidth: width, clientHeight: height } = canvas;
    if (key === 'Enter') choose({ x: width / 2, y: height / 2 });
  });
  map.on('moveend', ({ originalEvent }) => {
    const { lng: lon, lat } = map.getCenter();
    moved({ zoom: map.getZoom(), lat, lon }, originalEvent !== undefined);
  });
}
