#!/usr/bin/env node
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import manifest from '../../package.json' with { type: 'json' };
import { augmentations } from '../data/augmentations.ts';
import { methodName, methodOption, numberOption, settingOption } from './config.ts';
import { init, starts } from './init.ts';
import { asTyped } from './invoked.ts';
import { METHODS } from './methods.ts';
import { OPTIMIZER_NAMES } from './optimizerNames.ts';
import { paceOption } from './schedule.ts';
import { STUDIES } from './studies.ts';

/** Commander prints an argument's own sentence after naming the option. */
function checked<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      throw new InvalidArgumentError((error as Error).message);
    }
  };
}

const number = (
  name: string,
  low: number,
  high: number,
  whole = false,
  command = 'train',
): ((text: string) => number) => checked(numberOption(command, name, { low, high, whole }));

const setting = (name: Parameters<typeof settingOption>[0], command = 'train') => checked(settingOption(name, command));

function oneOf<T extends string>(option: string, allowed: readonly T[], words: string): (text: string) => T {
  return (text) => {
    if (!(allowed as readonly string[]).includes(text))
      throw new InvalidArgumentError(`train: --${option} ${text}, expected ${words}.`);
    return text as T;
  };
}

const adapterOption = () => new Option('--adapter <kind>', 'auto, hardware or software').default('auto');
const sizeOption = (command: string) =>
  new Option('--size <n>', 'edge of the images read from a folder of PNG/JPEG').argParser(setting('size', command));

const program = new Command('gramian')
  .description('Batch-level representation learning in fused WebGPU kernels.')
  .version(manifest.version, '--version', 'print the version')
  .showSuggestionAfterError()
  .showHelpAfterError(`(${asTyped('help')} shows what there is)`)
  // Our own sentence names the option already.
  .configureOutput({
    outputError: (text, write) =>
      write(text.replace(/^error: (option .* is invalid|command-argument .*)\. (?=\w+: [-<])/, '')),
  });

program
  .command('train')
  .description('Train an encoder, and measure it by k-NN against raw pixels and its untrained self.')
  .option(
    '--method <name>',
    `training system: ${Object.keys(METHODS).join(', ')}`,
    checked((text) => methodName(text)),
  )
  .option('--compare <names>', 'train several under one budget, and write one report: simclr,moco,...', (text) =>
    text.split(',').map(checked((name) => methodName(name, 'compare'))),
  )
  .option('--study <name>', `one question to the same budget: ${Object.keys(STUDIES).join(', ')}`)
  .option('--seeds <n>', 'runs with as many seeds, for confidence intervals', number('seeds', 1, 1000, true))
  .option('--config <file>', 'JSON with any of these settings by name; the command line counts more')
  .option(
    '--data <name>',
    'letters (comes with the package), or a directory: IDX, CIFAR-10 binary, or PNG/JPEG folders; default: letters',
  )
  .option(
    '--epochs <n>',
    'passes over the training images; default: 14 of the letters, else as many as show 200,000',
    setting('epochs'),
  )
  .option('--batch <n>', 'images a step', setting('batch'))
  .option('--accumulate <n>', 'add up the gradients of so many parts of a batch', setting('accumulate'))
  .option('--cached', 'with --accumulate: cached gradients, so that the loss sees the whole batch')
  .option('--seed <n>', 'chooses weights, batches and augmentation', setting('seed'))
  .option(
    '--optimizer <name>',
    OPTIMIZER_NAMES.join(', '),
    oneOf('optimizer', OPTIMIZER_NAMES, OPTIMIZER_NAMES.join(', ')),
  )
  .option('--learning-rate <x>', 'peak of the cosine schedule', setting('learningRate'))
  .option('--weight-decay <x>', 'on weights only', setting('weightDecay'))
  .option('--temperature <x>', 'of the loss, where it has one', number('temperature', 1e-4, 100))
  .option('--width <n>', "channels of the encoder's first convolution", setting('width'))
  .option('--features <n>', 'length of the embedding', setting('features'))
  .option('--hidden <n>', "width of the heads' hidden layers", number('hidden', 1, 16_384, true))
  .option('--projection <n>', 'length of the projection that the loss sees', number('projection', 1, 16_384, true))
  .option(
    '--option <name=value>',
    'an option of the method itself, such as queue=1024; again for more',
    (text: string, before: [string, unknown][] = []) => [...before, checked(methodOption)(text)],
  )
  .option(
    '--augmentation <name>',
    'letters, digits, photos, or asymmetric: the pair of BYOL, Barlow Twins, VICReg and MoCo v3; default: what fits data and method',
    oneOf('augmentation', Object.keys(augmentations), 'letters, digits, photos or asymmetric'),
  )
  .option('--crop-size <n>', "edge of multi-crop's small views; wants --option pool=mean", setting('cropSize'))
  .option('--corrupted', 'score corrupted test images, too')
  .option('--limit <n>', 'train on this many images only; 0: all', setting('limit'))
  .option(
    '--validation <share>',
    'hold out this share of the training images and score on them, to choose settings without the test images',
    setting('validation'),
  )
  .addOption(sizeOption('train'))
  .option(
    '--out <directory>',
    'where checkpoint, report and metrics go; default: runs/METHOD-DATA, or the next free name after it (-2, -3, ...)',
  )
  .option('--overwrite', 'begin anew in a directory that holds a run')
  .option(
    '--checkpoint-every <steps or time>',
    'save so often: 200 (steps), 30s, 5m; default: every 2 minutes, and at the end of an epoch when 10 s have passed',
    checked(paceOption),
  )
  .option(
    '--resume <file>',
    'go on from a checkpoint.safetensors, beside it and to the same bits as without the break; --epochs may grow',
  )
  .addOption(adapterOption())
  .action(async (...given: Parameters<typeof import('./train.ts').train>) =>
    (await import('./train.ts')).train(...given),
  );

