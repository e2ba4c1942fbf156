// What each elementwise kernel computes: `apply` of one array's elements (unary), `combine` of two arrays' (pair)

// @kernel add pair
// out = a + b
fn combine(a: f32, b: f32) -> f32 { return a + b; }

// @kernel subtract pair
// out = a - b
fn combine(a: f32, b: f32) -> f32 { return a - b; }

// @kernel multiply pair
// out = a b
fn combine(a: f32, b: f32) -> f32 { return a * b; }

// @kernel divide pair
// out = a / b
fn combine(a: f32, b: f32) -> f32 { return a / b; }

// @kernel negate unary
// out = -x
fn apply(x: f32) -> f32 { return -x; }

// @kernel square unary
// out = x^2
fn apply(x: f32) -> f32 { return x * x; }

// @kernel square_root unary
// out = sqrt(x)
fn apply(x: f32) -> f32 { return sqrt(x); }

// @kernel exponential unary finite
// out = exp(x)
fn apply(x: f32) -> f32 { return select(exp(x), x, is_nan(x)); }

// @kernel logarithm unary finite log1p
// out = log(x): -Infinity at 0, NaN below and of NaN, which log itself shows on some adapters only
fn apply(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  if ((bits & 0x7fffffffu) == 0u) { return bitcast<f32>(bits | 0xff800000u); }
  if (bits > 0x7f800000u) { return as_nan(x); } // the sign of numbers below 0 counts here
  if (bits == 0x7f800000u) { return x; }
  if (bits < 0x00800000u) { return log(f32(bits)) - 103.27893; } // x = bits * 2^-149, which adapters may flush to 0
  return log1p(x - 1.0); // x - 1 is exact near 1, where log itself may be 70 % off
}

// @kernel relu unary
// out = max(x, 0)
// Written so that a NaN stays one: max(NaN, 0) is 0.
fn apply(x: f32) -> f32 { return select(x, 0.0, x < 0.0); }

// @kernel divide_grad pair
// out = -a / b, with a = dy y: the gradient of a quotient y for its divisor b
fn combine(a: f32, b: f32) -> f32 { return -a / b; }

// @kernel square_grad pair
// dx = dy 2 x, with a = dy, b = x
fn combine(a: f32, b: f32) -> f32 { return a * (2.0 * b); }

// @kernel sqrt_grad pair
// dx = dy / (2 y), y = sqrt(x); a = dy, b = y
// At x = 0 the slope is infinite: 0 there, so that a distance of zero has no gradient.
fn combine(a: f32, b: f32) -> f32 {
  if (b == 0.0) { return 0.0; }
  return a / (2.0 * b);
}

// @kernel relu_grad pair
// dx = dy, or 0 where x <= 0 (so a NaN is no dead unit); a = dy, b = x
fn combine(a: f32, b: f32) -> f32 { return select(a, 0.0, b <= 0.0); }
