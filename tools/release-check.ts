// npm run release:check: whether this tree may be published as the version that package.json names. Tests and checks are run apart: CONTRIBUTING.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const text = (file: string): string => readFileSync(join(root, file), 'utf8');
const git = (...args: string[]): string => spawnSync('git', args, { cwd: root, encoding: 'utf8' }).stdout.trim();
const { version } = JSON.parse(text('package.json')) as { version: string };

/** The part of the changelog under a heading, without it. */
const under = (heading: string): string =>
  text('CHANGELOG.md')
    .split(/^(?=## )/m)
    .find((part) => part.startsWith(`## ${heading}`))
    ?.replace(/^.*\n/, '')
    .trim() ?? '';

/** What npm would publish: files, links, publint, attw, bundles' bytes. */
function packageTests(): boolean {
  const files = ['package', 'publish'].map((name) => `test/project/${name}.test.ts`);
  const args = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...files];
  return spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status === 0;
}

const checks: readonly (readonly [sentence: string, holds: boolean])[] = [
  ['package.test.ts and publish.test.ts pass', packageTests()],
  [`CHANGELOG.md has an entry for ${version}`, under(version) !== ''],
  ['nothing in CHANGELOG.md is unreleased', under('Unreleased') === ''],
  [`README.md installs gramian-${version}.tgz`, text('README.md').includes(`gramian-${version}.tgz`)],
  ['all is committed', git('status', '--porcelain') === ''],
  [`there is no tag v${version} yet`, git('tag', '--list', `v${version}`) === ''],
];
for (const [sentence, holds] of checks) console.log(`${holds ? 'yes' : 'NO '}  ${sentence}`);
process.exitCode = checks.every(([, holds]) => holds) ? 0 : 1;
