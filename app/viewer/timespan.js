// The range of days: two native sliders over one track, in step with the date fields.

import { byId } from './dom.js';
import { t } from './words.js';

const DAY_MS = 86_400_000;
const REST_MS = 300; // a drag or a held key sends many values; the feeds are asked for the last

const dayOf = (time) => Math.floor(new Date(time).getTime() / DAY_MS);
const dateOf = (day) => new Date(day * DAY_MS).toISOString().slice(0, 10);

const ends = () => [byId('span-from'), byId('span-to')];

let resting = null; // the timer of a change that is shown and not yet told

/** Report a settled range as part of the state: { from, to }; an end at its stop is open, ''. */
export function listenToSpan(change) {
  const [low, high] = ends();
  const tell = () => {
    if (resting === null) return;
    clearTimeout(resting);
    resting = null;
    change(chosen());
  };
  for (const thumb of [low, high]) {
    thumb.addEventListener('input', () => {
      holdApart(thumb);
      show();
      const { from, to } = chosen();
      byId('filter-from').value = from;
      byId('filter-to').value = to;
      clearTimeout(resting);
      resting = setTimeout(tell, REST_MS);
    });
    thumb.addEventListener('blur', tell);
  }
}

/** A thumb pushed against the other stops there: a range of one day is the shortest. */
function holdApart(moved) {
  const [low, high] = ends();
  if (low.valueAsNumber <= high.valueAsNumber) return;
  moved.value = moved === low ? high.value : low.value;
}

function chosen() {
  const [low, high] = ends();
  return {
    from: low.value === low.min ? '' : dateOf(low.valueAsNumber),
    to: high.value === high.max ? '' : dateOf(high.valueAsNumber),
  };
}

/** Bring the thumbs in line with the state; `extent` is [first, last] time of the data or null. */
export function fillSpan({ from, to }, extent) {
  byId('span').hidden = extent === null;
  if (extent === null || resting !== null) return; // what the reader is moving stays with them
  // A link may name days before or after the data: the track reaches them.
  const first = Math.min(...[extent[0], from].filter(Boolean).map(dayOf));
  const last = Math.max(...[extent[1], to].filter(Boolean).map(dayOf));
  for (const thumb of ends()) {
    thumb.min = first;
    thumb.max = Math.max(last, first + 1); // a range without length has no place for a thumb
  }
  const [low, high] = ends();
  low.value = from ? dayOf(from) : first;
  high.value = to ? dayOf(to) : high.max;
  show();
}

/** The values in words, for eyes and for screen readers, and the part of the track between. */
function show() {
  const [low, high] = ends();
  for (const thumb of [low, high]) {
    thumb.setAttribute('aria-valuetext', `${dateOf(thumb.valueAsNumber)} UTC`);
  }
  const days = [low, high].map((thumb) => dateOf(thumb.valueAsNumber));
  byId('span-values').textContent = t('span.values', { from: days[0], to: days[1] });
  const [start, end] = [low, high].map((thumb) => (
    (thumb.valueAsNumber - thumb.min) / (thumb.max - thumb.min)));
  byId('span-track').style.setProperty('--start', start);
  byId('span-track').style.setProperty('--end', end);
  // Where both stand at one end, the one that can still move lies on top.
  low.classList.toggle('on-top', start > 0.5);
}
