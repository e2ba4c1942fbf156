// group_number = first_group + id.y * grid.x + id.x: a launch is a range of groups, folded into two dimensions.
// Groups from p.end_group on only fill up the fold; each kernel returns on them.
fn group_number(id: vec3u, grid: vec3u) -> u32 {
  return p.first_group + id.y * grid.x + id.x;
}
