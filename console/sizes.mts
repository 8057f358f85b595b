/**
 * What the first screen takes over the wire: the JavaScript of the entry and of the overview, compressed as a host
 * does it. Fails when it is more than a person on a slow line should wait for.
 */
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const MAX_BYTES = 400_000;
const DIST = new URL('dist/', import.meta.url);
const FIRST = ['index.html', 'src/screens/overview/screen.tsx', 'src/session/local.ts'];

interface Chunk {
  readonly file: string;
  readonly imports?: readonly string[];
}

const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', DIST), 'utf8')) as Record<string, Chunk>;
const files = new Set<string>();

function take(name: string): void {
  const chunk = manifest[name];
  if (chunk === undefined) {
    throw new Error(`${name} is not in the build`);
  }
  if (!files.has(chunk.file)) {
    files.add(chunk.file);
    chunk.imports?.forEach(take);
  }
}

FIRST.forEach(take);
const bytes = [...files].reduce((sum, file) => sum + gzipSync(readFileSync(new URL(file, DIST))).length, 0);
process.stdout.write(`the first screen takes ${Math.round(bytes / 1000)} kB of JavaScript, compressed\n`);
if (bytes > MAX_BYTES) {
  process.stderr.write(`that is more than ${MAX_BYTES / 1000} kB: let what it does not need come later (import())\n`);
  process.exit(1);
}
