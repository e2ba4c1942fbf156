// The adapter of this process, Node's or Deno's, for the command.
import { createRequire } from 'node:module';
import { CARRIER, findCarrier } from '../../../src/gpu/embedded.node.ts';
import { openFastest } from '../bed.ts';
import { type NumericsReport, reportOf } from './report.ts';

/** `webgpu 0.6.2`, the package that is Node's WebGPU. */
function dawn(): string {
  const { version } = createRequire(import.meta.url)('webgpu/package.json') as { version: string };
  return `webgpu ${version}`;
}

export async function numericsHere(say: (text: string) => void): Promise<NumericsReport> {
  const { adapter, source } = await openFastest();
  const { deno, node } = process.versions as { deno?: string; node: string };
  const pin = process.env.GRAMIAN_ADAPTER;
  const program = deno ? 'deno run --allow-all dist/cli.js' : 'npx gramian';
  return reportOf(adapter, {
    host: deno ? 'Deno' : 'Node',
    runtime: deno ? `Deno ${deno}` : `Node ${node}, ${dawn()}`,
    carried: source === 'embedded-software' ? `${CARRIER} ${findCarrier()?.version}` : undefined,
    command: `${pin ? `GRAMIAN_ADAPTER=${pin} ` : ''}${program} probe --numerics`,
    say,
  });
}
