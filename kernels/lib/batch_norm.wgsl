// Lanes as in batch_norm_moments: lane j of a strip owns one (channel, pixel) and walks the images of its slice.
const WG: u32 = 64;
const RELU: u32 = 0; // @tune 0 1

struct Params {
  first_group: u32, end_group: u32,
  images: u32, width: u32, pixels: u32, images_per_slice: u32, strips: u32, batch_share: f32,
}
