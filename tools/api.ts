// npm run api: the reference of all that the package exports, by TypeDoc, into api/.  -- --check: whether every export has its sentence.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { need } from './needs.mjs';

const root = join(import.meta.dirname, '..');
const check = process.argv.includes('--check');

interface Reflection {
  name: string;
  /** `'reference'` to what another sub-path has. */
  readonly variant: string;
  readonly comment?: { hasVisibleComponent(): boolean };
  readonly signatures?: readonly Reflection[];
  readonly getSignature?: Reflection;
  readonly children?: readonly Reflection[];
}
interface Application {
  convert(): Promise<Reflection | undefined>;
  validate(project: Reflection): void;
  generateDocs(project: Reflection, out: string): Promise<void>;
  readonly logger: { hasErrors(): boolean; hasWarnings(): boolean };
}
interface TypeDoc {
  Application: { bootstrap(options: object): Promise<Application> };
}

const isExplained = ({ comment, signatures = [], getSignature }: Reflection): boolean =>
  [comment, getSignature?.comment, ...signatures.map((one) => one.comment)].some((one) => one?.hasVisibleComponent());

/** What has no sentence: the name where it has no members, else those of its members. Options say all by their members. */
function unexplained(exported: Reflection): string[] {
  if (exported.variant === 'reference' || isExplained(exported)) return [];
  const { name, children = [] } = exported;
  const silent = children.filter((member) => !isExplained(member));
  return children.length === 0 ? [name] : silent.map((member) => `${name}.${member.name}`);
}

// Its TypeScript is one with the compiler's interface for programs, which 7 does not have.
const typedoc = (await need('api')).resolve('typedoc');
const { Application } = (await import(pathToFileURL(typedoc).href)) as TypeDoc;
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, string | { types: string }>;
};
const entryPoints = Object.values(manifest.exports).flatMap((entry) =>
  typeof entry === 'string' ? [] : [entry.types.replace('./dist/types', 'src').replace('.d.ts', '.ts')],
);
const application = await Application.bootstrap({
  entryPoints: entryPoints.map((file) => join(root, file)),
  tsconfig: join(root, 'tsconfig.build.json'),
  name: 'gramian',
  readme: 'none',
  disableSources: true,
  excludeInternal: true,
  logLevel: 'Warn',
  validation: { notDocumented: false, invalidLink: true, notExported: false },
});
const project = await application.convert();
if (!project) process.exit(1);
application.validate(project);
const modules = project.children ?? [];
for (const module of modules) module.name = module.name === 'index' ? 'gramian' : `gramian/${module.name}`;
const silent = modules.flatMap((module) =>
  (module.children ?? []).flatMap(unexplained).map((name) => `${module.name}: ${name}`),
);
for (const name of silent) console.error(`api: ${name} has no sentence, expected a comment /** */ above it.`);
if (!check) await application.generateDocs(project, join(root, 'api'));
process.exitCode = silent.length > 0 || application.logger.hasErrors() || application.logger.hasWarnings() ? 1 : 0;
