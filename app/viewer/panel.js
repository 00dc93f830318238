// The details panel: opens on a choice, takes the focus, gives it back when closed.

import { hasClock, rows, title } from './details.js';
import { byId, element } from './dom.js';
import { giveFocus } from './focus.js';
import { t } from './words.js';
import { zonesOf } from './zones.js';

let returnFocus = null;

/** Show one feature; `others` are what lies under the same point, `choose` switches to one. */
export function openPanel(chosen, others, { choose, actions }) {
  const panel = byId('details');
  if (panel.hidden) returnFocus = document.activeElement;
  const list = element('dl', {});
  fillRows(list, rows(chosen));
  byId('details-kind').textContent = t(`layer.${chosen.feed}`);
  byId('details-title').textContent = title(chosen.feed, chosen.feature);
  byId('details-body').replaceChildren(
    list,
    element('div', { class: 'actions' }, actions.map(({ label, run }) => (
      element('button', { type: 'button', click: run }, label)
    ))),
    ...alsoHere(others, choose),
  );
  panel.hidden = false;
  byId('details-title').focus({ preventScroll: true });
  if (hasClock(chosen.feed)) addLocalTimes(list, chosen);
}

const fillRows = (list, said) => list.replaceChildren(...said.flatMap(([label, value, local]) => [
  element('dt', {}, label),
  element('dd', {}, value, local ? element('span', { class: 'local' }, local) : null),
]));

/** The panel opens at once with UTC; the clock of the place follows from the service. */
async function addLocalTimes(list, chosen) {
  try {
    fillRows(list, rows(chosen, await zonesOf(chosen.feature)));
  } catch {
    list.append(
      element('dt', {}, t('field.time_zone')), element('dd', {}, t('problem.no_time_zone')),
    );
  }
}

function alsoHere(others, choose) {
  if (others.length === 0) return [];
  const items = others.map((other) => element('li', {}, element(
    'button', { type: 'button', class: 'row', click: () => choose(other) },
    element('span', {}, title(other.feed, other.feature)),
    element('span', { class: 'quiet' }, t(`layer.${other.feed}`)),
  )));
  return [element('h3', {}, t('details.also')), element('ul', { class: 'rows' }, items)];
}

export function closePanel() {
  const panel = byId('details');
  if (panel.hidden) return;
  panel.hidden = true;
  giveFocus(returnFocus);
  returnFocus = null;
}
