/** The version of this program. */
import { readFileSync } from 'node:fs';

export function version(): string {
  // The same from src/cli and from dist/cli.
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
