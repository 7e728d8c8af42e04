// A page for tests: jsdom's globals, before React is loaded.
import { JSDOM } from 'jsdom';
import { WebSocket } from 'ws';

const { window } = new JSDOM('<!doctype html><div id="root"></div>', { url: 'http://localhost/', pretendToBeVisual: true });
const names = [
  'CustomEvent', 'Document', 'DocumentFragment', 'Element', 'Event', 'HTMLElement', 'KeyboardEvent', 'MouseEvent', 'MutationObserver', 'Node', 'SVGElement',
  'document', 'getComputedStyle', 'requestAnimationFrame', 'cancelAnimationFrame',
];
for (const name of names) {
  globalThis[name] = typeof window[name] === 'function' && name.endsWith('Frame') ? window[name].bind(window) : window[name];
}
globalThis.window = window;
Object.defineProperty(globalThis, 'navigator', { value: window.navigator, configurable: true }); // Node.js 22 has one that only reads
globalThis.location = window.location;
globalThis.WebSocket = WebSocket;
globalThis.IS_REACT_ACT_ENVIRONMENT = false; // effects and frames run as they do in a browser
