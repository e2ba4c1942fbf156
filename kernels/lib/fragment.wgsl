// Sum, Left, Right: FM x FN sums and their operands, held by a subgroup together; put_fragment: to workgroup memory
// In plain WGSL, where a lane owns four of the sums: what subgroup matrices do, for adapters without them. It is for tests
// and for reading, not for speed. FM FN <= 4 SUBGROUP. The kernel declares lhs, rhs: array<part>, and p.depth.
// @use part fragment_shape
// @swap MATRIX fragment_matrix
const LEFT_ROWS: u32 = 0; // @tune 0 1

struct Left { at: u32, stride: u32 }
struct Right { at: u32, stride: u32 }
alias Sum = vec4f;

var<workgroup> strip: array<f32, STRIP_SIZE>;

fn left_at(at: u32, stride: u32) -> Left { return Left(at, stride); }

fn right_at(at: u32, stride: u32) -> Right { return Right(at, stride); }

fn multiply_add(a: Left, b: Right, c: Sum, lane: u32) -> Sum {
  let own = min(vec4u(lane % SUBGROUP) + vec4u(0u, SUBGROUP, 2u * SUBGROUP, 3u * SUBGROUP), vec4u(FM * FN - 1u));
  let down = select(1u, a.stride, LEFT_ROWS == 1u);
  let along = select(a.stride, 1u, LEFT_ROWS == 1u);
  let n = own % vec4u(FN);
  var l = vec4u(a.at) + ((own - n) / vec4u(FN)) * down; // a quotient without rest: the race detector divides as floats
  var r = vec4u(b.at) + n;
  var sum = vec4f(); // of its own, as a matrix unit has it
  // FK steps, as depth is a multiple of it: a compiler that sees their number writes all of them out, for a minute.
  for (var k = 0u; k < min(FK, p.depth); k++) {
    let x = vec4f(f32(lhs[l.x]), f32(lhs[l.y]), f32(lhs[l.z]), f32(lhs[l.w]));
    let y = vec4f(f32(rhs[r.x]), f32(rhs[r.y]), f32(rhs[r.z]), f32(rhs[r.w]));
    sum = fma(x, y, sum);
    l += vec4u(along);
    r += vec4u(b.stride);
  }
  return c + sum;
}

fn put_fragment(c: Sum, at: u32, lane: u32) {
  let own = vec4u(lane % SUBGROUP) + vec4u(0u, SUBGROUP, 2u * SUBGROUP, 3u * SUBGROUP);
  let n = own % vec4u(FN);
  let to = vec4u(at) + ((own - n) / vec4u(FN)) * SPAN_COLUMNS + n;
  strip[to.x] = c.x;
  if (FM * FN > SUBGROUP) { strip[to.y] = c.y; }
  if (FM * FN > 2 * SUBGROUP) {
    strip[to.z] = c.z;
    strip[to.w] = c.w;
  }
}
