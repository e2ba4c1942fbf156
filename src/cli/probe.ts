import { writeFileSync } from 'node:fs';
import { probeAdapter as measure, NAMES } from '../../bench/probe/run.ts';
import { GramianError } from '../gpu/errors.ts';
import { logLine } from './logLine.ts';
import { checkFile } from './writable.ts';

export interface ProbeCommand {
  quick?: boolean;
  toggles?: string;
  only?: string;
  json?: string;
}

/** `gramian probe`: what the adapter can do, as JSON on stdout or into a file; progress on stderr. */
export async function probeCommand({ quick = false, only, toggles, json }: ProbeCommand): Promise<void> {
  if (only && !NAMES.includes(only)) throw new GramianError(`probe: --only ${only}, expected ${NAMES.join(', ')}.`);
  if (json) checkFile('probe', 'json', json);
  const textOf = (answers: object): string => `${JSON.stringify(answers, null, 2)}\n`;
  const answers = await measure({
    quick,
    only,
    toggles: toggles ?? process.env.GRAMIAN_DAWN_TOGGLES,
    say: (text) => logLine(`probe: ${text}`),
    keep: (answers) => json && writeFileSync(json, textOf(answers)),
  });
  if (json) writeFileSync(json, textOf(answers));
  else await new Promise<void>((done) => process.stdout.write(textOf(answers), () => done()));
  process.exit(); // devices that were asked keep a process alive
}
