// absolute_sum(lane): a lane's share of the sum of |excess[i]| over the p.rows rows
const BLOCK: u32 = 64; // rows that are one sum: a longer one would gather the roundings of all

fn absolute_sum(lane: u32) -> f32 {
  var total = 0.0;
  for (var head = lane % LANES; head < p.rows; head += BLOCK * LANES) {
    var part = 0.0;
    for (var i = head; i < min(head + BLOCK * LANES, p.rows); i += LANES) { part += abs(excess[i]); }
    total += part;
  }
  return total;
}
