// The licences of what the build inlines: most ask that their text goes with every copy.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';

const NAMES = /^(licen[cs]e|copying|notice)([.-].*)?$/i;
const PACKAGE = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//;

/** The folders of the packages of which a build's outputs hold code. */
export function inlinedPackages(metafiles: readonly Metafile[]): string[] {
  const found = new Set<string>();
  for (const { outputs } of metafiles)
    for (const { inputs } of Object.values(outputs))
      for (const [file, { bytesInOutput }] of Object.entries(inputs)) {
        const folder = PACKAGE.exec(file)?.[1];
        if (folder && bytesInOutput > 0) found.add(folder);
      }
  return [...found].sort();
}

/** Name, version and licence of each package, and the texts of those licences, each text once. */
export function licenceTexts(root: string, packages: readonly string[]): string {
  const texts = new Map<string, string[]>();
  for (const folder of packages) {
    const at = join(root, folder);
    const { name, version, license } = JSON.parse(readFileSync(join(at, 'package.json'), 'utf8'));
    const files = readdirSync(at).filter((file) => NAMES.test(file) && existsSync(join(at, file)));
    if (files.length === 0) throw new Error(`build: ${name} ${version} has no licence text, expected one in ${at}.`);
    const text = files.map((file) => readFileSync(join(at, file), 'utf8').replaceAll('\r\n', '\n').trim()).join('\n\n');
    texts.set(text, [...(texts.get(text) ?? []), `${name} ${version} (${license})`]);
  }
  return [...texts].map(([text, names]) => `${names.join(', ')}\n\n${text}\n`).join(`\n${'-'.repeat(78)}\n\n`);
}

/** As a comment that minifiers and browsers leave alone. */
export function asComment(text: string): string {
  return `/*! Holds code of these packages.\n\n${text.replaceAll('*/', '* /')}*/\n`;
}
