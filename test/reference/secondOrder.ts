// Second-order statistics in plain f64 with their gradients.
import { gradientOfRows, products, standardize } from './losses/secondOrder.ts';
import { type Matrix, matrix } from './matrix.ts';
import { type Numbers, numbers, type Reference } from './ops.ts';

const of = ({ shape, data }: Numbers): Matrix => matrix(shape[0], shape[1], data);

export const covariance: Reference = ([z]) => {
  const { x, back } = standardize(of(z));
  const scale = 1 / (x.rows - 1);
  return {
    value: numbers([x.columns, x.columns], products(x, x, scale).data),
    backward: (dy) => {
      const dc = matrix(x.columns, x.columns, dy);
      const [along, across] = [false, true].map((transposed) => gradientOfRows(x, dc, scale, transposed));
      return [
        back(
          matrix(
            x.rows,
            x.columns,
            along.data.map((value, t) => value + across.data[t]),
          ),
        ).data,
      ];
    },
  };
};

export const crossCorrelation: Reference = ([z0, z1]) => {
  const [a, b] = [z0, z1].map((z) => standardize(of(z), 1e-5));
  const { rows, columns } = a.x;
  return {
    value: numbers([columns, columns], products(a.x, b.x, 1 / rows).data),
    backward: (dy) => {
      const dc = matrix(columns, columns, dy);
      return [
        a.back(gradientOfRows(b.x, dc, 1 / rows, true)).data,
        b.back(gradientOfRows(a.x, dc, 1 / rows, false)).data,
      ];
    },
  };
};
