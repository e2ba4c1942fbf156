// Sum, Left, Right, put_fragment: as fragment, by an adapter's subgroup matrices
// WGSL names columns before rows. No subgroup arithmetic here: an NVIDIA driver (595) crashes on modules with both.
// @use part fragment_shape
enable subgroups;
enable chromium_experimental_subgroup_matrix;
diagnostic(off, chromium.subgroup_matrix_uniformity);
const LEFT_ROWS: u32 = 0; // @tune 0 1

alias Left = subgroup_matrix_left<part, FK, FM>;
alias Right = subgroup_matrix_right<part, FN, FK>;
alias Sum = subgroup_matrix_result<f32, FN, FM>;

var<workgroup> strip: array<f32, STRIP_SIZE>;

fn left_at(at: u32, stride: u32) -> Left {
  if (LEFT_ROWS == 1u) { return subgroupMatrixLoad<Left, row_major>(&lhs, at, stride); }
  return subgroupMatrixLoad<Left, col_major>(&lhs, at, stride);
}

fn right_at(at: u32, stride: u32) -> Right { return subgroupMatrixLoad<Right, row_major>(&rhs, at, stride); }

fn multiply_add(a: Left, b: Right, c: Sum, lane: u32) -> Sum { return subgroupMatrixMultiplyAccumulate(a, b, c); }

fn put_fragment(c: Sum, at: u32, lane: u32) { subgroupMatrixStore<row_major>(&strip, at, c, SPAN_COLUMNS); }
