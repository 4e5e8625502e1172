/**
 * What a lesson page loads of ours, in Brotli bytes: `node player/size.js`. The server sends modules without their
 * comment lines (people read the source, browsers do not), so that is what counts; the catalogue of one language
 * travels, the larger one is taken.
 */

import { existsSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';

const SRC = fileURLToPath(new URL('src/', import.meta.url));
const IMPORT = /(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g;

/** Lines that are only comment go; comments behind code stay, since telling them from strings needs a parser. @param {string} text */
export function served(text) {
  return text.replace(/^[ \t]*\/\*(?:[^*]|\*(?!\/))*\*\/[ \t]*\n/gm, '').replace(/^[ \t]*\/\/.*\n/gm, '');
}

/** All modules that `entry` loads, itself and the clock's worker included. @param {string} entry */
export function closure(entry) {
  const found = new Set([resolve(SRC, 'dom/clock.worker.js')]);
  const waiting = [resolve(SRC, entry)];
  while (waiting.length) {
    const file = /** @type {string} */ (waiting.pop());
    if (found.has(file)) continue;
    if (!existsSync(file)) throw new Error(`${file} is imported but missing`);
    found.add(file);
    for (const match of served(readFileSync(file, 'utf8')).matchAll(IMPORT)) waiting.push(resolve(dirname(file), match[1]));
  }
  return [...found].sort();
}

/** @param {string} text */
function packed(text) {
  return brotliCompressSync(Buffer.from(text)).length;
}

/** @param {string} entry */
export function sizes(entry) {
  const rows = closure(entry).map((file) => {
    const text = readFileSync(file, 'utf8');
    return { file: relative(SRC, file), written: packed(text), served: packed(served(text)) };
  });
  const words = rows.filter((row) => /texts(\.en)?\.js$/.test(row.file));
  const rest = rows.filter((row) => words.indexOf(row) < 0);
  const sum = (/** @type {'written'|'served'} */ key) => rest.reduce((all, row) => all + row[key], 0)
    + words.reduce((most, row) => Math.max(most, row[key]), 0);
  return { rows, written: sum('written'), served: sum('served') };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = sizes('main.js');
  for (const row of found.rows) console.log(`${String(row.served).padStart(6)} ${String(row.written).padStart(6)}  ${row.file}`);
  console.log(`${String(found.served).padStart(6)} ${String(found.written).padStart(6)}  served, as written`);
}
