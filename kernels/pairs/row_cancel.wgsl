// cancels[i] = 1 where the gradient of row i all but cancels, |g - u (u.g)| < max(|g|, scale cancellation_scale_i) / 16, else 0
// What is left of g across u has lost four bits or more to rounding then, and recompute_rows computes it once more
// (docs/numerics.md, section 2). cancellation_scale_i is the least that the terms of one sign add up to: |g| alone would not
// tell, since g may already be the small rest of large terms.
// A row far below the norm's floor (|u|^2 <= 1/2) is not marked, as its gradient keeps what lies along u. With DISTANCES rows
// below the floor always are: recompute_rows then gives that part, too.
// Each kernel below says what the `gradient` is, four columns of a row at a time.
// @use grid rows
const DISTANCES: u32 = 0; // @tune 0 1

struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32, stride4: u32, at: u32, scale: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> units: array<vec4f>; // [rows, stride4], zeros past the columns
@group(0) @binding(2) var<storage, read> cancellation_scales: array<f32>; // from `at` on
@group(0) @binding(3) var<storage, read_write> cancels: array<u32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let row = group * (WG / LANES) + lane / LANES;
  let start4 = min(row, p.rows - 1u) * p.stride4;
  var squares = vec4f();
  var products = vec4f();
  var lengths = vec4f();
  for (var k4 = lane % LANES; k4 < p.stride4; k4 += LANES) {
    let u = units[start4 + k4];
    let past = vec4u(4u * k4) + vec4u(0u, 1u, 2u, 3u) >= vec4u(p.columns);
    let x = select(gradient(row, start4 + k4), vec4f(), past); // nobody wrote what is past them
    squares = fma(x, x, squares);
    products = fma(x, u, products);
    lengths = fma(u, u, lengths);
  }
  let square = row_sum(lane, dot(squares, vec4f(1.0)));
  let along = row_sum(lane, dot(products, vec4f(1.0)));
  let length = row_sum(lane, dot(lengths, vec4f(1.0)));
  if (row >= p.rows || lane % LANES != 0u) { return; }
  let across = square - along * along / max(length, 1e-30);
  let cancellation_scale = p.scale * cancellation_scales[p.at + row];
  let cancel = length > 0.5 && across < max(square, cancellation_scale * cancellation_scale) * (1.0 / 256.0);
  cancels[row] = select(0u, 1u, cancel || (DISTANCES == 1u && length < 0.999));
}

// @kernel row_cancel
// cancels[i] = 1 where the gradient g[i] of row i all but cancels, else 0
@group(0) @binding(4) var<storage, read> g: array<vec4f>; // [rows, stride4]

fn gradient(row: u32, at4: u32) -> vec4f { return g[at4]; }

// @kernel positive_gradient
// g[i] = g[i] - (miss_i + miss_j) (u_j - u_i) for the positive j of row i, i and i + n/2 each other's; cancels[i] as row_cancel
// Of a row below the norm's floor, whose gradient knows what is along it, g[i] - (miss_i + miss_j) u_j.
// The positive's term may be larger than those of all the other rows together. Added among them, it would round each that
// follows to its own digits; and its part along u_i, which the gradient does not know, would take the place of the digits
// of the difference.
@group(0) @binding(4) var<storage, read> inverse_norms: array<f32>; // negative where the floor acts
@group(0) @binding(5) var<storage, read_write> g: array<vec4f>; // [rows, stride4]

fn gradient(row: u32, at4: u32) -> vec4f {
  let half = p.rows / 2u;
  let i = min(row, p.rows - 1u);
  let j = select(i + half, i - half, i >= half);
  let own = select(units[at4], vec4f(), inverse_norms[i] < 0.0);
  let other = units[at4 + j * p.stride4 - i * p.stride4];
  let all = g[at4] - (cancellation_scales[p.at + i] + cancellation_scales[p.at + j]) * (other - own);
  if (row < p.rows) { g[at4] = all; }
  return all;
}