const list = (text: string, before: string[] = []): string[] => [...before, ...text.split(',').filter(Boolean)];

const numbers = (name: string, low: number, high: number) => {
  const parse = number(name, low, high, true, 'tune');
  return (text: string, before: number[] = []): number[] => [...before, ...text.split(',').filter(Boolean).map(parse)];
};

program
  .command('bench')
  .description('Measure losses and ops on this adapter, against its own roofline and against other libraries.')
  .option('--cases <names...>', 'losses and ops by name, or all; default: one of each family', list)
  .option('--work <file>', 'works of your own: a module that exports them; --cases then adds ours')
  .option('--sizes <extents...>', 'in place of the default ones: n=512,2048 d=128', (text, all: string[] = []) => [
    ...all,
    text,
  ])
  .option('--adapters <kinds...>', 'auto, hardware, system, lavapipe, swiftshader; several run one after another', list)
  .option('--peers <names...>', 'naive, tfjs, jax-js, ort, torch, all or none (from bench/peers of a clone)', list)
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
  .option(
    '--cold',
    'the first loss and gradient of fresh processes, with an empty cache of the driver and a filled one',
  )
  .addOption(new Option('--cold-task <json>').hideHelp())
  .option('--page', "serves the benchmark's page with the works of --work, for a browser on this machine")
  .action(async ({ page, coldTask, ...given }, command: Command) => {
    if (coldTask) return (await import('./benchCold.ts')).benchColdTask(coldTask);
    if (page)
      return (await import('./benchPage.ts')).benchPage(given, (name) => command.getOptionValueSource(name) === 'cli');
    const { adapters = ['auto'], peers = ['none'], ...options } = given;
    const { bench } = await import('./bench.ts'); // its tables are of no use to the other commands
    await bench({ adapters, peers, ...options });
  });

program
  .command('tune')
  .description('Measure how losses and products are best done on this adapter, and cache it for later processes.')
  .option('--rows <n...>', 'rows a view; default: 256,1024', numbers('rows', 2, 2 ** 20))
  .option('--columns <n...>', 'length of an embedding; default: 128', numbers('columns', 2, 2 ** 20))
  .option(
    '--budget <seconds>',
    'after which what was not reached stays as it was',
    number('budget', 0.001, 1e6, false, 'tune'),
    120,
  )
  .option('--fresh', 'measure again what is cached')
  .option('--json <file>', 'questions and times, for programs')
  .addOption(adapterOption())
  .action(async (options) => (await import('./tune.ts')).tuneCommand(options));

