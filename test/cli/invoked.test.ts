import { delimiter } from 'node:path';
import { expect, test } from 'vitest';
import { asTyped } from '../../src/cli/invoked.ts';

const CLONE = '/home/me/gramian';
const SHOP = '/home/me/shop';
const npm = (event: string, owner: string) => ({ npm_lifecycle_event: event, npm_package_name: owner });

test.each<[string, NodeJS.ProcessEnv, string, string, string]>([
  ['npm start in a clone', npm('start', 'gramian'), CLONE, `${CLONE}/dist/cli.js`, 'npm start -- --resume a'],
  [
    "npm start of somebody's package",
    npm('start', 'shop'),
    SHOP,
    `${SHOP}/node_modules/.bin/gramian`,
    'npx gramian train --resume a',
  ],
  ['npx', npm('npx', 'shop'), SHOP, `${SHOP}/node_modules/.bin/gramian`, 'npx gramian train --resume a'],
  ['npx in a clone', npm('npx', 'gramian'), CLONE, `${CLONE}/dist/cli.js`, 'npx gramian train --resume a'],
  ['a path to the program', {}, SHOP, 'node_modules/.bin/gramian', 'npx gramian train --resume a'],
  [
    'installed for all',
    { PATH: `/bin${delimiter}/usr/local/bin` },
    SHOP,
    '/usr/local/bin/gramian',
    'gramian train --resume a',
  ],
  ['node', { PATH: '/bin' }, CLONE, 'dist/cli.js', 'node dist/cli.js train --resume a'],
  [
    'node from elsewhere',
    { PATH: '/bin' },
    SHOP,
    '../my clone/dist/cli.js',
    'node "../my clone/dist/cli.js" train --resume a',
  ],
])('the next command after %s', (_, env, cwd, script, command) => {
  expect(asTyped('train --resume a', { env, cwd, script })).toBe(command);
});

test('npm start trains and nothing else', () => {
  const invocation = { env: npm('start', 'gramian'), cwd: CLONE, script: `${CLONE}/dist/cli.js` };
  expect(asTyped('train', invocation)).toBe('npm start --');
  expect(asTyped('embed a', invocation)).toBe('npx gramian embed a');
});
