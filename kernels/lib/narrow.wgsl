// WIDE, RANGE, plain: whether the scores span so few powers of two that the powers themselves can be kept, and factors be plain numbers
// state[WIDE] is 0 where all |l_nk| <= RANGE: factors then stay below K 2^(2 RANGE). Else the kernels of logits take over.
const WIDE: u32 = 0;
const RANGE: f32 = 50.0;

// The factor v 2^e as (0, v 2^e), for sums that read plain numbers; the forms with exponents read it, too.
fn plain(factor: vec2f) -> vec2f {
  return vec2f(0.0, ldexp(factor.y, i32(factor.x)));
}
