/** Writes a part behind what is there, and returns where it begins. */
export type Part = (to: Writer) => number;

/** A number that stands in a table itself, with its size in bytes; or a part that the table points to; or the default. */
export type Field = readonly [size: 1 | 2 | 4 | 8, value: number] | Part | undefined;

/** A FlatBuffers buffer with its root table. Its length is a multiple of eight. */
export function flatbuffer(root: Part): Uint8Array {
  const writer = new Writer();
  writer.refer(writer.reserve(4, 4), root);
  writer.reserve(0, 8);
  return writer.written();
}

/** A table: its fields in the order of their ids. */
export function table(...fields: readonly Field[]): Part {
  return (to) => {
    const sizes = fields.map((f) => (f === undefined ? 0 : typeof f === 'function' ? 4 : f[0]));
    const vtable = to.reserve(4 + 2 * fields.length, 2);
    const start = to.reserve(4, 8); // so that no field needs more than its own alignment
    to.view.setInt32(start, start - vtable, true);
    const places = sizes.map((size) => (size === 0 ? 0 : to.reserve(size, size)));
    to.view.setUint16(vtable, 4 + 2 * fields.length, true);
    to.view.setUint16(vtable + 2, to.length - start, true);
    places.forEach((place, i) => to.view.setUint16(vtable + 4 + 2 * i, place === 0 ? 0 : place - start, true));
    fields.forEach((field, i) => {
      if (typeof field === 'function') to.refer(places[i]!, field);
      else if (field !== undefined) to.number(places[i]!, ...field);
    });
    return start;
  };
}

/** A vector of tables or strings. */
export function vector(parts: readonly Part[]): Part {
  return (to) => {
    const start = to.reserve(4 + 4 * parts.length, 4);
    to.view.setUint32(start, parts.length, true);
    parts.forEach((part, i) => to.refer(start + 4 + 4 * i, part));
    return start;
  };
}

/** A vector of structs of 64-bit numbers. */
export function structs(count: number, numbers: readonly number[]): Part {
  return (to) => {
    to.reserve(4, 8); // the elements behind the count are aligned, the count is not
    const start = to.reserve(4, 4);
    const first = to.reserve(8 * numbers.length, 8);
    to.view.setUint32(start, count, true);
    numbers.forEach((value, i) => to.number(first + 8 * i, 8, value));
    return start;
  };
}

/** A string. */
export function text(value: string): Part {
  return (to) => {
    const bytes = new TextEncoder().encode(value);
    const start = to.reserve(4 + bytes.length + 1, 4);
    to.view.setUint32(start, bytes.length, true);
    to.bytes(start + 4, bytes);
    return start;
  };
}

/**
 * A buffer that grows. Parts are laid out front to back: what a table points to
 * comes behind it, as FlatBuffers' unsigned offsets want it.
 */
export class Writer {
  length = 0;
  view = new DataView(new ArrayBuffer(1024));

  /** Takes room at a multiple of `align`, all zero. */
  reserve(size: number, align: number): number {
    const start = Math.ceil(this.length / align) * align;
    this.length = start + size;
    if (this.length > this.view.byteLength) {
      const bytes = new Uint8Array(2 * this.length);
      bytes.set(new Uint8Array(this.view.buffer));
      this.view = new DataView(bytes.buffer);
    }
    return start;
  }

  number(at: number, size: 1 | 2 | 4 | 8, value: number): void {
    if (size === 1) this.view.setUint8(at, value);
    else if (size === 2) this.view.setInt16(at, value, true);
    else if (size === 4) this.view.setInt32(at, value, true);
    else this.view.setBigInt64(at, BigInt(value), true);
  }

  bytes(at: number, bytes: Uint8Array): void {
    new Uint8Array(this.view.buffer).set(bytes, at);
  }

  refer(at: number, part: Part): void {
    const target = part(this); // which may make the view another one
    this.view.setUint32(at, target - at, true);
  }

  written(): Uint8Array {
    return new Uint8Array(this.view.buffer, 0, this.length);
  }
}
