// Makes dist/.  npm run build: all of it.  --quick: without declarations, for npm start.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build, type Metafile } from 'esbuild';
import { renderBenchPage } from '../bench/page/write.ts';
import { asComment, inlinedPackages, licenceTexts } from './licences.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const quick = process.argv.includes('--quick');

/** Each sub-path of the package and its source. One whose source is not there yet is no sub-path. */
const SUBPATHS: Readonly<Record<string, string>> = {
  '.': 'src/index.ts',
  './data': 'src/data/index.ts', // in browsers: src/data/index.browser.ts
  './eval': 'src/eval/index.ts',
  './jax': 'src/adapters/jax.ts',
  './kernels': 'src/kernels/index.ts',
  './methods': 'src/methods/index.ts',
  './nn': 'src/nn/index.ts',
  './optim': 'src/optim/index.ts',
  './ort': 'src/adapters/ort.ts',
  './testing': 'src/testing/index.ts',
  './tfjs': 'src/adapters/tfjs.ts',
  './typegpu': 'src/adapters/typegpu.ts',
};
/** Sub-paths of which browsers get less: what needs no files. */
const IN_BROWSERS: Readonly<Record<string, string>> = { './data': 'src/data/index.browser.ts' };
const OPTIONAL_PEERS = ['webgpu', 'sharp', '@sparticuz/chromium'];

const subpaths = Object.entries(SUBPATHS).filter(([, source]) => existsSync(join(root, source)));
const nameOf = (subpath: string): string => (subpath === '.' ? 'index' : subpath.slice(2));

const shared = {
  absWorkingDir: root,
  bundle: true,
  format: 'esm',
  legalComments: 'none', // dist/THIRD-PARTY-LICENSES.txt has them whole
  logLevel: 'warning',
} as const;

const BUNDLES: BuildOptions[] = [
  {
    // One call for all entries, so that they share chunks: an error class must not exist twice.
    entryPoints: {
      ...Object.fromEntries(subpaths.map(([subpath, source]) => [nameOf(subpath), source])),
      ...Object.fromEntries(
        Object.entries(IN_BROWSERS).map(([subpath, source]) => [`${nameOf(subpath)}.browser`, source]),
      ),
      'platform.node': 'src/gpu/platform.node.ts',
      'platform.browser': 'src/gpu/platform.browser.ts',
    },
    outdir: 'dist',
    platform: 'neutral',
    target: 'es2022',
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    external: ['#platform', 'node:*', ...OPTIONAL_PEERS],
  },
  {
    // With its platform inside: a NoAdapterError from a chunk of the library would be none of the command's own.
    // In chunks: each command loads what it needs. They look for files beside dist/cli.js, so they lie there.
    entryPoints: { cli: 'src/cli/main.ts' },
    outdir: 'dist',
    platform: 'node',
    target: 'node20',
    splitting: true,
    chunkNames: 'cli-[hash]',
    conditions: ['source'],
    external: OPTIONAL_PEERS,
    // commander and cli-progress are CommonJS and require Node's own modules.
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module';\nconst require = requireFrom(import.meta.url);",
    },
  },
  {
    entryPoints: { 'gramian.browser': 'src/index.ts' },
    outdir: 'dist',
    platform: 'browser',
    target: 'es2022',
    conditions: ['source'],
    minify: true,
  },
  {
    // Classic scripts: the reports that carry them open from a file.
    entryPoints: { 'report-page': 'src/cli/report/page.ts', 'bench-report-page': 'bench/report/page.ts' },
    outdir: 'dist',
    platform: 'browser',
    target: 'es2022',
    format: 'iife',
    minify: true,
  },
];

/** The benchmark as a page, whose script stands inside. */
const BENCH_PAGE: BuildOptions = {
  entryPoints: ['bench/page/main.ts'],
  platform: 'browser',
  target: 'es2022',
  format: 'iife',
  conditions: ['source'],
  minify: true,
  write: false,
};

/** The libraries that the benchmark compares with, where a clone has them: never in dist/, found by their own packages. */
const PEERS = ['naive', 'tfjs', 'jaxJs', 'ort', 'torch']
  .map((name) => `bench/peers/${name}.ts`)
  .filter((file) => existsSync(join(root, file)));

if (PEERS.length > 0)
  BUNDLES.push({
    entryPoints: PEERS,
    outdir: 'bench/peers/dist',
    platform: 'node',
    target: 'node20',
    conditions: ['source'],
    external: [
      ...OPTIONAL_PEERS,
      '@tensorflow/*',
      '@jax-js/*',
      'onnxruntime-web',
      'onnxruntime-web/*',
      'protobufjs',
      'protobufjs/*',
    ],
  });

function run(what: string, args: readonly string[]): void {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) throw new Error(`build: ${what} ended with code ${status}, expected 0.`);
}

