// tile_clear: c = 0, tile_add: c += part, and the shape of one invocation's block of a product: TM rows, TV columns of four
// A workgroup is WX x WY invocations; its columns of four are WX apart, so that its loads are next to each other.
const TM: u32 = 16; // @tune 4 8 16 32
const TV: u32 = 2; // @tune 1 2
const WX: u32 = 8; // @tune 8 16
const WY: u32 = 1; // @tune 1 4
const KU: u32 = 1; // @tune 1 2 4 8 16
const REGISTERS: u32 = 1; // @tune 0 1
// KU steps along k are loaded together, and added to a sum one after the other before it is stored.
// REGISTERS: the block of sums lies in registers. Nothing may index it by a number that is known only at run time (a GPU would
// put it into memory then, far away), so loops over it are `@unroll REGISTERS`. Without, it lies in memory: a CPU has few
// registers, and LLVM, which would keep all sums "in registers", moves them at every step of k.

const TM4: u32 = TM / 4;
const TILE_BLOCK: u32 = TM * TV;
const TILE_RIGHT: u32 = KU * TV;
const TILE_ROWS: u32 = TM * WY;
const TILE_COLUMNS: u32 = 4 * TV * WX;
const TILE_SPAN: u32 = 256; // steps along k whose products are one sum: a longer one would gather the roundings of all

fn tile_clear(c: ptr<function, array<vec4f, TILE_BLOCK>>) {
  // @unroll REGISTERS
  for (var i = 0u; i < TM * TV; i++) {
    (*c)[i] = vec4f();
  }
}

fn tile_add(c: ptr<function, array<vec4f, TILE_BLOCK>>, part: ptr<function, array<vec4f, TILE_BLOCK>>) {
  // @unroll REGISTERS
  for (var i = 0u; i < TM * TV; i++) {
    (*c)[i] += (*part)[i];
  }
}
