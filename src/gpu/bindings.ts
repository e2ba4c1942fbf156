import { GramianError } from './errors.ts';
import type { KernelSource } from './kernel.ts';
import type { Binding } from './pipelines.ts';

/** What `Launch` needs, checked: every buffer of the kernel by its WGSL name, alive, and no other. */
export function bindByName<B extends Binding & { readonly alive: boolean }>(
  kernel: KernelSource,
  named: Readonly<Record<string, B>>,
  limit: number,
): B[] {
  const bindings: B[] = [];
  for (const { name } of kernel.buffers) {
    const binding = named[name];
    if (!binding) {
      refuseUnknown(kernel, named);
      throw new TypeError(`${kernel.name}: buffer "${name}" is missing.`);
    }
    if (!binding.alive) throw new GramianError(`${kernel.name}: ${name} was released, expected a live buffer.`);
    if (binding.bytes > limit)
      throw new RangeError(`${kernel.name}: ${name} binds ${binding.bytes} bytes, this device binds at most ${limit}.`);
    bindings.push(binding);
  }
  if (Object.keys(named).length > bindings.length) refuseUnknown(kernel, named);
  return bindings;
}

function refuseUnknown({ name, buffers }: KernelSource, named: Readonly<Record<string, Binding>>): void {
  const unknown = Object.keys(named).find((key) => !buffers.some((buffer) => buffer.name === key));
  if (unknown === undefined) return;
  throw new TypeError(`${name}: kernel has no buffer "${unknown}"; it has ${buffers.map((b) => b.name).join(', ')}.`);
}
