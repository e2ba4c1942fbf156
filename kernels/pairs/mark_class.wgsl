// row_mark(i) == column_mark(j): i and j are each other's positives, as both are of one class
// Positives are summed by themselves.
const POSITIVES: u32 = 1;

@group(0) @binding(6) var<storage, read> classes: array<u32>; // of the n rows

fn row_mark(i: u32) -> u32 { return classes[min(i, p.n - 1u)]; }

fn column_mark(j: vec4u) -> vec4u {
  let at = min(j, vec4u(p.n - 1u));
  return vec4u(classes[at.x], classes[at.y], classes[at.z], classes[at.w]);
}
