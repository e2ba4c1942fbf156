import { type Contents, newContents } from './failures.ts';

interface KnownRange {
  offset: number;
  end: number;
  readonly contents: Contents;
}

/** What is known of the numbers in buffers that others name too: theirs, and ours that were handed out. */
export class KnownRanges {
  readonly #ranges = new WeakMap<GPUBuffer, KnownRange[]>();

  /** Of a range of somebody's buffer. Ranges that overlap share what is known: a write to one is a write to the other. */
  at(buffer: GPUBuffer, offset: number, bytes: number): Contents {
    const known = this.#ranges.get(buffer) ?? [];
    this.#ranges.set(buffer, known);
    const end = offset + bytes;
    const range = known.find((other) => other.offset < end && offset < other.end);
    if (!range) {
      const contents = newContents();
      known.push({ offset, end, contents });
      return contents;
    }
    if (range.offset !== offset || range.end !== end) range.contents.inParts = true;
    range.offset = Math.min(range.offset, offset);
    range.end = Math.max(range.end, end);
    return range.contents;
  }

  /** A buffer of ours goes into other hands: a tensor made on it is another handle on these numbers. */
  own(buffer: GPUBuffer, bytes: number, contents: Contents): void {
    this.#ranges.set(buffer, [{ offset: 0, end: bytes, contents }]);
  }

  /** All that is known of numbers that lie there. */
  within(buffer: GPUBuffer, offset: number, bytes: number): Contents[] {
    const known = this.#ranges.get(buffer) ?? [];
    return known.filter((range) => range.offset < offset + bytes && offset < range.end).map(({ contents }) => contents);
  }
}
