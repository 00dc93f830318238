// Two signs drawn by hand as signed distance fields, so that a paint colour tints them.

const SIZE_PX = 32;
const EDGE = 192 / 255; // the value MapLibre takes for the outline of a distance field
const SPREAD_PX = 8; // distance that spans the full range of values

/** Distance in pixels to the sign's outline, negative inside. */
const SIGNS = {
  diamond: (x, y) => (Math.abs(x) + Math.abs(y) - 8) / Math.SQRT2,
  arrow: (x, y) => {
    const chevron = Math.abs(Math.abs(y) + x * 0.9 - 2) / 1.35;
    return Math.max(chevron - 2.2, Math.abs(x) - 8, Math.abs(y) - 8);
  },
};

export function addIcons(map) {
  for (const [name, distance] of Object.entries(SIGNS)) {
    map.addImage(name, { width: SIZE_PX, height: SIZE_PX, data: field(distance) }, { sdf: true });
  }
}

function field(distance) {
  const data = new Uint8ClampedArray(SIZE_PX * SIZE_PX * 4);
  for (let row = 0; row < SIZE_PX; row += 1) {
    for (let column = 0; column < SIZE_PX; column += 1) {
      const away = distance(column + 0.5 - SIZE_PX / 2, row + 0.5 - SIZE_PX / 2);
      data[(row * SIZE_PX + column) * 4 + 3] = 255 * (EDGE - away / SPREAD_PX);
    }
  }
  return data;
}
