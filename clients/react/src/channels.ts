/** A message of the row channels about a row. */
export interface RowMessage {
  readonly op: 'INSERT' | 'UPDATE' | 'DELETE';
  /** The relation's name in the database. */
  readonly table: string;
  readonly new: Readonly<Record<string, unknown>> | null;
  readonly old: Readonly<Record<string, unknown>> | null;
}

/** What is heard on a channel. */
export interface ChannelListener {
  readonly row: (message: RowMessage) => void;
  /** The channel is there, and no change is lost from now on. `again`: it was there before, and changes may have been missed since. */
  readonly subscribed?: (again: boolean) => void;
  /** The gateway refuses it. */
  readonly refused?: (message: string) => void;
}

/** How long a channel outlives its last listener, in milliseconds: pages that change go on with the same one. */
const linger = 1000;

type Message = RowMessage | { readonly type: string; readonly message?: string };

/**
 * One of the gateway's row channels, shared by all that listen to it. It has a
 * WebSocket of its own, since messages name their table and not their channel,
 * and comes back by itself.
 */
class Channel {
  readonly #url: string;
  readonly #name: string;
  readonly #listeners = new Set<ChannelListener>();
  #there: 'never' | 'now' | 'before' = 'never';
  #socket: WebSocket | undefined;
  #attempt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #leaving: ReturnType<typeof setTimeout> | undefined;
  #running = false;

  constructor(url: string, name: string) {
    this.#url = url;
    this.#name = name;
  }

  listen(listener: ChannelListener): () => void {
    clearTimeout(this.#leaving);
    this.#listeners.add(listener);
    if (!this.#running) {
      this.#running = true;
      this.#connect();
    } else if (this.#there === 'now') {
      listener.subscribed?.(false);
    }
    return () => {
      if (!this.#listeners.delete(listener) || this.#listeners.size > 0) return;
      this.#leaving = setTimeout(() => this.#stop(), linger);
    };
  }

  #stop(): void {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined;
    this.#there = 'never';
    this.#running = false;
    socket?.close(1000);
  }

  #connect(): void {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.onopen = () => socket.send(JSON.stringify({ type: 'subscribe', channel: this.#name }));
    socket.onmessage = ({ data }) => {
      if (socket === this.#socket) this.#hear(JSON.parse(String(data)) as Message);
    };
    socket.onerror = () => {}; // onclose follows
    socket.onclose = () => {
      if (socket !== this.#socket) return;
      if (this.#there === 'now') this.#there = 'before';
      this.#timer = setTimeout(() => this.#connect(), pause(this.#attempt++));
    };
  }

  #hear(message: Message): void {
    if ('op' in message) {
      for (const listener of [...this.#listeners]) listener.row(message);
    } else if (message.type === 'subscribed') {
      const again = this.#there === 'before';
      this.#there = 'now';
      this.#attempt = 0;
      for (const listener of [...this.#listeners]) listener.subscribed?.(again);
    } else if (message.type === 'error') {
      for (const listener of [...this.#listeners]) listener.refused?.(message.message ?? 'refused');
    } else if (message.type === 'unsubscribed') {
      this.#socket?.close(1000); // the gateway has ended it: subscribe anew
    }
  }
}

/** From about 100 ms to 5 s, half of it by chance. */
function pause(attempt: number): number {
  const longest = Math.min(200 * 2 ** attempt, 5000);
  return longest / 2 + (Math.random() * longest) / 2;
}

const channels = new Map<string, Channel>();

/** Listens to a channel of the gateway whose row channels are at a URL (`ws://host:4000/ws`); returns how to stop. */
export function listen(url: string, name: string, listener: ChannelListener): () => void {
  const key = JSON.stringify([url, name]);
  let channel = channels.get(key);
  if (!channel) channels.set(key, (channel = new Channel(url, name)));
  return channel.listen(listener);
}
