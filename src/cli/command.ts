import { flagOf, type PartialConfig, type RunConfig } from './config.ts';

/** The command that gives this run again: every setting that decides its numbers, whatever the defaults are where it is typed. */
export function commandOf(config: RunConfig): string {
  const { accumulate, cached, validation, size, cropSize, corrupted, options, ...always } = config;
  return `gramian train${flagsOf({
    ...always,
    ...(accumulate > 1 ? { accumulate, cached } : {}),
    ...(validation > 0 ? { validation } : {}),
    ...(size > 0 ? { size } : {}),
    ...(cropSize > 0 ? { cropSize } : {}),
    corrupted,
    options,
  })}`;
}

/** Settings as the command line has them. */
export function flagsOf({ options = {}, ...settings }: Partial<PartialConfig>): string {
  const given = Object.entries(settings).filter(([, value]) => value !== undefined && value !== false);
  return [
    ...given.map(([name, value]) =>
      value === true ? ` --${flagOf(name)}` : ` --${flagOf(name)} ${quoted(String(value))}`,
    ),
    ...Object.entries(options).map(([name, value]) => ` --option ${quoted(`${name}=${optionText(value)}`)}`),
  ].join('');
}

/** As `--option` reads it: JSON, where a word by itself is a string, too. */
function optionText(value: unknown): string {
  if (typeof value === 'string' && /^[a-z][\w-]*$/i.test(value) && !/^(true|false|null)$/.test(value)) return value;
  return JSON.stringify(value);
}

/** A word as a POSIX shell reads it back. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
