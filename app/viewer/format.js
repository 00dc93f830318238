// Quantities as text. Times say which clock they are by; every number carries its unit.

const DAY_S = 86400;
const HOUR_S = 3600;

/** `2020-03-12 04:30 UTC`; an em dash when there is no time. */
export function utc(time) {
  const date = new Date(time ?? NaN);
  if (Number.isNaN(date.getTime())) return '—';
  return `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** `2020-03-12 UTC`: the day alone, where the service tells no more. */
export function utcDay(time) {
  const text = utc(time);
  return text === '—' ? text : `${text.slice(0, 10)} UTC`;
}

/** `2020-03-12 13:30 UTC+09:00`: the clock that a zone (IANA name) kept at that time. */
export function localTime(time, zone) {
  const date = new Date(time ?? NaN);
  if (Number.isNaN(date.getTime())) return '—';
  const clock = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone, hourCycle: 'h23', timeZoneName: 'longOffset', year: 'numeric',
    month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit',
  });
  const parts = clock.formatToParts(date).map(({ type, value }) => [type, value]);
  const part = Object.fromEntries(parts);
  const offset = part.timeZoneName.replace('GMT', '') || '+00:00';
  return `${part.year}-${part.month}-${part.day} ${part.hour}:${part.minute} UTC${offset}`;
}

/**
 * One instant, or the window it must lie in: `2020-03-12 04:30 – 06:00 UTC`. `write` is utc or
 * its like; what both ends share, the day and the clock's name, stands once.
 */
export function timeWindow(earliest, latest, write = utc) {
  const [low, high] = [earliest ?? latest, latest ?? earliest].map((time) => write(time));
  if (low === high) return low;
  const [from, to] = [low.split(' '), high.split(' ')];
  if (from.at(-1) === to.at(-1)) from.pop();
  if (from[0] === to[0]) to.shift();
  return `${from.join(' ')} – ${to.join(' ')}`;
}

/** Hours below two days, days above: `31 h`, `12.4 d`. */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return '—';
  if (seconds < 2 * DAY_S) return `${(seconds / HOUR_S).toFixed(seconds < 10 * HOUR_S ? 1 : 0)} h`;
  return `${(seconds / DAY_S).toFixed(seconds < 100 * DAY_S ? 1 : 0)} d`;
}

export function durationRange(least, most) {
  const [low, high] = [duration(least), duration(most)];
  if (low === high || high === '—') return low;
  return low === '—' ? high : `${low} – ${high}`;
}

/** Metres below one kilometre, kilometres above. */
export function distance(metres) {
  if (!Number.isFinite(metres)) return '—';
  return metres < 1000 ? `${Math.round(metres)} m` : `${(metres / 1000).toFixed(1)} km`;
}

/** The least and the greatest of some: `12.0 – 85.3 km`; an em dash where there are none. */
export function distanceRange(metres) {
  if (!metres?.length) return '—';
  const [low, high] = [Math.min(...metres), Math.max(...metres)].map(distance);
  if (low === high) return low;
  const unit = high.slice(-3);
  return `${low.endsWith(unit) ? low.slice(0, -unit.length) : low} – ${high}`;
}

/** A number as the language writes it, with one decimal at most. */
export function count(number, lang) {
  if (!Number.isFinite(number)) return '—';
  return new Intl.NumberFormat(lang, { maximumFractionDigits: 1 }).format(number);
}

/** `36.4500° N, 126.6100° E` */
export function place([lon, lat]) {
  const east = ((lon + 540) % 360) - 180;
  const part = (value, positive, negative) => (
    `${Math.abs(value).toFixed(4)}° ${value < 0 ? negative : positive}`
  );
  return `${part(lat, 'N', 'S')}, ${part(east, 'E', 'W')}`;
}
