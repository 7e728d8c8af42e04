/** A table of profit and loss in nine columns, and frames of its changes as a gateway sends them. */
export const columns = [
  ['instrumentId', 'Integer'], ['symbol', 'String'], ['netPosition', 'BigInt'], ['latestPrice', 'Decimal'], ['marketValue', 'Decimal'],
  ['avgCostBasis', 'Decimal'], ['theoreticalPnl', 'Decimal'], ['side', 'String'], ['updatedAt', 'Timestamp'],
];

export const source = {
  name: 'live_pnl', field: 'livePnL', typePrefix: 'LivePnL', primaryKey: ['instrumentId'], naming: 'camelCase',
  columns: columns.map(([name, type], i) => ({ name, databaseName: name, type, nullable: i > 0, key: i === 0, enumValues: null })),
};

const whole = (limit) => Math.floor(Math.random() * limit);
const cells = {
  symbol: (id) => `SYM${id}`,
  netPosition: () => `${whole(20_000) - 10_000}`,
  latestPrice: () => (whole(1e7) / 1e4).toFixed(4),
  marketValue: () => (whole(1e9) / 100).toFixed(2),
  avgCostBasis: () => (whole(1e7) / 1e4).toFixed(4),
  theoreticalPnl: () => (whole(1e7) / 100 - 50_000).toFixed(2),
  side: () => (whole(2) ? 'buy' : 'sell'),
  updatedAt: () => new Date(1.79e12 + whole(1e9)).toISOString(),
};

/** The rows of these ids, one array per column. */
export function rowsOf(ids) {
  const rows = Object.entries(cells).map(([name, make]) => [name, ids.map(make)]);
  return { _key: ids.map(String), instrumentId: ids, ...Object.fromEntries(rows) };
}

/** Frames' rows: `size` of `total` in each, neighbours, beginning anywhere. */
export function changesOf(count, size, total) {
  return Array.from({ length: count }, () => {
    const first = whole(total);
    return rowsOf(Array.from({ length: size }, (_, i) => (first + i) % total));
  });
}
