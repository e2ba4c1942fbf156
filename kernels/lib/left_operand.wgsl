// left4: four neighbours of the left operand, number `at` of its vec4s, or zeros; left_stride: vec4s from a row to the next
// @swap TEXTURES left_texture
fn left_stride(stride: u32) -> u32 { return stride; }

fn left4(at: u32, wanted: bool) -> vec4f { return select(vec4f(), vec4f(lhs[at]), wanted); }
