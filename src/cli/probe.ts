import { writeFile } from 'node:fs/promises';
import { NAMES, probe as measure } from '../../bench/probe/run.ts';
import { GramianError } from '../gpu/errors.ts';
import { say } from './train.ts';

export interface ProbeCommand {
  quick?: boolean;
  toggles?: string;
  only?: string;
  json?: string;
}

/** `gramian probe`: what the adapter can do, as JSON on stdout or into a file; progress on stderr. */
export async function probe({ quick = false, only, toggles, json }: ProbeCommand): Promise<void> {
  if (only && !NAMES.includes(only)) throw new GramianError(`probe: --only ${only}, expected ${NAMES.join(', ')}.`);
  const answers = await measure({
    quick,
    only,
    toggles: toggles ?? process.env.GRAMIAN_DAWN_TOGGLES,
    say: (text) => process.stderr.write(`probe: ${text}\n`),
  });
  const text = `${JSON.stringify(answers, null, 2)}\n`;
  if (json) {
    await writeFile(json, text);
    say(`${json}: what the adapter answered`);
  } else await new Promise<void>((done) => process.stdout.write(text, () => done()));
  process.exit(); // devices that were asked keep a process alive
}
