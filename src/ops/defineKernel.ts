import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import { fillBits } from '../core/fills.ts';
import { elementName } from '../core/inspect.ts';
import { bytesOf } from '../core/layout.ts';
import { Tensor } from '../core/tensor.ts';
import type { DataType } from '../core/tensorData.ts';
import { fold, type Grid, MAX_PER_DIMENSION } from '../gpu/grid.ts';
import { inspect_unwritten } from '../gpu/kernels.generated.ts';
import { type KernelDefinition, type OutputShape, type OwnKernel, ownKernel } from './ownKernel.ts';

const UNWRITTEN = 0x7fc5a5a5; // a NaN that nobody computes

const NO_GRADIENT = 'a gradient is asked for, and it has none; wrap it in customGrad().';

/** Parameters by name; a kernel without inputs takes the `engine` that it runs on among them. */
export type KernelParams = Readonly<Record<string, number>> | { readonly engine?: Context };

/** Runs a kernel of one's own: inputs, shapes of what it writes, parameters. */
export type Kernel = <O extends Readonly<Record<string, OutputShape>>>(
  inputs: Readonly<Record<string, Tensor>>,
  outputs: O,
  params?: KernelParams,
) => { [Name in keyof O]: Tensor };

/**
 * A kernel of your own, called with Tensors. It has no gradient: `customGrad` gives it one.
 *
 * The WGSL is trusted as code is. One that does not compile rejects the next read with its own line.
 */
export function defineKernel(definition: KernelDefinition): Kernel {
  const own = ownKernel(definition);
  const { name: op, source } = own;
  const { workgroups } = definition;
  if (typeof workgroups !== 'function') gridOf(op, workgroups, own.ranged);

  return (inputs, outputs, params = {}) => {
    const { engine: given, ...numbers } = check.plain(op, 'params', params) as Record<string, unknown>;
    const context = contextOf(own, check.plain(op, 'inputs', inputs), given);
    const sizes = outputsOf(own, context, outputs);
    const values = own.params(numbers);
    const made: Record<string, Tensor> = {};
    for (const [name, { shape, dtype }] of Object.entries(sizes)) made[name] = context.empty(shape, op, dtype);
    let grid: Grid;
    try {
      const groups =
        typeof workgroups === 'function'
          ? check.called(op, 'workgroups', () => workgroups(inputs, values, made))
          : workgroups;
      grid = gridOf(op, groups, own.ranged);
    } catch (error) {
      for (const tensor of Object.values(made)) tensor.dispose();
      throw error;
    }
    const words: Record<string, number> = {};
    const buffers: Record<string, Tensor['storage']> = {};
    for (const [name, tensor] of Object.entries({ ...inputs, ...made })) {
      const { dtype } = own.wants(name, tensor);
      const storage = dtype === tensor.dtype && tensor.rowStride === null ? tensor.memory : tensor.storage;
      words[name] = bytesOf({ shape: tensor.shape, dtype, rowStride: null }) / 4;
      // The tensor and no more, so that arrayLength() is its length: memory goes in steps of 16 bytes, that which takes the
      // place of a stand-in as well.
      const whole = storage.slot !== null && storage.bytes === 4 * words[name];
      buffers[name] = whole ? storage : storage.range(0, 4 * words[name]);
    }
    const written = Object.keys(made);
    for (const name of written) {
      if (own.elements[name]?.atomic) fillBits(context, made[name].memory, words[name], 0);
      else if (context.check) fillBits(context, made[name].memory, words[name], UNWRITTEN);
    }
    const groups = grid[0] * grid[1] * grid[2];
    const work = Object.values(words).reduce((a, b) => a + b, 0); // a guess, so its time says nothing of the adapter
    context.run(source, {
      params: values,
      buffers,
      groups,
      grid: own.ranged ? undefined : grid,
      work,
      conditional: true,
    });
    for (const name of written) {
      const { shape, dtype } = made[name];
      const sentence = (word: number) =>
        `${op}: ${elementName(name, shape, dtype === 'f16' ? 2 * word : word)} was not written, expected all of ${name}.`;
      if (context.check && !own.elements[name]?.atomic)
        context.inspectWritten(inspect_unwritten, sentence, buffers[name], words[name], UNWRITTEN);
      context.named = inputs;
      const from = made[name].readAs === 'f32' ? Object.values(inputs) : [];
      context.record(op, from, made[name], { backward: () => check.fail(op, NO_GRADIENT) });
    }
    return made as { [Name in keyof typeof outputs]: Tensor };
  };
}

