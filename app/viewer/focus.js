// The focus stays where the reader put it, though what stands there is drawn anew.

import { byId } from './dom.js';

/**
 * Give the focus to a node or, if it is gone, to what stands in its place: the node of the same id,
 * the heading of its list, the button that opens the side panel.
 */
export function giveFocus(node) {
  const list = byId(node.dataset.list);
  const places = [node, byId(node.id), list?.querySelector('summary'), byId('toggle')];
  places.find((place) => place?.isConnected && place.checkVisibility())?.focus();
}

/** Replace what a node holds; who had the focus in it keeps it. */
export function redraw(node, ...children) {
  const focused = node.contains(document.activeElement) ? document.activeElement : null;
  node.replaceChildren(...children);
  if (focused) giveFocus(focused);
}
