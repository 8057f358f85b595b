/**
 * Whose work the built console contains, and under which licence: LICENCES.md, from the lock. `--check` fails where the
 * page is not current. A licence that nobody looked at fails in either case.
 */
import { readFileSync, writeFileSync } from 'node:fs';

/** Those that let the work be passed on with nothing but their notice. */
const LOOKED_AT = new Set(['MIT', 'Apache-2.0', 'BSD-3-Clause', 'ISC', '0BSD', 'Unlicense']);
const PAGE = new URL('LICENCES.md', import.meta.url);

interface Package {
  readonly version?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
}

const lock = JSON.parse(readFileSync(new URL('package-lock.json', import.meta.url), 'utf8')) as {
  readonly packages: Readonly<Record<string, Package>>;
};
const shipped = Object.entries(lock.packages)
  .filter(([path, one]) => path !== '' && !one.dev && !one.devOptional)
  .map(([path, one]) => ({ name: path.split('node_modules/').at(-1) ?? path, ...one }))
  .sort((one, other) => one.name.localeCompare(other.name, 'en'));
const unknown = shipped.filter(({ license }) => !LOOKED_AT.has(license ?? ''));
if (unknown.length > 0) {
  process.stderr.write(
    `look at the licences of: ${unknown.map(({ name, license }) => `${name} (${license})`).join(', ')}\n`,
  );
  process.exit(1);
}
const page = `# Licences

The built console contains these packages. \`make openapi\` makes this page from the lock.

| package | version | licence |
|---|---|---|
${shipped.map(({ name, version, license }) => `| ${name} | ${version} | ${license} |\n`).join('')}`;
if (!process.argv.includes('--check')) {
  writeFileSync(PAGE, page);
} else if (readFileSync(PAGE, 'utf8') !== page) {
  process.stderr.write('console/LICENCES.md is not current: make openapi\n');
  process.exit(1);
}
