// storageFor returns a store for GraphiQL that is apart for each set of sources:
// two gateways that take turns on one port do not open each other's documents.
// Without local storage (a browser may forbid it) it returns null: GraphiQL
// then remembers nothing.
export function storageFor(sources, local = localStorageOrNull()) {
  if (!local) return null;
  const prefix = `tycostream:${sources.map((s) => s.field).sort().join(',')}:`;
  const keys = () => {
    const own = [];
    for (let i = 0; i < local.length; i++) {
      const key = local.key(i);
      if (key?.startsWith(prefix)) own.push(key);
    }
    return own;
  };
  return {
    getItem: (key) => local.getItem(prefix + key),
    setItem: (key, value) => local.setItem(prefix + key, value),
    removeItem: (key) => local.removeItem(prefix + key),
    clear: () => keys().forEach((key) => local.removeItem(key)),
    get length() {
      return keys().length;
    },
  };
}

function localStorageOrNull() {
  try {
    return globalThis.localStorage ?? null;
  } catch {
    return null;
  }
}
