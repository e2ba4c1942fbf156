import { operandTextures } from '#platform';
import { AdapterSpeed } from './adapterSpeed.ts';
import { type Storage, USAGE } from './buffers.ts';
import { encodeLaunches } from './encode.ts';
import { NoRoomError } from './errors.ts';
import {
  type Effect,
  type Failure,
  type Failures,
  newContents,
  readEffect,
  type Submit,
  writeEffect,
} from './failures.ts';
import { MAX_PER_DIMENSION } from './grid.ts';
import { type Launch, SLOT_BYTES } from './launch.ts';
import type { OperandTextures } from './operandTextures.ts';
import type { BindGroupCache } from './pipelines.ts';
import { Readback } from './readback.ts';

const SLOT_WORDS = SLOT_BYTES / 4;
const SLOTS = 256;
const BUDGET_MS = 100; // a desktop's watchdog kills work of about 2 s; a page should stay alive meanwhile

/** What the queue needs to know of the device around it. */
export interface QueueHost {
  readonly failures: Failures;
  /** Whether the GPU has not said yet if there is room for a buffer that was made. */
  readonly unanswered: () => boolean;
  /** Gives idle memory back. */
  readonly makeRoom: () => void;
  /** Why this submit was refused. */
  readonly refused: (error: GPUError, effects: readonly Effect[]) => Promise<Failure>;
  /** A pause for software adapters, which compute on the cores that run this process. */
  readonly pace: ((done: Promise<unknown>) => void) | null;
}

/**
 * Encodes launches and submits them together when control returns to the event loop, when the parameter slots are used
 * up, or when the work encoded would keep the GPU busy for long. While the GPU has not answered whether there is room for
 * a new buffer, all that would touch the queue is held, in order: a buffer that failed can then be made once more.
 */
export class LaunchQueue {
  /** Numbers the submit that is being encoded. */
  current = 0;
  submits = 0;
  launches = 0;
  readonly #device: GPUDevice;
  readonly groups: BindGroupCache;
  readonly textures: OperandTextures | null;
  readonly #host: QueueHost;
  /** Has the owner of a device submit what it holds back, before we touch what that writes. */
  beforeRun: (() => void) | null = null;
  readonly #staged = new Uint32Array(SLOTS * SLOT_WORDS);
  readonly params: GPUBuffer;
  readonly #readback: Readback;
  /** The launches of the pass that is being encoded: each has the parameter slot of its number. */
  #pass: Launch[] | null = null;
  /** The launches, and what else is to be remembered of them in their order. */
  #effects: Effect[] = [];
  #held: (() => void)[] = [];
  /** The first submit that waits, as `current` counts. */
  #heldFrom = Number.POSITIVE_INFINITY;
  /** Counts what was given to the GPU that writes. */
  #changes = 0;
  /** How often what was held had to go to the GPU without its answer. */
  forced = 0;
  #work = 0;
  #certain = true;
  #scheduled = false;
  /** Settled when the GPU has answered for all submits so far, and what failed is marked. */
  #answers: Promise<void> = Promise.resolve();
  readonly #speed: AdapterSpeed;
  /** Set by tests to cut every launch to this many groups. */
  groupsPerSubmit = Number.POSITIVE_INFINITY;
  /** Set by tests to fold launches of more groups than this. */
  foldFrom = MAX_PER_DIMENSION;

  constructor(device: GPUDevice, groups: BindGroupCache, workPerMs: number, host: QueueHost) {
    this.#device = device;
    this.groups = groups;
    this.textures = operandTextures(device, {
      onForget: (texture) => groups.forget(texture),
      onOutOfMemory: (error) => host.failures.add(error),
    });
    this.#speed = new AdapterSpeed(workPerMs);
    this.#host = host;
    host.failures.encoded = () => this.#effects;
    this.#readback = new Readback(device);
    this.params = device.createBuffer({
      label: 'gramian params',
      size: SLOTS * SLOT_BYTES,
      usage: USAGE.UNIFORM | USAGE.COPY_DST,
    });
  }

