import { type Engine, ntXent, type Tensor } from '../../src/index.ts';
import { normals } from '../engine.ts';

/** Tensors of random numbers, on the engine of a test file or on another one. */
export function tensorsOn(engine: () => Engine) {
  const random = (shape: number[], seed: number, requiresGrad = false, on = engine()): Tensor =>
    on.tensor(
      normals(
        shape.reduce((a, b) => a * b, 1),
        seed,
      ),
      shape,
      { requiresGrad },
    );
  const pair = (n: number, d: number, seed: number): [Tensor, Tensor] => [
    random([n, d], seed, true),
    random([n, d], seed + 1, true),
  ];
  return { random, pair };
}

export function free(...tensors: (Tensor | null | undefined)[]): void {
  for (const tensor of tensors) tensor?.dispose();
}

export async function read(...tensors: Tensor[]): Promise<Float32Array[]> {
  const numbers = await Promise.all(tensors.map((tensor) => tensor.data()));
  free(...tensors);
  return numbers;
}

/** Loss and both gradients. */
export function contrast(z0: Tensor, z1: Tensor): [Tensor, Tensor, Tensor] {
  const loss = ntXent(z0, z1);
  loss.backward();
  return [loss, z0.grad as Tensor, z1.grad as Tensor];
}

export async function eagerly(z0: Tensor, z1: Tensor): Promise<Float32Array[]> {
  const [loss, ...gradients] = contrast(z0, z1);
  const numbers = await Promise.all([loss, ...gradients].map((tensor) => tensor.data()));
  free(loss, z0, z1);
  return numbers;
}