program
  .command('profile')
  .description('Time every kernel of a training step, or of losses and ops: launches, ms, share, GB/s, GFLOP/s.')
  .option(
    '--method <name>',
    `the training system whose step it is; default: simclr`,
    checked((text) => methodName(text)),
  )
  .option('--data <name>', 'as for train; default: letters')
  .option('--batch <n>', 'images a step', setting('batch', 'profile'))
  .option('--width <n>', "channels of the encoder's first convolution", setting('width', 'profile'))
  .option('--features <n>', 'length of the embedding', setting('features', 'profile'))
  .option(
    '--option <name=value>',
    'an option of the method itself, such as queue=1024; again for more',
    (text: string, before: [string, unknown][] = []) => [...before, checked(methodOption)(text)],
  )
  .option('--cases <names...>', 'in place of a step: losses and ops by name, or all, with their gradients', list)
  .option(
    '--sizes <extents...>',
    'of the cases, in place of small ones: n=512,2048 d=128',
    (text, all: string[] = []) => [...all, text],
  )
  .option('--runs <n>', 'as a whole, and then launch by launch', number('runs', 1, 10_000, true, 'profile'), 10)
  .option('--json [file]', 'every launch, for programs; on stdout or into a file')
  .addOption(adapterOption())
  .action(async (options) => {
    const { profileCommand } = await import('./profile.ts'); // as bench
    await profileCommand(options);
  });

program
  .command('probe')
  .description('Ask this adapter what it can do: features, rates of every kernel family, costs of launches; JSON.')
  .option('--quick', 'few and small measurements, as always on software adapters')
  .option('--toggles <list>', "Dawn's, in place of those that show most; a minus turns one off")
  .option('--only <question>', 'one of them alone')
  .option(
    '--numerics',
    'in place of all that: what becomes of numbers in its kernels, and what that means for whoever writes one',
  )
  .option(
    '--markdown [file]',
    'with --numerics: a section for docs/adapters.md, on stdout or put in its place in the file',
  )
  .option('--json [file]', 'on stdout or into a file; without --numerics the default')
  .action(async (options) => {
    const { probeCommand } = await import('./probe.ts'); // as bench
    await probeCommand(options);
  });

program
  .command('embed <checkpoint>')
  .description(
    'Write the embeddings of images, with or without labels, as a NumPy file, [images, features], and a table of their files beside it.',
  )
  .option('--data <name>', 'default: what it was trained on')
  .option('--part <name>', 'train or test; default: test where there are such images, else train')
  .option('--out <file>', 'default: RUN-DATA-PART.npy beside the checkpoint; the table is OUT.csv: index,file,label')
  .addOption(sizeOption('embed'))
  .addOption(adapterOption())
  .action(async (checkpoint, options) => (await import('./apply.ts')).embed(checkpoint, options));

program
  .command('eval <checkpoint>')
  .description('Score a checkpoint: k-NN, linear probe, clusters where it has any, signs of collapse.')
  .option('--data <name>', 'default: what it was trained on')
  .option('--corrupted', 'score corrupted test images, too')
  .option('--json', 'for programs')
  .addOption(sizeOption('eval'))
  .addOption(adapterOption())
  .action(async (checkpoint, options) => (await import('./apply.ts')).evaluateCheckpoint(checkpoint, options));

program
  .command('init')
  .description('Write a first program into this folder, and say how it is run.')
  .addArgument(new Argument('[where]', 'where it runs, or the framework').choices(starts).default('node'))
  .action(init);

/** Refuses '' for whatever takes a value: a variable of a script that is not set would pass for an option that was not given. */
function refuseEmpty(of: Option | Argument, command: string, name: string, expected: string): void {
  const parse = of.parseArg as ((text: string, before: unknown) => unknown) | undefined;
  of.argParser((text: string, before: unknown) => {
    if (text === '') throw new InvalidArgumentError(`${command}: ${name} is empty, expected ${expected}.`);
    return parse ? parse(text, before) : text;
  });
}

for (const command of program.commands) {
  for (const option of command.options)
    if (option.required || option.optional)
      refuseEmpty(option, command.name(), option.long as string, `a value: ${option.flags}`);
  for (const argument of command.registeredArguments)
    if (argument.required)
      refuseEmpty(argument, command.name(), `<${argument.name()}>`, 'its file, or the directory of a run');
}

program.parseAsync().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
