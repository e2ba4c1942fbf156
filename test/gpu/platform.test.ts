import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { cached, embeddedVulkan, findCarrier } from '../../src/gpu/embedded.node.ts';
import { keep, recall } from '../../src/gpu/keep.node.ts';
import { openAdapter as openInBrowser } from '../../src/gpu/platform.browser.ts';
import { driverEnvironment } from '../../src/gpu/vulkan.node.ts';

const root = join(import.meta.dirname, '..', '..');
const carrier = findCarrier();
const folder = mkdtempSync(join(tmpdir(), 'gramian-platform-'));
const bare = join(folder, 'bare'); // a project without node_modules
const dawnOnly = join(folder, 'dawn-only'); // one that has installed webgpu alone

// Dawn lives once in a process, so each case gets one of its own.
const PROGRAM = `
import { openAdapter } from ${JSON.stringify(join(root, 'src/gpu/platform.node.ts'))};
if (process.argv[3]) {
  const { create } = await import('webgpu');
  const gpu = create([process.argv[3]]);
  Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
}
try {
  const { adapter, source, note } = await openAdapter({ adapter: process.argv[2] });
  const device = await adapter.requestDevice();
  console.log(JSON.stringify({ source, note, device: device !== null, drivers: process.env.VK_DRIVER_FILES ?? '' }));
} catch (error) {
  console.log(JSON.stringify({ error: error.name + ': ' + error.message }));
}`;

interface Answer {
  readonly source?: string;
  readonly drivers?: string;
  readonly error?: string;
  readonly note?: string;
  /** What it printed beside. */
  readonly errors?: string;
}

beforeAll(async () => {
  for (const project of [bare, dawnOnly]) mkdirSync(join(project, 'node_modules'), { recursive: true });
  symlinkSync(join(root, 'node_modules', 'webgpu'), join(dawnOnly, 'node_modules', 'webgpu'));
  const stdin = { contents: PROGRAM, resolveDir: root };
  for (const project of [bare, dawnOnly])
    await build({
      stdin,
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      outfile: join(project, 'open.mjs'),
    });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the program says in a process of its own, which must end by itself with code 0. */
function open(project: string, args: string[], env: NodeJS.ProcessEnv = {}, cwd = project): Promise<Answer> {
  const options = { cwd, env: { ...process.env, GRAMIAN_ADAPTER: '', ...env }, timeout: 20_000 };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [join(project, 'open.mjs'), ...args], options, (error, out, errors) =>
      error ? reject(error) : resolve({ ...(JSON.parse(out) as Answer), errors }),
    );
  });
}

describe('in Node', () => {
  test.each<[string, () => Promise<Answer>, RegExp]>([
    [
      'no webgpu',
      () => open(bare, ['auto']),
      /^NoAdapterError: createEngine: this Node has no WebGPU; npm i webgpu@0\.6\.$/,
    ],
    [
      'no webgpu and no driver',
      () => open(bare, ['auto'], { VK_DRIVER_FILES: delimiter, VK_ICD_FILENAMES: '' }),
      /this Node has no WebGPU; npm i webgpu@0\.6 @sparticuz\/chromium, of which the second carries a driver[^\n]*\.$/,
    ],
    [
      'a pinned carrier that is not there',
      () => open(dawnOnly, ['auto'], { GRAMIAN_ADAPTER: 'swiftshader' }),
      /no adapter was found with GRAMIAN_ADAPTER = swiftshader; npm i @sparticuz\/chromium/,
    ],
    [
      'a pin that is none',
      () => open(bare, ['auto'], { GRAMIAN_ADAPTER: 'fast' }),
      /GRAMIAN_ADAPTER = fast, expected one of hardware system lavapipe swiftshader\.$/,
    ],
    ['the null backend', () => open(dawnOnly, ['auto', 'backend=null']), /null backend, which computes nothing/],
    [
      'no driver and no carrier',
      () => open(dawnOnly, ['auto'], { VK_DRIVER_FILES: '/none.json' }),
      /^NoAdapterError: createEngine: no adapter was found; npm i @sparticuz\/chromium/,
    ],
  ])('%s is one sentence', async (_, answer, sentence) => {
    expect((await answer()).error).toMatch(sentence);
  });

  test('vectors of another width: one line, and no kernels of another process', async () => {
    const shaders = join(folder, 'shaders');
    const env = {
      MESA_SHADER_CACHE_DIR: shaders,
      LP_NATIVE_VECTOR_WIDTH: '128',
      XDG_CACHE_HOME: join(folder, 'cache'),
    };
    const { source, note, errors } = await open(dawnOnly, ['auto'], env);
    if (source !== 'system-software') return; // no lavapipe here
    expect(note).toContain('(LP_NATIVE_VECTOR_WIDTH = 128, shader cache off)');
    expect(errors?.match(/LP_NATIVE_VECTOR_WIDTH/g)).toHaveLength(1);
    expect(existsSync(shaders)).toBe(false);
    const usual = await open(dawnOnly, ['auto'], { ...env, LP_NATIVE_VECTOR_WIDTH: '256' });
    expect(`${usual.note}${usual.errors}`).not.toContain('LP_NATIVE_VECTOR_WIDTH');
    expect(existsSync(shaders)).toBe(true);
  });

  test.skipIf(!carrier)(
    'SwiftShader opens where the system has nothing, and leaves the environment alone',
    async () => {
      // The carrier is found from the working directory, as a program's own dependency.
      const answer = await open(dawnOnly, ['software'], { VK_DRIVER_FILES: '/none.json' }, root);
      expect(answer).toMatchObject({ source: 'embedded-software', drivers: '/none.json' });
      const refused = await open(dawnOnly, ['hardware'], { VK_DRIVER_FILES: '/none.json' }, root);
      expect(refused.error).toMatch(/adapter = "hardware", but only SwiftShader/);
      expect(await open(dawnOnly, ['auto'], { GRAMIAN_ADAPTER: 'swiftshader' }, root)).toMatchObject({
        source: 'embedded-software',
      });
    },
  );
});

