// All files of the site, in memory: what tools/site.ts writes or shows, and what tests look at.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { inlinedPackages, licenceTexts } from '../tools/licences.ts';
import { documentation } from './docs.ts';
import { homeMain } from './home.ts';
import { renderSitePage, type SitePage } from './shell.ts';
import { TRAIN_MAIN } from './train.ts';

const root = join(import.meta.dirname, '..');
const SCRIPTS = ['playground', 'training'];
const LETTERS = ['train-images-idx3', 'train-labels-idx1', 'test-images-idx3', 'test-labels-idx1'];

/** By their addresses from the site's root, without a slash in front. */
export type SiteFiles = Record<string, string | Uint8Array>;

const read = (file: string): Uint8Array => readFileSync(join(root, file));
const text = (file: string): string => readFileSync(join(root, file), 'utf8');

/** The scripts, which share what they have in common. */
async function scripts(): Promise<SiteFiles> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: SCRIPTS.map((name) => `site/${name}.ts`),
    outdir: 'site/dist',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    conditions: ['source'],
    minify: true,
    legalComments: 'none', // THIRD-PARTY-LICENSES.txt has them whole
    logLevel: 'warning',
    metafile: true,
    write: false,
  });
  const files: SiteFiles = {};
  for (const { path, text: code } of outputFiles) files[path.slice(join(root, 'site/dist/').length)] = code;
  const licences = licenceTexts(root, inlinedPackages([metafile]));
  return licences ? { ...files, 'THIRD-PARTY-LICENSES.txt': licences } : files;
}

/** A folder that was built before, if it was. */
function built(folder: string, as: string): SiteFiles {
  if (!existsSync(join(root, folder))) return {};
  const names = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
  const paths = names.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name));
  return Object.fromEntries(
    paths.map((path) => [as + path.slice(join(root, folder).length).replaceAll('\\', '/'), readFileSync(path)]),
  );
}

/** The benchmark's page and the API's reference are linked where `npm run build` and `npm run api` have made them. */
export async function buildSite(): Promise<SiteFiles> {
  const program = /```js\n([\s\S]*?)```/.exec(text('README.md'))?.[1] ?? '';
  const files: SiteFiles = {
    ...(await scripts()),
    'style.css': ['style', 'tools', 'docs'].map((name) => text(`site/${name}.css`)).join('\n'),
    'bench.svg': text('docs/bench.svg'),
    ...(existsSync(join(root, 'dist/bench.html')) ? { 'bench.html': read('dist/bench.html') } : {}),
    ...built('api', 'api'),
  };
  for (const name of LETTERS) files[`letters/${name}-ubyte.gz`] = read(`data/letters/${name}-ubyte.gz`);
  files['letters/LICENCES.md'] = text('data/letters/LICENCES.md');
  const documents = await documentation();
  Object.assign(files, documents.files);
  const pages: SitePage[] = [...documents.pages];
  // Where a link may lead: all pages but the first, which is made last.
  const has = (path: string): boolean => path in files || pages.some((page) => page.path === path);
  pages.push({ path: 'train.html', title: 'gramian: training', main: TRAIN_MAIN, script: 'training.js' });
  pages.push({ path: 'index.html', title: 'gramian', main: homeMain(program, has), script: 'playground.js' });
  for (const page of pages) files[page.path] = renderSitePage(page, has);
  return files;
}
