// t_ji in place of the powers where those are WIDE; else nothing
// @use kept_tile narrow
@group(0) @binding(4) var<storage, read> form: array<u32>;

fn wanted() -> bool { return form[FORM] == WIDE; }

fn keep(row: u32, column4: u32, t: vec4f) { scores[row * p.stride4 + column4] = t; }
