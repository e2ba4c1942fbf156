// The inner loops that measure an adapter: each does one thing, many times, and stores something that depends on it all.

const times = (count: number, line: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => line(i)).join('\n');

const HEAD = `
struct Params { iterations: u32, seed: f32 }
@group(0) @binding(0) var<uniform> p: Params;`;

/** `chains` independent vec4 accumulators, `unroll` steps of each an iteration. */
export interface Chains {
  readonly chains: number;
  readonly unroll: number;
}

function chained(type: 'f32' | 'f16', step: (name: string) => string, { chains, unroll }: Chains): string {
  return `${type === 'f16' ? 'enable f16;' : ''}
${HEAD}
@group(0) @binding(1) var<storage, read_write> out: array<vec4f>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  let seed = vec4<${type}>(${type}(p.seed));
${times(chains, (c) => `  var a${c} = seed + ${type}(${c}.0 + f32(id.x % 7u));`)}
  for (var i = 0u; i < p.iterations; i++) {
${times(unroll, () => times(chains, (c) => `    a${c} = ${step(`a${c}`)};`))}
  }
  out[id.x] = vec4f(${Array.from({ length: chains }, (_, c) => `a${c}`).join(' + ')});
}`;
}

/** Multiply-adds with nothing to wait for but their own chain. */
export const fmaChains = (type: 'f32' | 'f16', shape: Chains): string =>
  chained(type, (a) => `fma(${a}, seed, seed)`, shape);

/** exp2 of its own negated result, which stays between 0.5 and 1. */
export const exp2Chains = (shape: Chains): string => chained('f32', (a) => `exp2(-${a})`, shape);

export const COPY = `@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4f>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) grid: vec3u) {
  let at = id.y * grid.x * 64u + id.x;
  if (at < arrayLength(&x)) { out[at] = x[at]; }
}`;

export const NOTHING = `${HEAD}
@group(0) @binding(1) var<storage, read_write> out: array<vec4f>;
@compute @workgroup_size(1) fn main() { out[0].x = p.seed; }`;

/** A product of fragments that the adapter has an instruction for. */
export interface SubgroupMatrixConfig {
  readonly component: string;
  readonly result: string;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

export const MATRIX_CHAINS = 4;

/** Fragments multiplied on and on; a workgroup is one subgroup. */
export function subgroupMatrix({ component, result, m, n, k }: SubgroupMatrixConfig, width: number): string {
  const left = `subgroup_matrix_left<${component}, ${k}, ${m}>`;
  const right = `subgroup_matrix_right<${component}, ${n}, ${k}>`;
  const sum = `subgroup_matrix_result<${result}, ${n}, ${m}>`;
  return `${component === 'f16' || result === 'f16' ? 'enable f16;' : ''}
enable subgroups;
enable chromium_experimental_subgroup_matrix;
diagnostic(off, chromium.subgroup_matrix_uniformity);
${HEAD}
@group(0) @binding(1) var<storage, read> x: array<${component}>;
@group(0) @binding(2) var<storage, read_write> out: array<${result}>;
@compute @workgroup_size(${width}) fn main(@builtin(workgroup_id) group: vec3u) {
  let a = subgroupMatrixLoad<${left}, row_major>(&x, 0u, ${k}u);
  let b = subgroupMatrixLoad<${right}, row_major>(&x, 0u, ${n}u);
${times(MATRIX_CHAINS, (c) => `  var c${c}: ${sum};`)}
  for (var i = 0u; i < p.iterations; i++) {
${times(MATRIX_CHAINS, (c) => `    c${c} = subgroupMatrixMultiplyAccumulate(a, b, c${c});`)}
  }
${times(MATRIX_CHAINS, (c) => `  subgroupMatrixStore<row_major>(&out, (group.x * ${MATRIX_CHAINS}u + ${c}u) * ${m * n}u, c${c}, ${n}u);`)}
}`;
}
