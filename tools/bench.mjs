// npm run bench [-- more arguments]: builds, then measures on this machine's adapter.
import { prepare, run } from './prepare.mjs';

prepare({ quick: true });
process.exitCode = run(process.execPath, ['dist/cli.js', 'bench', ...process.argv.slice(2)]);
