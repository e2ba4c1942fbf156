// Number: four neighbouring floats, where there are whole fours of them
// A software adapter loads and stores four in half the time of four by themselves, and goes through a loop a fourth as often.
alias Number = vec4f;
const EACH: u32 = 4;

fn own_floats(j: u32) -> vec4u { return 4u * j + vec4u(0u, 1u, 2u, 3u); }

fn own_of(four: vec4f) -> Number { return four; }
