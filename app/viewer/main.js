// Puts the page together: one state, the feeds it asks for, the map and lists that show them.

import { Catalogue } from './catalogue.js';
import { byId, element } from './dom.js';
import { feedQuery, fetchFeed } from './feeds.js';
import { fillForm, listenToForm } from './filters.js';
import { middleOf, viewBox } from './geometry.js';
import { request } from './http.js';
import { drawLegend } from './legend.js';
import { drawLists } from './lists.js';
import { Loader } from './loader.js';
import { createMap, lookAt, pick, repaint, setFeed, setSelection, showLayer } from './map.js';
import * as notices from './notices.js';
import { colourScale } from './palette.js';
import { closePanel, openPanel } from './panel.js';
import { readSession, redeemTicket, signOut } from './session.js';
import { FILTERS, filtered, LAYERS, readFragment, writeFragment } from './state.js';
import { currentTheme, onThemeChange } from './themes.js';
import { chooseLanguage, currentLanguage, loadWords, t, translatePage } from './words.js';

const SETTLE_MS = 250; // a drag ends in several moves; lists and feeds follow once, after the last

class Viewer {
  state = readFragment(window.location.hash);

  catalogue = new Catalogue();

  studies = [];

  session = null;

  loader = new Loader({
    received: (feed, features) => this.received(feed, features),
    failed: (feed, problem) => notices.showFailure(feed, problem, () => this.refresh()),
    progress: () => this.drawNotices(),
  });

  async start() {
    await this.speak();
    const refused = await redeemTicket();
    if (refused) notices.showFailure('session', refused, null);
    const created = await createMap(byId('map'), this.state, {
      theme: currentTheme(),
      colour: this.scale.expression,
      failed: (error) => notices.showFailure('map', error, null),
    });
    this.map = created.map;
    this.listen();
    this.draw();
    await Promise.all([
      this.attempt('map', () => created.land),
      this.attempt('catalogue', () => this.readCatalogue()),
      this.attempt('studies', () => this.readStudies()),
      this.attempt('session', () => this.readSession()),
      this.refresh(),
    ]);
  }

  /** What fails beside the feeds is told too, with a way to try again. */
  async attempt(what, run) {
    notices.clearFailure(what);
    try {
      await run();
    } catch (problem) {
      notices.showFailure(what, problem, what === 'map' ? null : () => this.attempt(what, run));
    }
  }

  listen() {
    listenToForm((part) => this.change(part));
    byId('clear').addEventListener('click', () => this.clear());
    byId('close').addEventListener('click', () => this.deselect());
    byId('toggle').addEventListener('click', ({ currentTarget }) => {
      currentTarget.setAttribute('aria-expanded', String(byId('side').classList.toggle('open')));
    });
    byId('skip').addEventListener('click', (event) => {
      event.preventDefault(); // the fragment holds the map's state
      this.map.getCanvas().focus();
    });
    document.addEventListener('keydown', ({ key }) => { if (key === 'Escape') this.deselect(); });
    window.addEventListener('hashchange', () => this.follow());
    onThemeChange(() => this.draw());
    this.listenToMap();
  }

  listenToMap() {
    const { map } = this;
    const canvas = map.getCanvas();
    map.on('click', ({ point }) => this.choosePoint(point));
    map.on('mousemove', ({ point }) => {
      canvas.style.cursor = pick(map, point).length ? 'pointer' : '';
    });
    canvas.addEventListener('keydown', ({ key }) => {
      if (key === 'Enter') this.choosePoint({ x: canvas.clientWidth / 2, y: canvas.clientHeight / 2 });
    });
    map.on('moveend', () => {
      const { lng: lon, lat } = map.getCenter();
      this.state = { ...this.state, zoom: map.getZoom(), lat, lon };
      this.writeAddress();
      clearTimeout(this.settling);
      this.settling = setTimeout(() => this.settle(), SETTLE_MS);
    });
  }

  async settle() {
    this.drawLists();
    if (this.state.area) await this.refresh();
  }

  // --- the state and the address

  /** The reader changed part of the state: by the form, the legend or the panel. */
  change(part) {
    const bird = this.catalogue.birds.get(this.state.individual);
    const released = part.species && bird && bird.species !== part.species ? { individual: '' } : {};
    this.apply({ ...this.state, ...released, ...part });
    this.writeAddress();
  }

  clear() {
    this.change({ ...Object.fromEntries(FILTERS.map((name) => [name, ''])), area: false });
  }

  /** The address changed: an edited link or the browser's history. */
  follow() {
    const state = readFragment(window.location.hash);
    this.apply(state);
    this.map.jumpTo({ center: [state.lon, state.lat], zoom: state.zoom });
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
    const { pathname, search } = window.location;
    window.history.replaceState(null, '', pathname + search + writeFragment(this.state));
  }

