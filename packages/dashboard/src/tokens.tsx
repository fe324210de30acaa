/** The tokens of a memory, coloured by how likely they were or by their advantage. */
import type { TokenView, TurnView } from 'tamtrl/view';
import { number, signed, visible } from './text.js';

export const COLOURINGS = ['student', 'teacher', 'difference', 'advantage'] as const;
export type Colouring = (typeof COLOURINGS)[number];

export const COLOURING_NAMES: Record<Colouring, string> = {
  student: 'Student',
  teacher: 'Teacher',
  difference: 'Teacher − student',
  advantage: 'Advantage',
};

/** What a colour stands for, in words. */
export const COLOURING_NOTES: Record<Colouring, string> = {
  student: 'Darker: less likely when the student wrote it. Log-probability in nats.',
  teacher: 'Darker: less likely for the teacher, who reads only what is relevant. Log-probability in nats.',
  difference: 'Blue: likelier for the teacher. Orange: likelier for the student. Difference in nats.',
  advantage: 'Blue: the turn is made likelier. Orange: less likely. All tokens of a turn share its advantage.',
};

/** Nats at which a colour is full. */
const FULL = 4;

function shownValue(
  { student, teacher }: TokenView,
  { advantage }: TurnView,
  colouring: Colouring,
): number | undefined {
  if (colouring === 'advantage') return advantage;
  if (colouring === 'student') return student ?? undefined;
  if (teacher === undefined || teacher === null) return undefined;
  if (colouring === 'teacher') return teacher;
  return student === null ? undefined : teacher - student;
}

/** Okabe and Ito's blue and orange, which colour-blind readers can tell apart, from clear to full. */
function colourOf(value: number | undefined, colouring: Colouring): string {
  if (value === undefined) return 'transparent';
  const strength = Math.min(1, Math.abs(value) / (colouring === 'advantage' ? 2 : FULL));
  const share = `${Math.round(75 * Math.sqrt(strength))}%`;
  const isGood = colouring === 'difference' || colouring === 'advantage' ? value > 0 : false;
  return `color-mix(in srgb, var(${isGood ? '--blue' : '--orange'}) ${share}, transparent)`;
}

export function Tokens({ turn, colouring, values }: { turn: TurnView; colouring: Colouring; values: boolean }) {
  if (!turn.tokens) return <p class="memory">{visible(turn.text)}</p>;
  return (
    <p class={values ? 'memory tokens values' : 'memory tokens'} data-colouring={colouring}>
      {turn.tokens.map((token) => {
        const value = shownValue(token, turn, colouring);
        const said = [
          `student ${number(token.student)}`,
          ...(token.teacher === undefined ? [] : [`teacher ${number(token.teacher)}`]),
        ].join(', ');
        const shown =
          value === undefined
            ? '–'
            : colouring === 'student' || colouring === 'teacher'
              ? number(value, 2)
              : signed(value);
        return (
          <span class="token" style={{ background: colourOf(value, colouring) }} title={said}>
            {visible(token.text)}
            {values && <small>{shown}</small>}
          </span>
        );
      })}
    </p>
  );
}
