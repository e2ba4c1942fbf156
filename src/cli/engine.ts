import { createEngine, type Engine } from '../engine/engine.ts';
import { GramianError } from '../gpu/errors.ts';
import type { Choices } from '../tuning/choices.ts';
import { logLine } from './logLine.ts';

/** Says what is wrong with `--adapter` before anything is opened. */
export function checkAdapter(command: string, adapter: string): 'auto' | 'hardware' | 'software' {
  if (adapter !== 'auto' && adapter !== 'hardware' && adapter !== 'software')
    throw new GramianError(`${command}: --adapter ${adapter}, expected auto, hardware or software.`);
  return adapter;
}

/** @param tune `'full'`, or the choices of a checkpoint; older ones have none */
export async function openEngine(
  command: string,
  adapter: string,
  tune: 'cached' | 'full' | Choices = 'cached',
): Promise<Engine> {
  const engine = await createEngine({ adapter: checkAdapter(command, adapter), tune });
  logLine(`adapter: ${engine.info.note}`);
  const choices = typeof tune === 'string' ? null : tune;
  if (choices && choices.adapter !== engine.choices().adapter)
    logLine(`the checkpoint was made on ${choices.adapter}: its numbers go on, but not to the same bits`);
  return engine;
}
