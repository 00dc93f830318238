// Puts the page together: one state, the feeds it asks for, the map and lists that show them.

import { loadLand } from './basemap.js';
import { Catalogue } from './catalogue.js';
import { openChoice } from './choice.js';
import { byId } from './dom.js';
import { feedQuery } from './feeds.js';
import { viewBox } from './geometry.js';
import { listen, listenToAddress } from './listening.js';
import { Loader } from './loader.js';
import { lookAt, pick, quiet, repaint, setFeed, setSelection, showLayer } from './map.js';
import { makeMap, MAPLESS } from './mapless.js';
import { clearFailure, drawFailures, showFailure } from './notices.js';
import { drawPage, drawPageLists, drawPageNotices } from './page.js';
import { colourScale } from './palette.js';
import { closePanel } from './panel.js';
import { isSameReader, readSession, redeemTicket, signOut } from './session.js';
import { soon } from './soon.js';
import { loadSpecies } from './species.js';
import { FILTERS, LAYERS, namesPlace, readFragment, writeFragment } from './state.js';
import { currentTheme } from './themes.js';
import { chooseLanguage, loadFirstWords, loadWords } from './words.js';

const SETTLE_MS = 250; // a drag ends in several moves; lists and feeds follow once, after the last

class Viewer {
  state = readFragment(window.location.hash);

  catalogue = new Catalogue();

  session = null;

  /** Does the address or the reader say where to look? */
  placed = namesPlace(window.location.hash);

  /** Resolves once words and map are there to be filled. */
  standing = new Promise((resolve) => { this.stand = resolve; });

  /** Tracks come first to the map: each kind of layer costs its first frame time. */
  paved = this.standing.then(() => this.loader.data.tracks.length > 0 && quiet(this.map));

  drawSoon = soon(() => this.draw());

  loader = new Loader({
    received: (feed, features) => this.received(feed, features),
    failed: (feed, problem) => this.standing.then(() => showFailure(feed, problem, this.refresh)),
    progress: () => this.map && drawPageNotices(this),
  });

  async start() {
    listenToAddress(this);
    const refused = await redeemTicket();
    // The feeds answer while the map is made; what lies in view is known only afterwards.
    const asked = this.state.area ? null : this.refresh();
    const unspoken = await loadFirstWords(chooseLanguage(this.state.lang));
    if (unspoken) showFailure('words', unspoken, () => this.speak());
    if (refused) showFailure('ticket', refused, null);
    this.map = await makeMap(this.state, {
      theme: currentTheme(),
      scale: this.scale,
      failed: (error) => showFailure('map', error, null),
    });
    listen(this);
    this.draw();
    this.lookAtAll();
    this.stand();
    await Promise.all([
      this.map !== MAPLESS && this.attempt('map', () => loadLand(this.map, this.paved)),
      this.attempt('species', () => loadSpecies().then(() => this.drawSoon())),
      this.readCatalogue(),
      this.readSession(),
      (asked ?? this.refresh()).then(() => this.lookAtAll()),
    ]);
  }

  /** What fails beside the feeds is told too, with a way to try again. */
  async attempt(what, run) {
    clearFailure(what);
    try {
      await run();
    } catch (problem) {
      showFailure(what, problem, what === 'map' ? null : () => this.attempt(what, run));
    }
  }

