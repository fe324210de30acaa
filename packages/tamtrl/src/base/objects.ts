/** Settings of which some are not given. */

/** Without the keys whose value is undefined, so that a spread leaves what stands below them. */
export function given<Settings extends object>(settings: Settings): Partial<Settings> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as Partial<Settings>;
}
