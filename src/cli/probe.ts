import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { numericsHere } from '../../bench/probe/numerics/here.node.ts';
import { asMarkdown, asText, withReport } from '../../bench/probe/numerics/report.ts';
import { probeAdapter as measure, NAMES } from '../../bench/probe/run.ts';
import { GramianError } from '../gpu/errors.ts';
import { logLine } from './logLine.ts';
import { checkFile } from './writable.ts';

export interface ProbeCommand {
  quick?: boolean;
  toggles?: string;
  only?: string;
  numerics?: boolean;
  markdown?: string | true;
  json?: string | true;
}

/** Into the file, or onto stdout where none was named. */
async function write(text: string, file: string | true | undefined): Promise<void> {
  if (typeof file === 'string') writeFileSync(file, text);
  else await new Promise<void>((done) => process.stdout.write(text, () => done()));
}

const asJSON = (answers: object): string => `${JSON.stringify(answers, null, 2)}\n`;

/** `gramian probe`: what the adapter can do, as JSON on stdout or into a file; progress on stderr. */
export async function probeCommand(options: ProbeCommand): Promise<void> {
  const { quick = false, only, toggles, numerics, markdown, json } = options;
  if (only && !NAMES.includes(only)) throw new GramianError(`probe: --only ${only}, expected ${NAMES.join(', ')}.`);
  if (markdown && !numerics)
    throw new GramianError('probe: --markdown is given without --numerics, expected both: other answers are JSON.');
  if (numerics && (only || quick))
    throw new GramianError(`probe: --numerics is given with --${only ? 'only' : 'quick'}, expected one of them.`);
  if (typeof json === 'string') checkFile('probe', 'json', json);
  if (typeof markdown === 'string') checkFile('probe', 'markdown', markdown);
  if (toggles) process.env.GRAMIAN_DAWN_TOGGLES = toggles;
  if (numerics) await probeNumerics(markdown, json);
  else {
    const answers = await measure({
      quick,
      only,
      toggles: toggles ?? process.env.GRAMIAN_DAWN_TOGGLES,
      say: (text) => logLine(`probe: ${text}`),
      keep: (answers) => typeof json === 'string' && writeFileSync(json, asJSON(answers)),
    });
    await write(asJSON(answers), json);
  }
  process.exit(); // devices that were asked keep a process alive
}

/** `--numerics`: as text, as JSON, or as a section of docs/adapters.md, put in its place where the page is named. */
async function probeNumerics(markdown: ProbeCommand['markdown'], json: ProbeCommand['json']): Promise<void> {
  const report = await numericsHere((text) => logLine(`probe: ${text}`));
  if (json) await write(asJSON(report), json);
  if (typeof markdown === 'string')
    writeFileSync(markdown, withReport(existsSync(markdown) ? readFileSync(markdown, 'utf8') : '', report));
  else if (markdown) await write(asMarkdown(report), undefined);
  if (!json && !markdown) await write(asText(report), undefined);
}
