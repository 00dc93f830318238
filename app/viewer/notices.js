// What the reader is told: loading, nothing found, failures with their remedy, simulated data.

import { byId, element } from './dom.js';
import { t } from './words.js';

const failures = new Map(); // what failed -> Problem

/** Which feeds are under way; an empty list means the map is complete. */
export function showLoading(feeds) {
  byId('map').setAttribute('aria-busy', String(feeds.length > 0));
  byId('loading').hidden = feeds.length === 0;
  const names = feeds.map((feed) => t(`layer.${feed}`)).join(', ');
  byId('loading').textContent = feeds.length ? t('state.loading', { what: names }) : '';
}

export function showFailure(what, problem, retry) {
  failures.set(what, { problem, retry });
  drawFailures();
}

export function clearFailure(what) {
  if (failures.delete(what)) drawFailures();
}

function drawFailures() {
  byId('failures').replaceChildren(...[...failures].map(([what, { problem, retry }]) => element(
    'div', { class: 'notice failure' },
    element('strong', {}, t('state.failed', { what: t(`layer.${what}`) })),
    element('p', {}, detailOf(problem)),
    problem.remedy ? element('p', { class: 'remedy' }, problem.remedy) : null,
    retry ? element('button', { type: 'button', click: retry }, t('action.retry')) : null,
    element('button', { type: 'button', click: () => clearFailure(what) }, t('action.dismiss')),
  )));
}

function detailOf(problem) {
  if (problem.message) return problem.message;
  if (problem.code === 'no-answer') return t('problem.no_answer');
  return t('problem.status', { status: problem.status });
}

export const anyFailure = () => failures.size > 0;

export function showEmpty(kind, clear) {
  const notice = byId('empty');
  notice.hidden = kind === null;
  if (kind === null) return;
  const offer = kind === 'filtered';
  notice.replaceChildren(
    element('p', {}, t(`state.empty_${kind}`)),
    ...(offer ? [element('button', { type: 'button', click: clear }, t('action.clear'))] : []),
  );
}

export function showIncomplete(feeds) {
  byId('incomplete').hidden = feeds.length === 0;
  const names = feeds.map((feed) => t(`layer.${feed}`)).join(', ');
  byId('incomplete').textContent = feeds.length ? t('state.incomplete', { what: names }) : '';
}

/** `share`: 'all', 'some' or 'none' of what is shown. */
export function showSimulated(share) {
  byId('simulated').hidden = share === 'none';
  byId('simulated').textContent = t(share === 'some' ? 'state.simulated_some' : 'state.simulated');
}
