import { basename, delimiter, dirname, join, relative, resolve } from 'node:path';

interface Invocation {
  readonly env: NodeJS.ProcessEnv;
  /** The script that Node runs, as it was found: behind a link in a folder of programs, the link. */
  readonly script: string;
  readonly cwd: string;
}

/**
 * A command of this program as it works where this one was typed: `gramian` alone is found by a shell only where the package is
 * installed for all.
 * @param command such as `train --resume FILE`
 */
export function asTyped(
  command: string,
  { env, script, cwd }: Invocation = { env: process.env, script: process.argv[1] ?? '', cwd: process.cwd() },
): string {
  // npm names the script that it runs, and passes that on to everything below.
  const { npm_lifecycle_event: event, npm_package_name: owner } = env;
  const [, ofTrain] = /^train\b ?(.*)$/.exec(command) ?? [];
  if (event === 'start' && owner === 'gramian' && ofTrain !== undefined)
    return `npm start --${ofTrain && ` ${ofTrain}`}`;
  const folder = dirname(resolve(cwd, script));
  const installed = /[\\/]node_modules[\\/](\.bin|gramian[\\/]dist)$/.test(folder);
  if (event !== undefined || installed) return `npx gramian ${command}`;
  const onPath = (env.PATH ?? '').split(delimiter).some((one) => one !== '' && resolve(cwd, one) === folder);
  if (onPath && basename(script).startsWith('gramian')) return `gramian ${command}`;
  const way = relative(cwd, join(folder, basename(script)));
  return `node ${/\s/.test(way) ? JSON.stringify(way) : way} ${command}`;
}
