// A browser's storage that keeps so many characters in all.

/** Put an empty storage in the place of the browser's; returns what it keeps, by name. */
export function emptyStorage({ characters = Infinity } = {}) {
  const kept = new Map();
  const functions = {
    getItem: (name) => kept.get(name) ?? null,
    removeItem: (name) => kept.delete(name),
    setItem(name, value) {
      const others = [...kept].filter(([other]) => other !== name).reduce((sum, [, text]) => sum + text.length, 0);
      if (others + value.length > characters) throw new DOMException("full", "QuotaExceededError");
      kept.set(name, value);
    },
  };
  const value = new Proxy(functions, {
    ownKeys: () => [...kept.keys()],
    getOwnPropertyDescriptor: (_, name) => kept.has(name) ? { enumerable: true, configurable: true } : undefined,
  });
  Object.defineProperty(globalThis, "localStorage", { value, configurable: true });
  return kept;
}
