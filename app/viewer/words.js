// The page's words in the reader's language; a language is one file in words/.

import { byId } from './dom.js';
import { request } from './http.js';

export const LANGUAGES = {
  en: 'English', zh: '中文', ja: '日本語', ko: '한국어', mn: 'Монгол', ru: 'Русский',
};

let words = {};
let language = 'en';

/** Choose by the address, else by the browser, else English. */
export function chooseLanguage(wanted) {
  const spoken = [wanted, ...navigator.languages].map((tag) => (tag ?? '').slice(0, 2));
  return spoken.find((tag) => tag in LANGUAGES) ?? 'en';
}

/** Read a language and write the page in it. */
export async function loadWords(chosen) {
  ({ document: words } = await request(`viewer/words/${chosen}.json`));
  language = chosen;
  document.documentElement.lang = chosen;
  translatePage();
}

/**
 * Load words to begin with: of a language or, where that fails, English; give the problem of the
 * language, or null. Without any the page keeps the English of its HTML until the reader tries
 * again.
 */
export async function loadFirstWords(chosen) {
  try {
    await loadWords(chosen);
    return null;
  } catch (problem) {
    if (await loadWords('en').then(() => true, () => false)) return problem;
  }
  await retryWanted();
  return loadFirstWords(chosen);
}

function retryWanted() {
  const notice = byId('wordless');
  notice.hidden = false;
  return new Promise((resolve) => {
    notice.querySelector('button').addEventListener('click', () => {
      notice.hidden = true;
      resolve();
    }, { once: true });
  });
}

export const currentLanguage = () => language;

/** The text of a key with `{name}` filled in; a missing key shows itself, so that it is noticed. */
export function t(key, values = {}) {
  const text = words[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ''));
}

/** The word for a value the service sends (a season, a kind of stay); unknown ones as sent. */
export const term = (group, value) => words[`${group}.${value}`] ?? String(value ?? '—');

/** Fill the page's fixed texts: elements with data-t (content) and data-t-label (aria-label). */
function translatePage() {
  for (const node of document.querySelectorAll('[data-t]')) node.textContent = t(node.dataset.t);
  for (const node of document.querySelectorAll('[data-t-label]')) {
    node.setAttribute('aria-label', t(node.dataset.tLabel));
  }
}
