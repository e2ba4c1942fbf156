/** As WebGPU allows everywhere. */
export const MAX_PER_DIMENSION = 65535;

/** Workgroups along x, y and z. */
export type Grid = readonly [x: number, y: number, z: number];

/** Near-square, since `{limit, ceil}` would waste up to half of the launch. */
export function fold(groups: number, limit = MAX_PER_DIMENSION): [number, number] {
  if (groups <= limit) return [groups, 1];
  const x = Math.ceil(Math.sqrt(groups));
  return [x, Math.ceil(groups / x)];
}
