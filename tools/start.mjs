// npm start [-- more arguments]: trains SimCLR on the letters that come with the package.
import { prepare, run } from './prepare.mjs';

prepare({ quick: true });
process.exitCode = run(process.execPath, ['dist/cli.js', 'train', '--method', 'simclr', ...process.argv.slice(2)]);
