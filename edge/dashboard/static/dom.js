// Elements from words. Everything that came over MQTT goes in as text: nothing here reads markup.

const SVG = "http://www.w3.org/2000/svg";

export const find = (id) => document.getElementById(id);

/** Make an element: attributes by name, `on...` listeners, then children; null children are left out. */
export function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function makeSvg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** A name from elsewhere: isolated, so that its writing direction turns nothing else around. */
export const name = (text) => make("bdi", {}, text);

/** Change a text only where it differs, so that nothing is painted or read out again. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function mark(element, key, value) {
  if (value === null || value === undefined) {
    if (key in element.dataset) delete element.dataset[key];
  } else if (element.dataset[key] !== String(value)) element.dataset[key] = value;
}

/** Put children in this order, moving only those that are elsewhere. */
export function order(parent, children) {
  let here = parent.firstChild;
  for (const child of children) {
    if (child === here) here = here.nextSibling;
    else parent.insertBefore(child, here);
  }
  while (here) {
    const next = here.nextSibling;
    here.remove();
    here = next;
  }
}
