import { describe, expect, test } from 'vitest';
import { browserName } from '../../bench/host.browser.ts';
import { millisecondsOf } from '../../bench/observe.ts';
import { renderBenchReport } from '../../bench/report/write.ts';
import { COLUMNS, CSV_HEADER, fromCsv, type Row, type Session, toCsv, toText } from '../../bench/results.ts';
import { askedSizes, checkAxes, chooseCases, parseSizes } from '../../bench/run.ts';
import { quantile, summarise } from '../../bench/statistics.ts';
import { besideText, newest, readmeText } from '../../tools/figure.ts';
import { caseOf, environment, roofline } from './samples.ts';

describe('statistics', () => {
  test('quartiles lie between neighbours', () => {
    expect(quantile([1, 2, 3, 4], 0.5)).toBe(2.5);
    expect(quantile([1, 2, 3, 4, 5], 0.25)).toBe(2);
    expect(summarise([5, 1, 3, 2, 4])).toEqual({ runs: 5, min: 1, median: 3, spread: 2 / 3 });
    expect(summarise([7])).toEqual({ runs: 1, min: 7, median: 7, spread: 0 });
  });

  test('timestamps that are too coarse are no time', () => {
    expect(millisecondsOf([65536, 0])).toBeNull();
    expect(millisecondsOf([40 * 65536])).toBeCloseTo(2.62144);
    expect(millisecondsOf([1500, 500])).toBe(0.002);
    expect(millisecondsOf([-1])).toBeNull();
    expect(millisecondsOf([])).toBeNull();
  });
});

const row: Row = {
  ...environment,
  case: 'ntXent',
  size: 'n=512 d=128',
  library: 'gramian',
  version: '0.1.0',
  form: 'fused',
  status: 'ok',
  runs: 20,
  min: 9,
  median: 10,
  spread: 0.05,
  first: 1000,
  gpu: null,
  gflops: 10,
  gbps: 1,
  share: 0.5,
  dispatches: 10,
  submits: 1,
  peakBytes: 2e6,
  error: 1.25e-6,
  detail: '',
};
const peer: Row = { ...row, library: 'other', form: 'autodiff', median: 65, min: 60 };
const lost: Row = {
  ...peer,
  form: 'hand-derived',
  status: 'out of memory',
  runs: 0,
  min: null,
  median: null,
  spread: null,
  first: null,
  gflops: null,
  gbps: null,
  share: null,
  dispatches: null,
  submits: null,
  peakBytes: null,
  error: null,
  detail: 'a "binding",\nof 268 MB',
};

