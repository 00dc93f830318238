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

/** One notice for all that failed of one reason. */
export function drawFailures() {
  const reasons = new Map(); // what is told -> what failed so
  for (const [what, { problem }] of failures) {
    const told = `${detailOf(problem)}\n${remedyOf(problem)}`;
    reasons.set(told, [...(reasons.get(told) ?? []), what]);
  }
  byId('failures').replaceChildren(...[...reasons.values()].map(failureNotice));
}

function failureNotice(failed) {
  const { problem, retry } = failures.get(failed[0]);
  const names = failed.map((what) => t(`layer.${what}`)).join(', ');
  return element(
    'div', { class: 'notice failure' },
    element('strong', {}, t('state.failed', { what: names })),
    element('p', {}, detailOf(problem)),
    remedyOf(problem) ? element('p', { class: 'remedy' }, remedyOf(problem)) : null,
    retry ? element('button', { type: 'button', click: () => retryAll(failed) }, t('action.retry'))
      : null,
    element(
      'button', { type: 'button', click: () => failed.forEach(clearFailure) }, t('action.dismiss'),
    ),
  );
}

/** Feeds are asked again together, by the one retry that they share. */
function retryAll(failed) {
  const retries = new Set(failed.map((what) => failures.get(what).retry).filter(Boolean));
  retries.forEach((retry) => retry());
}

function detailOf(problem) {
  if (problem.code === 'no-webgl') return t('problem.no_webgl');
  if (problem.message) return problem.message;
  if (problem.code === 'no-answer') return t('problem.no_answer');
  return t('problem.status', { status: problem.status });
}

function remedyOf({ code, remedy }) {
  return ['no-webgl', 'no-map'].includes(code) ? t('problem.no_map') : remedy ?? '';
}

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
