// A workgroup of 2 x 2 subgroups covers SPAN_ROWS x SPAN_COLUMNS of a product, each subgroup SM x SN fragments of FM x FN
// What an adapter offers decides FM, FN, FK and SUBGROUP.
const FM: u32 = 16; // @tune 8 16
const FN: u32 = 16; // @tune 8 16
const FK: u32 = 16; // @tune 8 16
const SM: u32 = 2; // @tune 2 4
const SN: u32 = 2; // @tune 1 2 4
const SUBGROUP: u32 = 64; // @tune 8 16 32 64
const PINNED: u32 = 0; // @tune 0 1
const SPLIT: u32 = 0; // @tune 0 1

const WG: u32 = 4 * SUBGROUP;
const FRAGMENTS: u32 = SM * SN;
const SPAN_ROWS: u32 = 2 * SM * FM;
const SPAN_COLUMNS: u32 = 2 * SN * FN;
// Sums go through workgroup memory a strip at a time: one row of fragments of each subgroup.
const STRIP: u32 = 2 * FM;
const STRIP_SIZE: u32 = STRIP * SPAN_COLUMNS;
