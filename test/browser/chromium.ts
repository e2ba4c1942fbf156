import type { ChildProcess } from 'node:child_process';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';
import { CARRIER, cached, findCarrier, unpack } from '../../src/gpu/embedded.node.ts';
import { need } from '../../tools/needs.mjs';
import { type Files, serve } from './files.ts';

/** The part of puppeteer's Page that tests use. */
export interface Page {
  goto(url: string, options?: { timeout?: number }): Promise<unknown>;
  evaluate<T>(code: string | ((...values: never[]) => T), ...values: unknown[]): Promise<Awaited<T>>;
  evaluateOnNewDocument(code: string): Promise<unknown>;
  on(event: 'console', listen: (message: { type(): string; text(): string }) => void): unknown;
  on(event: 'pageerror', listen: (error: unknown) => void): unknown;
  waitForFunction(code: string, options?: { timeout?: number }): Promise<unknown>;
  screenshot(options: { path: string; fullPage?: boolean }): Promise<unknown>;
  setViewport(size: { width: number; height: number; deviceScaleFactor?: number }): Promise<void>;
  close(): Promise<void>;
}

interface Browser {
  newPage(): Promise<Page>;
  process(): ChildProcess | null;
  close(): Promise<void>;
}

export interface PageOptions {
  readonly files: Files;
  /** The page to open; `/` is an empty one. */
  readonly path?: string;
  /** Milliseconds for everything that happens in the page; default 60,000. */
  readonly timeout?: number;
  /** Gets each line that the page prints; default: on stderr. */
  readonly onConsole?: (line: string) => void;
}

export interface Chromium {
  /** Opens a page of `files` and hands it to `use`; closed afterwards, whatever happens. */
  open<T>(options: PageOptions, use: (page: Page, origin: string) => Promise<T>): Promise<T>;
  /** Runs the default export of the module at `path` in a page; what it returns must be JSON. */
  run<T>(options: PageOptions & { path: string }, argument?: unknown): Promise<T>;
  close(): Promise<void>;
}

const FLAGS = [
  '--headless=new',
  '--no-sandbox', // containers and root have none
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--disable-gpu-watchdog', // it takes a long kernel on the CPU for a hang
  '--disable-dev-shm-usage', // containers give 64 MB
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

// The package's own names fixed folders outside; without any font Chromium draws no text.
const FONTS = `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir prefix="relative">fonts</dir><cachedir prefix="xdg">fontconfig</cachedir></fontconfig>
`;

/** Chromium has a driver of its own, which it does not find where a test has hidden the system's. */
function withoutDrivers(): NodeJS.ProcessEnv {
  const { VK_DRIVER_FILES, VK_ICD_FILENAMES, __EGL_VENDOR_LIBRARY_FILENAMES, ...rest } = process.env;
  return rest;
}

/** The headless Chromium of the npm package: no root, no apt, nothing outside a cache and a temporary folder. */
export async function launchChromium(): Promise<Chromium> {
  const folder = await unpackChromium();
  const puppeteer = (await need('browser'))('puppeteer-core') as { launch(options: object): Promise<Browser> };
  const profile = await mkdtemp(join(tmpdir(), 'gramian-chromium-'));
  const dropProfile = () => rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  const libraries = [join(folder, 'lib'), process.env.LD_LIBRARY_PATH].filter(Boolean).join(delimiter);
  const browser = await puppeteer
    .launch({
      executablePath: join(folder, 'chromium'),
      headless: 'shell',
      args: FLAGS,
      userDataDir: profile,
      protocolTimeout: 600_000,
      env: { ...withoutDrivers(), HOME: profile, LD_LIBRARY_PATH: libraries, FONTCONFIG_PATH: join(folder, 'fonts') },
    })
    .catch(async (error: unknown) => {
      await dropProfile();
      throw error;
    });

  const close = async () => {
    await within(5000, 'closing Chromium', browser.close()).catch(() => {});
    kill(browser.process());
    await dropProfile();
  };
  const open: Chromium['open'] = async (options, use) => {
    const server = await serve(options.files);
    let page: Page | undefined;
    const print = options.onConsole ?? ((line: string) => console.error(`[page] ${line}`));
    const work = async () => {
      page = await browser.newPage();
      page.on('console', (message) => print(`${message.type()}: ${message.text()}`));
      page.on('pageerror', (error) => print(`error: ${error instanceof Error ? error.message : String(error)}`));
      await page.goto(server.origin + (options.path ?? '/'));
      return use(page, server.origin);
    };
    try {
      return await within(options.timeout ?? 60_000, options.path ?? 'the page', work());
    } finally {
      // A page that hangs in a kernel does not close: leave it to close() of the browser.
      await within(2000, 'closing the page', page?.close() ?? Promise.resolve()).catch(() => {});
      await server.close();
    }
  };
  const run: Chromium['run'] = ({ path, ...options }, argument = null) =>
    open(options, (page) =>
      page.evaluate(`import(${JSON.stringify(path)}).then((module) => module.default(${JSON.stringify(argument)}))`),
    );
  return { open, run, close };
}

async function unpackChromium(): Promise<string> {
  const carrier = findCarrier();
  if (!carrier) throw new Error(`chromium: ${CARRIER} is not installed here, expected it on Linux x64; npm ci.`);
  return cached(`chromium-${carrier.version}`, 'chromium', async (folder) => {
    const program = createWriteStream(join(folder, 'chromium'), { mode: 0o755 });
    await Promise.all([
      pipeline(createReadStream(join(carrier.bin, 'chromium.br')), createBrotliDecompress(), program),
      unpack(carrier, 'swiftshader.tar.br', folder), // Chromium looks for it beside itself
      unpack(carrier, 'al2023.tar.br', folder), // NSS and its like, as lib/
      unpack(carrier, 'fonts.tar.br', join(folder, 'fonts')),
    ]);
    await writeFile(join(folder, 'fonts', 'fonts.conf'), FONTS);
  });
}

/** Its whole group, since the GPU process outlives a browser that was killed alone. */
function kill(child: ChildProcess | null): void {
  if (!child?.pid || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
}

async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`chromium: ${what} took longer than ${ms} ms.`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
