import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { modules, page, rooms, served } from '../size.js';

const budgets = JSON.parse(readFileSync(new URL('../../bench/budgets.json', import.meta.url), 'utf8'));

test('what a lesson page loads of ours stays within its ceiling, and so do the rooms that checks open', () => {
  const found = page();
  assert.ok(found.rows.length > 20);
  assert.ok(found.served <= budgets.lesson_page_own_script_br_bytes, `${found.served} bytes`);
  const more = rooms();
  assert.ok(more.rows.length > 8);
  assert.ok(more.served <= budgets.check_rooms_own_script_br_bytes, `${more.served} bytes`);
});

test('comments and indents are left out, and nothing that may be a string', () => {
  const code = "const a = ' // x'; // it's kept\n  // gone\n/** gone\n * too */\nconst b = '/* kept */'; // gone\n  /** @type {X} */ (a).b();\n";
  assert.equal(served(code), "const a = ' // x'; // it's kept\n\n\n\nconst b = '/* kept */';\n(a).b();\n");
});

test('no template spans lines: its indents and slashes would be taken for code', () => {
  for (const file of modules()) {
    for (const line of served(readFileSync(file, 'utf8')).split('\n')) {
      assert.equal((line.match(/`/g) || []).length % 2, 0, `${file}: ${line}`);
    }
  }
});
