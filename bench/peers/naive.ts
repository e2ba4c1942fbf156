// The floor: the closed forms in plain WGSL as one writes it first. One invocation per element of the result, every matrix
// in memory, no tiles, nothing shared between invocations.

import { allocate, download, upload } from '../buffers.ts';
import type { Entry, Open } from '../contender.ts';
import type { Algebra } from './algebra.ts';
import { DERIVATIVES } from './derivatives.ts';
import { shareAdapter, throwTrouble } from './environment.ts';

const LIBRARY = 'plain WGSL';

/** An expression for the element (i, j), which reads `sources`; elementwise chains stay one until they are stored. */
interface Value {
  readonly rows: number;
  readonly columns: number;
  readonly sources: readonly Stored[];
  at(i: string, j: string): string;
}

/** A value in memory. `name` is what shaders call its buffer. */
interface Stored extends Value {
  readonly name: string;
  readonly buffer: GPUBuffer;
}

interface Launch {
  readonly pipeline: GPUComputePipeline;
  readonly bindings: GPUBindGroup;
  readonly groups: readonly [number, number];
}

/** What every device can bind to a kernel, less the result. */
const MOST_SOURCES = 7;
const LANES = 64;
const ROW_OF_GROUPS = 32_768;

let opened: Promise<GPUDevice> | null = null;

const naive: Open = async (work) => {
  const derivative = DERIVATIVES[work.name];
  if (!derivative) return null;
  opened ??= openDevice();
  const device = await opened;
  const program = createProgram(device);
  try {
    const inputs = Object.fromEntries(
      Object.entries(work.inputs).map(([name, { data, shape }]) => [
        name,
        program.keep(upload(device, data), shape[0], shape[1]),
      ]),
    );
    const results = derivative(program.algebra, inputs, work);
    const outputs = Object.entries(results).map(([name, value]) => [name, program.store(value)] as const);
    const launches = await program.compile();
    await throwTrouble(LIBRARY, device);
    return {
      library: LIBRARY,
      version: '1',
      form: 'naive',
      run: async () => {
        const encoder = device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        for (const { pipeline, bindings, groups } of launches) {
          pass.setPipeline(pipeline);
          pass.setBindGroup(0, bindings);
          pass.dispatchWorkgroups(...groups);
        }
        pass.end();
        device.queue.submit([encoder.finish()]);
        await device.queue.onSubmittedWorkDone();
        await throwTrouble(LIBRARY, device);
      },
      read: async () => {
        const data: [string, Float32Array][] = [];
        for (const [name, { buffer, rows, columns }] of outputs)
          data.push([name, await download(device, buffer, rows * columns)]);
        await throwTrouble(LIBRARY, device);
        return Object.fromEntries(data);
      },
      dispose: program.dispose,
    };
  } catch (error) {
    program.dispose();
    throw error;
  }
};

export const contenders: readonly Entry[] = [{ library: LIBRARY, form: 'naive', open: naive }];

async function openDevice(): Promise<GPUDevice> {
  await shareAdapter();
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error(`${LIBRARY}: no adapter`);
  const { maxStorageBufferBindingSize, maxBufferSize } = adapter.limits;
  return adapter.requestDevice({ requiredLimits: { maxStorageBufferBindingSize, maxBufferSize } });
}

interface Program {
  readonly algebra: Algebra<Value>;
  keep(buffer: GPUBuffer, rows: number, columns: number): Stored;
  store(value: Value): Stored;
  compile(): Promise<Launch[]>;
  dispose(): void;
}

