// coarse(x): x to a multiple of 2^-12, so that sums of it are exact up to 4096; what is left of x is small, and so is its sum's rounding
fn coarse(x: vec4f) -> vec4f { return round(x * 4096.0) * (1.0 / 4096.0); }
