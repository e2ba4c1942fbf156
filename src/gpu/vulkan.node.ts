import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Embedded } from './embedded.node.ts';

/** What GRAMIAN_ADAPTER may pin. */
export type Pin = 'hardware' | 'system' | 'lavapipe' | 'swiftshader';

const RTLD_LAZY = 1;
const RTLD_NODELETE = 0x1000;

/** This machine's driver manifests: those that the environment names, else those that a Vulkan loader finds. */
export function systemDrivers(env: NodeJS.ProcessEnv = process.env): string[] {
  const named = env.VK_DRIVER_FILES ?? env.VK_ICD_FILENAMES;
  if (named) return named.split(delimiter).filter(Boolean);
  const list = (value: string | undefined, otherwise: string) => (value || otherwise).split(delimiter).filter(Boolean);
  const home = homedir();
  const folders = [
    env.XDG_CONFIG_HOME || join(home, '.config'),
    ...list(env.XDG_CONFIG_DIRS, '/etc/xdg'),
    '/usr/local/etc',
    '/etc',
    env.XDG_DATA_HOME || join(home, '.local', 'share'),
    ...list(env.XDG_DATA_DIRS, '/usr/local/share:/usr/share'),
  ];
  const found = list(env.VK_ADD_DRIVER_FILES, '');
  for (const base of new Set(folders)) {
    const folder = join(base, 'vulkan', 'icd.d');
    if (!existsSync(folder)) continue;
    for (const name of readdirSync(folder).sort()) if (name.endsWith('.json')) found.push(join(folder, name));
  }
  return found;
}

/**
 * The environment in which the Vulkan loader offers first what is fastest: GPUs, then the system's software, then
 * SwiftShader. It must hold when Dawn first looks for adapters: Dawn looks once per process and remembers, so trying
 * the system first and SwiftShader afterwards finds nothing.
 */
export function driverEnvironment(
  system: string[],
  embedded: Embedded | null,
  pin: Pin | null,
): Record<string, string> {
  let drivers = system;
  if (pin === 'lavapipe') drivers = system.filter((file) => /lvp|lavapipe/.test(file));
  if (pin === 'swiftshader') drivers = [];
  const withEmbedded = embedded !== null && (pin === null || pin === 'swiftshader');
  // Nothing to say: the loader's own way is the best one.
  if (!withEmbedded && drivers === system) return {};
  // A loader lists drivers in the reverse of this order, unless it sorts devices itself (which puts SwiftShader before
  // lavapipe: five times slower). Dawn still takes GPUs before software.
  const files = (withEmbedded ? [embedded.driver, ...drivers] : drivers).join(delimiter) || 'none';
  // Loaders before 1.3.207 (Ubuntu 22.04) know the second name only.
  return { VK_DRIVER_FILES: files, VK_ICD_FILENAMES: files, VK_LOADER_DISABLE_SELECT: '1' };
}

/**
 * Where the system has no Vulkan loader, loads the embedded one and lets it stay: Dawn then finds it by its name.
 * `process.dlopen` complains that it is no Node module; the library is loaded all the same, and stays by NODELETE.
 */
export function ensureLoader(embedded: Embedded | null): boolean {
  const name = 'libvulkan.so.1';
  return load(name) || (embedded !== null && load(embedded.loader));
}

function load(library: string): boolean {
  try {
    process.dlopen({ exports: {} }, library, RTLD_LAZY | RTLD_NODELETE);
    return true;
  } catch (error) {
    return /self-register/.test((error as Error).message);
  }
}
