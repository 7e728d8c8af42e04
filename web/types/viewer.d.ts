// What this page uses of @perspective-dev/viewer. The package's own declarations
// lead into its sources, which do not compile under our settings.
import type { Client, Table, View } from '@perspective-dev/client';

export interface ViewerConfig {
  table?: string;
  title?: string | null;
  theme?: string;
  settings?: boolean;
  columns?: readonly (string | null)[];
  sort?: readonly (readonly [column: string, direction: string])[];
  group_by?: readonly string[];
  split_by?: readonly string[];
  filter?: readonly unknown[];
  aggregates?: Readonly<Record<string, unknown>>;
  expressions?: Readonly<Record<string, string>>;
  windows?: Readonly<Record<string, unknown>>;
  plugin_config?: Readonly<Record<string, unknown>>;
  columns_config?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** The Datagrid. */
export interface GridPlugin extends HTMLElement {
  readonly regular_table: HTMLElement;
}

export interface HTMLPerspectiveViewerElement extends HTMLElement {
  load(client: Client): Promise<void>;
  restore(config: ViewerConfig): Promise<void>;
  save(): Promise<ViewerConfig>;
  flush(): Promise<void>;
  getPlugin(name?: string): GridPlugin;
  getTable(): Promise<Table>;
  getView(): Promise<View>;
  toggleConfig(force?: boolean): Promise<void>;
  resetError(): Promise<void>;
}

/** Of the event `perspective-config-update`: to be called in its listener, not later. */
export interface ConfigUpdate {
  getConfig(): ViewerConfig;
}

declare const loader: { init_client(wasm: Promise<Response>): Promise<void> };
export default loader;
