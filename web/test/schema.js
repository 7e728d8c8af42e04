// A source as the gateway describes it, and what its filters may be made of.
const column = (name, type, more = {}) => ({ name, databaseName: name, type, nullable: true, key: false, enumValues: null, ...more });

export const columns = [
  column('id', 'Integer', { key: true, nullable: false }),
  column('symbol', 'String'),
  column('side', 'side', { enumValues: ['buy', 'sell'] }),
  column('size', 'BigInt'),
  column('price', 'Decimal'),
  column('ratio', 'Float'),
  column('open', 'Boolean'),
  column('extra', 'JSON'),
];

export const source = {
  name: 'trades', field: 'trades', typePrefix: 'Trades', primaryKey: ['id'], naming: 'camelCase', columns,
};

const scalars = { Integer: 'Int', side: 'side', String: 'String' };
const common = ['_eq', '_neq', '_gt', '_in', '_is_null'];
const operatorsOf = ({ type }) => {
  const scalar = scalars[type] ?? type;
  const names = type === 'String' ? [...common, '_like'] : type === 'JSON' ? ['_contains'] : common;
  return names.map((name) => ({ name, list: name === '_in', type: name === '_is_null' ? 'Boolean' : scalar }));
};

export const schema = { columns, operators: new Map(columns.map((c) => [c.name, operatorsOf(c)])) };
