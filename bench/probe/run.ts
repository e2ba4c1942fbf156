// What an adapter can do, in one object: features and limits, rates of every kernel family, accuracy of split halves,
// whether compensated sums survive the compiler, what a dispatch costs.
import { spawnSync } from 'node:child_process';
import { attempt, makeBed } from './bed.ts';
import { offered, QUESTIONS } from './questions.ts';

/** f16 and subgroup matrices, which Dawn hides, and a clock that is not rounded. */
const FAST = 'allow_unsafe_apis,vulkan_enable_f16_on_nvidia,use_vulkan_memory_model,-timestamp_quantization';
/** Dawn's checks off. */
const UNCHECKED =
  'skip_validation,disable_robustness,disable_workgroup_init,disable_polyfills_on_integer_div_and_mod,-lazy_clear_resource_on_first_use';
/** A compiler that hangs costs its own question only. */
const CHILD_MS = 120_000;

export interface AdapterProbeOptions {
  /** Few and small measurements. */
  readonly quick: boolean;
  /** Dawn's, in place of those that show most. */
  readonly toggles?: string;
  /** One question alone. */
  readonly only?: string;
  readonly say: (text: string) => void;
  /** Called with all answers so far: a driver may crash on the next question. */
  readonly keep: (answers: object) => void;
}

export const NAMES: readonly string[] = Object.keys(QUESTIONS);

export async function probeAdapter({ quick, toggles = FAST, only, say, keep }: AdapterProbeOptions): Promise<object> {
  const bed = await makeBed(toggles, quick);
  if (only) return attempt(() => QUESTIONS[only](bed));
  const answers: Record<string, unknown> = { date: new Date().toISOString(), toggles, ...offered(bed) };
  const ask = async (name: string, answer: () => Promise<unknown>): Promise<void> => {
    say(name);
    answers[name] = await answer();
    keep(answers);
  };
  for (const name of NAMES) if (name !== 'mixed') await ask(name, () => attempt(() => QUESTIONS[name](bed)));
  await ask('unchecked costs', () => inChild('costs', `${toggles},${UNCHECKED}`, quick));
  await ask('unchecked tiles', () => inChild('tiles', `${toggles},${UNCHECKED}`, quick));
  await ask('mixed', () => inChild('mixed', toggles, quick)); // may crash the driver
  return answers;
}

/** One question in a process of its own: other toggles, or what may crash. */
async function inChild(question: string, toggles: string, quick: boolean): Promise<unknown> {
  const args = ['probe', '--only', question, '--toggles', toggles, ...(quick ? ['--quick'] : [])];
  const { stdout, status, signal } = spawnSync(process.execPath, [...process.execArgv, process.argv[1], ...args], {
    encoding: 'utf8',
    timeout: CHILD_MS,
  });
  try {
    return JSON.parse(stdout);
  } catch {
    return { status, signal };
  }
}