/** `using` needs types that a consumer's `lib` may lack; the declarations that mention them bring them along. */
function referToDisposable(): void {
  const types = join(root, 'dist/types');
  for (const name of readdirSync(types, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.d.ts')) continue;
    const file = join(types, name);
    const text = readFileSync(file, 'utf8');
    if (/\bDisposable\b|Symbol\.dispose/.test(text))
      writeFileSync(file, `/// <reference lib="esnext.disposable" />\n${text}`);
  }
}

/**
 * Where a module uses nothing of a chunk, esbuild still imports it, to run it. No module here does anything by being loaded, and
 * says so by `sideEffects`: a user's bundler drops these imports, and some warn about each. The others come in the order of the
 * chunks' hashes. Bundlers lay code out in the order of imports, and gzip finds only what is near: by luck, a user's bundle
 * would be 0.5 kB larger. The largest comes first.
 */
function tidyImports({ outputs }: Metafile): void {
  const IMPORT = /^import \{[^}]*\} from "([^"]+)";\n/gm;
  for (const file of Object.keys(outputs)) {
    const bytesOf = ([, path]: readonly string[]): number => outputs[posix.join(posix.dirname(file), path)]?.bytes ?? 0;
    const text = readFileSync(join(root, file), 'utf8').replace(/^import "\.[^"\n]*";\n/gm, '');
    const sorted = [...text.matchAll(IMPORT)].sort((a, b) => bytesOf(b) - bytesOf(a)).map(([statement]) => statement);
    writeFileSync(
      join(root, file),
      text.replace(IMPORT, () => sorted.shift() as string),
    );
  }
}

/** By the names that imports have for them, beside the benchmark's page. */
function modulesInBrowsers(): Record<string, string> {
  const files = subpaths.map(([subpath]) => {
    const file = IN_BROWSERS[subpath] ? `${nameOf(subpath)}.browser` : nameOf(subpath);
    return [subpath.replace('.', 'gramian'), `./${file}.js`];
  });
  return { ...Object.fromEntries(files), '#platform': './platform.browser.js' };
}

/** The table above is what the package exports; package.json follows it. */
function updateExports(): void {
  const file = join(root, 'package.json');
  const text = readFileSync(file, 'utf8');
  const manifest = JSON.parse(text);
  const entry = (source: string, name: string) => ({
    types: source.replace('src', './dist/types').replace('.ts', '.d.ts'),
    default: `./dist/${name}.js`,
  });
  manifest.exports = {
    ...Object.fromEntries(
      subpaths.map(([subpath, source]) => {
        const own = entry(source, nameOf(subpath));
        const inBrowsers = IN_BROWSERS[subpath];
        return [subpath, inBrowsers ? { browser: entry(inBrowsers, `${nameOf(subpath)}.browser`), ...own } : own];
      }),
    ),
    './package.json': './package.json',
  };
  const updated = `${JSON.stringify(manifest, null, 2)}\n`;
  if (updated === text) return;
  writeFileSync(file, updated);
  console.error(`build: package.json now exports ${Object.keys(manifest.exports).join(', ')}`);
}

/** Beside what is inlined, and inside the scripts that reports carry away. */
function writeLicences(metafiles: readonly Metafile[]): void {
  const published = metafiles.map(({ inputs, outputs }) => ({
    inputs,
    outputs: Object.fromEntries(Object.entries(outputs).filter(([file]) => !file.startsWith('bench/'))),
  }));
  const text = licenceTexts(root, inlinedPackages(published));
  writeFileSync(join(root, 'dist/THIRD-PARTY-LICENSES.txt'), `The files here hold code of these packages.\n\n${text}`);
  for (const { inputs, outputs } of published)
    for (const [file, output] of Object.entries(outputs)) {
      if (!file.endsWith('report-page.js')) continue;
      const own = licenceTexts(root, inlinedPackages([{ inputs, outputs: { [file]: output } }]));
      writeFileSync(join(root, file), asComment(own) + readFileSync(join(root, file), 'utf8'));
    }
}

run('tools/generate.ts', ['--import', 'tsx', 'tools/generate.ts']);
if (!quick) rmSync(join(root, 'dist'), { recursive: true, force: true });
const built = await Promise.all(BUNDLES.map((options) => build({ ...shared, ...options, metafile: true })));
const benchPage = await build({ ...shared, ...BENCH_PAGE, metafile: true });
tidyImports(built[0].metafile);
writeLicences([...built, benchPage].map(({ metafile }) => metafile));
const [script] = benchPage.outputFiles ?? [];
const notice = asComment(licenceTexts(root, inlinedPackages([benchPage.metafile])));
writeFileSync(join(root, 'dist/bench.html'), renderBenchPage(notice + script.text, modulesInBrowsers()));
chmodSync(join(root, 'dist/cli.js'), 0o755);
if (!quick) {
  run('tsc', [join('node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json']);
  referToDisposable();
  updateExports();
}
const kilobytes = (file: string): string => `${(statSync(join(root, file)).size / 1000).toFixed(0)} kB`;
console.error(
  `build: dist/gramian.browser.js ${kilobytes('dist/gramian.browser.js')}, dist/cli.js ${kilobytes('dist/cli.js')}`,
);
