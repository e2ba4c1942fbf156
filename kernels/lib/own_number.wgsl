// Number: what a lane owns, one float; own_floats(j): where number j lies among the floats
// What belongs to a float comes in fours, and own_of takes what the lane owns: lane by lane here, all of it in own_four.
// @swap FOURS own_four
alias Number = f32;
const EACH: u32 = 1;

fn own_floats(j: u32) -> vec4u { return vec4u(j); }

fn own_of(four: vec4f) -> Number { return four.x; }
