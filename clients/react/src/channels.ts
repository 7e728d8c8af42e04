import { safely } from './frames.js';

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
  /** No change is lost from now on. Before, changes may have been missed. */
  readonly subscribed: () => void;
  /** The gateway refuses it. */
  readonly refused: (message: string) => void;
}

/** How long a channel outlives its last listener, in milliseconds: pages that change go on with the same one. */
const linger = 1000;
/** How often to ask whether the gateway is there, in milliseconds. An answer that does not come before the next is due: it is not. */
const pulse = 15_000;

type Message = RowMessage | { readonly type: string; readonly message?: string };

/**
 * One of the gateway's row channels, shared by all that listen to it. It has a
 * WebSocket of its own, since messages name their table and not their channel,
 * and comes back by itself.
 */
class Channel {
  readonly #url: string;
  readonly #name: string;
  readonly #ended: () => void;
  readonly #listeners = new Set<ChannelListener>();
  #socket: WebSocket | undefined;
  #there = false;
  #attempt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined; // to connect again
  #leaving: ReturnType<typeof setTimeout> | undefined;
  #beat: ReturnType<typeof setInterval> | undefined;
  #answered = true;

  constructor(url: string, name: string, ended: () => void) {
    this.#url = url;
    this.#name = name;
    this.#ended = ended;
    this.#connect();
  }

  listen(listener: ChannelListener): () => void {
    clearTimeout(this.#leaving);
    this.#listeners.add(listener);
    if (this.#there) safely(listener.subscribed);
    return () => {
      if (!this.#listeners.delete(listener) || this.#listeners.size > 0) return;
      this.#leaving = setTimeout(() => this.#stop(), linger);
    };
  }

  #stop(): void {
    this.#ended();
    clearTimeout(this.#timer);
    this.#lose()?.close(1000);
  }

  #connect(): void {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.onopen = () => {
      socket.send(JSON.stringify({ type: 'subscribe', channel: this.#name }));
      this.#answered = true;
      this.#beat = setInterval(() => this.#ask(socket), pulse);
    };
    socket.onmessage = ({ data }) => {
      if (socket === this.#socket) this.#hear(JSON.parse(String(data)) as Message);
    };
    socket.onerror = () => {}; // onclose follows
    socket.onclose = () => {
      if (socket === this.#socket) this.#again();
    };
  }

  /** A network that has gone tells nobody. */
  #ask(socket: WebSocket): void {
    if (!this.#answered) {
      this.#again();
      socket.close(); // its onclose may take minutes
      return;
    }
    this.#answered = false;
    socket.send('{"type":"ping"}');
  }

  #again(): void {
    this.#lose();
    this.#timer = setTimeout(() => this.#connect(), pause(this.#attempt++));
  }

  #lose(): WebSocket | undefined {
    clearInterval(this.#beat);
    const socket = this.#socket;
    this.#socket = undefined;
    this.#there = false;
    return socket;
  }

  #hear(message: Message): void {
    this.#answered = true;
    if ('op' in message) {
      this.#tell((listener) => listener.row(message));
    } else if (message.type === 'subscribed') {
      this.#there = true;
      this.#attempt = 0;
      this.#tell((listener) => listener.subscribed());
    } else if (message.type === 'error') {
      this.#tell((listener) => listener.refused(message.message ?? 'refused'));
    } else if (message.type === 'unsubscribed') {
      this.#socket?.close(1000); // the gateway has ended it: subscribe anew
    }
  }

  #tell(say: (listener: ChannelListener) => void): void {
    for (const listener of [...this.#listeners]) safely(() => say(listener));
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
  if (!channel) channels.set(key, (channel = new Channel(url, name, () => channels.delete(key))));
  return channel.listen(listener);
}
