import type { GramianError } from './errors.ts';

/** Something that went wrong on the GPU, or was found there, after the call that asked for it had returned. */
export class Failure {
  readonly error: GramianError;
  /** Whether a call has thrown it: `sync()` reports those that none has. */
  told = false;

  constructor(error: GramianError) {
    this.error = error;
  }

  /** The first cause, the same at every call. */
  throw(): never {
    this.told = true;
    throw this.error;
  }
}

/** What is known of the numbers in one place of GPU memory, shared by every handle on that place. */
export interface Contents {
  /** Counts what was written there after the numbers were first made. */
  version: number;
  /** Who wrote last: a kernel's name, or a call. */
  writer: string;
  /** Why these are not the numbers that were asked for; null where they are. */
  failure: Failure | null;
  /** Handles name different parts of it: numbers written through one do not make the others right. */
  inParts: boolean;
}

export function newContents(): Contents {
  return { version: 0, writer: '', failure: null, inParts: false };
}

/** What a launch, a copy or a write reads and writes in GPU memory, in the order of its buffers. */
export interface Effect {
  readonly kernel: { readonly buffers: readonly { readonly name: string; readonly access: 'read' | 'read_write' }[] };
  readonly storages: readonly { readonly contents: Contents }[];
  /** Buffers that it fills from end to end without reading them, by name. */
  readonly overwrites?: readonly string[];
}

/** A submit that the GPU has not answered for, or whose checks were not read. */
export interface Submit {
  readonly effects: readonly Effect[];
  answered: boolean;
}

const READ = { name: 'from', access: 'read' } as const;
const WRITTEN = { name: 'to', access: 'read_write' } as const;
const COPY = { buffers: [READ, WRITTEN] };
const ALL_WRITTEN = [WRITTEN.name];

/** A copy of `from` that the CPU waits for: `to` fails as the numbers read do, whatever becomes of them later. */
export function readEffect(from: { readonly contents: Contents }, to: { readonly contents: Contents }): Effect {
  return { kernel: COPY, storages: [from, to] };
}

/** What is written together fails together, whichever of the numbers read it is for. */
export function togetherEffect(
  from: readonly { readonly contents: Contents }[],
  to: readonly { readonly contents: Contents }[],
): Effect {
  const buffers = [...from.map(() => READ), ...to.map(() => WRITTEN)];
  return { kernel: { buffers }, storages: [...from, ...to] };
}

/** `to` gets new numbers, whatever it held. */
export function writeEffect(...to: { readonly contents: Contents }[]): Effect {
  return { kernel: { buffers: to.map(() => WRITTEN) }, storages: to, overwrites: ALL_WRITTEN };
}

/** A place among the effects. */
export function newMark(): Effect {
  return { kernel: { buffers: [] }, storages: [] };
}

/**
 * Remembers what failed, so that no number is read that was never computed. The GPU answers for a submit after the calls
 * that made it have returned, and more may have been computed from it by then. So what each unanswered submit reads and
 * writes is kept; a refusal marks all that the submit was to write, and walks on through everything computed from that.
 */
export class Failures {
  /** Whether anything ever failed: until then nothing needs to be looked at. */
  any = false;
  /** Asked for the effects that are encoded and not submitted. */
  encoded: () => readonly Effect[] = () => [];
  /** Answered submits stay while a check of what they read may still fail them. */
  keep: () => boolean = () => false;
  readonly #submits: Submit[] = [];
  #list: Failure[] = [];
  /** What the submit before failed with, or what it used failed with. */
  #last: Failure | null = null;

  /** Remembers it for `sync()`, and for whoever uses what it spoilt. */
  add(error: GramianError): Failure {
    const known = this.#list.find((failure) => failure.error === error);
    if (known) return known;
    // A buffer that is gone fails one submit after another, and is one cause.
    if (this.#last?.error.message === error.message) return this.#last;
    const failure = new Failure(error);
    this.#list = this.#list.filter(({ told }) => !told);
    this.#list.push(failure);
    this.any = true;
    return failure;
  }

  /** Throws the first failure that no call has thrown yet. */
  throwUntold(): void {
    const untold = this.#list.find(({ told }) => !told);
    this.#list = [];
    if (untold) untold.throw();
  }

  submitted(effects: readonly Effect[]): Submit {
    const submit = { effects, answered: false };
    this.#submits.push(submit);
    if (this.any) for (const effect of effects) pass(effect);
    return submit;
  }

  /** The GPU took this submit, or, with a failure, none of it. */
  answer(submit: Submit, failure: Failure | null): void {
    submit.answered = true;
    const inherits =
      this.#last && submit.effects.some(({ storages }) => storages.some(({ contents }) => contents.failure));
    if (failure || !inherits) this.#last = failure;
    if (failure) {
      for (const effect of submit.effects) for (const contents of writes(effect)) contents.failure ??= failure;
      for (const effect of this.#after(submit)) pass(effect);
    }
    this.release();
  }

  /** What else was written by the effects that wrote this. */
  writtenWith(contents: Contents): Contents[] {
    const found = new Set<Contents>();
    for (const effect of this.#all())
      if (writes(effect).includes(contents)) for (const also of writes(effect)) found.add(also);
    return [...found];
  }

  /**
   * A check has found, at `mark` among the effects, that what `tainted` holds is unfit to be computed with: all that was made
   * of it since fails. Its own numbers stay readable, as they are what somebody put there; those of `spoilt` do not.
   */
  taint(mark: Effect, tainted: readonly Contents[], spoilt: readonly Contents[], failure: Failure): void {
    const before = tainted.map((contents) => contents.failure);
    for (const contents of [...tainted, ...spoilt]) contents.failure ??= failure;
    let reached = false;
    for (const effect of this.#all()) {
      if (reached) pass(effect);
      reached ||= effect === mark;
    }
    tainted.forEach((contents, i) => {
      if (contents.failure === failure) contents.failure = before[i];
    });
  }

  /** Forgets the submits that nothing can fail any more. */
  release(): void {
    if (this.keep()) return;
    const open = this.#submits.findIndex(({ answered }) => !answered);
    this.#submits.splice(0, open < 0 ? this.#submits.length : open);
  }

  *#after(submit: Submit): Generator<Effect> {
    for (let i = this.#submits.indexOf(submit) + 1; i < this.#submits.length; i++) yield* this.#submits[i].effects;
    yield* this.encoded();
  }

  *#all(): Generator<Effect> {
    for (const { effects } of this.#submits) yield* effects;
    yield* this.encoded();
  }
}

function writes({ kernel: { buffers }, storages }: Effect): Contents[] {
  return storages.filter((_, i) => buffers[i].access === 'read_write').map(({ contents }) => contents);
}

/** What an effect writes fails as what it reads does; what it overwrites with good numbers is good again. */
function pass({ kernel: { buffers }, storages, overwrites }: Effect): void {
  let failure: Failure | null = null;
  for (let i = 0; i < storages.length && !failure; i++)
    if (!overwrites?.includes(buffers[i].name)) failure = storages[i].contents.failure;
  for (let i = 0; i < storages.length; i++) {
    const { contents } = storages[i];
    if (failure) {
      if (buffers[i].access === 'read_write') contents.failure ??= failure;
    } else if (overwrites?.includes(buffers[i].name) && !contents.inParts) contents.failure = null;
  }
}
