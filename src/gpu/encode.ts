import { fold } from './grid.ts';
import { type Launch, SLOT_BYTES } from './launch.ts';
import type { OperandTextures } from './operandTextures.ts';
import type { BindGroupCache, Pipeline } from './pipelines.ts';

/** What launches are encoded with. */
export interface Encoding {
  readonly groups: BindGroupCache;
  readonly textures: OperandTextures | null;
  /** The parameters, a slot a launch. */
  readonly params: GPUBuffer;
  /** Launches of more groups are folded. */
  readonly foldFrom: number;
}

/** Encodes the launches in one pass, but for copies of operands between them. @param words the parameters, of each its range of groups first */
export function encodeLaunches(
  encoder: GPUCommandEncoder,
  launches: readonly Launch[],
  words: Uint32Array,
  { groups, textures, params, foldFrom }: Encoding,
): void {
  const begin = (): GPUComputePassEncoder => encoder.beginComputePass({ label: 'gramian step' });
  let pass: GPUComputePassEncoder | null = null;
  let set: Pipeline | null = null;
  const outside = (): GPUCommandEncoder => {
    pass?.end();
    pass = null;
    set = null;
    return encoder;
  };
  launches.forEach((launch, i) => {
    const { pipeline, copied, storages, grid } = launch;
    const bindings = copied && textures ? textures.bindings(launch, copied, outside) : storages;
    pass ??= begin();
    if (pipeline !== set) pass.setPipeline(pipeline.pipeline);
    set = pipeline;
    if (copied || !launch.group) launch.group = groups.get(pipeline, params, bindings);
    pass.setBindGroup(0, launch.group, [i * SLOT_BYTES]);
    textures?.wrote(launch);
    if (grid) return pass.dispatchWorkgroups(...grid);
    const at = (i * SLOT_BYTES) / 4;
    const count = words[at + 1] - words[at];
    if (count <= foldFrom) pass.dispatchWorkgroups(count);
    else pass.dispatchWorkgroups(...fold(count, foldFrom));
  });
  outside();
}
