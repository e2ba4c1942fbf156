// shortfalls[i] = (1 - |u_i|^2) / 2 for a row below the norm's floor, whose u is shorter than 1; 0 for all others
// With it |u_i - u_j|^2 / 2 and the shortfalls of both are 1 - u_i.u_j, and keeps the digits of rows that are near each other.
// shortfalls[count + i] = |u_i - u_partner|^2, from which on distances to row i are counted: scores that differ little from the
// partner's keep digits. Without a partner it is 0. shortfalls[2 count + i], the trim, is what rounding left of 1 for other rows, as
// (1 - |u_i|^2) / 2: distances of rows that are far apart show it.
// @use grid fine_shortfall coarse
const WG: u32 = 64;

struct Params { first_group: u32, end_group: u32, count: u32, columns: u32, stride: u32, partner: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> units_t: array<f32>; // [columns, stride]
@group(0) @binding(2) var<storage, read_write> shortfalls: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  let i = group * WG + lane;
  if (group >= p.end_group || i >= p.count) { return; }
  let partner = (i + p.partner) % p.count; // itself, where there is none
  var squares = vec4f(); // |u|^2, |u - v|^2
  var rests = vec4f();
  for (var k = 0u; k < p.columns; k++) {
    let u = units_t[k * p.stride + i];
    let x = vec4f(u, u - units_t[k * p.stride + partner], 0.0, 0.0);
    squares += coarse(x * x);
    rests += x * x - coarse(x * x);
  }
  let short = fine_shortfall(squares.x, rests.x, false);
  shortfalls[i] = short;
  shortfalls[p.count + i] = squares.y;
  shortfalls[2u * p.count + i] = select(0.0, fine_shortfall(squares.x, rests.x, true), short == 0.0);
}
