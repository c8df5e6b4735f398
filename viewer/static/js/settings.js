// Settings of this browser, kept across reloads where storage is allowed.

/** @param {string} key @param {string} fallback */
export function loadSetting(key, fallback) {
  try {
    return localStorage.getItem(`lkas.${key}`) ?? fallback;
  } catch {
    return fallback;
  }
}

/** @param {string} key @param {string} value */
export function saveSetting(key, value) {
  try {
    localStorage.setItem(`lkas.${key}`, value);
  } catch {
    // storage is switched off: the setting lasts as long as the page
  }
}
