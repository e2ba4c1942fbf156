import type { DeviceInfo } from '../gpu/deviceInfo.ts';
import type { Tuning } from '../gpu/kernel.ts';
import { edition } from '../gpu/kernels.generated.ts';
import { SHIPPED } from './choices.shipped.ts';
import { type AdapterKind, type Cost, kindOf, predict } from './costModel.ts';

/** Something that ops may do in several ways, all with the same result but for rounding. Declared once, as a constant. */
export interface Choice<Option extends string = string> {
  /** `'pair sweep'` */
  readonly name: string;
  /** What each option costs; the cheapest is the default, the first of equals. */
  readonly options: Readonly<Record<Option, (sizes: readonly number[], kind: AdapterKind) => Cost>>;
}

/**
 * Where an answer comes from: predicted, measured by us on this kind of adapter, measured earlier on this one, measured by
 * this engine, or given to `createEngine`.
 */
export type ChoiceSource = 'model' | 'shipped' | 'cached' | 'tuned' | 'given';

/** What was chosen for one size class. */
export interface Answer<Option extends string = string> {
  /** `'pair sweep [1024, 128]'`: the choice, and the powers of two that its sizes are nearest to. */
  readonly question: string;
  readonly option: Option;
  readonly from: ChoiceSource;
  readonly reason: string;
}

/** Choices as they are cached and put into checkpoints: plain JSON. */
export interface Choices {
  /** Vendor, architecture and driver. */
  readonly adapter: string;
  /** The version of the package and of its kernels: another one asks other questions. */
  readonly edition: string;
  /** Option by question. */
  readonly options: Readonly<Record<string, string>>;
}

/** Adapter and driver, as far as WebGPU tells them. */
export function adapterName({ vendor, architecture, description }: DeviceInfo): string {
  return [vendor, architecture, description].filter(Boolean).join(' ');
}

/** Sizes are told apart by powers of two: what is best at 1000 rows is best at 1024. */
function classOf(size: number): number {
  return 2 ** Math.round(Math.log2(Math.max(1, size)));
}

/** Everything chosen so far, and how to choose what was not. */
export class ChoiceTable {
  /** Calls of `tune()`, each of which may have changed what is chosen. */
  tunings = 0;
  /** Options in use while the tuner tries them. */
  trial: ReadonlyMap<string, string> | null = null;
  /** What is chosen for: the engine's own, so that both always speak of the same adapter. */
  info: DeviceInfo;
  readonly #cached = new Map<string, { option: string; from: ChoiceSource; reason: string }>();
  readonly #answers = new Map<string, Answer>();
  #kind: AdapterKind;

  constructor(info: DeviceInfo) {
    this.info = info;
    this.#kind = kindOf(info);
    const { name } = this.#kind;
    this.cache(SHIPPED[name] ?? {}, 'shipped', `fastest when ${name} was measured`);
  }

  /**
   * The option to take at these sizes. The model is asked at the powers of two that stand for the sizes, so that one class
   * has one answer.
   * @param among the options that this adapter has; default all
   */
  ask<Option extends string>(
    choice: Choice<Option>,
    sizes: readonly number[],
    among: readonly Option[] = Object.keys(choice.options) as Option[],
  ): Answer<Option> {
    const kind = kindOf(this.info);
    if (kind !== this.#kind) this.#answers.clear(); // tests make one adapter another
    this.#kind = kind;
    const rounded = sizes.map(classOf);
    const question = `${choice.name} [${rounded.join(', ')}]`;
    const tried = this.trial?.get(question) as Option | undefined;
    if (tried !== undefined) return { question, option: tried, from: 'tuned', reason: 'on trial' };
    const known = this.#answers.get(question) as Answer<Option> | undefined;
    if (known && among.includes(known.option)) return known;
    const kept = this.#cached.get(question);
    const answer =
      kept && among.includes(kept.option as Option)
        ? { question, ...kept, option: kept.option as Option }
        : { question, from: 'model' as const, ...predicted(choice, rounded, among, kind) };
    this.#answers.set(question, answer);
    return answer;
  }

  cache(options: Choices['options'], from: ChoiceSource, reason: string): void {
    for (const [question, option] of Object.entries(options)) {
      this.#cached.set(question, { option, from, reason });
      this.#answers.delete(question);
    }
  }

  /** Whether it was measured on this very adapter. */
  isMeasured(question: string): boolean {
    const from = this.#cached.get(question)?.from;
    return from === 'cached' || from === 'tuned';
  }

  /** All that was chosen or is cached; what was measured here alone with `measured`. */
  export({ measured = false } = {}): Choices {
    const options: Record<string, string> = {};
    for (const [question, { option }] of this.#cached)
      if (!measured || this.isMeasured(question)) options[question] = option;
    if (!measured) for (const [question, { option }] of this.#answers) options[question] = option;
    return { adapter: adapterName(this.info), edition, options };
  }
}

function predicted<Option extends string>(
  choice: Choice<Option>,
  sizes: readonly number[],
  among: readonly Option[],
  kind: AdapterKind,
): { option: Option; reason: string } {
  const costs = among.map((option) => predict(choice.options[option](sizes, kind), kind));
  const best = costs.indexOf(Math.min(...costs));
  const others = among.map((option, i) => `${option} ${inMs(costs[i])}`).filter((_, i) => i !== best);
  const reason = `predicted ${inMs(costs[best])}${others.length > 0 ? `; ${others.join(', ')}` : ''}`;
  return { option: among[best], reason };
}

export function inMs(seconds: number): string {
  return `${Number((1000 * seconds).toPrecision(3))} ms`;
}

/**
 * Lets an answer travel with the kernel constants that follow from it, so that `explain` can say of a launch why it is as
 * it is. Under a symbol: spreading copies it, and neither the linker nor the pipeline cache sees it.
 */
export function because(tuning: Tuning, answer: Answer): Tuning {
  return { ...tuning, [Symbol.for(`gramian.choice.${answer.question}`)]: answer } as Tuning;
}

/** The answers that a launch's constants carry. */
export function reasonsOf(tuning: Tuning = {}): Answer[] {
  const carried = tuning as unknown as Record<symbol, Answer>;
  return Object.getOwnPropertySymbols(tuning).map((symbol) => carried[symbol]);
}

/** Choices out of a text, null where it is none. */
export function parseChoices(text: string): Choices | null {
  let value: Partial<Choices> | null;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  return isChoices(value) ? value : null;
}

export function isChoices(value: unknown): value is Choices {
  const { adapter, edition: made, options } = (value ?? {}) as Partial<Choices>;
  return (
    typeof adapter === 'string' &&
    typeof made === 'string' &&
    typeof options === 'object' &&
    options !== null &&
    Object.values(options).every((option) => typeof option === 'string')
  );
}
