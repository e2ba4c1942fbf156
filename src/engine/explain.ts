import type { LaunchOptions } from '../gpu/device.ts';
import type { KernelSource, Tuning } from '../gpu/kernel.ts';
import { type Answer, reasonsOf } from '../tuning/choices.ts';

/** One kernel launch, and why it is as it is. */
export interface Explained {
  /** The op that the launch works for. */
  readonly op: string;
  readonly kernel: string;
  /** `'f32'` runs everywhere. */
  readonly family: string;
  /** The kernel's constants that were set; the others are as its file states. */
  readonly tuning: Tuning;
  readonly groups: number;
  /** Multiply-adds, or their like. */
  readonly work: number;
  /** What was chosen on the way here, where there was a choice. */
  readonly choices: readonly Answer[];
}

export function explained(kernel: KernelSource, { buffers, groups, work, tuning = {} }: LaunchOptions): Explained {
  const written = kernel.buffers.find(({ access }) => access === 'read_write');
  const choices = reasonsOf(tuning);
  return {
    op: written ? buffers[written.name].what : '',
    kernel: kernel.name,
    family: choices.find(({ question }) => question.startsWith('family '))?.option ?? 'f32',
    tuning: Object.fromEntries(Object.entries(tuning)),
    groups,
    work,
    choices,
  };
}
