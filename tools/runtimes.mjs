// npm run test:runtimes: README's program and a plan in every runtime that npm has, with the package as it would be published.
// -- --write puts the table into docs/runtimes.md. The runtimes are 740 MB, so no part of npm test. Linux on x64.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { need } from './needs.mjs';
import { prepare, root } from './prepare.mjs';

const PAGE = join(root, 'docs', 'runtimes.md');
const TABLE = /(?<=<!-- runtimes:start -->\n)[\s\S]*(?=<!-- runtimes:end -->)/;
const BUN_WEBGPU = '0.1.7';
const PATIENCE = 300_000; // a driver that has no kernel in its cache yet compiles all of them

prepare();
const runtimes = await need('runtimes');
const at = (name) => dirname(runtimes.resolve(`${name}/package.json`));
const versionOf = (name) => JSON.parse(readFileSync(join(at(name), 'package.json'), 'utf8')).version;
const webgpu = `npm \`webgpu\` ${JSON.parse(readFileSync(join(root, 'node_modules/webgpu/package.json'), 'utf8')).version}`;

const node = (major) => ({
  name: 'Node.js',
  version: versionOf(`node-${major}`),
  gpu: webgpu,
  command: [join(at(`node-${major}`), 'bin', 'node')],
});
const bun = { name: 'Bun', version: versionOf('@oven/bun-linux-x64') };
const bunCommand = join(at('@oven/bun-linux-x64'), 'bin', 'bun');
const deno = { name: 'Deno', version: versionOf('@deno/linux-x64-glibc') };
const ROWS = [
  node(20),
  node(22),
  node(24),
  { ...deno, gpu: 'its own (wgpu)', command: [join(at('@deno/linux-x64-glibc'), 'deno'), 'run', '-A'] },
  { ...bun, gpu: webgpu, command: [bunCommand] },
  {
    ...bun,
    gpu: `npm \`bun-webgpu\` ${BUN_WEBGPU}`,
    command: [bunCommand, '--preload', './bun-webgpu.mjs'],
  },
];

/** A user's folder: the package from its tarball, and what it is asked to run. */
function project() {
  const folder = mkdtempSync(join(tmpdir(), 'gramian-runtimes-'));
  const modules = join(folder, 'node_modules');
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const must = (command, args, options) => {
    const { status, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8', ...options });
    if (status !== 0) throw new Error(`runtimes: ${command} ${args[0]} ended with code ${status}: ${stderr}`);
  };
  // It asks for packages of other systems that do not exist: npm writes no lock that `npm ci` of test/needs would take.
  must('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', `bun-webgpu@${BUN_WEBGPU}`], { cwd: folder });
  must('npm', ['pack', '--ignore-scripts', '--pack-destination', folder]);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  must('tar', ['-xzf', join(folder, `gramian-${version}.tgz`), '-C', modules, '--transform', 's/^package/gramian/']);
  symlinkSync(join(root, 'node_modules', 'webgpu'), join(modules, 'webgpu'), 'junction');
  const [, first] = /```js\n([\s\S]*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8'));
  writeFileSync(join(folder, 'first.mjs'), first);
  writeFileSync(join(folder, 'bun-webgpu.mjs'), "import { setupGlobals } from 'bun-webgpu';\nawait setupGlobals();\n");
  copyFileSync(join(root, 'test', 'runtimes', 'plan.mjs'), join(folder, 'plan.mjs'));
  const [, promised] = /console\.log\(.*\); \/\/ (.+)/.exec(first);
  return { folder, promised };
}

const { folder, promised } = project();
const lines = ['| Runtime | WebGPU | README | A plan | Adapter |', '| --- | --- | --- | --- | --- |'];
let failed = 0;
for (const {
  name,
  version,
  gpu,
  command: [program, ...args],
} of ROWS) {
  const run = (file) => {
    const { stdout, stderr, status } = spawnSync(program, [...args, `./${file}`], {
      cwd: folder,
      encoding: 'utf8',
      timeout: PATIENCE,
    });
    const said = stdout?.trim().split('\n').at(-1) ?? '';
    if (status !== 0) console.error(`${name} ${version}, ${gpu}, ${file}: code ${status}\n${said}\n${stderr}`);
    return status === 0 ? said : '';
  };
  const value = run('first.mjs');
  const plan = JSON.parse(run('plan.mjs') || '{}');
  const passed = [value === promised, plan.same === true];
  failed += passed.filter((one) => !one).length;
  const [first, second] = passed.map((one) => (one ? 'passes' : 'fails'));
  lines.push(`| ${name} ${version} | ${gpu} | ${first} | ${second} | ${plan.adapter ?? ''} |`);
  console.log(lines.at(-1));
}
rmSync(folder, { recursive: true, force: true });
if (process.argv.includes('--write')) {
  const today = new Date().toISOString().slice(0, 10);
  const table = `${lines.join('\n')}\n\n\`npm run test:runtimes -- --write\`, ${today}.\n`;
  writeFileSync(
    PAGE,
    readFileSync(PAGE, 'utf8').replace(TABLE, () => table),
  );
}
console.log(`${2 * ROWS.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
