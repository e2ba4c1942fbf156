// npm run site: builds the site into site/dist, which any static host serves.  npm run site:preview: the same, shown on this machine.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buildSite } from '../site/build.ts';
import { serve } from '../test/browser/files.ts';

const out = join(import.meta.dirname, '../site/dist');
const files = await buildSite();
rmSync(out, { recursive: true, force: true });
for (const [path, content] of Object.entries(files)) {
  mkdirSync(dirname(join(out, path)), { recursive: true });
  writeFileSync(join(out, path), content);
}
console.error(`site: ${Object.keys(files).length} files in site/dist`);
if (process.argv.includes('--preview')) {
  const served = Object.fromEntries(Object.entries(files).map(([path, content]) => [`/${path}`, content]));
  const { origin } = await serve({ ...served, '/': files['index.html'] });
  console.log(`${origin}/  (Ctrl+C ends it)`);
}
