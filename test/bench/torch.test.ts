// PyTorch beside ours, where a Python has it.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { prove } from '../../bench/proof.ts';
import { workOf } from '../../bench/works/index.ts';
import { caseOf } from './samples.ts';

const SIZES = {
  ntXent: { n: 32, d: 8 },
  supCon: { n: 40, d: 8 },
  infoNCE: { n: 12, k: 30, d: 8 },
  clip: { n: 20, d: 8 },
  barlowTwins: { n: 12, d: 20 },
  vicReg: { n: 30, d: 12 },
  sinkhorn: { n: 12, k: 16 },
  swav: { n: 12, k: 16, d: 8 },
  entropicOT: { n: 12, m: 16, d: 8 },
  matmul: { m: 8, n: 12, k: 10 },
  simCLRStep: { n: 16, s: 12, w: 4 },
} as const;

/**
 * The module, which remembers which Python it found; a copy of it has found none. (vi.resetModules() would load all of the
 * library again for the files behind this one, and their shared engine is of the one that is there.)
 */
const load = (copy = ''): Promise<typeof import('../../bench/peers/torch.ts')> =>
  import(/* @vite-ignore */ `${'../../bench/peers/torch.ts'}${copy}`);
const missing = await (await load()).available().then(() => '', String);
if (missing) console.log(`PyTorch is not compared: ${missing}`);

describe('PyTorch as a contender', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  test('no Python with the package is one sentence', async () => {
    vi.stubEnv('GRAMIAN_PYTHON', '/nowhere/python');
    const { available, contenders } = await load('?elsewhere');
    const sentence = 'no torch (1.10 or newer) in /nowhere/python';
    await expect(available()).rejects.toThrow(sentence);
    const work = workOf(caseOf('clip'), SIZES.clip);
    await expect(contenders[0].open(work)).rejects.toThrow(sentence);
  });

  test.skipIf(missing)(
    'gives what the references give, by autodiff and by hand',
    async () => {
      const { contenders, openIn, startProcesses } = await load();
      const processes = await startProcesses(1);
      for (const [name, size] of Object.entries(SIZES)) {
        const work = workOf(caseOf(name), size);
        const forms = contenders.map(({ form }) => form).slice(0, name === 'matmul' ? 1 : 2);
        for (const form of forms) {
          const contender = await openIn(processes, work, form);
          expect(contender.elsewhere).toMatch(/^\d+ threads of the CPU, .*1 processes$/);
          await contender.run();
          expect(contender.took?.()).toBeGreaterThan(0);
          const strict = { ...work, tolerance: 1e-4 };
          const { refusal } = prove(strict, work.expected?.() ?? {}, await contender.read());
          expect([name, form, refusal]).toEqual([name, form, null]);
        }
      }
      const work = workOf(caseOf('matmul'), SIZES.matmul);
      expect(await contenders[1].open(work), 'a product has no second form').toBeNull();
      const contender = await openIn(processes, work, 'autodiff');
      await contender.rest?.();
      contender.dispose();
      await expect(contender.run()).rejects.toThrow('PyTorch ended');
    },
    60_000,
  );

  test.skipIf(missing)(
    'takes the next process in each turn; what none can do is thrown',
    async () => {
      const { openIn, startProcesses } = await load();
      const processes = await startProcesses(2);
      const work = workOf(caseOf('clip'), SIZES.clip);
      const contender = await openIn(processes, work, 'hand-derived');
      for (let turn = 0; turn < 2; turn++) {
        await contender.run();
        expect(prove(work, work.expected?.() ?? {}, await contender.read()).refusal).toBeNull();
        await contender.rest?.();
      }
      const odd = { ...work, options: { warmth: 1 } };
      const other = await openIn(processes, odd, 'hand-derived');
      await expect(other.run()).rejects.toThrow("unexpected keyword argument 'warmth'");
      other.dispose();
    },
    60_000,
  );
});
