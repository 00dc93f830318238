// Surfaces of the map in both themes; the page's own colours are in viewer.css.

export const THEMES = {
  light: {
    sea: '#dde7ec', land: '#f8f6f1', coast: '#9db0ba', graticule: '#c9d6dd', ink: '#22303a',
    halo: '#f8f6f1', site: '#22303a', siteFill: '#ffffff', selection: '#111111', label: '#8598a3',
  },
  dark: {
    sea: '#0d151c', land: '#1c262e', coast: '#4a5d6a', graticule: '#1a2630', ink: '#e3eaee',
    halo: '#141d24', site: '#e3eaee', siteFill: '#1c262e', selection: '#ffffff', label: '#5d7380',
  },
};

const query = window.matchMedia('(prefers-color-scheme: dark)');

export const currentTheme = () => (query.matches ? 'dark' : 'light');
export const onThemeChange = (listener) => query.addEventListener('change', listener);
