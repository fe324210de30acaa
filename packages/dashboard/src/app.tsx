/** The frame of the page: what there is, the view that the address names, light and dark. */
import { useEffect, useState } from 'preact/hooks';
import type { Overview } from 'tamtrl/view';
import { Boundary } from './boundary.js';
import { ComparisonView } from './comparison.js';
import { CurvesView } from './curves.js';
import { EvaluationView } from './evaluation.js';
import { OverviewView } from './overview.js';
import { linkTo, type Route, useRoute } from './route.js';
import { RunView } from './run.js';
import { SavedReadingView } from './saved-reading.js';
import { alone, useConnection, useData } from './source.js';
import { Problems, visible } from './text.js';

const THEMES = ['auto', 'light', 'dark'] as const;
type Theme = (typeof THEMES)[number];

export function App() {
  const route = useRoute();
  const { data, error } = useData<Overview>('api/overview', ['overview']);
  const only = data?.sources.length === 1 ? data.sources[0] : undefined;
  const shown = route.path.length === 0 && only ? { ...route, path: [only.kind, only.id] } : route;
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        To the content
      </button>
      <header class="top">
        <a href="#/" class="home">
          tamtrl
        </a>
        {!alone && data && <Sources overview={data} route={shown} />}
        <Live />
        <ThemeChoice />
      </header>
      <main id="main" tabIndex={-1}>
        <Problems texts={[error]} />
        {data && (
          <Boundary key={shown.path.join('/')}>
            <View overview={data} route={shown} />
          </Boundary>
        )}
      </main>
    </>
  );
}

function View({ overview, route }: { overview: Overview; route: Route }) {
  const [kind, id = ''] = route.path;
  if (kind === 'run') return <RunView key={id} id={id} route={route} />;
  if (kind === 'evaluation') return <EvaluationView key={id} id={id} route={route} />;
  if (kind === 'comparison') return <ComparisonView key={id} id={id} route={route} />;
  if (kind === 'reading') return <SavedReadingView key={id} id={id} route={route} />;
  if (kind === 'runs') {
    return (
      <>
        <h1>Runs over each other</h1>
        <CurvesView ids={id.split(',')} route={route} />
      </>
    );
  }
  return <OverviewView overview={overview} />;
}

function Sources({ overview, route }: { overview: Overview; route: Route }) {
  const [kind = '', id = ''] = route.path;
  return (
    <label class="jump">
      <span class="hidden">Go to</span>
      <select
        value={`${kind}/${id}`}
        onChange={(event) => {
          location.hash = linkTo(event.currentTarget.value.split('/'));
        }}
      >
        <option value="/">Everything ({overview.sources.length})</option>
        {overview.sources.map((source) => (
          <option value={`${source.kind}/${source.id}`}>
            {visible(source.name)} ({source.kind})
          </option>
        ))}
      </select>
    </label>
  );
}

function Live() {
  const connected = useConnection();
  if (alone) return <span class="live">saved run</span>;
  return (
    <span class="live" role="status">
      {connected ? '● live' : '○ not connected'}
    </span>
  );
}

function ThemeChoice() {
  const [theme, setTheme] = useState<Theme>('auto');
  useEffect(() => {
    document.documentElement.className = theme === 'auto' ? '' : theme;
  }, [theme]);
  return (
    <label>
      <span class="hidden">Colours</span>
      <select value={theme} onChange={(event) => setTheme(event.currentTarget.value as Theme)}>
        {THEMES.map((name) => (
          <option value={name}>{name === 'auto' ? 'as the system' : name}</option>
        ))}
      </select>
    </label>
  );
}
