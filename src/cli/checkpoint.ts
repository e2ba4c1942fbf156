import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Tensor } from '../core/tensor.ts';
import { readSafetensors, type SafeTensor, writeSafetensors } from '../data/safetensors.ts';
import { GramianError } from '../gpu/errors.ts';
import { quoted } from './command.ts';
import { keepAs, reasonOf, writeWhole } from './files.ts';
import { logLine } from './logLine.ts';
import type { Progress } from './progressRecord.ts';
import { readProgress } from './progressRecord.ts';

export const CHECKPOINT = 'checkpoint.safetensors';
/** The one before: whatever happens to the newest, the work is not lost. */
export const PREVIOUS = 'checkpoint.previous.safetensors';

/** Training ran away: the state that it has reached is no good. */
export class Diverged extends GramianError {}

export interface Checkpoint {
  /** Where it was read. */
  readonly path: string;
  readonly tensors: ReadonlyMap<string, SafeTensor>;
  readonly progress: Progress;
}

/** Counts up when an older reader would misunderstand. */
const FORMAT = 2;
// What grows with every step is in tensors, as the header of a file has an end.
const LOSS = 'progress.loss';
const RATE = 'progress.learningRate';

/**
 * Writes the newest checkpoint of a run, whole or not at all, and keeps the one before.
 * @param keepNewest whether what stands there becomes the one before; not where that was passed over as it is
 * @returns where
 */
export async function saveCheckpoint(
  directory: string,
  tensors: Readonly<Record<string, Tensor>>,
  progress: Progress,
  { keepNewest = true } = {},
): Promise<string> {
  const path = join(directory, CHECKPOINT);
  const files: Record<string, SafeTensor> = {};
  const read = await Promise.all(Object.values(tensors).map((tensor) => tensor.data()));
  Object.entries(tensors).forEach(([name, { shape }], i) => {
    if (!read[i].every(Number.isFinite))
      throw new Diverged(`train: ${name} is not finite after step ${progress.step}, expected numbers.`);
    files[name] = { dtype: 'F32', shape: [...shape], data: read[i] };
  });
  const { loss, ...rest } = progress;
  for (const [name, of] of [[LOSS, 'loss'] as const, [RATE, 'learningRate'] as const])
    files[name] = { dtype: 'F32', shape: [loss.length], data: Float32Array.from(loss, (point) => point[of]) };
  const text = JSON.stringify({ format: FORMAT, ...rest });
  const bytes = writeSafetensors(files, { gramian: text, sha256: digest(text, new Map(Object.entries(files))) });
  await writeWhole('train', path, bytes, async () => {
    if (keepNewest) await keepAs(path, join(directory, PREVIOUS));
  });
  return path;
}

/** Over everything that the file says, so that no byte of it can change unseen. */
function digest(text: string, tensors: ReadonlyMap<string, SafeTensor>): string {
  const hash = createHash('sha256').update(text);
  for (const name of [...tensors.keys()].sort()) {
    const { dtype, shape, data } = tensors.get(name) as SafeTensor;
    hash.update(JSON.stringify([name, dtype, shape]));
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}

/**
 * Reads a checkpoint, trusting nothing in it.
 * @param where what its sentences begin with: `train: --resume`
 * @param given a file, or the directory of a run
 */
export async function loadCheckpoint(where: string, given: string): Promise<Checkpoint> {
  const path = await fileOf(given);
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new GramianError(
      `${where} ${path} cannot be read (${reasonOf(error)}), expected a ${CHECKPOINT} of an earlier run.`,
    );
  });
  try {
    const { tensors, metadata } = readSafetensors(bytes);
    return { path, ...unpacked(tensors, metadata) };
  } catch (error) {
    if (!(error instanceof GramianError)) throw error;
    const spare = join(dirname(path), PREVIOUS);
    const other = basename(path) !== PREVIOUS && (await exists(spare)) ? `; the one before it is ${quoted(spare)}` : '';
    throw new GramianError(
      `${where} ${path} is damaged or no checkpoint of gramian train: ${error.message.replace(/\.$/, '')}${other}.`,
    );
  }
}

/**
 * The newest checkpoint in a run's directory that can be read; null where there is none.
 * @param passedOver called with what is wrong with one that cannot
 */
export async function newestIn(
  directory: string,
  passedOver: (error: Error) => void = () => {},
): Promise<Checkpoint | null> {
  for (const name of [CHECKPOINT, PREVIOUS]) {
    const path = join(directory, name);
    if (!(await exists(path))) continue;
    try {
      return await loadCheckpoint('train:', path);
    } catch (error) {
      passedOver(error as Error);
    }
  }
  return null;
}

/** A run's newest checkpoint stands for its directory; where it is missing, the one before does. */
async function fileOf(given: string): Promise<string> {
  const path = (await stat(given).catch(() => null))?.isDirectory() ? join(given, CHECKPOINT) : given;
  const spare = join(dirname(path), PREVIOUS);
  if (basename(path) !== CHECKPOINT || (await exists(path)) || !(await exists(spare))) return path;
  logLine(`${path} is missing: taking the one before it, ${spare}`);
  return spare;
}

export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}

function unpacked(
  all: ReadonlyMap<string, SafeTensor>,
  metadata: Readonly<Record<string, string>>,
): Omit<Checkpoint, 'path'> {
  const { gramian: text, sha256 } = metadata;
  if (text === undefined) throw new GramianError('it holds no training state.');
  const sealed = sha256 !== undefined;
  if (sealed && digest(text, all) !== sha256) throw new GramianError('its contents do not match its checksum.');
  const { format, progress } = readProgress(text);
  // Without a checksum: written before there was one, or its name was hit.
  if (format > FORMAT)
    throw new GramianError(
      `it is of format ${format}, expected at most ${FORMAT}; a newer version of gramian wrote it.`,
    );
  if (format >= 2 && !sealed) throw new GramianError('it has lost its checksum.');
  const tensors = new Map(all);
  if (format < 2) return { tensors, progress };
  const [loss, rates] = [LOSS, RATE].map((name) => tensors.get(name)?.data);
  tensors.delete(LOSS);
  tensors.delete(RATE);
  if (loss?.length !== progress.step || rates?.length !== progress.step)
    throw new GramianError(`it holds the losses of ${loss?.length} steps, expected ${progress.step}.`);
  const points = Array.from(loss, (value, step) => ({
    step,
    epoch: Number.NaN,
    loss: value,
    learningRate: rates[step],
  }));
  return { tensors, progress: { ...progress, loss: points } };
}

/** Copies saved numbers into live tensors of the same names and shapes. */
export function restore(
  where: string,
  into: Readonly<Record<string, Tensor>>,
  saved: ReadonlyMap<string, SafeTensor>,
): void {
  for (const [name, tensor] of Object.entries(into)) {
    const found = saved.get(name);
    if (!found) throw new GramianError(`${where} lacks ${name}, expected a checkpoint made with the same options.`);
    if (found.dtype !== 'F32' || found.shape.join() !== tensor.shape.join())
      throw new GramianError(
        `${where} has ${name} as ${found.dtype} [${found.shape.join(', ')}], expected F32 [${tensor.shape.join(', ')}].`,
      );
  }
  // Only when all fit, so that no network is half restored.
  for (const [name, tensor] of Object.entries(into))
    tensor.write((saved.get(name) as SafeTensor & { data: Float32Array<ArrayBuffer> }).data);
}
