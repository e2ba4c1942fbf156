// npm start [-- more arguments]: trains SimCLR on the letters that come with the package.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { prepare, root } from './prepare.mjs';

prepare({ quick: true });
const child = spawn(process.execPath, ['dist/cli.js', 'train', ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
});
// The command saves before it ends, and this process must outlive it: npm reports its exit code.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('close', (code, signal) => {
  process.exitCode = code ?? 128 + (constants.signals[signal] ?? 1);
});
