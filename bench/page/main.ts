/// <reference lib="dom" />
// The benchmark as a page: choose, run, look, take the numbers along.
import type { createEngine } from '../../src/index.ts';
import { mount } from '../../src/report/mount.ts';
import { openHost } from '../host.browser.ts';
import { contenders } from '../ours.ts';
import { loaded, type OwnWorks, worksOf } from '../ownWorks.ts';
import { drawMemory, drawRoofline, drawTimes } from '../report/charts.ts';
import { timesTable } from '../report/write.ts';
import type { Row, Session } from '../results.ts';
import { askedSizes, checkAxes, chooseCases, parseSizes, runCases } from '../run.ts';
import { CASES, type Case } from '../works/index.ts';
import { numericsCard, numericsOfPage } from './numerics.ts';

const SECONDS = 60;

const find = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const form = find<HTMLFormElement>('form');
const status = find('status');
const results = find('results');
const [cases, work, sizes, repeats] = ['cases', 'work', 'sizes', 'repeats'].map((id) => find<HTMLInputElement>(id));
const quick = find<HTMLInputElement>('quick');
const [runButton, numericsButton, stopButton] = ['run', 'numerics', 'stop'].map((id) => find<HTMLButtonElement>(id));
let stopped = false;

find('names').textContent = CASES.map(({ name }) => name).join(', ');

/** `bench.html#cases=ntXent&quick=1&run=1` fills the form and starts, `#work=/mine.mjs` names a module of works; `#numerics` asks the adapter. */
function fromAddress(): (() => Promise<void>) | null {
  const given = new URLSearchParams(location.hash.slice(1));
  if (given.has('work')) {
    cases.value = '';
    find('own').hidden = false;
  }
  for (const input of [cases, work, sizes, repeats]) input.value = given.get(input.id) ?? input.value;
  if (given.has('quick')) quick.checked = given.get('quick') !== '0';
  if (given.has('numerics')) return () => busy(numerics);
  return given.has('run') ? () => busy(run) : null;
}

function say(text: string): void {
  status.textContent = text;
}

/** One at a time, and what fails is said. */
async function busy(work: () => Promise<void>): Promise<void> {
  stopped = false;
  for (const button of [runButton, numericsButton]) button.disabled = true;
  document.documentElement.dataset.state = 'running';
  try {
    await work();
    document.documentElement.dataset.state = 'done';
  } catch (error) {
    say((error as Error).message);
    document.documentElement.dataset.state = 'failed';
  } finally {
    for (const button of [runButton, numericsButton]) button.disabled = false;
    stopButton.disabled = true;
  }
}

async function numerics(): Promise<void> {
  const report = await numericsOfPage(say);
  results.innerHTML = numericsCard(report);
  say(`${report.adapter}: done`);
}

/** Works of a module that is served with the page; they import the package that lies beside it. */
async function loadWorks(address: string): Promise<OwnWorks> {
  const { href, pathname } = new URL(address, location.href);
  const name = 'gramian'; // no literal: it is for the browser to find, by the page's import map
  const module = await loaded(address, () => import(href));
  const { createEngine: create } = (await import(name)) as { createEngine: typeof createEngine };
  const library = pathname.replace(/^.*\//, '').replace(/\.\w+$/, '');
  return worksOf(address, module, library, 'cached', create);
}

async function run(): Promise<void> {
  stopButton.disabled = false;
  const named = cases.value.split(/[\s,]+/).filter(Boolean);
  const own = work.value ? await loadWorks(work.value) : null;
  const chosen = own && named.length === 0 ? [] : chooseCases(named.length > 0 ? named : undefined);
  const asked = parseSizes([sizes.value]);
  checkAxes([...(own?.works ?? []), ...chosen], asked);
  const sized = (of: Case) => ({ of, sizes: askedSizes(of, asked, quick.checked) });
  const plan = [...(own?.works ?? []).map((of) => ({ ...sized(of), entries: own?.entries })), ...chosen.map(sized)];
  const { environment, observer, note, roofline: measureRoof } = await openHost();
  say(`${note}: roofline`);
  const roofline = await measureRoof();
  const rows: Row[] = [];
  const session: Session = { environment, roofline, rows };
  const around = { environment, observer, roofline, say, stop: () => stopped };
  await runCases(plan, contenders(), { repeats: Number(repeats.value), seconds: SECONDS }, around, (more) => {
    rows.push(...more);
    show(session);
  });
  say(`${note}: ${stopped ? 'stopped' : 'done'}`);
}

function show(session: Session): void {
  const { rows, roofline } = session;
  const names = [...new Set(rows.map((row) => row.case))];
  const box = (id: string, title: string): string =>
    `<section class="card"><h2>${title}</h2><div class="chart" id="${id}"></div></section>`;
  results.innerHTML = `<section class="card wide"><h2>Every number</h2>${timesTable(rows)}
    <p><a id="json" download="gramian-bench.json">JSON</a></p></section>
    ${box('roofline', 'Roofline')}
    ${names.map((name, c) => box(`time-${c}`, `${name}: time`) + box(`memory-${c}`, `${name}: GPU memory`)).join('')}`;
  const text = JSON.stringify({ sessions: [session] }, null, 2);
  find<HTMLAnchorElement>('json').href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  if (roofline) mount('roofline', (width) => drawRoofline(rows, roofline, width));
  names.forEach((name, c) => {
    const own = rows.filter((row) => row.case === name);
    mount(`time-${c}`, (width) => drawTimes(own, width));
    mount(`memory-${c}`, (width) => drawMemory(own, width));
  });
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  busy(run);
});
numericsButton.addEventListener('click', () => busy(numerics));
stopButton.addEventListener('click', () => {
  stopped = true;
});
fromAddress()?.();
