/** RULER's string matches (arXiv 2404.06654), which look at the whole output. */

/**
 * Share of the references that the prediction contains, ignoring case (RULER's score for NIAH, vt, cwe and fwe).
 */
export function rulerStringMatchAll(prediction: string, references: readonly string[]): number {
  if (references.length === 0) return 0;
  const said = prediction.toLowerCase();
  return references.filter((reference) => said.includes(reference.toLowerCase())).length / references.length;
}

/** 1 if the prediction contains any reference, ignoring case (RULER's score for qa). */
export function rulerStringMatchPart(prediction: string, references: readonly string[]): number {
  const said = prediction.toLowerCase();
  return references.some((reference) => said.includes(reference.toLowerCase())) ? 1 : 0;
}
