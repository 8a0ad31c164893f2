// Elements from names and texts. Texts become text nodes and nothing else: what servers and clients say is never markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, properties, children) {
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** An HTML element: `onclick` and its like are listeners, everything else attributes. */
export const h = (name, properties = {}, ...children) => fill(document.createElement(name), properties, children);

/** An SVG element. */
export const s = (name, properties = {}, ...children) => fill(document.createElementNS(SVG, name), properties, children);

/** The element of the page with this id. */
export const at = (id) => document.getElementById(id);

/** Replaces what an element holds, and keeps the keyboard where it was: elements that come again have the same `data-key`. */
export function show(element, ...children) {
  const focused = element.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  element.replaceChildren(...children.flat().filter(Boolean));
  if (focused) element.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}
