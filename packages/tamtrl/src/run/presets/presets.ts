/** The presets there are. A new one is an object and a line here. */
import { babilong } from './babilong.js';
import { mini, miniLong } from './mini.js';
import type { Preset } from './preset.js';
import { paperPresets, smollm2 } from './pretrained.js';

export const presets: readonly Preset[] = [mini, miniLong, babilong, smollm2, ...paperPresets];

export function findPreset(name: string): Preset | undefined {
  return presets.find((preset) => preset.name === name);
}
