// As left_operand, of a copy in a texture: number 2^16 y + x is the texel (x, y), so that a row takes 2^16 of them
// All are wanted: sums whose last steps along k would be too many are not computed from textures.
fn left_stride(stride: u32) -> u32 { return 65536u; }

fn left4(at: u32, wanted: bool) -> vec4f { return textureLoad(lhs, vec2u(at & 65535u, at >> 16u)); }
