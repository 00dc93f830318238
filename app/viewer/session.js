// Who looks: a sign-in ticket in the address becomes a session cookie and leaves the address.

import { Problem, request } from './http.js';

/** Exchange `?signin=<ticket>` if there is one. Answers a refused ticket's Problem, or null. */
export async function redeemTicket() {
  const here = new URL(window.location.href);
  const ticket = here.searchParams.get('signin');
  if (!ticket) return null;
  // First: a ticket must not stay in the history, whatever the service answers.
  here.searchParams.delete('signin');
  window.history.replaceState(null, '', here);
  try {
    await request('api/v1/session', { method: 'POST', body: { ticket } });
    return null;
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}

export async function readSession() {
  const { document: session } = await request('api/v1/session');
  return session;
}

export function isSameReader(one, other) {
  return one.signed_in === other.signed_in && one.institute?.id === other.institute?.id;
}

export async function signOut() {
  await request('api/v1/session', { method: 'DELETE' });
}
