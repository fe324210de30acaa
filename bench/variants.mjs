/** The methods that are compared, as patches of a run's configuration. */
export const VARIANTS = {
  tamtrl: { title: 'TAMTRL', config: { method: 'tamtrl' } },
  memagent: { title: 'MemAgent (outcome only)', config: { method: 'memagent' } },
  'no-length-norm': {
    title: 'TAMTRL, no length norm',
    config: { method: 'tamtrl', reward: { lengthNormalize: false } },
  },
  'no-minmax': { title: 'TAMTRL, no min-max', config: { method: 'tamtrl', reward: { minmax: false } } },
  gated: { title: 'TAMTRL, gated', config: { method: 'tamtrl', reward: { combine: 'gated' } } },
  additive: { title: 'TAMTRL, additive', config: { method: 'tamtrl', reward: { combine: 'additive' } } },
  'teacher-ema': { title: 'TAMTRL, EMA teacher', config: { method: 'tamtrl', teacher: 'ema' } },
  'teacher-frozen': { title: 'TAMTRL, frozen teacher', config: { method: 'tamtrl', teacher: 'frozen' } },
};
