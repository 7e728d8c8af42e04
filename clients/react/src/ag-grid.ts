import type { Client, LiveRows, Row, Where } from '@tycostream/client';
import type { GetRowIdParams, GridApi } from 'ag-grid-community';
import type { TableOptions } from './shared.js';

/** For the grid's option of that name: rows are told apart by `_key`. It must be set before the grid is made. */
export function getRowId({ data }: GetRowIdParams<Row>): string {
  return data._key;
}

/** What a grid follows. */
export interface AgGridOptions<W = Where> extends TableOptions<W> {
  readonly source: string;
}

/**
 * Fills a grid (client-side row model, with {@link getRowId}) and keeps it so,
 * by applyTransactionAsync, which the grid lays on at its own pace. Rows that
 * the grid held before are replaced when the first snapshot is complete. Close
 * the subscription that it returns, at the latest with the grid.
 */
export function bindAgGrid<R extends Row = Row, W = Where>(api: GridApi<R>, client: Client, options: AgGridOptions<W>): LiveRows<R> {
  const live = client.liveRows<R, W>(options);
  let first = true;
  live.subscribe(({ inserts, updates, deletes, reset }) => {
    if (api.isDestroyed()) {
      live.close();
    } else if (first) {
      first = false;
      api.setGridOption('rowData', [...live.rows.values()]);
    } else {
      api.applyTransactionAsync({ add: [...inserts], update: [...updates], remove: [...deletes] });
      if (reset) api.flushAsyncTransactions(); // all of it at once
    }
  });
  return live;
}
