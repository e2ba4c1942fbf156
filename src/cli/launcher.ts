import { GramianError } from '../gpu/errors.ts';

/** How launchers tell a process of how many it is one. */
const COUNTS: readonly (readonly [variable: string, launcher: string])[] = [
  ['OMPI_COMM_WORLD_SIZE', 'mpirun'],
  ['PMI_SIZE', 'mpirun'],
  ['SLURM_STEP_NUM_TASKS', 'srun'],
];

/** Refuses to be one of several processes: each would train all by itself, and all would write into one directory. */
export function refuseSeveralProcesses(environment: Readonly<Record<string, string | undefined>>): void {
  for (const [variable, launcher] of COUNTS) {
    const count = Number(environment[variable]);
    if (count > 1)
      throw new GramianError(
        `train: ${count} processes were started by ${launcher}, expected one; gramian does not train together yet.`,
      );
  }
}
