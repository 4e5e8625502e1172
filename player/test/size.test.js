import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { served, sizes } from '../size.js';

const budgets = JSON.parse(readFileSync(new URL('../../bench/budgets.json', import.meta.url), 'utf8'));

test('what a lesson page loads of ours stays within its ceiling', () => {
  const found = sizes('main.js');
  assert.ok(found.rows.length > 20);
  assert.ok(found.served <= budgets.lesson_page_own_script_br_bytes, `${found.served} bytes`);
});

test('only lines that are comment alone are left out', () => {
  const code = "const a = 'http://x'; // kept\n  // gone\n/** gone\n * too */\nconst b = '/* kept */';\n  /** @type {X} */ (a).b();\n";
  assert.equal(served(code), "const a = 'http://x'; // kept\nconst b = '/* kept */';\n  /** @type {X} */ (a).b();\n");
});
