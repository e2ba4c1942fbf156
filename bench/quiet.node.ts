const STEP_MS = 200;
const BUSY = 0.1; // of a core
const LONGEST_MS = 90_000;

/**
 * Waits until this process's other threads are idle. After its first run V8 compiles onnxruntime-web's WebAssembly anew for
 * half a minute, on all cores at first and then on one: every library that computes on the CPU took 1.5 to 2.4 times as long.
 */
export async function untilQuiet(stop: () => boolean): Promise<void> {
  const began = performance.now();
  while (performance.now() - began < LONGEST_MS && !stop()) {
    const [from, before] = [performance.now(), process.cpuUsage()];
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
    const { user, system } = process.cpuUsage(before);
    if (user + system < 1000 * BUSY * (performance.now() - from)) return;
  }
}
