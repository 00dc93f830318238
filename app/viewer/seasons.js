// Seasons as the feeds carry them: a bird's own (`2020-spring`) and a flyway's of all years.

import { t, term } from './words.js';

/** In the order of a bird's year; the legend and the filter list them so. */
export const SEASONS = ['spring', 'breeding', 'summering', 'autumn', 'wintering'];

const OF_A_YEAR = /^(\d{4})-(\w+)$/;

/** The season without its year, or '' where a feature carries none. */
export const seasonName = (season) => OF_A_YEAR.exec(season)?.[2] ?? season ?? '';

/** The filter takes seasons of a year alone. */
export const isOfAYear = (season) => OF_A_YEAR.test(season);

/** `2020-spring` in words: `Spring 2020`; `spring`: `Spring`. */
export function seasonLabel(season) {
  const [, year, name] = OF_A_YEAR.exec(season) ?? [];
  if (!year) return term('season_name', season);
  return t(`season.${name}`, { year, next: String(Number(year) + 1).slice(2) });
}

/** Compare two seasons of years: the latest first. */
export function latestFirst(a, b) {
  const place = (season) => SEASONS.indexOf(seasonName(season));
  return parseInt(b, 10) - parseInt(a, 10) || place(b) - place(a);
}
