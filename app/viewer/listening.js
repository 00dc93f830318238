// What the reader does anywhere on the page, told to the viewer.

import { byId } from './dom.js';
import { listenToForm } from './filters.js';
import { listenToMap } from './gestures.js';
import { isSideOpen, showSide } from './side.js';
import { onThemeChange } from './themes.js';

/** A link put into the address while the page still loads is followed once the map stands. */
export function listenToAddress(viewer) {
  window.addEventListener('hashchange', async ({ newURL }) => {
    await viewer.standing;
    viewer.follow(new URL(newURL).hash);
  });
}

export function listen(viewer) {
  listenToForm((part) => viewer.change(part));
  listenToButtons(viewer);
  document.addEventListener('keydown', ({ key }) => { if (key === 'Escape') viewer.deselect(); });
  document.addEventListener('visibilitychange', () => {
    // A computer wakes before its network does; the next refresh asks then.
    if (!document.hidden && navigator.onLine) viewer.readSession();
  });
  onThemeChange(() => viewer.draw());
  listenToMap(viewer.map, {
    choose: (point) => viewer.choosePoint(point),
    moved: (place, byReader) => viewer.moved(place, byReader),
  });
}

function listenToButtons(viewer) {
  const onClick = (id, act) => byId(id).addEventListener('click', act);
  onClick('clear', () => viewer.clear());
  onClick('close', () => viewer.deselect());
  onClick('toggle', () => showSide(!isSideOpen()));
  onClick('ended-dismiss', () => { byId('ended').hidden = true; });
  onClick('skip', (event) => {
    event.preventDefault(); // the fragment holds the map's state
    viewer.map.getCanvas().focus();
  });
}
