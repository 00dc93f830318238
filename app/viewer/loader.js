// Holds the answer of each feed to its latest question; an overtaken question is given up.

import { FEEDS, fetchFeed } from './feeds.js';

export class Loader {
  data = Object.fromEntries(FEEDS.map((feed) => [feed, []]));

  incomplete = new Set();

  unanswered = new Set(); // feeds whose last question failed: nobody knows whether they are empty

  #underway = new Map(); // feed -> AbortController
  #begun = false;

  #asked = new Map(); // feed -> the query that is answered or under way

  /** `received(feed, features)`, `failed(feed, problem)` and `progress()` are told. */
  constructor({ received, failed, progress }) {
    Object.assign(this, { received, failed, progress });
  }

  get underway() { return [...this.#underway.keys()]; }

  /** Nothing is under way, and something has been asked. */
  get settled() { return this.#underway.size === 0 && this.#begun; }

  /** Ask these feeds this query, except where it is already answered or under way. */
  async ask(feeds, query) {
    const stale = feeds.filter((feed) => this.#asked.get(feed) !== String(query));
    await Promise.all(stale.map((feed) => this.#load(feed, query)));
  }

  /** Give up all questions and drop all answers: they were another reader's. */
  async forget() {
    this.#underway.forEach((attempt) => attempt.abort());
    this.#underway.clear();
    this.#asked.clear();
    this.#begun = false;
    this.unanswered.clear();
    await Promise.all(FEEDS.map((feed) => this.#hold(feed, [], true)));
  }

  async #load(feed, query) {
    this.#underway.get(feed)?.abort();
    const attempt = new AbortController();
    this.#underway.set(feed, attempt);
    this.#asked.set(feed, String(query));
    this.#begun = true;
    this.progress();
    try {
      const { features, complete } = await fetchFeed(feed, query, attempt.signal);
      this.unanswered.delete(feed);
      await this.#hold(feed, features, complete);
    } catch (error) {
      if (error.name === 'AbortError') return;
      this.#asked.delete(feed);
      this.unanswered.add(feed);
      await this.#hold(feed, [], true); // an old answer would belie the filters shown beside it
      this.failed(feed, error);
    } finally {
      if (this.#underway.get(feed) === attempt) this.#underway.delete(feed);
      this.progress();
    }
  }

  async #hold(feed, features, complete) {
    this.data[feed] = features;
    if (complete) this.incomplete.delete(feed);
    else this.incomplete.add(feed);
    await this.received(feed, features);
  }
}
