/// <reference lib="dom" />
// The page on which a system trains.  train.html#method=byol&steps=60&batch=32&run=1 fills the form and starts.
import { drawHistory, drawLoss } from '../src/cli/report/charts.ts';
import type { ImageSet } from '../src/data/dataset.ts';
import { readIdx } from '../src/data/idx.ts';
import { createEngine, type Engine } from '../src/engine/engine.ts';
import { openAdapter } from '../src/gpu/platform.browser.ts';
import { busyWith, byId, type Going, write } from './page.ts';
import { livePicture } from './picture.ts';
import { RUNS, type TabRun, trainInTab } from './trainer.ts';

const LETTERS = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ');
const REDRAW = 250; // milliseconds between two drawings of the curves

const form = byId<HTMLFormElement>('form');
const chosen = {
  method: byId<HTMLSelectElement>('method'),
  classes: byId<HTMLSelectElement>('classes'),
  steps: byId<HTMLSelectElement>('steps'),
};
const buttons = { start: byId<HTMLButtonElement>('train'), stop: byId<HTMLButtonElement>('stop') };
const progress = byId<HTMLProgressElement>('progress');
const canvas = byId<HTMLCanvasElement>('picture');
const picture = livePicture(canvas);
const given = new URLSearchParams(location.hash.slice(1));

const plain = byId('caption').textContent ?? '';
let kind: keyof typeof RUNS = 'hardware';
let engine: Engine | null = null;
let letters: { train: ImageSet; test: ImageSet } | null = null;
let losses: { step: number; epoch: number; loss: number }[] = [];
let history: { epoch: number; knn: number }[] = [];
let pixelAccuracy = Number.NaN;

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** Draws what `of` makes now, and again as the width changes. */
function live(id: string, of: (width: number) => Element): () => void {
  const place = byId(id);
  const draw = () => {
    if (place.clientWidth > 0) place.replaceChildren(of(Math.floor(place.clientWidth)));
  };
  new ResizeObserver(draw).observe(place);
  return draw;
}
const noScores = { probe: Number.NaN };
const drawAccuracies = live('accuracies', (width) =>
  drawHistory({ history, raw: { knn: pixelAccuracy, ...noScores } }, width),
);
const drawLosses = live('losses', (width) => drawLoss(losses, width));

async function open(part: 'train' | 'test'): Promise<ImageSet> {
  const [images, labels] = await Promise.all(
    ['images-idx3', 'labels-idx1'].map(async (what) => {
      const name = `${part}-${what}-ubyte.gz`;
      const response = await fetch(`letters/${name}`);
      if (!response.ok) throw new Error(`The letters did not come: ${name} answered ${response.status}.`);
      return { name, bytes: new Uint8Array(await response.arrayBuffer()) };
    }),
  );
  return readIdx(images, labels, { name: 'letters', classes: LETTERS });
}

/** The run that suits the adapter, where neither form nor address says otherwise. */
function runOf(): TabRun {
  const asked = Object.keys(RUNS[kind]).filter((name) => given.has(name));
  const named = Object.fromEntries(asked.map((name) => [name, Number(given.get(name))]));
  return { ...RUNS[kind], ...named, classes: Number(chosen.classes.value), steps: Number(chosen.steps.value) };
}

async function train(): Promise<void> {
  const run = runOf();
  const title = chosen.method.selectedOptions[0].text;
  const begun = performance.now();
  await busyWith(buttons, Object.values(chosen), async (going: Going) => {
    going.say('reading the letters');
    letters ??= { train: await open('train'), test: await open('test') };
    going.say('opening the adapter');
    engine ??= await createEngine();
    [losses, history] = [[], []];
    progress.value = 0;
    let [drawn, counted, shown] = [0, 0, 0];
    await trainInTab(engine, chosen.method.value, letters, run, {
      ...going,
      began: (labels, known, pixels) => {
        write('known', known.toLocaleString('en'));
        shown = labels.length;
        pixelAccuracy = pixels;
        picture.begin(labels, LETTERS.slice(0, run.classes));
        write('caption', plain);
      },
      step: (done, epoch, loss) => {
        losses.push({ step: done - 1, epoch, loss });
        progress.value = done / run.steps;
        write('loss', loss.toPrecision(4));
        if (performance.now() - drawn < REDRAW) return;
        const seconds = (performance.now() - drawn) / 1000;
        if (drawn > 0) write('speed', `${Math.round((run.batch * (done - counted)) / seconds)}`);
        [drawn, counted] = [performance.now(), done];
        drawLosses();
      },
      looked: ({ epoch, knn, plane }) => {
        history.push({ epoch, knn });
        write('accuracy', percent(knn));
        drawAccuracies();
        drawLosses();
        picture.show(plane);
        [drawn, counted] = [performance.now(), losses.length]; // looking is no training
        canvas.setAttribute('aria-label', `The embedding of ${shown} test letters: k-NN finds ${percent(knn)}`);
      },
      arranged: (plane) => {
        picture.show(plane);
        write('caption', 'The same embeddings, laid out so that neighbours lie beside each other (UMAP).');
      },
    });
  });
  const last = history.at(-1);
  if (document.documentElement.dataset.state !== 'done' || !last) return;
  const seconds = ((performance.now() - begun) / 1000).toFixed(0);
  const scores = `k-NN ${percent(last.knn)}, before training ${percent(history[0].knn)}, of raw pixels ${percent(pixelAccuracy)}`;
  write('status', `${title}, ${losses.length} steps of ${run.batch} letters in ${seconds} s: ${scores}.`);
}

function choose(select: HTMLSelectElement, value: string): void {
  if (![...select.options].some((option) => option.value === value)) select.add(new Option(value));
  select.value = value;
}

async function greet(): Promise<void> {
  try {
    const { adapter, note } = await openAdapter({ adapter: 'auto', powerPreference: 'high-performance' });
    kind = adapter.info.isFallbackAdapter ? 'software' : 'hardware';
    write('adapter', `Your adapter: ${note}.`);
  } catch (error) {
    write('adapter', (error as Error).message.replace(/^createEngine: this/, 'This'));
    byId('without').hidden = false;
    buttons.start.disabled = true;
    return;
  }
  choose(chosen.classes, given.get('classes') ?? String(RUNS[kind].classes));
  choose(chosen.steps, given.get('steps') ?? String(RUNS[kind].steps));
  const method = given.get('method');
  if (method && [...chosen.method.options].some((option) => option.value === method)) chosen.method.value = method;
  if (given.has('run')) await train();
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  train();
});
await greet();