  async speak() {
    await loadWords(chooseLanguage(this.state.lang));
    translatePage();
  }

  // --- what the service says

  async refresh() {
    const box = this.state.area ? viewBox(this.map.getBounds()) : null;
    this.state.layers.forEach(notices.clearFailure);
    await this.loader.ask(this.state.layers, feedQuery(this.state, box));
  }

  received(feed, features) {
    this.catalogue.add(features);
    setFeed(this.map, feed, features);
    this.draw();
  }

  /** All birds, whatever the filters: what can be chosen, and a colour for each. */
  async readCatalogue() {
    const { features } = await fetchFeed('positions', feedQuery({}), null);
    this.catalogue.add(features);
    this.draw();
  }

  async readStudies() {
    const { document: page } = await request('api/v1/studies');
    this.studies = page.items ?? [];
    this.draw();
  }

  async readSession() {
    this.session = await readSession();
    this.draw();
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
    const { individual_id: bird } = chosen.feature.properties;
    const actions = [{ label: t('action.look'), run: () => lookAt(this.map, [chosen.feature]) }];
    if (bird !== undefined && String(bird) !== this.state.individual) {
      actions.push({ label: t('action.only'), run: () => this.change({ individual: String(bird) }) });
    }
    setSelection(this.map, chosen.feature);
    openPanel(chosen, found.filter((item) => item.feature !== chosen.feature), {
      actions, choose: (other) => this.choose(other, found),
    });
  }

  deselect() {
    setSelection(this.map, null);
    closePanel();
  }

  // --- drawing

  get scale() {
    const { colour } = this.state;
    const values = colour === 'species' ? this.catalogue.species.keys() : this.catalogue.birds.keys();
    return colourScale(colour, values, currentTheme());
  }

  /** The feeds that are switched on and hold something. */
  get visible() {
    return new Set(this.state.layers.filter((feed) => this.loader.data[feed].length > 0));
  }

  get visibleFeatures() {
    return [...this.visible].flatMap((feed) => this.loader.data[feed]);
  }

  draw() {
    repaint(this.map, currentTheme(), this.scale.expression);
    for (const feed of LAYERS) showLayer(this.map, feed, this.state.layers.includes(feed));
    fillForm(this.state, this.catalogue, this.studies, currentLanguage());
    this.drawLegend();
    this.drawLists();
    this.drawNotices();
    this.drawSession();
  }

  drawLegend() {
    const { colour } = this.state;
    const property = colour === 'species' ? 'species' : 'individual_id';
    const shown = new Set(this.visibleFeatures.flatMap(({ properties }) => properties[property]).map(String));
    drawLegend({
      scale: this.scale,
      shown,
      visible: this.visible,
      chosen: colour === 'species' ? this.state.species : this.state.individual,
      choose: (value) => this.change({ [colour]: value }),
      label: (value) => (colour === 'species'
        ? this.catalogue.speciesLabel(value) : this.catalogue.birds.get(value)?.name ?? value),
    });
  }

  drawLists() {
    const [west, south, east, north] = viewBox(this.map.getBounds());
    const inside = (lon) => (west <= east ? lon >= west && lon <= east : lon >= west || lon <= east);
    drawLists({
      data: this.loader.data,
      visible: this.visible,
      inView: ([lon, lat]) => inside(((lon + 540) % 360) - 180) && lat >= south && lat <= north,
      colourOf: ({ species, individual_id: bird }) => (
        this.scale.of(this.state.colour === 'species' ? species : String(bird))),
      choose: (item) => {
        this.map.jumpTo({ center: middleOf(item.feature) });
        this.choose(item);
      },
    });
  }

  drawNotices() {
    const { loader, state } = this;
    notices.showLoading(loader.underway);
    notices.showIncomplete(state.layers.filter((feed) => loader.incomplete.has(feed)));
    notices.showSimulated(this.catalogue.simulated(this.visibleFeatures));
    const settled = loader.underway.length === 0 && !notices.anyFailure() && state.layers.length > 0;
    const empty = settled && this.visible.size === 0;
    notices.showEmpty(empty ? (filtered(state) ? 'filtered' : 'all') : null, () => this.clear());
  }

  drawSession() {
    if (this.session === null) return;
    const { signed_in: signedIn, institute } = this.session;
    byId('session').replaceChildren(
      element('span', {}, signedIn ? t('session.signed_in', { institute }) : t('session.public')),
      ...(signedIn ? [element('button', {
        type: 'button', click: () => this.attempt('session', () => this.leave()),
      }, t('session.sign_out'))] : []),
    );
  }
}

const viewer = new Viewer();
window.flyways = viewer; // a handle for the browser tests and for a curious reader's console
viewer.ready = viewer.start();
