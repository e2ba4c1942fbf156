import { constants, existsSync, readFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import manifest from '../../package.json' with { type: 'json' };
import { GramianError } from '../gpu/errors.ts';

interface Start {
  /** What is written, and the file of examples/ that it is a copy of. */
  readonly files: Readonly<Record<string, string>>;
  /** Optional peers of this package that it runs with. */
  readonly needs: readonly string[];
  /** What runs it. */
  readonly command: string;
}

/** A program for Node in the tensors of a framework, which asks navigator.gpu there. */
const withFramework = (folder: string, needs: readonly string[], besides: readonly string[] = []): Start => ({
  files: {
    'first.mjs': `${folder}/first.mjs`,
    'webgpu.mjs': 'webgpu.mjs',
    ...Object.fromEntries(besides.map((file) => [file, `${folder}/${file}`])),
  },
  needs: ['webgpu', ...needs],
  command: 'node first.mjs',
});

const STARTS: Readonly<Record<string, Start>> = {
  node: { files: { 'first.mjs': 'node/first.mjs' }, needs: ['webgpu'], command: 'node first.mjs' },
  browser: {
    files: { 'index.html': 'page/esbuild.html', 'main.js': 'page/main.js' },
    needs: [],
    command: 'npx --yes esbuild@0.28 main.js --bundle --format=esm --outfile=main.bundle.js --servedir=.',
  },
  vite: {
    files: { 'index.html': 'page/vite.html', 'main.js': 'page/main.js' },
    needs: [],
    command: 'npx --yes vite@8 --open',
  },
  tfjs: withFramework('tfjs', ['@tensorflow/tfjs', '@tensorflow/tfjs-backend-webgpu']),
  jax: withFramework('jax', ['@jax-js/jax']),
  typegpu: withFramework('typegpu', ['typegpu']),
  ort: withFramework('ort', ['onnxruntime-web'], ['inNode.mjs']),
};

export const starts: readonly string[] = Object.keys(STARTS);

/** Writes a small program into the current folder, and says how it is run there. */
export async function init(what: string): Promise<void> {
  const { files, needs, command } = STARTS[what];
  const root = packageRoot();
  const names = Object.keys(files);
  const there = names.filter((file) => existsSync(file));
  if (there.length > 0)
    throw new GramianError(
      `init: ${there.join(', ')} ${there.length > 1 ? 'are' : 'is'} there already, expected a folder without; nothing was written.`,
    );
  for (const file of names)
    await copyFile(join(root, 'examples', files[file]), file, constants.COPYFILE_EXCL).catch((error) => {
      throw new GramianError(`init: ${file} cannot be written here (${(error as NodeJS.ErrnoException).code}).`);
    });
  const missing = [
    ...(isInstalled('gramian') ? [] : [ownSpec(root)]),
    ...needs.filter((name) => !isInstalled(name)).map((name) => `${name}@${rangeOf(name)}`),
  ];
  const install = missing.length > 0 ? [`npm install ${missing.join(' ')}`] : [];
  process.stdout.write(
    `wrote ${names.join(', ')}; next:\n${[...install, command].map((one) => `  ${one}\n`).join('')}`,
  );
}

/** The nearest folder above this file that holds the examples: the same from src/ and from dist/. */
function packageRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'examples', 'node'))) return folder;
    if (folder === dirname(folder))
      throw new GramianError('init: examples/ is missing from this package, expected it there; reinstall.');
  }
}

/** Whether a program in this folder finds the package. */
function isInstalled(name: string): boolean {
  const { resolve: find } = createRequire(resolve('first.mjs'));
  // One that has no entry for require() is found by its folder.
  if (find.paths(name)?.some((modules) => existsSync(join(modules, name, 'package.json')))) return true;
  try {
    find(name);
    return true;
  } catch {
    return false;
  }
}

/** The major and minor version that this package was tested with. */
function rangeOf(name: string): string {
  // One that comes with several packages has its range at one of them.
  const [, range = ''] = Object.entries(manifest.peerDependencies).find(([peer]) => peer.startsWith(name)) ?? [];
  return /\d+\.\d+/.exec(range)?.[0] ?? 'latest';
}

/** What npm installs this very package by: a clone's folder, the tarball that it came from, or its version. */
function ownSpec(root: string): string {
  if (existsSync(join(root, 'src'))) return quoted(relative('', root).replace(/^(?!\.)/, './')); // tarballs have none
  const modules = dirname(root);
  const lock = join(modules, '.package-lock.json'); // npm leaves it in what it installs, npx too
  const { packages } = JSON.parse(existsSync(lock) ? readFileSync(lock, 'utf8') : '{ "packages": {} }') as {
    packages: Record<string, { resolved?: string }>;
  };
  const from = packages['node_modules/gramian']?.resolved ?? '';
  if (!from.startsWith('file:')) return `gramian@${manifest.version}`;
  return quoted(resolve(dirname(modules), from.slice('file:'.length)));
}

/** As one word of a shell. */
function quoted(path: string): string {
  if (process.platform === 'win32') return /[^\w./\\:@+-]/.test(path) ? `"${path}"` : path;
  return /[^\w./:@+-]/.test(path) ? `'${path.replaceAll("'", "'\\''")}'` : path;
}
