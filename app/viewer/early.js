// Asks for what the map will show first, while its own scripts are still on their way.

import { begin, feedQuery } from './feeds.js';
import { readFragment } from './state.js';

const { hash, search } = window.location;
const state = readFragment(hash);
const signingIn = new URLSearchParams(search).has('signin'); // its answers would be a stranger's

// What lies in view is known only when the map stands.
if (!state.area && !signingIn) state.layers.forEach((feed) => begin(feed, feedQuery(state)));
