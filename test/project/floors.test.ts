import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { need } from '../../tools/needs.mjs';

const config = fileURLToPath(new URL('../../biome.json', import.meta.url));

/** The rules on imports that these files break, by the linter's configuration. */
async function broken(files: Record<string, string>): Promise<string[]> {
  const biome = (await need('lint')).resolve('@biomejs/biome/bin/biome');
  const root = mkdtempSync(join(tmpdir(), 'gramian-floors-'));
  try {
    copyFileSync(config, join(root, 'biome.json'));
    writeFileSync(join(root, '.gitignore'), 'node_modules\n');
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, name)), { recursive: true });
      writeFileSync(join(root, name), text);
    }
    const { stdout, stderr } = spawnSync(process.execPath, [biome, 'lint', '--error-on-warnings', '.'], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(stdout + stderr).toMatch(/Checked \d+ files?/);
    const found = (stdout + stderr).matchAll(/^(\S+?):\d+:\d+ lint\/\w+\/(noRestrictedImports|noImportCycles)/gm);
    return [...found].map(([, file, rule]) => `${file} ${rule}`).sort();
  } finally {
    rmSync(root, { recursive: true });
  }
}

const uses = (path: string): string => `import { a } from '${path}';\n\nexport const b = a;\n`;
const usesType = (path: string): string => `import type { A } from '${path}';\n\nexport type B = A;\n`;

test('an import upward fails, and one of a neighbour on the same floor; one downward passes', async () => {
  expect(
    await broken({
      'src/gpu/device.ts': usesType('../core/tensor.ts'),
      'src/tuning/choices.ts': uses('../gpu/device.ts'),
      'src/core/tape.ts': uses('../engine/engine.ts'),
      'src/ops/sum.ts': usesType('../engine/engine.ts'),
      'src/sweeps/pairs/panels.ts': uses('../../losses/ntXent.ts'),
      'src/sweeps/pairs/triangle.ts': uses('../../ops/sum.ts'),
      'src/nn/layer.ts': uses('../optim/index.ts'),
      'src/methods/swav.ts': uses('../nn/layer.ts'),
      'src/eval/knn.ts': uses('../index.ts'),
      'src/cli/main.ts': uses('../engine/engine.ts'),
      'bench/page/write.ts': uses('../../src/cli/report/document.ts'),
    }),
  ).toEqual(
    [
      'bench/page/write.ts',
      'src/core/tape.ts',
      'src/eval/knn.ts',
      'src/gpu/device.ts',
      'src/nn/layer.ts',
      'src/ops/sum.ts',
      'src/sweeps/pairs/panels.ts',
    ].map((file) => `${file} noRestrictedImports`),
  );
});

test('a circle fails, of types alone too; those of context, tensor and tape may have one', async () => {
  expect(
    await broken({
      'src/launch/tile.ts': uses('./pack.ts'),
      'src/launch/pack.ts': uses('./tile.ts'),
      'src/nn/layer.ts': usesType('./layers.ts'),
      'src/nn/layers.ts': usesType('./layer.ts'),
      'src/core/context.ts': usesType('./tensor.ts'),
      'src/core/tensor.ts': usesType('./context.ts'),
    }),
  ).toEqual(
    ['src/launch/pack.ts', 'src/launch/tile.ts', 'src/nn/layer.ts', 'src/nn/layers.ts'].map(
      (file) => `${file} noImportCycles`,
    ),
  );
  expect(
    await broken({ 'src/core/tensor.ts': uses('./context.ts'), 'src/core/context.ts': uses('./tensor.ts') }),
  ).toEqual(['src/core/context.ts noImportCycles', 'src/core/tensor.ts noImportCycles']);
});

test('no file of src/ has more than 350 lines, but for what is generated', () => {
  const src = fileURLToPath(new URL('../../src/', import.meta.url));
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const long = files.filter((file) => readFileSync(join(src, file), 'utf8').split('\n').length - 1 > 350);
  expect(long.filter((file) => !file.endsWith('.generated.ts'))).toEqual([]);
});
