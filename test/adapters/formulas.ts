// The losses as users of the frameworks write them, for autodiff: what the adapters are compared with.

export interface Sizes {
  readonly rows: number;
  readonly columns: number;
  readonly temperature: number;
}
export type Formulas<T> = Record<'ntXent' | 'barlowTwins', (z0: T, z1: T) => T>;

// biome-ignore-start lint/suspicious/noExplicitAny: the frameworks' types are not there where this is checked
export function tensorFlowFormulas(tf: any, { rows, columns, temperature }: Sizes): Formulas<object> {
  return {
    ntXent(z0, z1) {
      const z = tf.concat([z0, z1], 0);
      const u = tf.div(z, tf.sqrt(tf.sum(tf.square(z), 1, true)));
      const s = tf.mul(tf.matMul(u, u, false, true), 1 / temperature);
      const others = tf.sub(s, tf.mul(tf.eye(2 * rows), 1e9));
      const [u0, u1] = tf.split(u, 2, 0);
      const positives = tf.div(tf.sum(tf.mul(u0, u1), 1), temperature);
      return tf.sub(tf.mean(tf.logSumExp(others, 1)), tf.mean(positives));
    },
    barlowTwins(z0, z1) {
      const standard = (z: object): object => {
        const { mean, variance } = tf.moments(z, 0);
        return tf.div(tf.sub(z, mean), tf.sqrt(tf.add(variance, 1e-5)));
      };
      const c = tf.div(tf.matMul(standard(z0), standard(z1), true, false), rows);
      const apart = tf.square(tf.sub(c, tf.eye(columns)));
      const diagonal = tf.sum(tf.mul(apart, tf.eye(columns)));
      return tf.add(diagonal, tf.mul(tf.sub(tf.sum(apart), diagonal), 0.0051));
    },
  };
}

type Arr = any;
export function jaxFormulas(jax: any, { rows, columns, temperature }: Sizes): Formulas<Arr> {
  const np = jax.numpy;
  return {
    ntXent(z0, z1) {
      const z = np.concatenate([z0, z1], 0);
      const norm = np.sqrt(np.sum(np.square(z.ref), 1, { keepdims: true }));
      const u = np.divide(z, norm);
      const s = np.multiply(np.matmul(u.ref, np.transpose(u.ref)), 1 / temperature);
      const others = np.subtract(s, np.multiply(np.eye(2 * rows), 1e9));
      const swapped = np.concatenate([u.ref.slice([rows, 2 * rows]), u.ref.slice([0, rows])], 0);
      const positives = np.multiply(np.sum(np.multiply(u, swapped), 1), 1 / temperature);
      return np.mean(np.subtract(jax.nn.logsumexp(others, 1), positives));
    },
    barlowTwins(z0, z1) {
      const standard = (z: Arr): Arr => {
        const centred = np.subtract(z.ref, np.mean(z, 0, { keepdims: true }));
        const variance = np.mean(np.square(centred.ref), 0, { keepdims: true });
        return np.divide(centred, np.sqrt(np.add(variance, 1e-5)));
      };
      const c = np.multiply(np.matmul(np.transpose(standard(z0)), standard(z1)), 1 / rows);
      const apart = np.square(np.subtract(c, np.eye(columns)));
      const diagonal = np.sum(np.multiply(apart.ref, np.eye(columns)));
      return np.add(np.multiply(diagonal, 1 - 0.0051), np.multiply(np.sum(apart), 0.0051));
    },
  };
}
// biome-ignore-end lint/suspicious/noExplicitAny: see above
