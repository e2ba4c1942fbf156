import { readFile, rename, writeFile } from 'node:fs/promises';
import type { Choices } from '../core/choices.ts';
import { readSafetensors, type SafeTensor, writeSafetensors } from '../core/safetensors.ts';
import type { Tensor } from '../core/tensor.ts';
import { GramianError } from '../gpu/errors.ts';
import type { RunConfig } from './config.ts';
import type { FeatureScores, LossPoint } from './report/data.ts';

/** Where a run stands, besides its tensors. */
export interface Progress {
  readonly config: RunConfig;
  /** Steps done. */
  readonly step: number;
  readonly loss: LossPoint[];
  /** Of the pixels themselves. */
  readonly raw: FeatureScores;
  /** Of the encoder before its first step. */
  readonly untrained: FeatureScores;
  readonly history: { epoch: number; knn: number }[];
  /** Signs of collapse on the way. */
  readonly warnings: string[];
  /** Seconds of training so far. */
  readonly seconds: number;
  /** How the kernels were chosen: a resumed run takes the same, for the same bits. */
  readonly choices: Choices;
}

/** Writes to a temporary name first: a crash while saving must not cost the last good checkpoint. */
export async function saveCheckpoint(
  path: string,
  tensors: Readonly<Record<string, Tensor>>,
  progress: Progress,
): Promise<void> {
  const files: Record<string, SafeTensor> = {};
  for (const [name, tensor] of Object.entries(tensors))
    files[name] = { dtype: 'F32', shape: [...tensor.shape], data: await tensor.data() };
  const bytes = writeSafetensors(files, { gramian: JSON.stringify(progress) });
  await writeFile(`${path}.part`, bytes);
  await rename(`${path}.part`, path);
}

export async function loadCheckpoint(path: string): Promise<{ tensors: Map<string, SafeTensor>; progress: Progress }> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch {
    throw new GramianError(
      `train: --resume ${path} cannot be read, expected a checkpoint.safetensors of an earlier run.`,
    );
  }
  const { tensors, metadata } = readSafetensors(bytes);
  try {
    return { tensors: new Map(tensors), progress: JSON.parse(metadata.gramian) as Progress };
  } catch {
    throw new GramianError(`train: --resume ${path} holds no training state, expected a checkpoint of gramian train.`);
  }
}

/** Copies saved numbers into live tensors of the same names and shapes. */
export function restore(into: Readonly<Record<string, Tensor>>, saved: ReadonlyMap<string, SafeTensor>): void {
  for (const [name, tensor] of Object.entries(into)) {
    const found = saved.get(name);
    if (!found) throw new GramianError(`train: the checkpoint lacks ${name}, expected one made with the same options.`);
    if (found.dtype !== 'F32' || found.shape.join() !== tensor.shape.join())
      throw new GramianError(
        `train: ${name} is [${found.shape.join(', ')}] in the checkpoint, expected [${tensor.shape.join(', ')}].`,
      );
    tensor.engine.write(tensor, Float32Array.from(found.data));
  }
}
