import { useTycostream } from '@tycostream/react';
import { bindAgGrid, getRowId, type BoundGrid } from '@tycostream/react/ag-grid';
import { AllCommunityModule, ModuleRegistry, type ColDef, type GridReadyEvent } from 'ag-grid-community';
import { AgGridReact } from 'ag-grid-react';
import { useRef, useState } from 'react';

ModuleRegistry.registerModules([AllCommunityModule]);

interface Instrument {
  readonly _key: string;
  readonly symbol: string;
  readonly netPosition: number | null;
  readonly latestPrice: number | null;
  readonly marketValue: number | null;
}

const moving = { enableCellChangeFlash: true, type: 'numericColumn' };
const columns: ColDef<Instrument>[] = [
  { field: 'symbol' }, { field: 'netPosition', type: 'numericColumn' }, { field: 'latestPrice', ...moving }, { field: 'marketValue', ...moving },
];
const startingWith = (prefix: string) => ({ symbol: { _like: `${prefix}%` } });

/** The rows of a filter, in AG Grid: the gateway narrows them, not the grid. */
export function Grid() {
  const client = useTycostream();
  const bound = useRef<BoundGrid>(undefined);
  const [problem, setProblem] = useState('');
  const onGridReady = ({ api }: GridReadyEvent<Instrument>) => {
    bound.current = bindAgGrid(api, client, { source: 'livePnL', where: startingWith(''), numbers: 'NUMBER' });
  };
  const narrow = (prefix: string) => {
    bound.current?.setWhere(startingWith(prefix)).then(() => setProblem(''), (error: Error) => setProblem(error.message));
  };
  return (
    <section>
      <p>
        <label>Symbols that begin with <input onChange={(event) => narrow(event.target.value)} /></label> {problem}
      </p>
      <div style={{ height: 480 }}>
        <AgGridReact<Instrument> getRowId={getRowId} columnDefs={columns} onGridReady={onGridReady} />
      </div>
    </section>
  );
}
