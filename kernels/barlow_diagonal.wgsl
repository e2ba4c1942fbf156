// misses[k] = (c_k - 1)^2, squares[k] = c_k^2, own[k] = pull (c_k - 1) - extra c_k, c the diagonal of the cross-correlation
// own[k] is what feature k of one view pulls on feature k of the other; `extra` takes back what a product pulled already.
// @use grid
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, columns: u32, pull: f32, extra: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> diagonal: array<f32>;
@group(0) @binding(2) var<storage, read_write> misses: array<f32>;
@group(0) @binding(3) var<storage, read_write> squares: array<f32>;
@group(0) @binding(4) var<storage, read_write> own: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let k = group * WG + lane;
  if (group >= p.end_group || k >= p.columns) { return; }
  let c = diagonal[k];
  misses[k] = (c - 1.0) * (c - 1.0);
  squares[k] = c * c;
  own[k] = fma(p.pull, c - 1.0, -p.extra * c);
}
