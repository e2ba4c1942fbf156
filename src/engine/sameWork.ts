import type { Context } from '../core/context.ts';
import type { Storage } from '../gpu/buffers.ts';
import { type CapturedFunction, type CapturedLaunch, isMade } from './capture.ts';

const OP = 'recorded';

/** Refuses a second run that asks for other work than the first: a replay would repeat the first one's. */
export function assertSameWork(context: Context, first: CapturedFunction, second: CapturedFunction): void {
  const refuse = (sentence: string): never => context.fail(OP, sentence);
  const [a, b] = [first.capture, second.capture];
  const uploads = a.uploads.length === b.uploads.length && a.uploads.every((list, i) => equal(list, b.uploads[i]));
  if (!uploads)
    refuse(
      'fn uploads other numbers than at its first call, expected the same; make the tensor outside and pass it as an input.',
    );
  const roles = [rolesOf(first), rolesOf(second)];
  for (let i = 0; i < Math.max(a.launches.length, b.launches.length); i++) {
    const [was, is] = [a.launches[i], b.launches[i]];
    if (was?.pipeline !== is?.pipeline || was.groups !== is.groups || !sameShape(was, is))
      return refuse(
        `launch ${i} was ${name(was)} and is now ${name(is)}, expected the same work at every call; decide outside of fn.`,
      );
    const { kernel } = was.pipeline;
    if (!was.repack)
      for (const member of kernel.params.members) {
        const word = member.offset / 4;
        if (was.params[word] === is.params[word]) continue;
        const [before, now] = [was, is].map(({ params }) => numberAt(params, word, member.type));
        refuse(
          `${member.name} of ${kernel.name} was ${before} and is now ${now}, expected the same at every call; ` +
            'keep it in a tensor that you write(), or in optimizer.learningRate.',
        );
      }
    kernel.buffers.forEach((buffer, at) => {
      const [before, now] = [was.storages[at], is.storages[at]];
      if (!sameBinding(before, roles[0](before), now, roles[1](now)))
        refuse(
          `${buffer.name} of ${kernel.name} is another tensor than at the first call, expected the same; pass it as an input.`,
        );
    });
  }
}

/** An input's position, or when the storage first came up among those that `fn` made; itself where it is neither. */
function rolesOf({ capture, inputs, source }: CapturedFunction): (storage: Storage) => Storage | string {
  const order = new Map<Storage, number>();
  for (const { storages } of capture.launches)
    for (const storage of storages) {
      const whole = storage.whole ?? storage;
      if (isMade(source, whole) && !inputs.includes(whole) && !order.has(whole)) order.set(whole, order.size);
    }
  return (storage) => {
    const whole = storage.whole ?? storage;
    const input = inputs.indexOf(whole);
    if (input >= 0) return `input ${input}`;
    const made = order.get(whole);
    return made === undefined ? whole : `made ${made}`;
  };
}

function sameBinding(a: Storage, roleA: Storage | string, b: Storage, roleB: Storage | string): boolean {
  const place = (storage: Storage) => storage.offset - (storage.whole?.offset ?? storage.offset);
  if (a.bytes !== b.bytes || place(a) !== place(b)) return false;
  if (typeof roleA === 'string' || typeof roleB === 'string') return roleA === roleB;
  return roleA.buffer === roleB.buffer && roleA.offset === roleB.offset;
}

function name(launch: CapturedLaunch | undefined): string {
  return launch ? `${launch.pipeline.kernel.name} of ${launch.groups} workgroups` : 'none';
}

function numberAt(params: Uint32Array<ArrayBuffer>, word: number, type: 'u32' | 'i32' | 'f32'): number {
  if (type === 'u32') return params[word];
  return type === 'f32' ? new Float32Array(params.buffer)[word] : new Int32Array(params.buffer)[word];
}

function equal(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}

/** Whether both are dispatched alike and read the same parts of their operands. */
function sameShape(a: CapturedLaunch, b: CapturedLaunch): boolean {
  return `${a.grid}` === `${b.grid}` && JSON.stringify(a.copied) === JSON.stringify(b.copied);
}
