/** Every error that the engine throws on purpose; `message` is one sentence that says what came and what was expected. */
export class GramianError extends Error {
  override name = 'GramianError';
}

/** The GPU device is gone. Tensors made before are gone with it; nothing read afterwards is a number. */
export class DeviceLostError extends GramianError {
  override name = 'DeviceLostError';
}

/** A tensor was used after `dispose()`, or after the scope that made it ended. */
export class UsedAfterDisposeError extends GramianError {
  override name = 'UsedAfterDisposeError';
}

/** A kernel did not compile; the message names the kernel's file and line. */
export class KernelError extends GramianError {
  override name = 'KernelError';
}

/** The GPU, or a limit of the adapter, has no room for what was asked. */
export class OutOfMemoryError extends GramianError {
  override name = 'OutOfMemoryError';
}

/** No memory for a copy to the CPU; the call that reads says so in its own sentence. */
export class NoRoomError extends Error {}

/** Bytes in the unit a person would use: `6.4 GB`, `134 MB`, `512 bytes`. */
export function formatBytes(bytes: number): string {
  if (bytes >= 1e9) return `${Number((bytes / 1e9).toPrecision(3))} GB`;
  if (bytes >= 1e6) return `${Number((bytes / 1e6).toPrecision(3))} MB`;
  if (bytes >= 1e3) return `${Number((bytes / 1e3).toPrecision(3))} kB`;
  return `${bytes} bytes`;
}
