import { writeFileSync } from 'node:fs';
import { openHost } from '../../bench/host.node.ts';
import { setUp } from '../../bench/ours.ts';
import { type Profile, profileOf, profileText } from '../../bench/profile.ts';
import { sizeText } from '../../bench/results.ts';
import { askedSizes, checkAxes, chooseCases, parseSizes } from '../../bench/run.ts';
import { workOf } from '../../bench/works/index.ts';
import { openData } from '../data/open.ts';
import type { Engine } from '../engine/engine.ts';
import { GramianError } from '../gpu/errors.ts';
import { checkBeforehand } from './beforehand.ts';
import { completeConfig, defined, type RunConfig } from './config.ts';
import { openEngine } from './engine.ts';
import { logLine } from './logLine.ts';
import { stepsOf } from './run.ts';
import { checkFile } from './writable.ts';

export interface ProfileCommand extends Partial<Pick<RunConfig, 'method' | 'data' | 'batch' | 'width' | 'features'>> {
  option?: [name: string, value: unknown][];
  cases?: string[];
  sizes?: string[];
  runs: number;
  json?: string | true;
  adapter: string;
}

type Done = (profile: Profile) => void;

/** `gramian profile`: kernels of a training step, or of losses and ops, on stdout; progress on stderr. */
export async function profileCommand(options: ProfileCommand): Promise<void> {
  const { cases, sizes, runs, json, adapter, option = [], ...settings } = options;
  const asked = defined(settings);
  const [setting] = Object.keys(asked);
  if (cases && (setting || option.length > 0))
    throw new GramianError(`profile: --cases is given with --${setting ?? 'option'}, expected one of them.`);
  if (sizes && !cases) throw new GramianError('profile: --sizes is given without --cases, expected both.');
  if (typeof json === 'string') checkFile('profile', 'json', json);
  const chosen = cases ? chooseCases(cases) : [];
  const extents = parseSizes(sizes ?? []);
  checkAxes(chosen, extents);
  const plan = chosen.flatMap((of) => askedSizes(of, extents, !sizes).map((size) => ({ of, size })));
  const given = { ...asked, ...(option.length > 0 ? { options: Object.fromEntries(option) } : {}) };
  if (!cases) checkBeforehand(given);
  // Dawn rounds timestamps to 65,536 ns unless told otherwise.
  process.env.GRAMIAN_DAWN_TOGGLES = [process.env.GRAMIAN_DAWN_TOGGLES, '-timestamp_quantization']
    .filter(Boolean)
    .join(',');
  const { observer } = await openHost('auto', 'default', 'cached');
  const engine = await openEngine('profile', adapter);
  const profiles: Profile[] = [];
  const done: Done = (profile) => {
    profiles.push(profile);
    if (json !== true) process.stdout.write(`${profileText(profile)}\n`);
  };
  if (!cases) done(await ofTraining(engine, observer, given, runs));
  for (const { of, size } of plan) {
    const { step, dispose } = setUp(engine, workOf(of, size));
    done(await profileOf(engine, observer, `${of.name} ${sizeText(size)}`, step, runs));
    dispose();
  }
  const text = `${JSON.stringify({ adapter: engine.info, profiles }, null, 2)}\n`;
  if (typeof json === 'string') writeFileSync(json, text);
  else if (json) await new Promise<void>((resolve) => process.stdout.write(text, () => resolve()));
  engine.destroy();
}

/** A step as `gramian train` does it with the same settings. */
async function ofTraining(
  engine: Engine,
  watch: Parameters<typeof profileOf>[1],
  given: Partial<RunConfig>,
  runs: number,
): Promise<Profile> {
  const { data = 'letters' } = given;
  const splits = await openData(data, {});
  const config = completeConfig({ ...given, data }, /swiftshader/i.test(engine.info.description), splits.train);
  const { method, batch } = config;
  const { channels, height, width } = splits.train;
  if (splits.train.count < batch)
    throw new GramianError(`profile: ${data} has ${splits.train.count} training images, expected ${batch} or more.`);
  logLine(`profile: ${method}, batches of ${batch} images of ${channels} x ${height} x ${width}`);
  const { step, prepare, dispose } = stepsOf(engine, splits, config);
  await prepare();
  const profile = await profileOf(engine, watch, `${method} on ${data}, a step of ${batch}`, step, runs);
  dispose();
  return profile;
}
