import { keep, recall } from '#platform';
import type { DeviceInfo } from '../gpu/deviceInfo.ts';
import { edition } from '../gpu/kernels.generated.ts';
import { adapterName, type Choices, ChoiceTable, isChoices, parseChoices } from './choices.ts';

/** One file an adapter: `choices-mesa-software-llvmpipe-mesa-25-0-7-llvm-15-0-6.json` */
export function choicesFile(adapter: string): string {
  const plain = adapter
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 120);
  return `choices-${plain}.json`;
}

/** A table that knows what was given, or else what earlier processes measured on this adapter. */
export async function openChoices(info: DeviceInfo, tune: 'off' | 'cached' | 'full' | Choices): Promise<ChoiceTable> {
  const table = new ChoiceTable(info);
  const adapter = adapterName(info);
  // Bits are promised on the same adapter only; on another, what suited the first one may be slow.
  if (isChoices(tune)) {
    if (tune.adapter === adapter) table.cache(tune.options, 'given', 'given to createEngine');
  } else if (tune !== 'off') {
    const choices = await recalled(adapter, true);
    table.cache(choices?.options ?? {}, 'cached', 'measured on this adapter earlier');
  }
  return table;
}

/** Writes what was measured on this adapter, beside what other processes wrote meanwhile; returns where. */
export async function saveChoices(table: ChoiceTable): Promise<string | null> {
  const own = table.export({ measured: true });
  const others = await recalled(own.adapter, false);
  const options = { ...others?.options, ...own.options };
  return keep(choicesFile(own.adapter), `${JSON.stringify({ ...own, options }, null, 2)}\n`);
}

/** What is cached for this adapter by the same edition; a file that cannot be understood is ignored, with a warning. */
async function recalled(adapter: string, warn: boolean): Promise<Choices | null> {
  const found = await recall(choicesFile(adapter));
  if (!found) return null;
  const choices = parseChoices(found.text);
  if (!choices && warn)
    console.warn(
      `createEngine: ${found.place} holds no choices of the tuner, so it is ignored; tune() writes it anew.`,
    );
  return choices?.adapter === adapter && choices.edition === edition ? choices : null;
}
