// partial_sum(i, start): what a sweep over the triangle summed for row i, in the order of the blocks
// `slots` partial sums come from each block that i is a row of, one where it is a column. Declares no buffer: `partial`.
fn partial_sum(i: u32, start: u32) -> f32 {
  var total = 0.0;
  for (var b = 0u; b < p.blocks; b++) {
    let slots = select(p.slots, 1u, b < i / p.edge);
    for (var s = 0u; s < slots; s++) { total += partial[start + (b * p.slots + s) * p.partial_stride + i]; }
  }
  return total;
}
