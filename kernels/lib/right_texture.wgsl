// As right_operand, of a copy in a texture: see left_texture
fn right_stride(stride: u32) -> u32 { return 65536u; }

fn right4(at: u32, wanted: bool) -> vec4f { return textureLoad(rhs, vec2u(at & 65535u, at >> 16u)); }
