import { useLiveTable } from '@tycostream/react';
import { useMemo } from 'react';

interface Loser {
  readonly _key: string;
  readonly symbol: string;
  readonly theoreticalPnl: string;
}

/** The ten that lose most, kept in order. */
export function Losers() {
  const { rows, status, error } = useLiveTable<Loser>('livePnL', { where: { theoreticalPnl: { _lt: '0' } }, columns: ['symbol', 'theoreticalPnl'], maxRate: 4 });
  const worst = useMemo(() => [...rows].sort((a, b) => Number(a.theoreticalPnl) - Number(b.theoreticalPnl)).slice(0, 10), [rows]);
  return (
    <section>
      <h2>
        {rows.length} losers <small>{error?.message ?? status}</small>
      </h2>
      <table>
        <tbody>
          {worst.map((row) => (
            <tr key={row._key}>
              <td>{row.symbol}</td>
              <td align="right">{row.theoreticalPnl}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
