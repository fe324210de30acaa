/** Worker threads run built files, even when tests run the TypeScript sources. */

/**
 * URL of a file of this package's build, by its path below the root of sources and build.
 *
 * @param importer `import.meta.url` of a module that lies in a folder of that root
 */
export function builtFile(importer: string, path: string): URL {
  return new URL(importer.endsWith('.ts') ? `../../dist/${path}` : `../${path}`, importer);
}
