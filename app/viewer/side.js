// The side panel of a narrow page, which covers the map while it is open.

import { byId } from './dom.js';

export function showSide(open) {
  byId('side').classList.toggle('open', open);
  byId('toggle').setAttribute('aria-expanded', String(open));
}

export const isSideOpen = () => byId('side').classList.contains('open');
