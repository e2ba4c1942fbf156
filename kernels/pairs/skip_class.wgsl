// skipped: which pairs (i, j) of a sweep over rows of classes do not count; columns past the last never do
const SKIP: u32 = 3; // @tune 3 4

@group(0) @binding(5) var<storage, read> classes: array<u32>; // of the p.columns rows

// 3: i and the rows of its class. 4: i and the rows of all others.
fn skipped(i: u32, j: vec4u) -> vec4<bool> {
  let last = p.columns - 1u;
  let at = min(j, vec4u(last));
  let same = vec4u(classes[at.x], classes[at.y], classes[at.z], classes[at.w]) == vec4u(classes[min(i, last)]);
  let outside = j >= vec4u(p.columns);
  if (SKIP == 3u) { return outside | same; }
  return outside | !same | (j == vec4u(i));
}
