import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, extname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GramianError } from '../gpu/errors.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
};

/** The package's files: beside this command, once it is built. */
const DIST = fileURLToPath(new URL('.', import.meta.url));

/** Of `gramian bench`, what the page's form begins with. */
export interface PageOptions {
  readonly work?: string;
  readonly cases?: readonly string[];
  readonly sizes?: readonly string[];
  readonly repeats?: number;
  readonly quick?: boolean;
}

/**
 * `gramian bench --work FILE --page`: serves the benchmark's page, the package and the folder of the work, to this machine alone, until
 * it is stopped.
 * @param isGiven whether an option was typed
 */
export async function benchPage(options: PageOptions, isGiven: (option: string) => boolean): Promise<void> {
  const { work: file } = options;
  if (file === undefined) throw new GramianError('bench: --page came without --work, expected it beside one.');
  const other = ['adapters', 'peers', 'tune', 'profile', 'seconds', 'json', 'csv', 'report'].find(isGiven);
  if (other)
    throw new GramianError(`bench: --${other} came beside --page, expected it without; the page has its own, or none.`);
  const path = resolve(file);
  if (!existsSync(path))
    throw new GramianError(`bench: --work ${file} is not there, expected a module that exports works.`);
  // Modules above the file's own folder are reached where they lie in the folder that the command runs in.
  const inside = !relative('', path).startsWith('..');
  const folder = inside ? resolve('') : dirname(path);
  const server = createServer(({ url = '', method, headers: { host } }, response) => {
    const [, root, rest] = /^\/(dist|work)\/([^?]+)/.exec(url) ?? [];
    // Another name for this machine is that of a page elsewhere that wants to read along.
    if (method !== 'GET' || !root || host !== origin) return void response.writeHead(404).end();
    send(response, root === 'dist' ? DIST : folder, rest);
  });
  await new Promise<void>((done, fail) => void server.once('error', fail).listen(0, '127.0.0.1', done));
  const origin = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const work = `/work/${relative(folder, path).split(sep).join('/')}`;
  const { cases, sizes, repeats, quick } = options;
  const hash = new URLSearchParams({
    work,
    ...(cases ? { cases: cases.join(' ') } : {}),
    ...(sizes ? { sizes: sizes.join(' ') } : {}),
    ...(repeats ? { repeats: String(repeats) } : {}),
    quick: quick ? '1' : '0',
  });
  process.stderr.write(`bench: open http://${origin}/dist/bench.html#${hash} in a browser; Ctrl-C ends it.\n`);
}

/** A file below `folder`; what hides behind a dot or lies elsewhere is not there. */
function send(response: ServerResponse, folder: string, name: string): void {
  let path: string;
  try {
    path = join(folder, decodeURIComponent(name));
  } catch {
    return void response.writeHead(404).end();
  }
  const hidden = relative(folder, path)
    .split(sep)
    .some((part) => part.startsWith('.'));
  if (hidden || !statSync(path, { throwIfNoEntry: false })?.isFile()) return void response.writeHead(404).end();
  const type = TYPES[extname(path)] ?? 'application/octet-stream';
  response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' });
  createReadStream(path)
    .on('error', () => response.destroy())
    .pipe(response);
}
