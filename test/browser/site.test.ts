// The site as `npm run site` writes it, on a desk and on a phone. GRAMIAN_SITE_SCREENS=DIRECTORY keeps screenshots.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildSite } from '../../site/build.ts';
import { findCarrier } from '../../src/gpu/embedded.node.ts';
import { type Chromium, launchChromium, type Page } from './chromium.ts';
import type { Files } from './files.ts';

const WIDTHS = [1200, 400];
const TINY = 'steps=2&images=64&known=52&asked=26&batch=16&width=4&features=8';
const screens = process.env.GRAMIAN_SITE_SCREENS;

describe.skipIf(findCarrier() === null)('the site', () => {
  let chromium: Chromium;
  let files: Files;
  beforeAll(async () => {
    files = Object.fromEntries(Object.entries(await buildSite()).map(([path, content]) => [`/${path}`, content]));
    chromium = await launchChromium();
  }, 180_000);
  afterAll(() => chromium?.close());

  /** Opens a page of the site; what its console said but for notes. */
  async function visit(address: string, look: (page: Page) => Promise<void>, before = ''): Promise<string[]> {
    const lines: string[] = [];
    const options = { files, timeout: 110_000, onConsole: (line: string) => lines.push(line) };
    await chromium.open(options, async (page, origin) => {
      await page.setViewport({ width: WIDTHS[0], height: 900 });
      if (before) await page.evaluateOnNewDocument(before);
      await page.goto(`${origin}/${address}`);
      await look(page);
    });
    return lines;
  }

  /** At both widths: how wide the page is, with a screenshot of each where somebody wants to look. */
  async function widths(page: Page, name: string): Promise<number[]> {
    const seen: number[] = [];
    for (const width of WIDTHS) {
      await page.setViewport({ width, height: 900 });
      seen.push(await page.evaluate<number>('document.documentElement.scrollWidth'));
      if (!screens) continue;
      mkdirSync(screens, { recursive: true });
      await new Promise((resolve) => setTimeout(resolve, 700)); // what glides has arrived
      await page.screenshot({ path: join(screens, `${name}-${width}.png`), fullPage: true });
    }
    return seen;
  }

  const textOf = (page: Page, id: string): Promise<string> =>
    page.evaluate<string>(`document.getElementById('${id}').textContent`);
  const ended = "/done|failed/.test(document.documentElement.dataset.state ?? '')";

  test('the playground names the adapter, and has figures for a loss on it', async () => {
    const lines = await visit('index.html', async (page) => {
      await page.waitForFunction("/Your adapter/.test(document.getElementById('adapter').textContent)");
      expect(await textOf(page, 'adapter')).toMatch(/swiftshader/i);
      expect(await textOf(page, 'matrix')).toBe('67.1 MB');
      await page.evaluate(`(() => {
        const set = (id, value) => Object.assign(document.getElementById(id), { value }).dispatchEvent(new Event('input'));
        set('n', 9);
        set('d', 5);
        document.getElementById('measure').click();
      })()`);
      await page.waitForFunction(ended, { timeout: 100_000 });
      expect(await textOf(page, 'status')).toMatch(/^Median of \d+ runs on .*swiftshader/);
      expect(await textOf(page, 'matrix')).toBe('4.19 MB');
      expect(await textOf(page, 'time')).toMatch(/^[\d.]+ m?s$/);
      expect(await textOf(page, 'peak')).toMatch(/^\d+ kB$|^1\.\d+ MB$/);
      expect(await widths(page, 'home')).toEqual(WIDTHS);
    });
    expect(lines).toEqual([]);
  });

  test('a system trains in the tab, and its embedding is on the canvas', async () => {
    const lines = await visit(`train.html#${TINY}&run=1`, async (page) => {
      await page.waitForFunction(ended, { timeout: 100_000 });
      expect(await textOf(page, 'status')).toMatch(/^SimCLR, 2 steps of 16 letters in \d+ s: k-NN [\d.]+ %/);
      expect(await widths(page, 'train')).toEqual(WIDTHS);
      const shapes = "document.querySelectorAll('#accuracies circle, #losses path').length";
      expect(await page.evaluate<number>(shapes)).toBeGreaterThan(2);
      const drawn = `(() => {
        const canvas = document.getElementById('picture');
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        return data.filter((value, i) => i % 4 === 3 && value > 0).length;
      })()`;
      expect(await page.evaluate<number>(drawn)).toBeGreaterThan(26 * 10);
    });
    expect(lines).toEqual([]);
  });

  test('its documents fit a phone', async () => {
    const lines = await visit('docs/losses/ntXent.html', async (page) => {
      expect(await page.evaluate<string>("document.querySelector('h1').textContent")).toBe('ntXent');
      expect(await widths(page, 'docs')).toEqual(WIDTHS);
    });
    expect(lines).toEqual([]);
  });

  test('all links of its own pages lead somewhere', () => {
    const pages = Object.entries(files).filter(([path]) => path.endsWith('.html') && !/^\/(api\/|bench)/.test(path));
    expect(pages.length).toBeGreaterThan(50);
    const gone = pages.flatMap(([path, html]) =>
      [...String(html).matchAll(/(?:href|src)="([^"]+)"/g)].flatMap(([, link]) => {
        if (/^(https?|data):/.test(link)) return [];
        const { pathname, hash } = new URL(link, `http://site${path}`);
        const target = files[pathname];
        const there = target !== undefined && (hash === '' || String(target).includes(`id="${hash.slice(1)}"`));
        return there ? [] : [`${path}: ${link}`];
      }),
    );
    expect(gone).toEqual([]);
  });

  test.each(['index', 'train'])('%s.html says in a sentence that a browser has no WebGPU', async (name) => {
    const without = "Object.defineProperty(navigator, 'gpu', { value: undefined });";
    const lines = await visit(
      `${name}.html`,
      async (page) => {
        await page.waitForFunction("!document.getElementById('without').hidden");
        expect(await textOf(page, 'adapter')).toBe('This browser has no WebGPU (navigator.gpu is missing).');
        expect(await widths(page, `${name}-without`)).toEqual(WIDTHS);
      },
      without,
    );
    expect(lines).toEqual([]);
  });
});
