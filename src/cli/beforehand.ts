import type { Engine } from '../engine/engine.ts';
import { GramianError } from '../gpu/errors.ts';
import type { RunConfig } from './config.ts';
import { MAKERS } from './makeMethod.ts';
import { METHODS } from './methods.ts';

// What stands in for what only the data tell; methods are made again, with the true facts, once these are known.
const IMAGES = { channels: 1, size: 32, seed: 0 };
const FACTS = { images: 2 ** 24, classes: 2 };

type Asked = Partial<Pick<RunConfig, 'method' | 'batch' | 'accumulate' | 'width' | 'features' | 'options'>>;

/**
 * Refuses settings that no data and no adapter can make right, before either is opened: a method checks its options before it touches
 * the engine, so it is made with one that cannot be touched.
 */
export function checkBeforehand({ batch, accumulate = 1, ...asked }: Asked): void {
  const { method = 'simclr', width = 16, features = 256, options = {} } = asked;
  if (batch !== undefined) checkBatch({ method, batch, accumulate, options });
  const touched = new Error('touched');
  const touch = (): never => {
    throw touched;
  };
  // It looks like an engine, whose adapter holds anything; the first tensor ends it.
  const limits = { maxStorageBufferBindingSize: Number.POSITIVE_INFINITY };
  const looks = { assertAlive: () => {}, fromBuffer: touch, info: { limits } };
  const untouchable = new Proxy(looks as unknown as Engine, {
    get: (target, name) => (Object.hasOwn(target, name) ? Reflect.get(target, name) : touch()),
  });
  try {
    MAKERS[method](untouchable, { ...IMAGES, width, features, ...options }, FACTS);
  } catch (error) {
    if (error !== touched) throw error;
  }
}

/** Parts of a batch are equal; a queue takes the rows of one at once, and must hold them all. */
export function checkBatch({
  method,
  batch,
  accumulate,
  options,
}: Pick<RunConfig, 'method' | 'batch' | 'accumulate' | 'options'>): void {
  if (batch % accumulate !== 0)
    throw new GramianError(`train: --accumulate ${accumulate} does not divide --batch ${batch}, expected a divisor.`);
  const length = options.queue ?? METHODS[method].queue;
  if (METHODS[method].queue === undefined || options.version === 3 || typeof length !== 'number') return;
  const rows = batch / accumulate;
  if (length <= 0 || rows <= length) return; // 0 turns SwAV's off
  const parts = accumulate > 1 ? ` in ${accumulate} parts` : '';
  throw new GramianError(
    `train: --batch ${batch}${parts} adds ${rows} rows at once to a queue of ${length}, expected at most ${length}; ` +
      `give a smaller --batch, or --option queue=${rows}.`,
  );
}
