import type { Tensor } from '../core/tensor.ts';
import type { KernelSource } from '../gpu/kernel.ts';
import {
  nt_xent_near,
  nt_xent_owner,
  nt_xent_panel,
  nt_xent_panel_fragments,
  nt_xent_sums,
  nt_xent_sums_cached,
  nt_xent_sums_fragments,
  nt_xent_sums_lanes,
  nt_xent_sums_lanes_cached,
  nt_xent_weights_cached,
  sup_con_near,
  sup_con_owner,
  sup_con_panel,
  sup_con_sums,
  sup_con_sums_cached,
  sup_con_sums_lanes,
  sup_con_sums_lanes_cached,
  sup_con_weights_cached,
  uniformity_near,
  uniformity_owner,
  uniformity_panel,
  uniformity_sums,
  uniformity_sums_cached,
  uniformity_sums_lanes,
  uniformity_sums_lanes_cached,
  uniformity_weights_cached,
} from '../gpu/kernels.generated.ts';
import type { FragmentKernels } from './pairFragments.ts';

interface SumKernels {
  readonly sums: KernelSource;
  /** Keeps e_ij over the triangle. */
  readonly cached: KernelSource;
  readonly maxEdge: number;
}

/** Which rows are positives of each other, by the kernels that know. */
interface PairKernels {
  /** A software adapter keeps a partial sum for each lane, where a barrier would cost more. */
  readonly lanes: SumKernels;
  /** A GPU reduces in workgroup memory. */
  readonly workgroup: SumKernels;
  readonly weights: KernelSource;
  readonly panel: KernelSource;
  readonly owner: KernelSource;
  /** The same sweep on matrix units, where it has been written for them. */
  readonly fragments: FragmentKernels | null;
  readonly near: KernelSource;
  /** Sums a row: of its negatives, and of its positives where they are summed too. */
  readonly sums: 1 | 2;
  /** Pairs are told by |u_i - u_j|^2, which no family of lower precision makes, and not by u_i.u_j. */
  readonly distances?: boolean;
}

const PARTNER_KERNELS: PairKernels = {
  lanes: { sums: nt_xent_sums_lanes, cached: nt_xent_sums_lanes_cached, maxEdge: 2048 },
  workgroup: { sums: nt_xent_sums, cached: nt_xent_sums_cached, maxEdge: 512 },
  weights: nt_xent_weights_cached,
  panel: nt_xent_panel,
  owner: nt_xent_owner,
  fragments: { sums: nt_xent_sums_fragments, panel: nt_xent_panel_fragments },
  near: nt_xent_near,
  sums: 1,
};

const DISTANCE_KERNELS: PairKernels = {
  lanes: { sums: uniformity_sums_lanes, cached: uniformity_sums_lanes_cached, maxEdge: 2048 },
  workgroup: { sums: uniformity_sums, cached: uniformity_sums_cached, maxEdge: 512 },
  weights: uniformity_weights_cached,
  panel: uniformity_panel,
  owner: uniformity_owner,
  fragments: null,
  near: uniformity_near,
  sums: 1,
  distances: true,
};

const CLASS_KERNELS: PairKernels = {
  lanes: { sums: sup_con_sums_lanes, cached: sup_con_sums_lanes_cached, maxEdge: 2048 },
  workgroup: { sums: sup_con_sums, cached: sup_con_sums_cached, maxEdge: 256 },
  weights: sup_con_weights_cached,
  panel: sup_con_panel,
  owner: sup_con_owner,
  fragments: null,
  near: sup_con_near,
  sums: 2,
};

/** Who pulls whom in a sweep over all pairs of one set of rows. */
export interface Pairs {
  readonly kernels: PairKernels;
  /** What the sweep needs besides. */
  readonly buffers: Readonly<Record<string, Tensor>>;
}

/** Rows i and i + n/2 are positives of each other. */
export const PARTNERS: Pairs = { kernels: PARTNER_KERNELS, buffers: {} };

/** No row has a positive, and pairs are told by their distance: what `uniformity` sweeps. */
export const DISTANCES: Pairs = { kernels: DISTANCE_KERNELS, buffers: {} };

/** Rows of one class are positives of each other. */
export function classPairs(classes: Tensor): Pairs {
  return { kernels: CLASS_KERNELS, buffers: { classes } };
}
