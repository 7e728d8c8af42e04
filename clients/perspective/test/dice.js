/** Dice that fall the same again with the same SEED, which is printed. */
export function diceOf(t) {
  let state = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32)) | 1;
  t.diagnostic(`SEED=${state >>> 0}`);
  return (sides) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.floor(((state >>> 0) / 2 ** 32) * sides);
  };
}
