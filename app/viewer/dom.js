// Elements without markup strings: text is always text, never HTML.

/** Make an element; attributes whose value is null or false are left out, functions listen. */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') node.addEventListener(name, value);
    else if (value === true) node.setAttribute(name, '');
    else if (![null, undefined, false].includes(value)) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

export const byId = (id) => document.getElementById(id);

/** A drawn key for the legend. The shape's attributes are presentation attributes of SVG. */
export function drawing(width, height, ...shapes) {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  const frame = { width, height, viewBox: `0 0 ${width} ${height}`, 'aria-hidden': 'true' };
  for (const [name, value] of Object.entries(frame)) svg.setAttribute(name, value);
  for (const [tag, attributes] of shapes) {
    const shape = document.createElementNS(space, tag);
    const { content = '', ...drawn } = attributes;
    for (const [name, value] of Object.entries(drawn)) shape.setAttribute(name, value);
    shape.textContent = content;
    svg.append(shape);
  }
  return svg;
}
