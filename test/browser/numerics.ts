import { build } from 'esbuild';
import type { NumericsReport } from '../../bench/probe/numerics/report.ts';
import type { Chromium } from './chromium.ts';

/** What the page's own function measures in Chromium. */
export async function measureInPage(chromium: Chromium): Promise<NumericsReport> {
  const { outputFiles } = await build({
    entryPoints: ['bench/page/numerics.ts'],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    conditions: ['source'],
    write: false,
  });
  const files = { '/numerics.js': outputFiles[0].text };
  return chromium.open({ files, timeout: 300_000 }, (page) =>
    page.evaluate<NumericsReport>("import('/numerics.js').then(({ numericsOfPage }) => numericsOfPage(() => {}))"),
  );
}
