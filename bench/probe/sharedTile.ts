/**
 * WGSL of c = a^T b for n x n matrices that workgroups of 16 x 16 read through workgroup memory: 4 x 4 sums an invocation
 * (tiles of 64 x 64) or 8 x 8 (128 x 128, as 2 x 2 blocks that lie 64 apart). For comparison with the library's tiles.
 */
export function sharedTile(n: number, per: 4 | 8): string {
  const blocks = per / 4;
  const tile4 = 16 * blocks; // vec4s of a tile's row
  const steps = 16;
  const each = (count: number, body: (i: number) => string): string =>
    Array.from({ length: count }, (_, i) => body(i)).join('\n');
  return `
@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> c: array<vec4f>;
var<workgroup> left: array<vec4f, ${steps * tile4}>;
var<workgroup> right: array<vec4f, ${steps * tile4}>;

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_id) local: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let row4 = id.y * ${tile4}u;
  let column4 = id.x * ${tile4}u;
  var s: array<vec4f, ${per * blocks}>;
  for (var k = 0u; k < ${n}u; k += ${steps}u) {
    for (var i = lane; i < ${steps * tile4}u; i += 256u) {
      left[i] = a[(k + i / ${tile4}u) * ${n / 4}u + row4 + i % ${tile4}u];
      right[i] = b[(k + i / ${tile4}u) * ${n / 4}u + column4 + i % ${tile4}u];
    }
    workgroupBarrier();
    for (var t = 0u; t < ${steps}u; t++) {
      ${each(blocks, (i) => `let l${i} = left[t * ${tile4}u + local.y + ${16 * i}u]; let r${i} = right[t * ${tile4}u + local.x + ${16 * i}u];`)}
      ${each(per, (m) => each(blocks, (v) => `s[${m * blocks + v}] = fma(vec4f(l${Math.floor(m / 4)}[${m % 4}]), r${v}, s[${m * blocks + v}]);`))}
    }
    workgroupBarrier();
  }
  ${each(per, (m) => each(blocks, (v) => `c[(4u * (row4 + local.y + ${16 * Math.floor(m / 4)}u) + ${m % 4}u) * ${n / 4}u + column4 + local.x + ${16 * v}u] = s[${m * blocks + v}];`))}
}`;
}