describe('results', () => {
  test('a CSV file gives back its rows', () => {
    expect(fromCsv(CSV_HEADER + toCsv([row, peer]) + toCsv([lost]))).toEqual([row, peer, lost]);
    expect(CSV_HEADER.trim().split(',')).toEqual([...COLUMNS]);
    expect([...COLUMNS].sort()).toEqual(Object.keys(row).sort());
  });

  test('the table names the ratio to ours, and why there is no time', () => {
    const text = toText([row, peer, lost]);
    expect(text).toMatch(/^ntXent n=512 d=128\n {2}gramian +10\.00 ms/);
    expect(text).toMatch(/other, autodiff +65\.00 ms .* 6\.50 x/);
    expect(text).toContain('other, hand-derived                out of memory: a "binding"');
  });

  test('the report holds every row, the adapter and the script', () => {
    const sessions: Session[] = [{ environment, roofline, rows: [row, peer, lost] }];
    const html = renderBenchReport(sessions, 'start()');
    for (const text of [
      'an adapter, a driver, &quot;quoted&quot;',
      'commit abc1234',
      '6.50 x',
      'out of memory',
      'start()',
    ])
      expect(html).toContain(text);
    const json = /id="report-data">(.*?)<\/script>/s.exec(html)?.[1] ?? '';
    expect(JSON.parse(json)).toEqual({ sessions });
  });

  test('README gets the newest rows of the adapter that was measured last', () => {
    const later = { ...row, date: '2026-11-26T03:00:00' };
    const other = { ...row, date: '2026-11-24T03:00:00', adapter: 'another' };
    const large = { ...later, size: 'n=2048 d=128', median: 1234 };
    const old = { ...peer, median: 1 }; // of a run before: no ratio to it
    const beside = { ...peer, date: later.date };
    const chosen = newest(
      [other, row, old, { ...later, median: 5 }, beside, large, { ...row, case: 'clip' }],
      'ntXent',
    );
    expect(chosen.map(({ size, median, adapter }) => [size, median, adapter])).toEqual([
      ['n=512 d=128', 5, 'an adapter'],
      ['n=512 d=128', 65, 'an adapter'],
      ['n=2048 d=128', 1234, 'an adapter'],
    ]);
    expect(() => newest([row], 'swav')).toThrow('figure: bench/results.csv has no row of swav');
    const text = readmeText([...chosen, lost], 'ntXent');
    expect(text).toContain('| | gramian 0.1.0 | other, autodiff 0.1.0 |');
    expect(text).toContain('| n=512 d=128 | 5.00 ms, min 9.00 | 65.0 ms (13.0 x), min 60.0 |');
    expect(text).toContain('| n=2048 d=128 | 1,234 ms, min 9.00 |  |');
  });

  test('README names the fastest other library of each other work, in either form', () => {
    const of = (more: Partial<Row>): Row => ({ ...row, case: 'clip', ...more });
    const other = (more: Partial<Row>): Row => ({ ...peer, case: 'clip', ...more });
    const rows = [
      of({ median: 8, peakBytes: 2e6 }),
      other({ library: 'slow', median: 80 }),
      other({ library: 'quick', median: 32, peakBytes: 5e6 }),
      other({ library: 'slow', form: 'hand-derived', status: 'out of memory', median: null }),
      of({ size: 'n=2048 d=128', median: 1 }), // nobody beside
      { ...row, case: 'add' },
    ];
    const text = besideText([row, peer, ...rows], 'ntXent');
    expect(text).toContain('\n| `clip`, n=512 d=128 | 8.00 ms, min 9.00, 2.00 MB | quick: 4.0 x, 5.00 MB |  |');
    expect(text).not.toContain('`ntXent`');
    expect(text).not.toContain('`add`');
  });

  test('README says what PyTorch ran on, its medians and its minima', () => {
    const torch: Row = { ...peer, library: 'PyTorch', median: 40, min: 18, peakBytes: null, detail: '2 threads' };
    expect(readmeText([row, torch], 'ntXent')).toContain('PyTorch on 2 threads:');
    const text = besideText(
      [
        { ...row, case: 'clip' },
        { ...torch, case: 'clip' },
      ],
      'ntXent',
    );
    expect(text).toContain('PyTorch on 2 threads: its median to ours, its minimum to ours:');
    expect(text).toContain('|  | gramian | autodiff | by hand | PyTorch, autodiff | PyTorch, hand-derived |');
    expect(text).toContain('| 10.0 ms, min 9.00, 2.00 MB |  |  | 4.0 x, min 2.0 x |  |');
    expect(toText([row, torch])).toMatch(/PyTorch, autodiff .* 4\.00 x .* 2 threads\n/);
  });

  test('browsers are called by their own names', () => {
    const chrome = 'Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36';
    expect(browserName(chrome)).toBe('Chrome 143');
    expect(browserName(`${chrome} Edg/143.0`)).toBe('Edg 143');
    expect(browserName('Mozilla/5.0 (Mac) AppleWebKit/605 (KHTML) Version/26.1 Safari/605')).toBe('Safari 26');
    expect(browserName('lynx')).toBe('lynx');
  });
});

describe('sizes', () => {
  test('asked extents take the place of the case s own', () => {
    const asked = parseSizes(['n=512,2048 d=64', 'k=3']);
    expect(asked).toEqual({ n: [512, 2048], d: [64], k: [3] });
    expect(askedSizes(caseOf('clip'), asked, false)).toEqual([
      { n: 512, d: 64 },
      { n: 2048, d: 64 },
    ]);
    expect(askedSizes(caseOf('clip'), {}, true)).toEqual([caseOf('clip').quick]);
  });

  test.each<[() => unknown, string]>([
    [() => parseSizes(['n=5.5']), 'bench: --sizes n=5.5, expected an axis and its extents'],
    [() => parseSizes(['512']), 'bench: --sizes 512, expected an axis and its extents'],
    [() => chooseCases(['ntxent']), 'bench: --cases ntxent, expected all or some of ntXent, '],
    [
      () => checkAxes([caseOf('clip')], { q: [2] }),
      'bench: --sizes q=..., expected an axis of the chosen cases: n, d.',
    ],
    [() => askedSizes(caseOf('ntXent'), { n: [513] }, false), 'bench: ntXent has n = 513, expected a multiple of 2.'],
  ])('%s is refused', (ask, sentence) => expect(ask).toThrow(sentence));
});
