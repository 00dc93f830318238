// What the reader chose, on the map or from a list: it is marked, and its details open.

import { lookAt, setSelection } from './map.js';
import { MAPLESS } from './mapless.js';
import { openPanel } from './panel.js';
import { showSide } from './side.js';
import { t } from './words.js';

/** Open one feature; `found` is all that lies under the same point. */
export function openChoice(viewer, chosen, found) {
  setSelection(viewer.map, chosen.feature);
  const { birds } = viewer.catalogue;
  const { taxon } = birds.get(String(chosen.feature.properties.individual_id)) ?? {};
  openPanel({ ...chosen, taxon }, found.filter((item) => item.feature !== chosen.feature), {
    actions: actions(viewer, chosen.feature),
    choose: (other) => viewer.choose(other, found),
  });
  showSide(false); // on a narrow page it would hide the details
}

function actions(viewer, feature) {
  const { map, state } = viewer;
  const { individual_id: bird } = feature.properties;
  const offered = [];
  if (map !== MAPLESS) {
    offered.push({ label: t('action.look'), run: () => lookAt(map, [feature]) });
  }
  if (bird !== undefined && String(bird) !== state.individual) {
    const run = () => viewer.change({ individual: String(bird) });
    offered.push({ label: t('action.only'), run });
  }
  return offered;
}
