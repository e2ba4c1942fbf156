import type { Context } from '../core/context.ts';
import type { Storage } from '../gpu/buffers.ts';
import { distances, distances_from, matmul as product, matmul_rows as productRows } from '../gpu/kernels.generated.ts';
import { because } from '../tuning/choices.ts';
import { launchPacked } from './halves.ts';
import { placed } from './operands.ts';
import type { Operand } from './pack.ts';
import { productForm, withReason } from './productForm.ts';
import { roundUp, type Tile, tileOf } from './tile.ts';

// Steps along k of one launch. Kernels add up spans of 256; of more than 64 of these, the sums of several launches are
// added up. Fragments keep one sum from end to end, so theirs ends sooner.
const LONGEST = 2 ** 14;
const FRAGMENTS_SPAN = 2 ** 11;

/**
 * out[rows, columns] = scale * lhs * rhs (+ out); with `pairs: 'distances'`, of k-major operands, squared distances.
 * @param lhs k-major ([depth, rows]) or, with `along: 'rows'`, row-major ([rows, depth rounded up to 4])
 * @param rhs k-major: [depth, columns]
 * @param origin what squared distances are less, a number a column: near it they keep digits that they would round away
 */
export function launchProduct(
  context: Context,
  size: { rows: number; columns: number; depth: number },
  lhs: Operand & { along: 'columns' | 'rows' },
  rhs: Operand,
  out: Operand,
  {
    scale = 1,
    accumulating = false,
    pairs = 'products',
    origin = null,
    tile = tileOf(context, 'product', size.rows, size.columns, size.depth),
  }: {
    scale?: number;
    accumulating?: boolean;
    pairs?: 'products' | 'distances';
    origin?: Storage | null;
    tile?: Tile;
  } = {},
): void {
  // Distances have kernels of f32 alone, halves those for k-major left operands.
  const among = lhs.along === 'columns' ? (['tile', 'halves', 'fragments'] as const) : (['tile', 'fragments'] as const);
  const form = productForm(context, size, pairs === 'products' ? among : ['tile']);
  const most = form.by === 'fragments' ? FRAGMENTS_SPAN : LONGEST;
  if (size.depth > most) {
    for (let first = 0; first < size.depth; first += most) {
      const left = { ...lhs, at: lhs.at + first * (lhs.along === 'rows' ? 1 : lhs.stride) };
      const right = { ...rhs, at: rhs.at + first * rhs.stride };
      const depth = Math.min(most, size.depth - first);
      const more = { scale, accumulating: accumulating || first > 0, pairs, origin: first > 0 ? null : origin, tile };
      launchProduct(context, { ...size, depth }, left, right, out, more);
    }
    return;
  }
  if (form.by !== 'tile') return launchPacked(context, form, tile, size, lhs, rhs, out, { scale, accumulating });
  const { rows: tileRows, columns: tileColumns } = tile;
  const alongRows = lhs.along === 'rows';
  const depth = alongRows ? roundUp(size.depth, 4) : size.depth;
  const left = { width: roundUp(alongRows ? depth : size.rows, 4), rows: alongRows ? size.rows : depth };
  const { tuning, copied } = placed(
    context,
    { ...size, depth },
    withReason(tile.tuning, form),
    { ...lhs, ...left },
    { ...rhs, width: roundUp(size.columns, 4), rows: depth },
  );
  const strips = Math.ceil(size.columns / tileColumns);
  const ofPairs = pairs === 'products' ? product : origin ? distances_from : distances;
  const kernel = alongRows ? productRows : ofPairs;
  context.run(kernel, {
    params: {
      rows: size.rows,
      columns: size.columns,
      depth,
      strips,
      lhs_at4: copied ? 0 : lhs.at / 4,
      lhs_stride4: lhs.stride / 4,
      rhs_at4: copied ? 0 : rhs.at / 4,
      rhs_stride4: rhs.stride / 4,
      out_at: out.at,
      out_stride: out.stride,
      scale,
      accumulating: accumulating ? 1 : 0,
    },
    buffers: { lhs: lhs.of, rhs: rhs.of, ...(origin ? { origin } : {}), out: out.of },
    groups: Math.ceil(size.rows / tileRows) * strips,
    work: (pairs === 'distances' ? 2 : 1) * size.rows * size.columns * size.depth,
    tuning: lhs.chosen ? because(tuning, lhs.chosen) : tuning,
    copied,
  });
}
