import { textureEdge } from '#platform';
import { GramianError } from './errors.ts';

/** Matrices that the lanes of a subgroup hold together: a left one of m x k times a right one of k x n. */
export interface MatrixShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** What the operands are stored in; sums are f32. */
  readonly of: 'f16' | 'f32';
}

/** What an adapter offers beyond what every one has. */
export interface Extras {
  /** Lanes that exchange numbers without memory; `pinned`: the adapter has several sizes and must be asked for this one. */
  readonly subgroup: { readonly size: number; readonly pinned: boolean } | null;
  /** Whether kernels may count in halves. */
  readonly f16: boolean;
  /** What its matrix units multiply; none where it has no such unit. */
  readonly matrices: readonly MatrixShape[];
}

/** What runs the kernels. */
export interface DeviceInfo extends Extras {
  /** As the adapter says: `'intel'`, `'nvidia'`; empty where it does not. */
  readonly vendor: string;
  /** A family of its vendor's, `'ampere'`; empty where the adapter does not say. */
  readonly architecture: string;
  /** The adapter's name for people, often with its driver. */
  readonly description: string;
  /** True where the kernels run on the CPU. */
  readonly software: boolean;
  /** One line: which adapter, and how to get a faster one where it is the slow embedded one. */
  readonly note: string;
  /** Features of WebGPU that the device was opened with. */
  readonly features: readonly string[];
  /** Bytes that one buffer has, and one binding, at most. */
  readonly limits: { readonly maxBufferSize: number; readonly maxStorageBufferBindingSize: number };
  /** Texels along an edge of the textures that kernels may read operands in; 0 where they read buffers alone. */
  readonly textures: number;
}

/** What kernels count on: what every device allows but those of the compatibility level. */
const NEEDED = {
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupStorageSize: 16384,
  maxStorageBuffersPerShaderStage: 8,
} as const;

/** All that it lacks, at once. */
export function refuseSmall({ limits }: GPUDevice): void {
  const small = (Object.entries(NEEDED) as [keyof typeof NEEDED, number][]).filter(
    ([name, least]) => limits[name] < least,
  );
  if (small.length === 0) return;
  const said = (of: readonly string[]): string => of.join(', ');
  throw new GramianError(
    `createEngine: device has ${said(small.map(([name]) => `${name} = ${limits[name]}`))}, ` +
      `expected at least ${said(small.map(([, least]) => `${least}`))}; ` +
      'request a device of the core level (no featureLevel: "compatibility"), whose defaults are enough.',
  );
}

export const MATRICES = 'chromium-experimental-subgroup-matrix';
export const EXTRA_FEATURES = ['subgroups', 'subgroup-size-control', 'shader-f16', MATRICES];

/** Sizes that adapters report; the last is not in the standard yet. */
type SubgroupInfo = GPUAdapterInfo & {
  readonly subgroupMatrixConfigs?: Iterable<{
    readonly componentType: string;
    readonly resultComponentType: string;
    readonly M: number;
    readonly N: number;
    readonly K: number;
  }>;
};

/** What kernel families can be built from on a device with these features. */
export function extrasOf(features: ReadonlySet<string>, info: SubgroupInfo | null): Extras {
  const { subgroupMinSize: least = 0, subgroupMaxSize: most = 0 } = info ?? {};
  const one = least === most;
  // A kernel is written for one size: where the adapter chooses between several, it must let itself be asked for one.
  const usable = features.has('subgroups') && most >= 4 && (one || features.has('subgroup-size-control'));
  const subgroup = usable ? { size: Math.min(Math.max(32, least), most), pinned: !one } : null;
  const f16 = features.has('shader-f16');
  const matrices: MatrixShape[] = [];
  if (features.has(MATRICES) && subgroup)
    for (const { componentType, resultComponentType, M: m, N: n, K: k } of info?.subgroupMatrixConfigs ?? [])
      if (resultComponentType === 'f32' && (componentType === 'f32' || (componentType === 'f16' && f16)))
        matrices.push({ m, n, k, of: componentType });
  return { subgroup, f16, matrices };
}

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|software|basic render|warp/i;

export async function describeDevice(
  gpu: GPUDevice,
  given: GPUAdapterInfo | null,
  software: boolean,
  note: string,
): Promise<DeviceInfo> {
  const info = given ?? gpu.adapterInfo;
  const { vendor = '', architecture = '', description = '', device = '' } = info ?? {};
  const { maxBufferSize, maxStorageBufferBindingSize } = gpu.limits;
  const isSoftware = software || SOFTWARE.test(`${vendor} ${architecture} ${description} ${device}`);
  const extras = extrasOf(gpu.features, info);
  return {
    vendor,
    architecture,
    description: description || device || architecture || vendor || 'unknown adapter',
    software: isSoftware,
    note,
    features: [...gpu.features],
    ...extras,
    limits: { maxBufferSize, maxStorageBufferBindingSize },
    textures: isSoftware && extras.subgroup?.size === 8 ? await textureEdge(gpu) : 0,
  };
}
