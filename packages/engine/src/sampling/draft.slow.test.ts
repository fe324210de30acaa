/** Drafts for the families that `draft.test.ts` leaves out. */
import { LAYERED_LATER } from '../reference.test-support.js';
import { describeDrafts } from './draft.test-support.js';

for (const architecture of LAYERED_LATER) if (architecture !== 'gemma3') describeDrafts(architecture);
