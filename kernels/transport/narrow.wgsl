// FORM, RANGE, plain: how scores are cached. Where they span few powers of two, these themselves are, and factors are plain numbers
// form[FORM] is POWERS where all |l_nk| <= RANGE: factors then stay below K 2^(2 RANGE). WIDE: the kernels of logits take over.
// LESS_1: what is cached is 2^l - 1, see powers_less_1.
const FORM: u32 = 0;
const POWERS: u32 = 0;
const WIDE: u32 = 1;
const LESS_1: u32 = 2;
const RANGE: f32 = 50.0;

// The factor (1 + r) 2^e as a number. Behind the (e, r) of all, `count` rounded up to 4, there is room for one each.
fn plain(factor: vec2f) -> f32 {
  return ldexp(1.0 + factor.y, i32(factor.x));
}

fn plain_at(count: u32) -> u32 { return 2u * ((count + 3u) & 0xfffffffcu); }
