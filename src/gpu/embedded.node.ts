import { randomUUID } from 'node:crypto';
import { createReadStream, existsSync, lstatSync, mkdirSync, readFileSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';

/** The npm package that carries SwiftShader, a Vulkan driver for the CPU, and a Vulkan loader. */
export const CARRIER = '@sparticuz/chromium';

export interface Carrier {
  readonly bin: string;
  readonly version: string;
  /** Its own tar reader, so that we need none. */
  readonly tar: { extract(folder: string): NodeJS.WritableStream };
}

/** The package as this module, or the program that runs, would find it; null where it is not installed. */
export function findCarrier(from = [import.meta.url, join(process.cwd(), 'package.json')]): Carrier | null {
  // Its files are built for Linux on x64 only.
  if (process.platform !== 'linux' || process.arch !== 'x64') return null;
  for (const base of from) {
    try {
      const entry = createRequire(base).resolve(CARRIER);
      const root = join(dirname(entry), '..');
      const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
      return { bin: join(root, 'bin'), version, tar: createRequire(entry)('tar-fs') as Carrier['tar'] };
    } catch {}
  }
  return null;
}

/** Where unpacked files may stay, best first. */
export function cacheFolders(env: NodeJS.ProcessEnv = process.env): string[] {
  const home = homedir();
  const own =
    process.platform === 'win32'
      ? (env.LOCALAPPDATA ?? join(home, 'AppData', 'Local'))
      : process.platform === 'darwin'
        ? join(home, 'Library', 'Caches')
        : (env.XDG_CACHE_HOME ?? join(home, '.cache'));
  return [join(own, 'gramian'), join(tmpdir(), `gramian-${process.getuid?.() ?? 'user'}`)];
}

/** Whether a file or folder is this user's: in a shared temporary folder somebody else may have made it, and filled it. */
export function isOwn(place: string): boolean {
  return !process.getuid || lstatSync(place).uid === process.getuid();
}

/** Makes a cache folder where there is none, and refuses somebody else's. */
export function ownFolder(cache: string): void {
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  if (!isOwn(cache)) throw new Error(`${cache} belongs to another user`);
}

/**
 * Fills `name` in the cache once and returns its path. It is filled beside its place and renamed into it, so a process
 * that starts meanwhile sees all of it or nothing. `proof` is a file that must be in it.
 */
export async function cached(
  name: string,
  proof: string,
  fill: (folder: string) => Promise<void>,
  folders = cacheFolders(),
): Promise<string> {
  let failure: unknown;
  for (const cache of folders) {
    const place = join(cache, name);
    const draft = join(cache, `.${name}-${randomUUID()}`);
    try {
      ownFolder(cache);
      if (existsSync(join(place, proof)) && isOwn(place)) return place;
      mkdirSync(draft, { mode: 0o700 });
      await fill(draft);
      if (existsSync(place) && !(existsSync(join(place, proof)) && isOwn(place)))
        await rm(place, { recursive: true, force: true });
      await rename(draft, place).catch((error: unknown) => {
        if (!existsSync(join(place, proof))) throw error; // else another process was first
      });
      return place;
    } catch (error) {
      failure = error;
    } finally {
      await rm(draft, { recursive: true, force: true }).catch(() => {});
    }
  }
  throw failure;
}

export async function unpack(carrier: Carrier, archive: string, folder: string): Promise<void> {
  const source = createReadStream(join(carrier.bin, archive));
  await pipeline(source, createBrotliDecompress(), carrier.tar.extract(folder));
}

export interface Embedded {
  /** The manifest by which a Vulkan loader finds SwiftShader. */
  readonly driver: string;
  readonly loader: string;
  readonly folder: string;
}

/** SwiftShader and a Vulkan loader as files, unpacked once per version; null where the carrier is not installed. */
export async function embeddedVulkan(carrier = findCarrier(), folders = cacheFolders()): Promise<Embedded | null> {
  if (!carrier) return null;
  const manifest = 'vk_swiftshader_icd.json';
  const fill = (folder: string) => unpack(carrier, 'swiftshader.tar.br', folder);
  const folder = await cached(`swiftshader-${carrier.version}`, manifest, fill, folders);
  return { folder, driver: join(folder, manifest), loader: join(folder, 'libvulkan.so.1') };
}
