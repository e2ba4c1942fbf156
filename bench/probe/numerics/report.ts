// Which adapter was measured where, and what was found: for people, for docs/adapters.md, for programs.
import { type Finding, measureNumerics } from './measure.ts';

export interface NumericsReport {
  /** `lavapipe`, `SwiftShader`, or as the adapter calls itself. */
  readonly adapter: string;
  /** The driver's own words, with its version. */
  readonly driver: string;
  /** `Node`, `Deno`, or the browser. */
  readonly host: string;
  /** With versions, of WebGPU too. */
  readonly runtime: string;
  readonly date: string;
  readonly seconds: number;
  /** What was typed, or where it was clicked. */
  readonly command: string;
  readonly findings: readonly Finding[];
}

export interface Around {
  readonly host: string;
  readonly runtime: string;
  readonly command: string;
  /** Of the driver, where the adapter does not say it. */
  readonly carried?: string;
  readonly say?: (text: string) => void;
}

export function nameOf({ vendor, architecture, description, device }: GPUAdapterInfo): string {
  if (/llvmpipe/i.test(`${description} ${device}`)) return 'lavapipe';
  if (architecture === 'swiftshader' || /swiftshader/i.test(`${description} ${device}`)) return 'SwiftShader';
  return description || device || [vendor, architecture].filter(Boolean).join(' ') || 'an adapter without a name';
}

/** Measures on a device of its own, with what kernels may use, and destroys it. */
export async function reportOf(adapter: GPUAdapter, around: Around): Promise<NumericsReport> {
  const { host, runtime, command, carried, say } = around;
  const wanted: GPUFeatureName[] = ['subgroups' as GPUFeatureName, 'shader-f16'];
  const device = await adapter.requestDevice({ requiredFeatures: wanted.filter((name) => adapter.features.has(name)) });
  const start = performance.now();
  try {
    const findings = await measureNumerics(device, say);
    const { description, device: model, vendor, architecture } = adapter.info;
    const driver = description || model || [vendor, architecture].filter(Boolean).join(' ');
    return {
      adapter: nameOf(adapter.info),
      driver: [driver, carried].filter(Boolean).join(', '),
      host,
      runtime,
      date: new Date().toISOString().slice(0, 10),
      seconds: Math.round((performance.now() - start) / 100) / 10,
      command,
      findings,
    };
  } finally {
    device.destroy();
  }
}

function byGroup(findings: readonly Finding[]): [group: string, findings: Finding[]][] {
  const groups = new Map<string, Finding[]>();
  for (const finding of findings) groups.set(finding.group, [...(groups.get(finding.group) ?? []), finding]);
  return [...groups];
}

/** What WGSL asks for, and whether that is not so. */
export const verdict = ({ wgsl, kept }: Finding): string => (kept === false ? `${wgsl}: broken` : wgsl);

/** What came through a buffer, and what became of constants where that is something else. */
export const answer = ({ found, constants }: Finding): string => (constants ? `${found} (${constants})` : found);

export function asText({ adapter, driver, host, runtime, date, seconds, findings }: NumericsReport): string {
  const lines = [`${adapter} in ${host}: ${driver}; ${runtime}; ${date}, ${seconds} s`];
  for (const [group, list] of byGroup(findings)) {
    lines.push('', group);
    for (const finding of list)
      lines.push(`  ${finding.name}`, `    ${answer(finding)}   [WGSL: ${verdict(finding)}]`, `    ${finding.means}`);
  }
  return `${lines.join('\n')}\n`;
}

const cell = (text: string): string => text.replace(/[\\*|_]/g, '\\$&').replaceAll('<', '&lt;');
const plain = (text: string): string => text.replaceAll('&lt;', '<').replace(/\\([\\*|_])/g, '$1');
const row = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
const tableOf = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');

const titleOf = ({ adapter, host }: NumericsReport): string => `${adapter} in ${host}`;

/** A section of docs/adapters.md. */
export function asMarkdown(report: NumericsReport): string {
  const { driver, runtime, date, seconds, command, findings } = report;
  const tables = byGroup(findings).map(([group, list]) => {
    const rows = list.map((each) => [
      each.name,
      each.varies ? `about ${each.found}` : answer(each),
      verdict(each),
      each.means,
    ]);
    return `### ${group}\n\n${tableOf(['what', 'here', 'WGSL', 'for a kernel'], rows)}`;
  });
  return `## ${titleOf(report)}\n\n${driver}. ${runtime}. ${date}, ${seconds} s: \`${command}\`\n\n${tables.join('\n\n')}\n`;
}

const DIFFERENCES = 'Where adapters differ';

/** The page with this report in its place, last where it is new, and the table of differences made anew. */
export function withReport(page: string, report: NumericsReport): string {
  const [head, ...sections] = page.split(/^(?=## )/m);
  const titled = (title: string) => (section: string) => section.startsWith(`## ${title}\n`);
  const others = sections.filter((section) => !titled(DIFFERENCES)(section)).map((section) => section.trimEnd());
  const at = others.findIndex(titled(titleOf(report)));
  others.splice(at < 0 ? others.length : at, at < 0 ? 0 : 1, asMarkdown(report).trimEnd());
  return `${[head.trimEnd(), differences(others), ...others].join('\n\n')}\n`;
}

/** The section of a page that is about this adapter in this host; null where there is none. */
export function sectionOf(page: string, report: NumericsReport): string | null {
  return page.split(/^(?=## )/m).find((section) => section.startsWith(`## ${titleOf(report)}\n`)) ?? null;
}

/** What a section's tables answer, by group and name. */
export function answersOf(section: string): Map<string, string> {
  const answers = new Map<string, string>();
  let group = '';
  for (const line of section.split('\n')) {
    if (line.startsWith('### ')) group = line.slice(4);
    const cells = line.split(/(?<!\\)\|/).map((text) => plain(text.trim()));
    if (cells.length > 4 && cells[1] !== 'what' && cells[1] !== '---') answers.set(`${group}: ${cells[1]}`, cells[2]);
  }
  return answers;
}

function differences(sections: readonly string[]): string {
  const titles = sections.map((section) => /^## (.*)$/m.exec(section)?.[1] ?? '');
  const answers = sections.map(answersOf);
  const names = [...new Set(answers.flatMap((each) => [...each.keys()]))];
  const given = (each: readonly string[]): string[] =>
    each.filter((text) => text !== '-' && !text.startsWith('about '));
  const rows = names
    .map((name) => [name, ...answers.map((each) => each.get(name) ?? '-')])
    .filter(([, ...each]) => new Set(given(each)).size > 1 || given(each).includes('not offered'));
  return `## ${DIFFERENCES}\n\n${tableOf(['what', ...titles], rows)}`;
}
