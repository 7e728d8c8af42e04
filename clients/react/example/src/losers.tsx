import { useAge, useLiveTable } from '@tycostream/react';

interface Loser {
  readonly _key: string;
  readonly symbol: string;
  readonly theoreticalPnl: string;
}

/** The ten that lose most, kept in order. */
export function Losers() {
  const losers = useLiveTable<Loser>('livePnL', {
    where: { theoreticalPnl: { _lt: '0' } },
    columns: ['symbol', 'theoreticalPnl'],
    sortBy: 'theoreticalPnl',
    maxRate: 4,
  });
  const age = useAge(losers);
  return (
    <section>
      <h2>
        {losers.rows.length} losers <small>{losers.error?.message ?? losers.status}{age !== undefined && `, ${Math.round(age / 1000)} s old`}</small>
      </h2>
      <table>
        <tbody>
          {losers.rows.slice(0, 10).map((row) => (
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
