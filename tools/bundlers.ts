// npm run test:bundlers: a page around README's program, and one that imports every sub-path, made by each bundler of the package as it
// would be published, and opened in Chromium. -- --write puts the table into docs/runtimes.md. 70 MB from npm, so no part of npm test.
import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Chromium, launchChromium } from '../test/browser/chromium.ts';
import { fillMarkers } from './markers.ts';
import { need } from './needs.mjs';
import { pack } from './tarball.ts';

const root = join(import.meta.dirname, '..');
const needed = await need('bundlers');
const folderOf = (name: string): string => dirname(needed.resolve(`${name}/package.json`));

interface Bundler {
  readonly name: string;
  /** Its own folder, and its program there. */
  readonly at: string;
  readonly program: string;
  /** What makes `out/` of a script, or of the index.html that loads it. */
  readonly command: (script: string) => string;
}

const vite = { name: 'vite', program: 'bin/vite.js', command: () => 'build --outDir out' };
const BUNDLERS: readonly Bundler[] = [
  {
    name: 'esbuild',
    at: folderOf('esbuild'),
    program: 'bin/esbuild',
    command: (script) => `${script} --bundle --format=esm --minify --outdir=out`,
  },
  {
    name: 'webpack',
    at: folderOf('webpack'),
    program: 'bin/webpack.js',
    command: (script) => `./${script} --mode production -o out`,
  },
  {
    name: 'rollup',
    at: folderOf('rollup'),
    program: 'dist/bin/rollup',
    command: (script) => `${script} -d out -p node-resolve={browser:true}`,
  },
  { ...vite, at: folderOf('vite') },
  { ...vite, at: join(root, 'node_modules', 'vite') }, // a newer one, which vitest brings
];

/** A user's folder: the package from its tarball, and two scripts. */
function project(folder: string): { promised: string } {
  const modules = join(folder, 'node_modules');
  mkdirSync(modules);
  const { file } = pack(folder);
  const { status } = spawnSync('tar', ['-xzf', file, '-C', modules], { stdio: 'inherit' });
  if (status !== 0) throw new Error(`bundlers: tar ended with code ${status}, expected 0.`);
  renameSync(join(modules, 'package'), join(modules, 'gramian'));
  symlinkSync(join(folderOf('rollup'), '..', '@rollup'), join(modules, '@rollup'), 'junction');
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const [, first] = /```js\n([\s\S]*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8')) as RegExpExecArray;
  const [, promised] = /console\.log\(.*\); \/\/ (.+)/.exec(first) as RegExpExecArray;
  writeFileSync(join(folder, 'main.js'), first.replace('console.log(', 'document.body.append('));
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: object };
  const paths = Object.keys(exports).filter((path) => path !== './package.json');
  const imports = paths.map((path, i) => `import * as part${i} from 'gramian${path.slice(1)}';`);
  const parts = paths.map((_, i) => `part${i}`).join(', ');
  const ask = `document.body.append([${parts}].every((part) => Object.keys(part).length > 0));\n`;
  writeFileSync(join(folder, 'subpaths.js'), `${imports.join('\n')}\n${ask}`);
  return { promised };
}

interface Built {
  readonly files: Readonly<Record<string, Buffer | string>>;
  /** Bytes of all scripts, gzipped. */
  readonly bytes: number;
}

function build({ at, program, command }: Bundler, folder: string, script: string): Built {
  const html = (path: string) => `<!doctype html><body><script type="module" src="${path}"></script>`;
  const out = join(folder, 'out');
  rmSync(out, { recursive: true, force: true });
  writeFileSync(join(folder, 'index.html'), html(`/${script}`));
  const args = [join(at, program), ...command(script).split(' ')];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`code ${status}\n${stdout}\n${stderr}`);
  const names = readdirSync(out, { recursive: true, encoding: 'utf8' }).filter((name) => /\.(js|html)$/.test(name));
  const files = Object.fromEntries(names.map((name) => [`/${name}`, readFileSync(join(out, name))]));
  const scripts = names.filter((name) => name.endsWith('.js'));
  const entry = scripts.includes(script) ? script : 'main.js'; // webpack's name for it
  return {
    files: { ...files, '/': files['/index.html'] ?? html(`/${entry}`) },
    bytes: scripts.reduce((sum, name) => sum + gzipSync(files[`/${name}`], { level: 9 }).length, 0),
  };
}

/** What the page says. */
const said = (chromium: Chromium, { files }: Built): Promise<string> =>
  chromium.open({ files, timeout: 120_000 }, async (page) => {
    await page.waitForFunction("document.body.textContent.trim() !== ''", { timeout: 110_000 });
    return page.evaluate<string>('document.body.textContent.trim()');
  });

const folder = mkdtempSync(join(tmpdir(), 'gramian-bundlers-'));
const { promised } = project(folder);
const chromium = await launchChromium();
const lines = ['| Bundler | Command | Scripts, gzipped | README | All sub-paths |', '| --- | --- | --- | --- | --- |'];
let failed = 0;
for (const bundler of BUNDLERS) {
  const { version } = JSON.parse(readFileSync(join(bundler.at, 'package.json'), 'utf8')) as { version: string };
  let bytes = 0;
  const passes = async (script: string, expected: string): Promise<string> => {
    try {
      const built = build(bundler, folder, script);
      bytes ||= built.bytes;
      const text = await said(chromium, built);
      if (text === expected) return 'passes';
      console.error(`${bundler.name} ${version}, ${script}: the page says ${text}, expected ${expected}`);
    } catch (error) {
      console.error(`${bundler.name} ${version}, ${script}: ${(error as Error).message}`);
    }
    failed++;
    return 'fails';
  };
  const results = [await passes('main.js', promised), await passes('subpaths.js', 'true')];
  const command = `${bundler.name} ${bundler.command('main.js')}`;
  lines.push(
    `| ${bundler.name} ${version} | \`${command}\` | ${(bytes / 1000).toFixed(1)} kB | ${results.join(' | ')} |`,
  );
  console.log(lines.at(-1));
}
await chromium.close();
rmSync(folder, { recursive: true, force: true });
if (process.argv.includes('--write')) {
  const today = new Date().toISOString().slice(0, 10);
  const table = `${lines.join('\n')}\n\n\`npm run test:bundlers -- --write\`, ${today}.`;
  fillMarkers('docs/runtimes.md', 'bundlers', table);
}
console.log(`${2 * BUNDLERS.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
