import type { Column, Source } from '@tycostream/client';
import type { Shape } from './variable.js';

/** What the gateway's schema allows in a source's filters. */
export interface FilterSchema extends Shape {
  readonly columns: readonly Column[];
  /** The operators of each column, in the schema's order: `_eq`, and whether it takes a list. */
  readonly operators: ReadonlyMap<string, readonly Operator[]>;
}

export interface Operator {
  readonly name: string;
  /** It takes a list: `_in`. */
  readonly list: boolean;
  /** The scalar or enum that it takes, or a list of. */
  readonly type: string;
}

interface TypeRef {
  readonly kind: string;
  readonly name: string | null;
  readonly ofType?: TypeRef | null;
}

interface Answer {
  readonly __type: {
    readonly inputFields: readonly {
      readonly name: string;
      readonly type: { readonly inputFields: readonly { readonly name: string; readonly type: TypeRef }[] | null };
    }[];
  } | null;
}

const query = `query ($type: String!) {
  __type(name: $type) {
    inputFields { name type { inputFields { name type { kind name ofType { kind name ofType { kind name } } } } } }
  }
}`;

/** Asks the gateway. The list of operators is the schema's own, so that it is right for every way of naming and typing. */
export async function filterSchema(
  request: (query: string, variables: Record<string, unknown>) => Promise<unknown>,
  source: Source,
): Promise<FilterSchema> {
  const { __type } = (await request(query, { type: `${source.typePrefix}Expression` })) as Answer;
  const columns = new Set(source.columns.map((c) => c.name));
  const operators = new Map<string, readonly Operator[]>();
  for (const { name, type } of __type?.inputFields ?? []) {
    if (columns.has(name)) operators.set(name, (type.inputFields ?? []).map((f) => operator(f.name, f.type)));
  }
  return { columns: source.columns, operators };
}

function operator(name: string, given: TypeRef): Operator {
  let list = false;
  let type: TypeRef | null | undefined = given;
  while (type?.ofType) {
    list ||= type.kind === 'LIST';
    type = type.ofType;
  }
  return { name, list, type: type?.name ?? '' };
}