/** The engine of the inputs, each of which was looked at. */
function contextOf(own: OwnKernel, inputs: Readonly<Record<string, unknown>>, given: unknown): Context {
  const { name: op } = own;
  own.refuseOthers('read', Object.keys(inputs));
  let context = given === undefined ? null : check.context(op, given);
  const floats: Record<string, Tensor> = {};
  for (const name of own.inputs) {
    const tensor = inputs[name];
    if (!(tensor instanceof Tensor)) check.fail(op, `${check.came(name, tensor, 'is')}, expected a Tensor.`);
    context ??= tensor.engine;
    if (tensor.engine !== context) check.fail(op, `${name} lives on another engine than what came before it.`);
    context.assertAlive(op);
    check.alive(op, name, tensor);
    own.refuseMisfit(name, tensor);
    if (!tensor.packed) tensor.refresh(); // whose it is may have written there
    check.bindableInput(op, context, name, tensor);
    context.assertComputed(tensor.memory);
    if (tensor.readAs === 'f32') floats[name] = tensor;
  }
  if (!context)
    return check.fail(op, 'engine is missing, expected { engine } among the params of a kernel without inputs.');
  const { maxStorageBuffersPerShaderStage: most } = context.lowLevel.gpu.limits;
  const count = own.source.buffers.length;
  if (count > most)
    check.fail(
      op,
      `the WGSL has ${count} var<storage>, this device binds at most ${most} in a kernel; put some into one buffer, or give createEngine() a device with more.`,
    );
  const missing = own.features.find((feature) => !context.info.features.includes(feature));
  if (missing) check.fail(op, `needs the feature "${missing}", which this device does not have.`);
  if (context.check) context.inspect(op, floats);
  return context;
}

function outputsOf(
  own: OwnKernel,
  context: Context,
  outputs: unknown,
): Record<string, { shape: readonly number[]; dtype: DataType }> {
  const { name: op } = own;
  if (outputs === undefined)
    check.fail(op, `outputs are missing, expected the shape of each, { ${own.outputs.join(': [...], ')}: [...] }.`);
  const given = check.plain(op, 'outputs', outputs);
  own.refuseOthers('read_write', Reflect.ownKeys(given).map(String));
  return Object.fromEntries(
    own.outputs.map((name) => {
      const one = given[name];
      const declared = (own.elements[name]?.of ?? 'f32') as DataType;
      const bare = Array.isArray(one) || !check.isPlain(one);
      const { shape: extents, dtype } = bare
        ? { shape: one, dtype: declared }
        : check.options(op, one, { shape: check.REQUIRED as unknown, dtype: declared }, name);
      check.oneOf(op, `${name}.dtype`, dtype, ['f32', 'f16', 'i32', 'u32']);
      const shape = Array.isArray(extents) && extents.length === 0 ? [] : check.shape(op, extents, name);
      const layout = { shape, dtype, rowStride: null };
      own.refuseMisfit(name, layout);
      const { dtype: writes } = own.wants(name, layout);
      if (writes !== dtype) check.fail(op, `${name}.dtype = "${dtype}", the WGSL writes ${writes}; cast() the output.`);
      check.bindable(op, context, shape);
      return [name, { shape, dtype }];
    }),
  );
}

function gridOf(op: string, given: unknown, ranged: boolean): Grid {
  if (Array.isArray(given) && !ranged) {
    const said = `[${given.slice(0, 4).map(check.say).join(', ')}]`;
    if (
      !check.every(given, (of) => Number.isInteger(of) && (of as number) > 0 && (of as number) <= MAX_PER_DIMENSION) ||
      !(given.length > 0 && given.length < 4)
    )
      check.fail(op, `workgroups = ${said}, expected 1 to 3 integers in [1, ${MAX_PER_DIMENSION}].`);
    const [x, y = 1, z = 1] = given as number[];
    return [x, y, z];
  }
  if (typeof given !== 'number' || !Number.isInteger(given) || given < 1 || given > MAX_PER_DIMENSION ** 2)
    check.fail(op, `workgroups = ${check.say(given)}, expected a positive integer${ranged ? '' : ' or [x, y, z]'}.`);
  return ranged ? [given, 1, 1] : [...fold(given), 1];
}