  launch(launch: Launch): void {
    const { groups, grid, work, conditional = false } = launch;
    const budget = this.#speed.workPerMs * BUDGET_MS;
    const most = Math.min(groups, this.groupsPerSubmit, Math.floor((groups * budget) / Math.max(work, 1)));
    const cut = grid ? groups : Math.max(1, most);
    if (launch.before) this.note(launch.before);
    for (let first = 0; first < groups; first += cut) {
      const end = Math.min(groups, first + cut);
      this.#encodeDispatch(launch, first, end);
      this.#work += (work * (end - first)) / groups;
      if (conditional) this.#certain = false;
      if (this.#work >= budget || end - first >= this.groupsPerSubmit) this.#close();
    }
  }

  #encodeDispatch(launch: Launch, first: number, end: number): void {
    if (this.#pass?.length === SLOTS) this.#close();
    if (!this.#pass) {
      this.beforeRun?.();
      this.#schedule();
    }
    this.#pass ??= [];
    const at = this.#pass.length * SLOT_WORDS;
    this.#staged.set(launch.params, at);
    if (!launch.grid) {
      this.#staged[at] = first;
      this.#staged[at + 1] = end;
    }
    this.#pass.push(launch);
    this.#effects.push(launch);
    this.launches++;
  }

  /** Remembers something between two launches that is none. */
  note(effect: Effect): void {
    this.#effects.push(effect);
  }

  /** Whether anything is encoded or held that the GPU was not given. */
  get pending(): boolean {
    return this.#pass !== null || this.#held.length > 0;
  }

  /** Nothing stays unsubmitted once the caller's synchronous code has ended. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#close();
    });
  }

  /** Submits what is encoded, in its turn. */
  #close(): void {
    const pass = this.#pass;
    const effects = this.#effects;
    const work = this.#work;
    const certain = this.#certain;
    if (!pass) return;
    this.#pass = null;
    this.#effects = [];
    this.#work = 0;
    this.#certain = true;
    this.current++;
    // The slots may be written again at once, unless the submit has to wait.
    const words = this.#staged.subarray(0, pass.length * SLOT_WORDS);
    if (!this.#holding) return this.#submit(pass, effects, words, certain ? work : 0);
    const kept = words.slice();
    this.#hold(this.current - 1, () => this.#submit(pass, effects, kept, certain ? work : 0));
  }

  #hold(number: number, item: () => void): void {
    if (this.#held.length === 0) this.#heldFrom = number;
    this.#held.push(item);
  }

  get #holding(): boolean {
    return this.#held.length > 0 || this.#host.unanswered();
  }

