// y[i] = z[i] / max(|z[i]|, 1e-12)
// inverse_norms[i] is 1/|z|, negative where the floor acts (no projection in the gradient), 0 for a zero row.
// A row with a NaN or an infinity has no direction: all of it is NaN.
// @use grid rows row_norm finite
struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> z: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> inverse_norms: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let row = group * (WG / LANES) + lane / LANES;
  let start = min(row, p.rows - 1u) * p.columns;
  let length = row_norm(lane, start);
  let norm = poisoned(max(length.norm, FLOOR), length.square);
  let scale = 1.0 / norm;
  if (row >= p.rows) { return; }
  for (var k = lane % LANES; k < p.columns; k += LANES) { y[start + k] = z[start + k] / norm; }
  if (lane % LANES == 0u) {
    inverse_norms[row] = select(select(scale, -scale, length.norm <= FLOOR), 0.0, length.top == 0.0 && !not_finite(length.square));
  }
}