describe('the embedded driver', () => {
  test.skipIf(!carrier)('is unpacked once by four that start together', async () => {
    const cache = join(folder, 'cache');
    const all = await Promise.all(Array.from({ length: 4 }, () => embeddedVulkan(carrier, [cache])));
    for (const files of all) expect(files).toEqual(all[0]);
    expect(existsSync(all[0]?.driver ?? '') && existsSync(all[0]?.loader ?? '')).toBe(true);
    expect(readdirSync(cache)).toEqual([`swiftshader-${carrier?.version}`]); // and no drafts
  });

  test('goes elsewhere when the cache cannot be written, and replaces what is incomplete', async () => {
    writeFileSync(join(folder, 'a-file'), '');
    const other = join(folder, 'other');
    mkdirSync(join(other, 'thing'), { recursive: true });
    writeFileSync(join(other, 'thing', 'half'), '');
    const fill = async (draft: string) => writeFileSync(join(draft, 'proof'), 'all');
    const place = await cached('thing', 'proof', fill, [join(folder, 'a-file', 'cache'), other]);
    expect(place).toBe(join(other, 'thing'));
    expect(readdirSync(place)).toEqual(['proof']);
  });

  test('what is cached comes from a file of this user alone, and never waits', async () => {
    const cache = join(folder, 'kept');
    vi.stubEnv('XDG_CACHE_HOME', cache);
    vi.stubEnv('TMPDIR', join(folder, 'no-such-folder'));
    const place = join(cache, 'gramian', 'choices');
    try {
      expect(await keep('choices', 'kept')).toBe(place);
      expect(await recall('choices')).toEqual({ text: 'kept', place });
      // As somebody else would see it.
      const other = vi.spyOn(process, 'getuid').mockReturnValue(4242);
      expect(await recall('choices')).toBeNull();
      expect(await keep('choices', 'lost')).toBeNull();
      other.mockRestore();
      rmSync(place);
      expect(spawnSync('mkfifo', [place]).status).toBe(0);
      expect(await recall('choices')).toBeNull();
      expect(await keep('choices', 'again')).toBe(place); // over the FIFO
      expect(await recall('choices')).toEqual({ text: 'again', place });
      symlinkSync('/dev/zero', join(cache, 'gramian', 'endless'));
      expect(await recall('endless')).toBeNull();
    } finally {
      vi.unstubAllEnvs();
      vi.restoreAllMocks();
    }
  });

  test('comes last: loaders list drivers in reverse', () => {
    const embedded = { folder: '/c', driver: '/c/swift.json', loader: '/c/libvulkan.so.1' };
    const system = ['/etc/nvidia.json', '/usr/lvp_icd.json'];
    const files = (...args: Parameters<typeof driverEnvironment>) => driverEnvironment(...args).VK_DRIVER_FILES;
    expect(files(system, embedded, null)).toBe('/c/swift.json:/etc/nvidia.json:/usr/lvp_icd.json');
    expect(files(system, embedded, 'swiftshader')).toBe('/c/swift.json');
    expect(files(system, null, 'lavapipe')).toBe('/usr/lvp_icd.json');
    expect(driverEnvironment(system, null, null)).toEqual({});
    expect(driverEnvironment(system, null, 'system')).toEqual({});
  });
});

describe('in a browser', () => {
  afterEach(() => void vi.unstubAllGlobals());
  const gpu = (info: object | null) => ({ gpu: { requestAdapter: async () => info && { info } } });
  const swift = { description: 'SwiftShader', isFallbackAdapter: true };

  test.each<[string, object, boolean, 'auto' | 'hardware', RegExp]>([
    ['an insecure page', {}, false, 'auto', /^createEngine: WebGPU needs https or localhost\.$/],
    ['no WebGPU', {}, true, 'auto', /^createEngine: this browser has no WebGPU \(navigator\.gpu is missing\)\.$/],
    ['no adapter', gpu(null), true, 'auto', /^createEngine: this browser gives no WebGPU adapter; /],
    ['software only', gpu(swift), true, 'hardware', /adapter = "hardware", but this browser has only SwiftShader/],
  ])('%s is one sentence', async (_, navigator, isSecureContext, adapter, sentence) => {
    vi.stubGlobal('navigator', navigator);
    vi.stubGlobal('isSecureContext', isSecureContext);
    await expect(openInBrowser({ adapter })).rejects.toThrow(sentence);
  });

  test('an adapter comes with a note', async () => {
    vi.stubGlobal('navigator', gpu({ vendor: 'apple', architecture: 'metal-3', description: '' }));
    expect(await openInBrowser({ adapter: 'auto' })).toMatchObject({
      source: 'browser',
      note: 'apple metal-3, through the browser',
    });
  });
});