  /** Gives the GPU all that is encoded and held, now. */
  flush(): void {
    this.#close();
    if (this.#host.unanswered()) this.forced++;
    this.release();
  }

  /** Gives the GPU what was held. */
  release(): void {
    const held = this.#held;
    this.#held = [];
    this.#heldFrom = Number.POSITIVE_INFINITY;
    for (const item of held) item();
  }

  /** Runs `fn` after all that is encoded so far: at once, unless that has to wait. */
  inTurn(fn: () => void): void {
    this.#close();
    if (this.#holding) this.#hold(this.current, fn);
    else fn();
  }

  /** Runs `fn` when the work that names this slot is submitted. */
  afterUse(slot: { readonly usedAt: number }, fn: () => void): void {
    if (slot.usedAt < Math.min(this.#heldFrom, this.current)) fn();
    else this.inTurn(fn);
  }

  /** Writes from the CPU: a write would overtake encoded work that still reads the old numbers. */
  write(storage: Storage, values: Float32Array | Int32Array | Uint32Array): void {
    const { slot } = storage;
    if (!slot) this.beforeRun?.(); // memory of others
    if (!slot || slot.usedAt >= this.current) this.#close();
    const kept = this.#holding ? values.slice() : values; // their owner may change them meanwhile
    const write = (): void => {
      const submit = this.#host.failures.submitted([writeEffect(storage)]);
      this.#changes++;
      this.#device.pushErrorScope('validation');
      this.#device.queue.writeBuffer(storage.buffer, storage.offset, kept.buffer, kept.byteOffset, kept.byteLength);
      this.#answer(submit);
    };
    if (this.#holding) this.#hold(this.current, write);
    else write();
  }

  #submit(
    launches: readonly Launch[],
    effects: readonly Effect[],
    words: Uint32Array<ArrayBuffer>,
    work: number,
  ): void {
    const device = this.#device;
    const { params } = this;
    const submit = this.#host.failures.submitted(effects);
    device.pushErrorScope('validation');
    const encoder = device.createCommandEncoder({ label: 'gramian step' });
    encodeLaunches(encoder, launches, words, this);
    device.queue.writeBuffer(params, 0, words);
    device.queue.submit([encoder.finish()]);
    this.textures?.submitted();
    this.#answer(submit);
    this.submits++;
    this.#changes++;
    const done = device.queue.onSubmittedWorkDone();
    this.#host.pace?.(done);
    this.#speed.learn(work, done);
  }

  /** As for a submit of ours, for what the caller is about to submit in the same turn of the event loop. */
  paceHost(): void {
    const { pace } = this.#host;
    if (pace) queueMicrotask(() => pace(this.#device.queue.onSubmittedWorkDone()));
  }

  /** Takes the GPU's answer for a submit, after those before it. */
  #answer(submit: Submit): void {
    const { failures, refused } = this.#host;
    const error = this.#device.popErrorScope().catch(() => null); // the device is gone: its own log says so
    this.#answers = Promise.all([error, this.#answers]).then(async ([refusal]) =>
      failures.answer(submit, refusal ? await refused(refusal, submit.effects) : null),
    );
  }

  /**
   * Copies a range to the CPU, after everything encoded so far; throws what made those numbers fail.
   * @param checked resolves when what was found by the checks up to here is marked
   */
  async read(storage: Storage, bytes: number, checked: () => Promise<void>): Promise<ArrayBuffer> {
    const { failures } = this.#host;
    this.beforeRun?.();
    const to = { contents: newContents() };
    let submit: Submit | null = null;
    let answers = this.#answers;
    try {
      return await new Promise<ArrayBuffer>((resolve, reject) =>
        this.inTurn(() => {
          submit = failures.submitted([readEffect(storage, to)]);
          answers = this.#answers;
          this.#copy(storage, bytes).then(resolve, reject);
        }),
      );
    } finally {
      await answers;
      await checked();
      if (submit) failures.answer(submit, null);
      to.contents.failure?.throw();
    }
  }

  /** Where there is no room to copy to, idle buffers are given back and it is tried again: unless the numbers may be others by now. */
  async #copy(storage: Storage, bytes: number): Promise<ArrayBuffer> {
    const changes = this.#changes;
    try {
      const reading = this.#readback.read(storage.buffer, storage.offset, bytes);
      this.#host.pace?.(reading); // what it waits for may be work of others
      return await reading;
    } catch (error) {
      if (!(error instanceof NoRoomError) || this.#changes !== changes) throw error;
      this.#host.makeRoom();
      return this.#readback.read(storage.buffer, storage.offset, bytes);
    }
  }

  /** Resolves when the GPU has finished all that was encoded, and what failed is marked. */
  async idle(): Promise<void> {
    let answers = this.#answers;
    await new Promise<void>((resolve, reject) =>
      this.inTurn(() => {
        answers = this.#answers;
        const done = this.#device.queue.onSubmittedWorkDone();
        this.#host.pace?.(done); // with the work of others on this device
        done.then(() => resolve(), reject);
      }),
    );
    await answers;
  }

  destroy(): void {
    this.flush();
    this.params.destroy();
    this.textures?.destroy();
    this.#readback.destroy();
  }
}
