import type { Cell } from '@tycostream/client';
import { daysOf, millisecondsOf } from './time.js';

/** The type of a column in Perspective. `int64` is an `integer` of 64 bits; Perspective's own has 32. */
export type Kind = 'integer' | 'int64' | 'float' | 'boolean' | 'datetime' | 'date' | 'string';

/** A column's cells as Arrow's buffers. */
export interface Packed {
  readonly nulls: number;
  /** How many of the nulls are cells that the type cannot hold. */
  readonly refused: number;
  readonly buffers: readonly ArrayBufferView[];
}

/** How cells become a column. Nothing throws: one bad cell would take all others with it. */
export const packers: Readonly<Record<Kind, (cells: readonly Cell[], length: number) => Packed>> = {
  integer: (cells, length) => packNumbers(new Int32Array(length), cells, integerOf),
  int64: packBigIntegers,
  float: (cells, length) => packNumbers(new Float64Array(length), cells, numberOf),
  boolean: packBooleans,
  datetime: packMoments,
  date: (cells, length) => packNumbers(new Int32Array(length), cells, daysOf),
  string: packTexts,
};

/** Arrow's bits, of which a zero says null. */
class Validity {
  readonly #bits: Uint8Array;
  #nulls = 0;
  #refused = 0;

  constructor(length: number) {
    this.#bits = new Uint8Array((length + 7) >> 3).fill(0xff);
  }

  /** Makes the cell null; it counts as refused if it was not. */
  clear(i: number, cell: Cell): void {
    this.#bits[i >> 3]! &= ~(1 << (i & 7));
    this.#nulls++;
    if (cell !== null && cell !== undefined) this.#refused++;
  }

  packed(...values: readonly ArrayBufferView[]): Packed {
    const bits = this.#nulls === 0 ? new Uint8Array(0) : this.#bits; // no bits at all: no nulls
    return { nulls: this.#nulls, refused: this.#refused, buffers: [bits, ...values] };
  }
}

function packNumbers(values: Int32Array | Float64Array, cells: readonly Cell[], read: (cell: Cell) => number): Packed {
  const validity = new Validity(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = read(cells[i]);
    if (Number.isFinite(value)) values[i] = value;
    else validity.clear(i, cells[i]);
  }
  return validity.packed(values);
}

function packMoments(cells: readonly Cell[], length: number): Packed {
  const validity = new Validity(length);
  const halves = new DataView(new ArrayBuffer(8 * length));
  for (let i = 0; i < length; i++) {
    const value = millisecondsOf(cells[i]);
    if (Number.isFinite(value)) setInteger(halves, 8 * i, value);
    else validity.clear(i, cells[i]);
  }
  return validity.packed(halves);
}

const smallest = -(2n ** 63n);
const largest = 2n ** 63n - 1n;
const digits = /^-?\d+$/;

function packBigIntegers(cells: readonly Cell[], length: number): Packed {
  const validity = new Validity(length);
  const halves = new DataView(new ArrayBuffer(8 * length));
  for (let i = 0; i < length; i++) {
    const cell = cells[i];
    const value = numberOf(cell);
    if (Number.isSafeInteger(value)) {
      setInteger(halves, 8 * i, value);
      continue;
    }
    const exact = typeof cell === 'string' && digits.test(cell) ? BigInt(cell) : Number.isInteger(value) ? BigInt(value) : undefined;
    if (exact !== undefined && exact >= smallest && exact <= largest) halves.setBigInt64(8 * i, exact, true);
    else validity.clear(i, cell);
  }
  return validity.packed(halves);
}

/** Sets 64 bits without making a BigInt, which costs five times as much. */
function setInteger(to: DataView, at: number, value: number): void {
  to.setUint32(at, value >>> 0, true); // modulo 2^32, for negative numbers too
  to.setInt32(at + 4, Math.floor(value / 2 ** 32), true);
}

function packBooleans(cells: readonly Cell[], length: number): Packed {
  const validity = new Validity(length);
  const values = new Uint8Array((length + 7) >> 3);
  for (let i = 0; i < length; i++) {
    const cell = cells[i];
    if (cell === true) values[i >> 3]! |= 1 << (i & 7);
    else if (cell !== false) validity.clear(i, cell);
  }
  return validity.packed(values);
}

const encoder = new TextEncoder();

function packTexts(cells: readonly Cell[], length: number): Packed {
  const validity = new Validity(length);
  const texts = new Array<string>(length);
  for (let i = 0; i < length; i++) {
    const cell = cells[i];
    if (typeof cell === 'string') {
      texts[i] = cell;
    } else if (cell === null || cell === undefined) {
      texts[i] = '';
      validity.clear(i, cell);
    } else {
      texts[i] = JSON.stringify(cell);
    }
  }
  const [offsets, bytes] = encode(texts);
  return validity.packed(offsets, bytes);
}

/** UTF-8 of all texts, and where each begins and the last ends. */
function encode(texts: readonly string[]): [offsets: Int32Array, bytes: Uint8Array] {
  const offsets = new Int32Array(texts.length + 1);
  const all = texts.join('');
  const bytes = encoder.encode(all); // one call; one for each text costs ten times as much
  if (bytes.length === all.length) {
    for (let i = 0; i < texts.length; i++) offsets[i + 1] = offsets[i]! + texts[i]!.length;
    return [offsets, bytes];
  }
  const room = new Uint8Array(3 * all.length);
  for (let i = 0; i < texts.length; i++) {
    offsets[i + 1] = offsets[i]! + encoder.encodeInto(texts[i]!, room.subarray(offsets[i])).written;
  }
  return [offsets, room.subarray(0, offsets[texts.length])];
}

/** The number that a cell is or tells as text; NaN if it is none. */
function numberOf(cell: Cell): number {
  if (typeof cell === 'number') return cell;
  return typeof cell === 'string' && cell !== '' ? Number(cell) : NaN;
}

/** The number of a cell that fits 32 bits; NaN if it does not. */
function integerOf(cell: Cell): number {
  const value = numberOf(cell);
  return value === (value | 0) ? value : NaN;
}
