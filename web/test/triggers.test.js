import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amount, Rate, span } from '../.build/web/src/live/sources/rate.js';
import { FieldMistake, fieldOf, triggerInput } from '../.build/web/src/live/triggers/input.js';

const source = { columns: [{ name: 'price', type: 'Decimal' }, { name: 'symbol', type: 'String' }] };
const empty = { name: ' big ', webhook: ' http://x/ ', fire: '{price: {_gt: 1.50}}', clear: '', for: '', cooldown: '', fields: [], snapshot: false };

test('what the form leaves empty is left out', () => {
  assert.deepEqual(triggerInput(empty, source), { name: 'big', webhook: 'http://x/', fire: { price: { _gt: '1.50' } } });
  assert.deepEqual(triggerInput({ ...empty, clear: 'price: {_lt: 1}', for: ' 30s ', cooldown: '5m', fields: ['symbol'], snapshot: true }, source), {
    name: 'big', webhook: 'http://x/', fire: { price: { _gt: '1.50' } }, clear: { price: { _lt: '1' } },
    for: '30s', cooldown: '5m', fields: ['symbol'], snapshot: true,
  });
});

test('mistakes name their field', () => {
  const at = (field, draft) => assert.throws(() => triggerInput({ ...empty, ...draft }, source), (e) => e instanceof FieldMistake && e.field === field);
  at('name', { name: ' ' });
  at('webhook', { webhook: '' });
  at('fire', { fire: '' });
  at('fire', { fire: '{price: {_gt: 1' });
  at('clear', { clear: '{symbol: {_eq: A}}' });
});

test('the gateway\'s arguments lead to fields', () => {
  assert.equal(fieldOf('input.fire.symbol._regex'), 'fire');
  assert.equal(fieldOf('input.clear'), 'clear');
  assert.equal(fieldOf('fire.symbol'), 'fire');
  assert.equal(fieldOf('input.fields[0]'), 'fields');
  assert.equal(fieldOf('input.headers[0].name'), undefined);
  assert.equal(fieldOf(undefined), undefined);
});

test('rates', () => {
  const rate = new Rate();
  assert.equal(rate.take(100, 1000), undefined);
  assert.equal(rate.take(300, 3000), 100);
  assert.equal(rate.take(310, 3100), 100); // too soon
  assert.equal(rate.take(400, 5000), 50);
  assert.equal(rate.take(3, 7000), undefined); // another gateway
  assert.equal(rate.take(5, 8000), 2);
  assert.deepEqual([amount(undefined), amount(1234.56, 1), amount(0)], ['–', '1,234.6', '0']);
  assert.deepEqual([span(null), span(0.0123), span(1.26), span(150), span(7200)], ['–', '12 ms', '1.3 s', '3 min', '2.0 h']);
});
