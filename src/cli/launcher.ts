import { GramianError } from '../gpu/errors.ts';

/** How launchers tell a process of how many it is one. */
const COUNTS: readonly (readonly [variable: string, launcher: string])[] = [
  ['OMPI_COMM_WORLD_SIZE', 'mpirun'],
  ['MV2_COMM_WORLD_SIZE', 'mpirun'],
  ['PMI_SIZE', 'mpirun'],
  ['SLURM_STEP_NUM_TASKS', 'srun'],
];

/** From here on steps have numbers of a meaning: the batch script, the shell of salloc. */
const SLURM_OWN_STEPS = 0xfffffff0;

/** Refuses to be one of several processes: each would train all by itself, and all would write into one directory. */
export function refuseSeveralProcesses(environment: Readonly<Record<string, string | undefined>>): void {
  const refuse = (processes: string, launcher: string): never => {
    throw new GramianError(
      `train: ${processes} started by ${launcher}, expected one; gramian does not train together yet.`,
    );
  };
  for (const [variable, launcher] of COUNTS) {
    const count = Number(environment[variable]);
    if (count > 1) refuse(`${count} processes were`, launcher);
  }
  const { SLURM_PROCID, SLURM_STEP_ID, SLURM_STEP_NUM_TASKS, SLURM_NTASKS } = environment;
  if (Number(SLURM_PROCID) > 0) refuse(`process ${SLURM_PROCID} of several was`, 'srun');
  // Of the whole job, so it counts in a step only, and not in the batch script or the shell of salloc, which are one process.
  const step = SLURM_STEP_NUM_TASKS === undefined && Number(SLURM_STEP_ID) < SLURM_OWN_STEPS;
  if (step && Number(SLURM_NTASKS) > 1) refuse(`${SLURM_NTASKS} processes were`, 'srun');
}
