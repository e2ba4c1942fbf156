/// <reference lib="dom" />
// The playground of the first page: what the matrix would take, and what we take, on the visitor's adapter.
import { createEngine, type Engine } from '../src/engine/engine.ts';
import { formatBytes } from '../src/gpu/errors.ts';
import { openAdapter } from '../src/gpu/platform.browser.ts';
import { type Extent, matrixBytes, PLAYED } from './losses.ts';
import { type Measurement, measureLoss } from './measure.ts';
import { busyWith, byId, milliseconds, write } from './page.ts';

const form = byId<HTMLFormElement>('form');
const loss = byId<HTMLSelectElement>('loss');
const sliders = { n: byId<HTMLInputElement>('n'), d: byId<HTMLInputElement>('d') };
const buttons = { start: byId<HTMLButtonElement>('measure'), stop: byId<HTMLButtonElement>('stop') };

let engine: Engine | null = null;
/** Bytes that one buffer may have, once that is known. */
let most = Number.POSITIVE_INFINITY;

const size = (): Extent => ({ n: 2 ** Number(sliders.n.value), d: 2 ** Number(sliders.d.value) });
const count = (value: number): string => value.toLocaleString('en');

function setSize({ n, d }: Extent): void {
  sliders.n.value = String(Math.log2(n));
  sliders.d.value = String(Math.log2(d));
}

/** What follows from the choice alone; what was measured of another one goes. */
function showChoice(): void {
  const played = PLAYED[loss.value];
  const chosen = size();
  for (const axis of ['n', 'd'] as const) {
    write(`${axis}-value`, count(chosen[axis]));
    sliders[axis].setAttribute('aria-valuetext', count(chosen[axis]));
  }
  const { shape, count: copies } = played.matrix(chosen);
  const bytes = matrixBytes(played, chosen);
  write('says', `${played.title} compares ${played.says}.`);
  write('matrix', formatBytes(bytes));
  const times = copies > 1 ? `${copies} times ` : '';
  const tooLarge = bytes / copies > most ? '; more than one buffer of this adapter holds' : '';
  write('shape', `${times}${count(shape[0])} x ${count(shape[1])} numbers, without its gradient${tooLarge}`);
  byId('matrix-bar').style.width = '100%';
  byId('peak-bar').style.width = '0';
  write('peak', 'not measured yet');
  for (const id of ['time', 'share', 'first']) write(id, '–');
}

function showMeasured({ first, median, runs, peakBytes }: Measurement, bytes: number): void {
  const longest = Math.max(bytes, peakBytes);
  byId('matrix-bar').style.width = `${(100 * bytes) / longest}%`;
  byId('peak-bar').style.width = `${Math.max(0.6, (100 * peakBytes) / longest)}%`;
  write('peak', formatBytes(peakBytes));
  write('time', milliseconds(median));
  write(
    'share',
    peakBytes < bytes ? `1 / ${(bytes / peakBytes).toPrecision(2)}` : `${(peakBytes / bytes).toPrecision(2)} x`,
  );
  write('first', milliseconds(first));
  write('status', `Median of ${runs} runs on ${adapterName()}.`);
}

function remember(title: string, { n, d }: Extent, { median, peakBytes }: Measurement, bytes: number): void {
  const row = document.createElement('tr');
  const cells = [title, count(n), count(d), milliseconds(median), formatBytes(bytes), formatBytes(peakBytes)];
  row.append(...cells.map((text) => Object.assign(document.createElement('td'), { textContent: text })));
  byId('rows').prepend(row);
  byId('history').hidden = false;
}

const adapterName = (): string => engine?.info.note.split(/, (?:through|software in)/)[0] ?? 'this adapter';

async function measure(): Promise<void> {
  const played = PLAYED[loss.value];
  const chosen = size();
  const bytes = matrixBytes(played, chosen);
  const work = async ({ say, stopped }: { say(text: string): void; stopped(): boolean }) => {
    say('opening the adapter');
    engine ??= await createEngine();
    return measureLoss(engine, played, chosen, { say, stopped });
  };
  const found = await busyWith(buttons, [loss, sliders.n, sliders.d], work);
  if (!found) return;
  showMeasured(found, bytes);
  remember(played.title, chosen, found, bytes);
}

/** The adapter's name at first sight; without one a sentence and a picture. */
async function greet(): Promise<void> {
  try {
    const { adapter, note } = await openAdapter({ adapter: 'auto', powerPreference: 'high-performance' });
    most = adapter.limits.maxBufferSize;
    write('adapter', `Your adapter: ${note}.`);
    showChoice();
  } catch (error) {
    const sentence = (error as Error).message.replace(/^createEngine: this/, 'This');
    write('adapter', sentence);
    write('why', `${sentence} This was measured on a CPU with lavapipe, beside other libraries.`);
    byId('without').hidden = false;
    buttons.start.disabled = true;
  }
}

loss.addEventListener('change', () => {
  setSize(PLAYED[loss.value].start);
  showChoice();
});
for (const slider of Object.values(sliders)) slider.addEventListener('input', showChoice);
form.addEventListener('submit', (event) => {
  event.preventDefault();
  measure();
});
setSize(PLAYED[loss.value].start);
showChoice();
await greet();
