import type { Row } from '@tycostream/client';
import { useTycostream } from '@tycostream/react';
import { bindAgGrid, getRowId } from '@tycostream/react/ag-grid';
import { AllCommunityModule, ModuleRegistry, type ColDef, type GridReadyEvent } from 'ag-grid-community';
import { AgGridReact } from 'ag-grid-react';

ModuleRegistry.registerModules([AllCommunityModule]);

const moving = { enableCellChangeFlash: true, type: 'numericColumn' };
const columns: ColDef<Row>[] = [
  { field: 'symbol' }, { field: 'netPosition', type: 'numericColumn' }, { field: 'latestPrice', ...moving }, { field: 'marketValue', ...moving },
];

/** Every row, in AG Grid. */
export function Grid() {
  const client = useTycostream();
  const onGridReady = ({ api }: GridReadyEvent<Row>) => {
    const live = bindAgGrid(api, client, { source: 'livePnL', numbers: 'NUMBER' });
    api.addEventListener('gridPreDestroyed', () => live.close());
  };
  return (
    <section style={{ height: 480 }}>
      <AgGridReact<Row> getRowId={getRowId} columnDefs={columns} onGridReady={onGridReady} />
    </section>
  );
}
