// right4: four neighbours of the right operand, number `at` of its vec4s, or zeros; right_stride: vec4s from a row to the next
// @swap TEXTURES right_texture
fn right_stride(stride: u32) -> u32 { return stride; }

fn right4(at: u32, wanted: bool) -> vec4f { return select(vec4f(), vec4f(rhs[at]), wanted); }
