export { createClient } from './client.js';
export * from './types.js';
