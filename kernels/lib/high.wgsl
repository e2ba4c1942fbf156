// high(x): the upper 12 bits of x's digits, so that products of two are exact; power_of_two(x): the largest up to x
fn high(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) & 0xfffff000u); }

fn power_of_two(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) & 0x7f800000u); }
