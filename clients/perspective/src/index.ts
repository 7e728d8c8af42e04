export { connect } from './connect.js';
export type { ColumnType, ConnectedTable, ConnectOptions, PerspectiveClient, Stats } from './types.js';
