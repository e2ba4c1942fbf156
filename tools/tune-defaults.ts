// Measures the standard work on this machine's adapter and writes what clearly wins into src/tuning/choices.shipped.ts.
//   GRAMIAN_ADAPTER=lavapipe npm run tune:defaults -- [SECONDS]
// With a file that `gramian tune --json` wrote, elsewhere perhaps, takes what that measured.
//   npm run tune:defaults -- tune.json
import { readFileSync, writeFileSync } from 'node:fs';
import { measureStandardWork } from '../src/cli/tune.ts';
import type { EngineInfo } from '../src/core/context.ts';
import { createEngine } from '../src/engine/engine.ts';
import type { TuneReport } from '../src/engine/tuner.ts';
import { SHIPPED } from '../src/tuning/choices.shipped.ts';
import { kindOf } from '../src/tuning/costModel.ts';

const MARGIN = 0.1; // a default is for machines that we have not measured

const { adapter, measured, finished, seconds } = await report(process.argv[2] ?? '600');
const kind = kindOf(adapter).name;
console.log(`${kind}: ${measured.length} questions in ${seconds.toFixed(0)} s${finished ? '' : ', not all of them'}`);

const winners = measured.filter(({ option, instead, ms }) => {
  const [now, before] = [ms[option], ms[instead]];
  return option !== instead && typeof now === 'number' && typeof before === 'number' && now < (1 - MARGIN) * before;
});
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
  new URL('../src/tuning/choices.shipped.ts', import.meta.url),
  `// Made by \`npm run tune:defaults\`: what was fastest, by a clear margin, on the adapters that we have. Do not edit.
import type { AdapterKind } from './costModel.ts';

/** Option by question, for each kind of adapter; none where the prediction stood in all that was measured. */
export const SHIPPED: Readonly<Partial<Record<AdapterKind['name'], Readonly<Record<string, string>>>>> = {
${rows.join('')}};
`,
);

async function report(asked: string): Promise<TuneReport & { adapter: EngineInfo }> {
  if (asked.endsWith('.json')) return JSON.parse(readFileSync(asked, 'utf8'));
  const engine = await createEngine({ tune: 'off' });
  const measured = await measureStandardWork(engine, {}, Number(asked), MARGIN);
  engine.destroy();
  return { adapter: engine.info, ...measured };
}
