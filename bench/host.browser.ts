// The benchmark inside a page: the browser's adapter, and its WebGPU as the profile.
import { openAdapter } from '../src/gpu/platform.browser.ts';
import { type DeviceWatch, type Interfaces, watchDevices } from './observe.ts';
import type { Environment } from './results.ts';
import { measureRoofline, type Roofline } from './roofline.ts';

/** The adapter that everything of a session runs on. */
export interface Host {
  readonly environment: Environment;
  readonly observer: DeviceWatch;
  /** Which adapter, in a line. */
  readonly note: string;
  roofline(): Promise<Roofline>;
}

let observer: DeviceWatch | null = null;

export async function openHost(): Promise<Host> {
  const { adapter, note } = await openAdapter({ adapter: 'auto', powerPreference: 'high-performance' });
  observer ??= watchDevices(globalThis as unknown as Interfaces); // a second one would count twice
  const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info;
  const environment: Environment = {
    date: new Date().toISOString().slice(0, 19),
    commit: '',
    adapter: device || [vendor, architecture].filter(Boolean).join(' '),
    driver: description,
    runtime: browserName(navigator.userAgent),
    profile: 'default',
    tune: 'cached',
  };
  return { environment, observer, note, roofline: () => measureRoofline(adapter, isFallbackAdapter) };
}

// Each also claims to be those behind it.
const BROWSERS = ['Edg', 'OPR', 'Firefox', 'HeadlessChrome', 'Chrome', 'Version'];

/** `Chrome 143` of a user agent. */
export function browserName(agent: string): string {
  for (const name of BROWSERS) {
    const [, version] = new RegExp(`${name}/(\\d+)`).exec(agent) ?? [];
    if (version) return `${name === 'Version' ? 'Safari' : name} ${version}`;
  }
  return agent;
}
