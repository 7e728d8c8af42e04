import type { Cell } from '@tycostream/client';
import { packers, type Kind, type Packed } from './cells.js';
import { flatbuffer, structs, table, text, vector, type Part } from './flatbuffer.js';

/** A column of an Arrow stream. */
export interface ArrowField {
  readonly name: string;
  readonly kind: Kind;
}

/** A stream, and for each column how many of its cells are null, and how many of these its type cannot hold. */
export interface Written {
  readonly stream: ArrayBuffer;
  readonly columns: readonly Pick<Packed, 'nulls' | 'refused'>[];
}

// The ids of the members of Arrow's unions `Type` and `MessageHeader`, and what stands in them.
const arrowTypes: Readonly<Record<Kind, readonly [id: number, type: Part]>> = {
  integer: [2, table([4, 32], [1, 1])], // 32 bit, signed
  int64: [2, table([4, 64], [1, 1])],
  float: [3, table([2, 2])], // double precision
  string: [5, table()],
  boolean: [6, table()],
  date: [8, table([2, 0])], // days
  datetime: [10, table([2, 1], text('UTC'))], // milliseconds
};
const schemaHeader = 1;
const batchHeader = 3;
const version5 = 4;
const continuation = 0xffffffff;

/**
 * Writes Arrow IPC streams of one schema. It is the only form in which
 * Perspective takes 64-bit integers, and the one it reads fastest: the schema's
 * message, one record batch at most, the end.
 */
export class ArrowWriter {
  readonly fields: readonly ArrowField[];
  readonly #schema: Uint8Array;

  constructor(fields: readonly ArrowField[]) {
    this.fields = fields;
    this.#schema = message(schemaHeader, schema(fields), 0);
  }

  /** A stream without rows. */
  empty(): ArrayBuffer {
    return concat([this.#schema], this.#schema.length);
  }

  /** A stream of rows, given each field's cells in the order of the fields. */
  write(columns: readonly (readonly Cell[])[], length: number): Written {
    const packed = this.fields.map((field, i) => packers[field.kind](columns[i]!, length));
    const buffers = packed.flatMap((p) => p.buffers);
    const bodyLength = buffers.reduce((sum, b) => sum + padded(b.byteLength), 0);
    const header = message(batchHeader, recordBatch(packed, length), bodyLength);
    const stream = concat([this.#schema, header, ...buffers], this.#schema.length + header.length + bodyLength);
    return { stream, columns: packed };
  }
}

function schema(fields: readonly ArrowField[]): Part {
  const children = fields.map(({ name, kind }) => {
    const [id, type] = arrowTypes[kind];
    return table(text(name), [1, 1], [1, id], type, undefined, vector([]));
  });
  return table([2, 0], vector(children));
}

function recordBatch(packed: readonly Packed[], length: number): Part {
  const nodes = packed.flatMap((p) => [length, p.nulls]);
  const places: number[] = [];
  let offset = 0;
  for (const { byteLength } of packed.flatMap((p) => p.buffers)) {
    places.push(offset, byteLength);
    offset += padded(byteLength);
  }
  return table([8, length], structs(packed.length, nodes), structs(places.length / 2, places));
}

/** The message without its body, behind the eight bytes that tell its length. */
function message(headerId: number, header: Part, bodyLength: number): Uint8Array {
  const metadata = flatbuffer(table([2, version5], [1, headerId], header, [8, bodyLength]));
  const bytes = new Uint8Array(8 + metadata.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, continuation, true);
  view.setUint32(4, metadata.length, true);
  bytes.set(metadata, 8);
  return bytes;
}

/** The parts one after the other, each filled up to eight bytes, and the mark of the end. */
function concat(parts: readonly ArrayBufferView[], length: number): ArrayBuffer {
  const stream = new Uint8Array(length + 8);
  let offset = 0;
  for (const part of parts) {
    stream.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), offset);
    offset += padded(part.byteLength);
  }
  new DataView(stream.buffer).setUint32(offset, continuation, true);
  return stream.buffer;
}

function padded(length: number): number {
  return (length + 7) & ~7;
}
