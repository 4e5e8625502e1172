/** What only active checks need, in a room of its own that is loaded with the first of them. */

import { moves } from './core/moves.js';

/** @param {boolean} english */
export async function createActive(english) {
  const words = english ? (await import('./core/moves.en.js')).en : (await import('./core/moves.zh.js')).zh;
  return { moves, words };
}
