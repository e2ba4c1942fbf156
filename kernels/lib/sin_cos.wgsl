// sin_cos(x) = (cos x, sin x) to 1e-7 for |x| up to some thousands; those of WGSL may be off by 5e-4, and by more past pi
// A quarter turn at a time: its first digits times a small integer are exact, and polynomials fitted on [-pi/4, pi/4] do the rest.
const QUARTER_FIRST: f32 = 1.5703125;
const QUARTER_SECOND: f32 = 4.8351287841796875e-4;
const QUARTER_REST: f32 = 3.13916478589249e-7;

fn sin_cos(x: f32) -> vec2f {
  let quarter = round(x * 0.63661977236758134);
  let r = fma(-quarter, QUARTER_REST, fma(-quarter, QUARTER_SECOND, fma(-quarter, QUARTER_FIRST, x)));
  let y = r * r;
  let s = fma(r * y, fma(y, fma(y, -0.000195139326, 0.00833214826), -0.166666543), r);
  let c = fma(y * y, fma(y, fma(y, 2.44358517e-05, -0.00138873415), 0.0416666462), fma(-0.5, y, 1.0));
  let turned = i32(quarter) & 3;
  let swapped = select(vec2f(c, s), vec2f(s, c), (turned & 1) == 1);
  return select(swapped, -swapped, vec2<bool>(turned == 1 || turned == 2, turned >= 2));
}
