/** Everything there is to look at. */
import { useState } from 'preact/hooks';
import type { Overview, SourceSummary } from 'tamtrl/view';
import { linkTo } from './route.js';
import { Problems, visible } from './text.js';

const HEADINGS = {
  run: 'Runs',
  comparison: 'Comparisons',
  evaluation: 'Evaluations',
  reading: 'Saved readings',
} as const;

export function OverviewView({ overview }: { overview: Overview }) {
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const toggle = (id: string) =>
    setChosen(chosen.includes(id) ? chosen.filter((other) => other !== id) : [...chosen, id]);
  const { sources, problems } = overview;
  return (
    <>
      <h1>What there is to see</h1>
      <Problems texts={problems} />
      {sources.length === 0 && problems.length === 0 && <p>Nothing yet. A run appears here when it begins.</p>}
      {Object.entries(HEADINGS).map(([kind, heading]) => {
        const own = sources.filter((source) => source.kind === kind).sort((a, b) => b.changed - a.changed);
        if (own.length === 0) return null;
        return (
          <section aria-label={heading}>
            <h2>{heading}</h2>
            <ul class="sources">
              {own.map((source) => (
                <li key={source.id}>
                  {kind === 'run' && (
                    <input
                      type="checkbox"
                      aria-label={`Compare ${source.name}`}
                      checked={chosen.includes(source.id)}
                      onChange={() => toggle(source.id)}
                    />
                  )}
                  <a href={linkTo([source.kind, source.id])}>
                    <strong>{visible(source.name)}</strong> <span>{source.about}</span>
                  </a>
                  {source.part !== undefined && <span class="note">part of {nameOf(sources, source.part)}, </span>}
                  <span class="note">{ageOf(source)}</span>
                  <Problems texts={source.problems} />
                </li>
              ))}
            </ul>
            {kind === 'run' && own.length > 1 && (
              <p>
                {chosen.length > 1 ? (
                  <a class="button" href={linkTo(['runs', chosen.join()])}>
                    Curves of {chosen.length} runs over each other
                  </a>
                ) : (
                  <span class="note">Choose two or more runs to see their curves over each other.</span>
                )}
              </p>
            )}
          </section>
        );
      })}
    </>
  );
}

function nameOf(sources: readonly SourceSummary[], id: string): string {
  return visible(sources.find((source) => source.id === id)?.name ?? 'a comparison');
}

function ageOf({ changed }: SourceSummary): string {
  if (changed === 0) return '';
  const seconds = Math.max(0, (Date.now() - changed) / 1000);
  if (seconds < 90) return `written ${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `written ${Math.round(seconds / 60)} min ago`;
  return `written ${new Date(changed).toLocaleString()}`;
}
