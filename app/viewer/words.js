// The page's words in the reader's language; a language is one file in words/.

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

export async function loadWords(chosen) {
  const response = await fetch(new URL(`./words/${chosen}.json`, import.meta.url));
  if (!response.ok) throw new Error(`words/${chosen}.json: HTTP ${response.status}`);
  words = await response.json();
  language = chosen;
  document.documentElement.lang = chosen;
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
export function translatePage(root = document) {
  for (const node of root.querySelectorAll('[data-t]')) node.textContent = t(node.dataset.t);
  for (const node of root.querySelectorAll('[data-t-label]')) {
    node.setAttribute('aria-label', t(node.dataset.tLabel));
  }
}
