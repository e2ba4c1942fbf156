// Measures the standard work on this machine's adapter and writes what clearly wins into src/core/choices.shipped.ts.
//   GRAMIAN_ADAPTER=lavapipe npm run tune:defaults -- [SECONDS]
import { writeFileSync } from 'node:fs';
import { SHIPPED } from '../src/core/choices.shipped.ts';
import { kindOf } from '../src/core/costModel.ts';
import { createEngine } from '../src/core/engine.ts';
import { matmul, standardWork } from '../src/index.ts';

const MARGIN = 0.1; // a default is for machines that we have not measured

const budget = Number(process.argv[2] ?? 600);
const engine = await createEngine({ tune: 'off' });
const kind = kindOf(engine.info).name;
const square = (n: number) =>
  engine.tensor(
    new Float32Array(n * n).map((_, i) => Math.sin(i)),
    [n, n],
  );
const list = [() => void matmul(square(1024), square(1024)), ...standardWork(engine)];
const { measured, finished, seconds } = await engine.tune(list, {
  budget,
  margin: MARGIN,
  // A software adapter computes in this process: its processor time is the same on a busy machine.
  ...(engine.info.software ? { clock: () => process.cpuUsage().user / 1000 } : {}),
});
for (const { question, option, instead, ms } of measured) {
  const times = Object.entries(ms).map(([name, of]) => `${name} ${of === null ? 'failed' : `${of.toFixed(2)} ms`}`);
  console.log(`${option === instead ? ' ' : '*'} ${question}: ${option}   (${times.join(', ')})`);
}
console.log(`${kind}: ${measured.length} questions in ${seconds.toFixed(0)} s${finished ? '' : ', not all of them'}`);

const winners = measured.filter(({ option, instead }) => option !== instead);
const own = { ...SHIPPED[kind] };
for (const { question } of measured) delete own[question];
for (const { question, option } of winners) own[question] = option;
const kinds = Object.entries({ ...SHIPPED, [kind]: own }).sort(([a], [b]) => (a < b ? -1 : 1));
const rows = kinds.map(([name, options]) => {
  const entries = Object.entries(options ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = entries.map(([question, option]) => `    '${question}': '${option}',\n`);
  return `  ${name}: {${lines.length > 0 ? `\n${lines.join('')}  ` : ''}},\n`;
});
writeFileSync(
  new URL('../src/core/choices.shipped.ts', import.meta.url),
  `// Made by \`npm run tune:defaults\`: what was fastest, by a clear margin, on the adapters that we have. Do not edit.
import type { AdapterKind } from './costModel.ts';

/** Option by question, for each kind of adapter; none where the prediction stood in all that was measured. */
export const SHIPPED: Readonly<Partial<Record<AdapterKind['name'], Readonly<Record<string, string>>>>> = {
${rows.join('')}};
`,
);
engine.destroy();
