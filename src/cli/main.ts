#!/usr/bin/env node
import { Command, InvalidArgumentError } from 'commander';
import { METHODS, numberOption, type RunConfig } from './config.ts';
import { train } from './train.ts';

/** Commander prints an argument's own sentence after naming the option. */
function number(name: string, low: number, high: number, whole = false, command = 'train'): (text: string) => number {
  const parse = numberOption(command, name, low, high, whole);
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      throw new InvalidArgumentError((error as Error).message);
    }
  };
}

function method(text: string): RunConfig['method'] {
  if (!(METHODS as readonly string[]).includes(text))
    throw new InvalidArgumentError(`train: --method ${text}, expected ${METHODS.join(', ')}.`);
  return text as RunConfig['method'];
}

function augmentation(text: string): RunConfig['augmentation'] {
  if (text !== 'letters' && text !== 'digits' && text !== 'photos')
    throw new InvalidArgumentError(`train: --augmentation ${text}, expected letters, digits or photos.`);
  return text;
}

const program = new Command('gramian')
  .description('Batch-level representation learning in fused WebGPU kernels.')
  .showSuggestionAfterError()
  .showHelpAfterError('(gramian help shows what there is)');

program
  .command('train')
  .description('Train an encoder without labels, and measure it by k-NN against raw pixels and its untrained self.')
  .option('--method <name>', `training system: ${METHODS.join(', ')}`, method, 'simclr')
  .option(
    '--data <name>',
    'letters (comes with the package), or a directory: IDX, CIFAR-10 binary, or PNG/JPEG folders',
    'letters',
  )
  .option(
    '--epochs <n>',
    'passes over the training images; default: 14 of the letters, else as many as show 200,000',
    number('epochs', 1, 100_000, true),
  )
  .option('--batch <n>', 'images a step', number('batch', 2, 65_536, true))
  .option('--seed <n>', 'chooses weights, batches and augmentation', number('seed', 0, Number.MAX_SAFE_INTEGER, true))
  .option('--learning-rate <x>', 'peak of the cosine schedule (AdamW)', number('learning-rate', 1e-9, 10))
  .option('--weight-decay <x>', 'decoupled, on weights only', number('weight-decay', 0, 10))
  .option('--temperature <x>', 'of NT-Xent', number('temperature', 1e-4, 100))
  .option('--width <n>', "channels of the encoder's first convolution", number('width', 1, 1024, true))
  .option('--features <n>', 'length of the embedding', number('features', 1, 16_384, true))
  .option('--hidden <n>', 'width of the projection head', number('hidden', 1, 16_384, true))
  .option('--projection <n>', 'length of the projection that the loss sees', number('projection', 1, 16_384, true))
  .option('--augmentation <name>', 'letters, digits or photos; default: what fits the data', augmentation)
  .option('--limit <n>', 'train on this many images only; 0: all', number('limit', 0, 1e9, true))
  .option('--size <n>', 'edge of the images read from a folder of PNG/JPEG', number('size', 8, 1024, true))
  .option('--out <directory>', 'where checkpoint, report and metrics go; default: runs/METHOD-DATA')
  .option('--resume <file>', 'go on from a checkpoint.safetensors, to the same bits as without the break')
  .option('--adapter <kind>', 'auto, hardware or software', 'auto')
  .action(train);

const list = (text: string, before: string[] = []): string[] => [...before, ...text.split(',').filter(Boolean)];

program
  .command('bench')
  .description('Measure losses and ops on this adapter, against its own roofline and against other libraries.')
  .option('--cases <names...>', 'losses and ops by name, or all; default: one of each family', list)
  .option('--sizes <extents...>', 'in place of the default ones: n=512,2048 d=128', (text, all: string[] = []) => [
    ...all,
    text,
  ])
  .option('--adapters <kinds...>', 'auto, hardware, system, lavapipe, swiftshader; several run one after another', list)
  .option('--peers <names...>', 'naive, tfjs, jax-js, ort, all or none (from bench/peers of a clone)', list)
  .option('--tune <how>', "off, cached, or full: each case's tiles and schedule are measured first", 'cached')
  .option('--profile <name>', "default, or native: Dawn's checks off, for all libraries alike", 'default')
  .option(
    '--repeats <n>',
    'steady runs of each; default 20, with --quick 5',
    number('repeats', 1, 10_000, true, 'bench'),
  )
  .option(
    '--seconds <n>',
    'of steady runs, after which slow ones get three only',
    number('seconds', 0, 1e6, false, 'bench'),
    60,
  )
  .option('--json [file]', 'results as JSON, on stdout or into a file')
  .option('--csv <file>', 'appends the rows')
  .option('--report <file>', 'one HTML page with charts')
  .option('--quick', 'one small size of each case')
  .action(async ({ adapters = ['auto'], peers = ['none'], ...options }) => {
    const { bench } = await import('./bench.ts'); // its tables are of no use to the other commands
    await bench({ adapters, peers, ...options });
  });

program.parseAsync().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
