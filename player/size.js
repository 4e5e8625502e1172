/**
 * What a lesson page loads of ours, in Brotli bytes: `node player/size.js`. The server sends modules without their
 * comments and indents (people read the source, browsers do not), so that is what counts; the catalogue of one
 * language travels, the larger one is taken. A room is loaded when a check needs it, and counted apart.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';

const SRC = fileURLToPath(new URL('src/', import.meta.url));
/** Loaded when a check needs them: an active one, the way without a face, one that does not pass at once, a browser
 * that finds faces itself, a picture from a file. */
const ROOMS = [
  'active.js', 'code_way.js', 'core/refusals.zh.js', 'core/refusals.en.js', 'dom/finder.js', 'dom/file.js',
].map((file) => resolve(SRC, file));
const IMPORT = /(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g;

/**
 * As `web/files.py` sends it, line for line: without comments, types and indents. A comment behind code goes when no quote stands in
 * it: then it is in no string.
 * @param {string} text
 */
export function served(text) {
  return text.replace(/^[ \t]*\/\*(?:[^*]|\*(?!\/))*\*\/[ \t]*\n/gm, (block) => block.replace(/[^\n]/g, ''))
    .replace(/^[ \t]*\/\/.*\n/gm, '\n')
    .replace(/[ \t]+\/\/ [^'"`\n]*$/gm, '').replace(/\/\*\* @type \{[^\n]*?\*\/ ?/g, '').replace(/^[ \t]+/gm, '');
}

/** Every module there is. */
export function modules() {
  const all = /** @type {string[]} */ (readdirSync(SRC, { recursive: true }));
  return all.filter((file) => file.endsWith('.js')).map((file) => resolve(SRC, file));
}

/** All modules that `entry` loads, rooms not, unless it is one. @param {string} entry */
export function closure(entry) {
  const found = new Set();
  const waiting = [resolve(SRC, entry)];
  while (waiting.length) {
    const file = /** @type {string} */ (waiting.pop());
    if (found.has(file)) continue;
    if (!existsSync(file)) throw new Error(`${file} is imported but missing`);
    found.add(file);
    for (const match of served(readFileSync(file, 'utf8')).matchAll(IMPORT)) {
      const next = resolve(dirname(file), match[1]);
      if (ROOMS.indexOf(next) < 0) waiting.push(next);
    }
  }
  return [...found].sort();
}

/** @param {string} text */
function packed(text) {
  return brotliCompressSync(Buffer.from(text)).length;
}

/** @param {string[]} files the words of one language travel: the larger ones are taken */
function sum(files) {
  const rows = files.map((file) => {
    const text = readFileSync(file, 'utf8');
    return { file: relative(SRC, file), written: packed(text), served: packed(served(text)) };
  });
  const english = rows.filter((row) => /[a-z]\.en\.js$/.test(row.file));
  const all = (/** @type {'written'|'served'} */ key) => rows.reduce((sum, row) => sum + row[key], 0)
    - english.reduce((less, row) => {
      const twin = rows.find((one) => one.file === row.file.replace('.en.js', row.file === 'core/texts.en.js' ? '.js' : '.zh.js'));
      return less + Math.min(row[key], twin ? twin[key] : 0);
    }, 0);
  return { rows, written: all('written'), served: all('served') };
}

/** What a lesson page loads to play and to pass a check. */
export function page() {
  return sum(closure('main.js').concat(resolve(SRC, 'dom/clock.worker.js')));
}

/** All rooms together: no learner needs them all. */
export function rooms() {
  const there = closure('main.js');
  const files = new Set(ROOMS.map((file) => closure(relative(SRC, file))).flat());
  return sum([...files].filter((file) => there.indexOf(file) < 0).sort());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, found] of Object.entries({ page: page(), rooms: rooms() })) {
    for (const row of found.rows) console.log(`${String(row.served).padStart(6)} ${String(row.written).padStart(6)}  ${row.file}`);
    console.log(`${String(found.served).padStart(6)} ${String(found.written).padStart(6)}  ${name}: served, as written\n`);
  }
}
