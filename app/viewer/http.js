// Requests to the service this page came from, and to nothing else.

export const ROOT = new URL('../', import.meta.url);

/** A refused or failed request: what happened (`message`) and how to mend it (`remedy`). */
export class Problem extends Error {
  constructor({ status = 0, code = '', detail, remedy = '' }) {
    super(detail);
    this.name = 'Problem';
    this.status = status;
    this.code = code;
    this.remedy = remedy;
  }
}

/** Answer parsed JSON and the response, or throw a Problem (RFC 9457 members where sent). */
export async function request(path, { method = 'GET', body = null, signal = null } = {}) {
  const headers = { Accept: 'application/geo+json, application/json, application/problem+json' };
  if (body !== null) headers['Content-Type'] = 'application/json';
  let response;
  try {
    response = await fetch(new URL(path, ROOT), {
      method, headers, signal, credentials: 'same-origin',
      body: body === null ? null : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Problem({ code: 'no-answer', detail: '' });
  }
  if (!response.ok) throw await problemOf(response);
  if (response.status === 204) return { document: null, response };
  try {
    return { document: await response.json(), response };
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Problem({ status: response.status, code: 'not-json', detail: '' });
  }
}

async function problemOf(response) {
  const { status } = response;
  const type = response.headers.get('Content-Type') ?? '';
  if (!type.includes('json')) return new Problem({ status, detail: '' });
  const sent = await response.json().catch(() => ({}));
  const { code = '', remedy = '' } = sent;
  return new Problem({ status, code, remedy, detail: sent.detail ?? sent.title ?? '' });
}

/** All items of a list, however many pages they fill. */
export async function requestItems(path) {
  const items = [];
  let next = path;
  while (next) {
    const { document: page, response } = await request(next);
    items.push(...page.items);
    next = nextPage(page, response);
  }
  return items;
}

/** The address of the page after this one, or null. */
export function nextPage(page, response) {
  const linked = /<([^>]+)>\s*;[^,]*rel="?next"?/.exec(response.headers.get('Link') ?? '');
  const href = linked?.[1] ?? page.links?.find?.((link) => link.rel === 'next')?.href ?? page.next;
  if (!href) return null;
  // A service behind a proxy may name another host: its path is ours, its host is not asked.
  const { pathname, search } = new URL(href, response.url ?? ROOT);
  return new URL(pathname + search, ROOT).href;
}
