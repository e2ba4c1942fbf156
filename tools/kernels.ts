// Prints a kernel joined with the pieces it uses:  npm run kernels -- NAME [TM=8 ...] [--unroll]
import { linkKernel } from '../src/gpu/link.ts';
import { kernelNames, readKernel } from './generate.ts';

const [name, ...rest] = process.argv.slice(2);
const known = kernelNames();
if (!known.includes(name)) {
  console.error(`kernels: NAME is ${name ?? 'missing'}, expected one of:\n${known.join('\n')}`);
  process.exitCode = 1;
} else {
  const settings = rest.filter((word) => word !== '--unroll').map((word) => word.split('='));
  const tuning = Object.fromEntries(settings.map(([key, value]) => [key, Number(value)]));
  console.log(linkKernel(readKernel(name), tuning, rest.includes('--unroll')).code);
}
