import type { Column, Source, Where } from '@tycostream/client';
import type { LoadSubsetOptions } from '@tanstack/db';

type Expression = NonNullable<LoadSubsetOptions['where']>;

/** A filter for the gateway. Every row that meets the expression meets it; if it is exact, no other does. */
interface Pushed {
  readonly where: Where;
  readonly exact: boolean;
}

/** A constant for the gateway, under the same terms. */
interface Constant {
  readonly value: unknown;
  readonly exact: boolean;
}

const comparisons: Readonly<Record<string, string>> = { eq: '_eq', gt: '_gt', gte: '_gte', lt: '_lt', lte: '_lte' };
const mirrored: Readonly<Record<string, string>> = { eq: 'eq', gt: 'lt', gte: 'lte', lt: 'gt', lte: 'gte' };

/**
 * The part of a live query's condition that the gateway can answer. What is left
 * out loads more rows than the query shows, never fewer: TanStack DB looks at
 * each row again. Hence nothing is sent of which the two could think
 * differently, such as texts compared with decimals.
 */
export function pushDown(expression: Expression | undefined, source: Source): Where | undefined {
  return expression && translate(expression, source)?.where;
}

function translate(expression: Expression, source: Source): Pushed | undefined {
  if (expression.type !== 'func') return undefined;
  const { name, args } = expression;
  switch (name) {
    case 'and': {
      const parts = args.map((arg) => translate(arg, source));
      const known = parts.filter((part) => part !== undefined);
      return known.length === 0 ? undefined : { where: { _and: known.map((p) => p.where) }, exact: known.length === parts.length && known.every((p) => p.exact) };
    }
    case 'or': {
      const parts = args.map((arg) => translate(arg, source));
      if (!parts.every((part) => part !== undefined)) return undefined;
      return { where: { _or: parts.map((p) => p.where) }, exact: parts.every((p) => p.exact) };
    }
    case 'not': {
      const part = translate(args[0]!, source);
      return part?.exact ? { where: { _not: part.where }, exact: true } : undefined; // what is not in more rows is too few
    }
    default:
      return condition(name, args, source);
  }
}

function condition(name: string, [first, second]: readonly Expression[], source: Source): Pushed | undefined {
  if (second?.type === 'ref' && first?.type === 'val' && mirrored[name]) return condition(mirrored[name], [second, first], source);
  if (first?.type !== 'ref' || first.path.length !== 1) return undefined;
  const column = source.columns.find((c) => c.name === first.path[0]);
  if (!column) return undefined;
  const pushed = (operator: string, constant: Constant | undefined): Pushed | undefined =>
    constant && { where: { [column.name]: { [operator]: constant.value } }, exact: constant.exact };
  if (name === 'isNull') return pushed('_is_null', { value: true, exact: true });
  if (second?.type !== 'val') return undefined;
  const value: unknown = second.value;
  if (comparisons[name]) return pushed(comparisons[name], constantOf(column, value, name !== 'eq'));
  if (name === 'in') return pushed('_in', listOf(column, value));
  if (name === 'like') return pushed('_like', patternOf(column, value, /^[^\\_]*$/, true));
  if (name === 'ilike') return pushed('_ilike', patternOf(column, value, /^[\0-[\]^`-\x7f]*$/, false)); // letters beyond ASCII fold differently
  return undefined;
}

function listOf(column: Column, list: unknown): Constant | undefined {
  if (!Array.isArray(list)) return undefined;
  const wanted = list.filter((value) => value !== null && value !== undefined && (column.enumValues?.includes(value as string) ?? true));
  const constants = wanted.map((value) => constantOf(column, value, false));
  if (!constants.every((constant) => constant !== undefined)) return undefined;
  return { value: constants.map((c) => c.value), exact: constants.every((c) => c.exact) };
}

function patternOf({ type }: Column, pattern: unknown, understood: RegExp, exact: boolean): Constant | undefined {
  return type === 'String' && typeof pattern === 'string' && understood.test(pattern) ? { value: pattern, exact } : undefined;
}

const ascii = /^[\0-\x7f]*$/;
const uuid = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;
const decimal = /^-?\d+(\.\d+)?$/;
const date = /^\d{4}-\d\d-\d\d$/;
const timestamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z?$/;

/** A constant that the gateway takes for a column and compares as JavaScript would; `ranged`: by greater and less too. */
function constantOf({ type, enumValues }: Column, value: unknown, ranged: boolean): Constant | undefined {
  const given = (yes: boolean, exact: boolean): Constant | undefined => (yes ? { value, exact } : undefined);
  if (enumValues) return given(!ranged && enumValues.includes(value as string), true); // ranges go by position
  if (typeof value === 'boolean') return given(type === 'Boolean' && !ranged, true);
  if (typeof value === 'number') {
    if (type === 'Integer') return given(value === (value | 0), true);
    if (type === 'Float') return given(Number.isFinite(value), true);
    if (type === 'BigInt') return given(Number.isSafeInteger(value), false); // cells are texts or have lost digits
    return given(type === 'Decimal' && Math.abs(value) < 1e15 && (value === 0 || Math.abs(value) > 1e-6), false); // no exponents
  }
  if (typeof value !== 'string') return undefined;
  switch (type) {
    case 'String':
      return given(!ranged || ascii.test(value), true); // beyond ASCII, code points and UTF-16 have another order
    case 'UUID':
      return given(!ranged && uuid.test(value), value === value.toLowerCase());
    case 'BigInt':
    case 'Decimal':
      return given(!ranged && (type === 'BigInt' ? /^-?\d+$/ : decimal).test(value), false); // '9' > '10' as texts
    case 'Date':
      return given(date.test(value) && !Number.isNaN(Date.parse(value)), false);
    case 'Timestamp':
      return given(timestamp.test(value) && !Number.isNaN(Date.parse(value)), false);
    default:
      return undefined;
  }
}