function createProgram(device: GPUDevice): Program {
  const buffers: GPUBuffer[] = [];
  const kernels: { code: string; bound: readonly Stored[]; groups: readonly [number, number] }[] = [];
  const stores = new Map<Value, Stored>();

  const keep = (buffer: GPUBuffer, rows: number, columns: number): Stored => {
    const name = `m${buffers.push(buffer)}`;
    const index = (i: string, j: string): string =>
      columns === 1 ? i : rows === 1 ? j : `(${i}) * ${columns}u + ${j}`;
    const stored: Stored = {
      rows,
      columns,
      name,
      buffer,
      get sources() {
        return [stored];
      },
      at: (i, j) => `${name}[${index(i, j)}]`,
    };
    return stored;
  };

  /** One invocation for each of `count` elements of the result; `body` has its number `t`. */
  const launch = (result: Stored, sources: readonly Stored[], count: number, body: string): void => {
    const bound = [...new Set([...sources, result])];
    const declarations = bound.map(
      ({ name }, k) =>
        `@group(0) @binding(${k}) var<storage, ${name === result.name ? 'read_write' : 'read'}> ${name}: array<f32>;`,
    );
    const code = `${declarations.join('\n')}
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let t = id.y * ${ROW_OF_GROUPS * LANES}u + id.x;
  if (t >= ${count}u) { return; }
  ${body}
}`;
    const groups = Math.ceil(count / LANES);
    const rows = Math.ceil(groups / ROW_OF_GROUPS);
    kernels.push({ code, bound, groups: [rows === 1 ? groups : ROW_OF_GROUPS, rows] });
  };

  const make = (rows: number, columns: number): Stored => keep(allocate(device, rows * columns), rows, columns);
  const store = (value: Value): Stored => {
    if ('buffer' in value) return value as Stored;
    let stored = stores.get(value);
    if (!stored) {
      const { rows, columns, sources } = value;
      stored = make(rows, columns);
      stores.set(value, stored);
      const body = `let i = t / ${columns}u; let j = t % ${columns}u; ${stored.name}[t] = ${value.at('i', 'j')};`;
      launch(stored, sources, rows * columns, body);
    }
    return stored;
  };

  const unary =
    (expression: (x: string) => string) =>
    (x: Value): Value => ({ ...shapeOf(x), sources: x.sources, at: (i, j) => expression(x.at(i, j)) });
  const binary =
    (operator: string) =>
    (left: Value, right: Value): Value => {
      const crowded = new Set([...left.sources, ...right.sources]).size > MOST_SOURCES;
      const [x, y] = crowded ? [store(left), store(right)] : [left, right];
      const at = (value: Value, i: string, j: string): string =>
        value.at(value.rows === 1 ? '0u' : i, value.columns === 1 ? '0u' : j);
      return {
        rows: Math.max(x.rows, y.rows),
        columns: Math.max(x.columns, y.columns),
        sources: [...new Set([...x.sources, ...y.sources])],
        at: (i, j) => `(${at(x, i, j)} ${operator} ${at(y, i, j)})`,
      };
    };
  /** One invocation walks along the axis. */
  const along =
    (start: string, step: (x: string) => string) =>
    (value: Value, axis: 0 | 1): Stored => {
      const x = store(value);
      const result = axis === 0 ? make(1, x.columns) : make(x.rows, 1);
      const [count, length] = axis === 0 ? [x.columns, x.rows] : [x.rows, x.columns];
      const element = axis === 0 ? x.at('k', 't') : x.at('t', 'k');
      launch(
        result,
        [x],
        count,
        `var y = ${start}; for (var k = 0u; k < ${length}u; k++) { y = ${step(element)}; } ${result.name}[t] = y;`,
      );
      return result;
    };
  const [add, sub, mul, div] = ['+', '-', '*', '/'].map(binary);
  const sum = along('0.0', (x) => `y + ${x}`);
  const max = along('-3.4e38', (x) => `max(y, ${x})`);
  const [exp, log] = ['exp', 'log'].map((name) => unary((x) => `${name}(${x})`));
  const transpose = (x: Value): Value => ({
    rows: x.columns,
    columns: x.rows,
    sources: x.sources,
    at: (i, j) => x.at(j, i),
  });
  const join =
    (axis: 0 | 1) =>
    (parts: readonly Value[]): Stored => {
      const extent = parts.reduce((total, part) => total + (axis === 0 ? part.rows : part.columns), 0);
      const result = axis === 0 ? make(extent, parts[0].columns) : make(parts[0].rows, extent);
      let first = 0;
      for (const part of parts) {
        const [i, j] = axis === 0 ? [`(i + ${first}u)`, 'j'] : ['i', `(j + ${first}u)`];
        const body = `let i = t / ${part.columns}u; let j = t % ${part.columns}u; ${result.at(i, j)} = ${part.at('i', 'j')};`;
        launch(result, part.sources, part.rows * part.columns, body);
        first += axis === 0 ? part.rows : part.columns;
      }
      return result;
    };

  const constants = new Map<string, Stored>();
  const algebra: Algebra<Value> = {
    constant: (name, rows, columns, values) => {
      let constant = constants.get(name);
      if (!constant) {
        constant = keep(upload(device, values()), rows, columns);
        constants.set(name, constant);
      }
      return constant;
    },
    diagonal: (n, on, off = 0) => ({
      rows: n,
      columns: n,
      sources: [],
      at: (i, j) => `select(${literal(off)}, ${literal(on)}, ${i} == ${j})`,
    }),
    matmul: (left, right, transposed) => {
      const [a, b] = [store(left), store(right)];
      const [x, y] = [transposed === 'left' ? transpose(a) : a, transposed === 'right' ? transpose(b) : b];
      const result = make(x.rows, y.columns);
      launch(
        result,
        [a, b],
        x.rows * y.columns,
        `let i = t / ${y.columns}u; let j = t % ${y.columns}u; var y = 0.0;
  for (var k = 0u; k < ${x.columns}u; k++) { y += ${x.at('i', 'k')} * ${y.at('k', 'j')}; }
  ${result.name}[t] = y;`,
      );
      return result;
    },
    transpose,
    add,
    sub,
    mul,
    div,
    scale: (x, factor) => unary((value) => `(${literal(factor)} * ${value})`)(x),
    shift: (x, term) => unary((value) => `(${literal(term)} + ${value})`)(x),
    square: (value) => {
      const x = store(value); // its expression would stand there twice
      return mul(x, x);
    },
    sqrt: unary((x) => `sqrt(${x})`),
    exp,
    log,
    relu: unary((x) => `max(0.0, ${x})`),
    step: unary((x) => `sign(${x})`),
    inverse: unary((x) => `(1.0 / ${x})`),
    sum,
    logSumExp: (value, axis) => {
      const x = store(value);
      const top = max(x, axis);
      return add(top, log(sum(exp(sub(x, top)), axis)));
    },
    total: (x) => sum(sum(x, 1), 0),
    max: (x) => max(max(x, 1), 0),
    stack: join(0),
    beside: join(1),
    rows: (x, first, end) => ({
      rows: end - first,
      columns: x.columns,
      sources: x.sources,
      at: (i, j) => x.at(`(${i} + ${first}u)`, j),
    }),
    detach: (value) => value(),
  };

  return {
    algebra,
    keep,
    store,
    compile: async () => {
      const pipelines = new Map<string, Promise<GPUComputePipeline>>();
      const pipelineOf = (code: string): Promise<GPUComputePipeline> => {
        let pipeline = pipelines.get(code);
        if (!pipeline) {
          const module = device.createShaderModule({ code });
          pipeline = device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
          pipelines.set(code, pipeline);
        }
        return pipeline;
      };
      return Promise.all(
        kernels.map(async ({ code, bound, groups }) => {
          const pipeline = await pipelineOf(code);
          const entries = bound.map(({ buffer }, binding) => ({ binding, resource: { buffer } }));
          const bindings = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
          return { pipeline, bindings, groups };
        }),
      );
    },
    dispose: () => {
      for (const buffer of buffers) buffer.destroy();
    },
  };
}

const shapeOf = ({ rows, columns }: Value): { rows: number; columns: number } => ({ rows, columns });

function literal(value: number): string {
  const text = String(Math.fround(value));
  return /[.e]/.test(text) ? text : `${text}.0`;
}
