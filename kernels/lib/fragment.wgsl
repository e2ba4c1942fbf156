// Sum, Left, Right: FM x FN sums and their operands, held by a subgroup together; put_fragment: to workgroup memory
// In plain WGSL, where a lane owns some of the sums: what subgroup matrices do, for adapters without them. It is for tests
// and for reading, not for speed. The kernel declares lhs, rhs: array<part>.
// @use part fragment_shape
// @swap MATRIX fragment_matrix
const LEFT_ROWS: u32 = 0; // @tune 0 1
const OWN: u32 = FM * FN / SUBGROUP;

struct Left { at: u32, stride: u32 }
struct Right { at: u32, stride: u32 }
struct Sum { values: array<f32, OWN> }

var<workgroup> strip: array<f32, STRIP_SIZE>;
var<private> fragment_lane: u32;

fn begin_fragments(lane: u32) { fragment_lane = lane % SUBGROUP; }

fn left_at(at: u32, stride: u32) -> Left { return Left(at, stride); }

fn right_at(at: u32, stride: u32) -> Right { return Right(at, stride); }

fn multiply_add(a: Left, b: Right, c: Sum) -> Sum {
  var sum = c;
  for (var e = 0u; e < OWN; e++) {
    let m = (fragment_lane + e * SUBGROUP) / FN;
    let n = (fragment_lane + e * SUBGROUP) % FN;
    for (var k = 0u; k < FK; k++) {
      let l = a.at + select(k * a.stride + m, m * a.stride + k, LEFT_ROWS == 1u);
      sum.values[e] = fma(f32(lhs[l]), f32(rhs[b.at + k * b.stride + n]), sum.values[e]);
    }
  }
  return sum;
}

fn put_fragment(c: Sum, at: u32) {
  var sum = c;
  for (var e = 0u; e < OWN; e++) {
    let m = (fragment_lane + e * SUBGROUP) / FN;
    let n = (fragment_lane + e * SUBGROUP) % FN;
    strip[at + m * SPAN_COLUMNS + n] = sum.values[e];
  }
}