  moved(place, byReader) {
    this.placed ||= byReader;
    this.state = { ...this.state, ...place };
    this.writeAddress();
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.settle(), SETTLE_MS);
  }

  async settle() {
    drawPageLists(this);
    if (this.state.area) await this.refresh();
  }

  // --- the state and the address

  /** The reader changed part of the state: by the form, the legend or the panel. */
  change(part) {
    const bird = this.catalogue.birds.get(this.state.individual);
    const other = part.species && bird && bird.species !== part.species;
    const released = other ? { individual: '' } : {};
    this.apply({ ...this.state, ...released, ...part });
    this.writeAddress();
  }

  clear() {
    this.change({ ...Object.fromEntries(FILTERS.map((name) => [name, ''])), area: false });
  }

  /** The address changed: an edited link or the browser's history. */
  async follow(fragment) {
    const state = readFragment(fragment);
    this.placed = namesPlace(fragment);
    const applied = this.apply(state);
    this.map.jumpTo({ center: [state.lon, state.lat], zoom: state.zoom });
    await applied;
    this.lookAtAll();
  }

  async apply(state) {
    const before = this.state;
    this.state = state;
    if (state.lang !== before.lang) await this.speak();
    if (FILTERS.some((name) => state[name] !== before[name])) this.deselect();
    this.draw();
    await this.refresh();
  }

  writeAddress() {
    window.history.replaceState(null, '', writeFragment(this.state)); // path and query stay
  }

  async speak() {
    await this.attempt('words', async () => {
      await loadWords(chooseLanguage(this.state.lang));
      drawFailures();
      this.draw();
    });
  }

  // --- what the service says

  refresh = async () => {
    const box = this.state.area ? viewBox(this.map.getBounds()) : null;
    this.state.layers.forEach(clearFailure);
    await Promise.all([
      this.loader.ask(this.state.layers, feedQuery(this.state, box)),
      // Feeds answer a session that has ended as the public, without a word.
      this.session?.signed_in && this.readSession(),
    ]);
  };

  /** What can be chosen from, whatever the filters. */
  async readCatalogue() {
    await Promise.all([
      this.attempt('catalogue', () => this.catalogue.readBirds().then(() => this.drawSoon())),
      this.attempt('studies', () => this.catalogue.readStudies().then(() => this.drawSoon())),
    ]);
  }

  async received(feed, features) {
    await (feed === 'tracks' ? this.standing : this.paved);
    if (this.loader.data[feed] !== features) return; // overtaken while the map was made
    this.catalogue.add(features);
    this.repaint(); // first: another colour or view would have the features cut up again
    if (feed === 'tracks') this.lookAtAll();
    setFeed(this.map, feed, features);
    await this.drawSoon();
  }

  async readSession() {
    await this.attempt('session', async () => {
      const now = await readSession();
      const before = this.session;
      this.session = now;
      if (before && !isSameReader(before, now)) await this.beginAgain();
      else if (!before) await this.drawSoon();
    });
  }

  /** The reader is another, or has become a stranger: what the one before saw must not stay. */
  async beginAgain() {
    byId('ended').hidden = this.session.signed_in;
    this.deselect();
    this.catalogue = new Catalogue();
    await this.loader.forget();
    await Promise.all([this.readCatalogue(), this.refresh()]);
  }

  async leave() {
    await signOut();
    window.location.reload(); // what was shown to an institute must not stay on the page
  }

  // --- choosing features

  choosePoint(point) {
    const found = pick(this.map, point).map((item) => this.whole(item));
    if (found.length === 0) this.deselect();
    else this.choose(found[0], found);
  }

  whole({ feed, index }) {
    return { feed, index, feature: this.loader.data[feed][index] };
  }

  choose(chosen, found = []) {
    openChoice(this, chosen, found);
  }

  deselect() {
    setSelection(this.map, null);
    closePanel();
  }

  /** A first look shows every bird's whole flyway; a link shows the place that it names. */
  lookAtAll() {
    if (this.placed) return;
    lookAt(this.map, [...this.visible].flatMap((feed) => this.loader.data[feed]), false);
  }

  // --- what is shown

  get scale() {
    const { catalogue, state: { colour } } = this;
    const values = colour === 'individual' ? catalogue.birdsByName : [...catalogue.species].sort();
    return colourScale(colour, values, currentTheme());
  }

  /** The feeds that are switched on and hold something. */
  get visible() {
    return new Set(this.state.layers.filter((feed) => this.loader.data[feed].length > 0));
  }

  repaint = () => repaint(this.map, currentTheme(), this.scale);

  draw() {
    this.repaint();
    for (const feed of LAYERS) showLayer(this.map, feed, this.state.layers.includes(feed));
    drawPage(this);
  }
}

const viewer = new Viewer();
window.flyways = viewer; // a handle for the browser tests and for a curious reader's console
viewer.ready = viewer.start();
