// Made by `npm run tune:defaults`: what was fastest, by a clear margin, on the adapters that we have. Do not edit.
import type { AdapterKind } from './costModel.ts';

/** Option by question, for each kind of adapter; none where the prediction stood in all that was measured. */
export const SHIPPED: Readonly<Partial<Record<AdapterKind['name'], Readonly<Record<string, string>>>>> = {
  lavapipe: {},
};
