// as tile_left, of a left side whose rows lie along k: number k of each of TM rows, `stride` vec4s apart, from vec4 `at` on
// @use tile_shape
fn tile_left_rows(at: u32, stride: u32, k: u32) -> array<vec4f, TM4> {
  var a: array<vec4f, TM4>;
  // @unroll
  for (var m = 0u; m < TM; m++) {
    a[m / 4u][m % 4u] = f32(lhs[at + m * stride + k / 4u][k % 4u]);
  }
  return a;
}
