// The few ways this page touches its elements.

/** The element with this id; a missing one is a mistake in index.html.
 * @template {Element} T @param {string} id @returns {T} */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no element #${id}`);
  return /** @type {any} */ (element);
}

/** Set a text only when it changed, so that nothing is laid out for nothing.
 * @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Set an attribute only when it changed. @param {Element} element @param {string} name @param {string} value */
export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** A new element. @param {string} tag @param {Record<string, string>} attributes @param {...(Node | string)} children
 * @returns {any} */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A name for `make` that breaks behind an underscore where it is too long for its line. @param {string} name */
export function breakable(name) {
  return name.split(/(?<=_)/).flatMap((part, i) => (i ? [make("wbr"), part] : [part]));
}

/** A setting of this browser, kept over reloads where storage is allowed.
 * @param {string} key @param {string} fallback */
export function recall(key, fallback) {
  try {
    return localStorage.getItem(`lkas.${key}`) ?? fallback;
  } catch {
    return fallback;
  }
}

/** @param {string} key @param {string} value */
export function remember(key, value) {
  try {
    localStorage.setItem(`lkas.${key}`, value);
  } catch {
    // storage is switched off: the setting lasts as long as the page
  }
}
