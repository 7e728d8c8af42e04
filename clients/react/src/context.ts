import type { Client } from '@tycostream/client';
import { createContext, createElement, useContext, type ReactElement, type ReactNode } from 'react';

const Context = createContext<Client | undefined>(undefined);

/** Gives the components below it the client that hooks use. */
export function TycostreamProvider({ client, children }: { readonly client: Client; readonly children?: ReactNode }): ReactElement {
  return createElement(Context.Provider, { value: client }, children);
}

/** The client of the nearest provider, unless one is given. */
export function useTycostream(given?: Client): Client {
  const client = useContext(Context) ?? given;
  if (!client) throw new Error('there is no <TycostreamProvider client={createClient(...)}> above this component');
  return given ?? client;
}
