export { TycostreamProvider, useTycostream } from './context.js';
export { RealtimeProvider, useRealtimeSubscription, type ChannelRow, type QueryInvalidator } from './realtime.js';
export type { Table, TableOptions } from './shared.js';
export { useLiveRow, useLiveTable, type LiveRow, type LiveTable } from './table.js';
