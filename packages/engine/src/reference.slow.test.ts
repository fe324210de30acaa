/** Families in layers that `reference.test.ts` has in one piece only. */
import { LAYERED_LATER } from './reference.test-support.js';
import { describePlan } from './reference-plans.test-support.js';

for (const architecture of LAYERED_LATER) describePlan(architecture, 'layered');
