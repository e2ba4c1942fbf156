import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { need } from './needs.mjs';

const root = join(import.meta.dirname, '..');

export interface Tarball {
  readonly file: string;
  /** What is in it, by paths from the package's root. */
  readonly paths: readonly string[];
}

/** What npm would publish of dist/ as it is, written into a folder. */
export function pack(folder: string): Tarball {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', JSON.stringify(folder)];
  // As one line for a shell: npm is a script on Windows.
  const { stdout, stderr, status } = spawnSync(`npm ${args.join(' ')}`, { cwd: root, encoding: 'utf8', shell: true });
  if (status !== 0) throw new Error(`pack: npm ended with code ${status}: ${stderr}`);
  const [{ filename, files }] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
  return { file: join(folder, filename), paths: files.map(({ path }) => path) };
}

interface Publint {
  publint(options: object): Promise<{ messages: object[]; pkg: object }>;
}
interface PublintText {
  formatMessage(message: object, pkg: object, options: object): string;
}
interface Attw {
  createPackageFromTarballData(data: Uint8Array): object;
  checkPackage(pkg: object): Promise<{ entrypoints: object; problems: AttwProblem[] }>;
}
interface AttwProblem {
  readonly kind: string;
  readonly resolutionKind?: string;
  readonly resolutionOption?: string;
  readonly entrypoint?: string;
}

/** What publint and attw find in a tarball, a line each, and the sub-paths that attw looked at. */
export async function lintTarball(file: string): Promise<{ found: string[]; subpaths: string[] }> {
  const needed = await need('publish');
  const load = async <T>(name: string) => (await import(pathToFileURL(needed.resolve(name)).href)) as T;
  const { publint } = await load<Publint>('publint');
  const { formatMessage } = await load<PublintText>('publint/utils');
  const { createPackageFromTarballData, checkPackage } = await load<Attw>('@arethetypeswrong/core');
  const bytes = readFileSync(file);
  const tarball = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const { messages, pkg } = await publint({ pack: { tarball }, strict: true });
  const { entrypoints, problems } = await checkPackage(createPackageFromTarballData(bytes));
  // node10 has no exports and node16-cjs no ES modules, which is all that the package has: attw's profile esm-only leaves both out.
  const wrong = problems.filter(
    ({ resolutionKind, resolutionOption }) =>
      !['node10', 'node16-cjs'].includes(resolutionKind ?? '') && resolutionOption !== 'node10',
  );
  return {
    found: [
      ...messages.map((message) => `publint: ${formatMessage(message, pkg, { color: false })}`),
      ...wrong.map((problem) => `attw: ${JSON.stringify({ ...problem, trace: undefined })}`),
    ],
    subpaths: Object.keys(entrypoints),
  };
}
