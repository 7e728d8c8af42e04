// Rows that a client holds, and whether they are right.

import { query, until } from './gateway.mjs';
import { camelCase } from './styles.mjs';

/** Takes one row per message, and holds each message against the rows so far. */
export class Rows {
  held = new Map();
  counts = { INSERT: 0, UPDATE: 0, DELETE: 0 };
  errors = [];
  begun = 0; // how often a snapshot was to follow
  ended = false;

  constructor(style = camelCase, where = style.where) {
    this.style = style;
    this.where = where;
    this.field = style.field;
    this.document = style.rows;
  }

  /** Takes one execution result. */
  take(result) {
    if (result.errors?.length) this.fail(result.errors);
    const answer = result.data?.[this.field];
    if (answer) this.lay(answer);
  }

  lay(event) { this.apply(event); }

  /** Applies one change, which must be one of what is held. */
  apply({ operation, fields, data }) {
    this.counts[operation]++;
    const key = data[this.style.key];
    const held = this.held.get(key);
    if ((operation === 'INSERT') !== (held === undefined)) {
      this.fail([new Error(`${operation} of a row that is ${held ? 'here' : 'not here'}: ${JSON.stringify(data)}`)]);
    }
    if (operation === 'UPDATE' && held) {
      const changed = this.style.columns.filter((c) => held[c] !== data[c]);
      if (!changed.every((c) => fields.includes(c))) {
        this.fail([new Error(`an UPDATE was lost: ${changed} differ, ${fields} changed`)]);
      }
    }
    if (operation === 'DELETE') this.held.delete(key);
    else this.held.set(key, data);
  }

  fail(errors) { this.errors.push(...errors); }
  end() { this.ended = true; }

  /** A snapshot follows. */
  again() {
    this.begun++;
    this.clear();
  }

  clear() {
    this.held.clear();
    this.counts = { INSERT: 0, UPDATE: 0, DELETE: 0 };
  }

  /** Waits for the snapshot, then for live events, then until a query says the same. */
  async check(gateway) {
    await until('a snapshot', () => this.healthy() && this.held.size > 0);
    const before = this.counts.UPDATE;
    await until('live events', () => this.healthy() && this.counts.UPDATE > before + 20);
    await this.same(gateway);
  }

  async same(gateway) {
    const text = (rows) => [...rows].map((row) => JSON.stringify(this.style.columns.map((c) => row[c]))).sort().join('\n');
    await until('the same rows as a query', async () => {
      this.healthy();
      const answer = await query(gateway, this.style.query, { where: this.where });
      return text(answer.data.rows) === text(this.held.values());
    });
  }

  /** Throws what went wrong. */
  healthy() {
    if (this.errors.length) throw new Error(`a subscription failed: ${this.errors[0].message}`, { cause: this.errors });
    if (this.ended) throw new Error('a subscription has ended');
    return true;
  }
}

/** Takes frames, which say themselves where a snapshot begins. */
export class Frames extends Rows {
  last = true;
  heard = 0; // when the newest came

  constructor(style, where) {
    super(style, where);
    this.field = style.framesField;
    this.document = style.frames;
  }

  lay({ kind, last, changes }) {
    if (this.last && kind !== 'LIVE') super.again();
    this.last = last;
    this.heard = Date.now();
    for (const change of changes) this.apply(change);
  }

  again() { this.last = true; }
}
