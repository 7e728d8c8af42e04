// The documents that the page opens with, made from what the gateway says of
// its sources.

export const sourcesQuery = '{ sources { name field typePrefix columns { name databaseName key } } }';

// The columns that tell the story of the demo's source best.
const favourites = { live_pnl: ['instrument_id', 'symbol', 'latest_price', 'market_value', 'theoretical_pnl'] };

const fallback = `# Which sources does this gateway have?
query Sources {
  sources {
    name
    field
    state
    error
    rows
  }
}
`;

const overview = `# The state of every source.
query Sources {
  sources {
    name
    field
    state
    error
    rows
    subscribers
    lag
    asOf
  }
}
`;

// openingTabs returns GraphiQL's defaultTabs.
export function openingTabs(sources) {
  const source = sources.find((s) => s.name === 'live_pnl' && s.columns.length > 0)
    ?? sources.find((s) => s.columns.length > 0);
  if (!source) return [{ query: fallback }];
  return [{ query: subscriptionOf(source) }, { query: overview }];
}

export function subscriptionOf(source) {
  return `# Every row, then every change of one.
# Start and stop: the button, or Ctrl-Enter.
# The newest is shown; eventsSeen counts all.
subscription ${operationName(source)} {
  ${source.field} {
    operation
    data {
${columnsOf(source).map((name) => `      ${name}\n`).join('')}    }
    fields
    timestamp
  }
}
`;
}

// columnsOf returns the source's favourites if it has them all, else the key
// and the first few of the others.
function columnsOf({ name, columns }) {
  const byName = new Map(columns.map((c) => [c.databaseName, c.name]));
  const wanted = favourites[name] ?? [];
  if (wanted.length > 0 && wanted.every((c) => byName.has(c))) return wanted.map((c) => byName.get(c));
  const keys = columns.filter((c) => c.key);
  const others = columns.filter((c) => !c.key);
  return [...keys, ...others.slice(0, Math.max(1, 5 - keys.length))].map((c) => c.name);
}

// operationName is the tab's title.
function operationName({ field, typePrefix }) {
  const name = typePrefix || field;
  return name[0].toUpperCase() + name.slice(1);
}
