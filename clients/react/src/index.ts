'use client';

export { TycostreamProvider, useTycostream } from './context.js';
export type { ChannelRow, QueryCacheLike } from './patches.js';
export { RealtimeProvider, useRealtimeSubscription, type RealtimeOptions } from './realtime.js';
export { useLiveRow, type LiveRow, type LiveRowOptions, type RowKey } from './row.js';
export { useAge, useLiveTable, type LiveTable, type LiveTableOptions } from './table.js';
export type { HookOptions, Liveness, Order, SortBy, SortColumn, TableOptions } from './types.js';
