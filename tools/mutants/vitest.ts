// Stands in for vitest where a mutation run imports the test files: it collects their tests, to run any of them again and
// again in one process, on one device. tsconfig.json beside it sends the name `vitest` here.
import { format } from 'node:util';
import { ASYMMETRIC_MATCHERS_OBJECT, chai, JestAsymmetricMatchers, JestChaiExpect, JestExtend } from '@vitest/expect';

type Fn = (...args: never[]) => unknown;

interface Suite {
  readonly name: string;
  readonly parent: Suite | null;
  readonly before: Fn[];
  readonly beforeEach: Fn[];
  readonly afterEach: Fn[];
  begun: boolean;
}

/** One test, its name prefixed with those of its suites. */
export interface Collected {
  readonly file: string;
  readonly name: string;
  readonly args: readonly unknown[];
  /** Makes what all tests of its file share. */
  prepare(): Promise<void>;
  /** Runs it with its hooks; `args` in place of the row that it was made from. */
  run(args?: readonly unknown[]): Promise<void>;
}

const tests: Collected[] = [];
let file = '';
let suite: Suite = open('', null);

function open(name: string, parent: Suite | null): Suite {
  return { name, parent, before: [], beforeEach: [], afterEach: [], begun: false };
}

/** Collects the tests of a file. */
export async function collect(path: string, name: string): Promise<Collected[]> {
  tests.length = 0;
  file = name;
  suite = open('', null);
  await import(path);
  return [...tests];
}

function suites(of: Suite): Suite[] {
  return of.parent ? [...suites(of.parent), of] : [of];
}

function add(name: string, args: readonly unknown[], fn: Fn): void {
  const chain = suites(suite);
  const title = [...chain.map((each) => each.name), format(name, ...args.filter((arg) => typeof arg !== 'object'))];
  tests.push({
    file,
    name: title.filter(Boolean).join(' > '),
    args,
    async prepare() {
      for (const each of chain) {
        if (!each.begun) for (const hook of each.before) await hook();
        each.begun = true;
      }
    },
    async run(given = args) {
      for (const each of chain) for (const hook of each.beforeEach) await hook();
      let failure: { error: unknown } | null = null;
      const attempt = async (what: () => unknown): Promise<void> => {
        try {
          await what();
        } catch (error) {
          failure ??= { error };
        }
      };
      await attempt(() => fn(...(given as never[])));
      for (const each of chain.toReversed()) for (const hook of each.afterEach) await attempt(hook);
      if (failure) throw (failure as { error: unknown }).error;
    },
  });
}

const rowOf = (row: unknown): unknown[] => (Array.isArray(row) ? row : [row]);

function testable(active: boolean) {
  const one = (name: string, fn: Fn): void => {
    if (active) add(name, [], fn);
  };
  return Object.assign(one, {
    each: (rows: readonly unknown[]) => (name: string, fn: Fn) => {
      if (active) for (const row of rows) add(name, rowOf(row), fn);
    },
  });
}

export const test = Object.assign(testable(true), {
  runIf: (condition: unknown) => testable(Boolean(condition)),
  skipIf: (condition: unknown) => testable(!condition),
});
export const it = test;

function inSuite(name: string, fn: () => void): void {
  const outer = suite;
  suite = open(name, outer);
  fn();
  suite = outer;
}

export const describe = Object.assign(inSuite, {
  each: (rows: readonly unknown[]) => (name: string, fn: Fn) => {
    for (const row of rows) {
      const args = rowOf(row);
      inSuite(format(name, ...args.filter((arg) => typeof arg !== 'object')), () => fn(...(args as never[])));
    }
  },
});

export const beforeAll = (fn: Fn): void => void suite.before.push(fn);
export const beforeEach = (fn: Fn): void => void suite.beforeEach.push(fn);
export const afterEach = (fn: Fn): void => void suite.afterEach.push(fn);
export const afterAll = (): void => {}; // the process ends instead

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);
const matchers = (globalThis as unknown as Record<symbol, object>)[ASYMMETRIC_MATCHERS_OBJECT];
export const expect = Object.assign(
  (value: unknown, message?: string) => chai.expect(value, message),
  chai.expect,
  matchers,
);
