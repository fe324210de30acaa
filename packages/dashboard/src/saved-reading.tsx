/** A saved reading: the memory, and for each piece of it the place in the document that it comes from. */
import type { Passage, PieceView, SavedReading } from 'tamtrl/view';
import { linkTo, type Route } from './route.js';
import { useData } from './source.js';
import { Problems, visible } from './text.js';

const MATCHES = { exact: 'word for word', words: 'the same words', similar: 'similar words' } as const;

export function SavedReadingView({ id, route }: { id: string; route: Route }) {
  const { data, error } = useData<SavedReading>(`api/reading/${id}`, [id]);
  const [question, piece] = (route.query.piece ?? '').split('.').map(Number);
  const chosen = route.query.piece === undefined ? undefined : data?.questions[question]?.pieces[piece];
  const source = chosen?.source;
  const place = source && !data?.problem ? `api/passage/${id}?start=${source.start}&end=${source.end}` : undefined;
  const { data: passage, error: passageError } = useData<Passage>(place, [id]);
  if (!data) return <Problems texts={[error]} />;
  return (
    <>
      <header>
        <h1>{visible(data.source.name)}</h1>
        <p class="note">
          {data.turns.toLocaleString('en-US')} chunks, {data.position.toLocaleString('en-US')} characters
          {data.documents.length > 0 && ` of ${data.documents.map(visible).join(', ')}`}
        </p>
      </header>
      <Problems texts={[error, data.problem, passageError]} />
      <div class="columns even">
        <section aria-label="Memory">
          {data.questions.map(({ question: text, memory, pieces }, q) => (
            <article>
              <h2>{visible(text)}</h2>
              {pieces.length === 0 && <p class="memory">{visible(memory) || '(empty)'}</p>}
              <ul class="pieces">
                {pieces.map((one, at) => (
                  <li>
                    <Piece piece={one} link={linkTo(route.path, { piece: `${q}.${at}` })} current={one === chosen} />
                  </li>
                ))}
              </ul>
            </article>
          ))}
        </section>
        <section aria-label="Place in the document" class="passage" aria-live="polite">
          {passage && source ? (
            <>
              <p class="note">
                {source.place !== undefined && `${visible(source.place)}: `}
                characters {passage.start.toLocaleString('en-US')} to {passage.end.toLocaleString('en-US')}, chunk{' '}
                {source.chunk + 1}, {MATCHES[source.match]}
              </p>
              <p class="section whole">
                {visible(passage.before)}
                <mark>{visible(passage.place)}</mark>
                {visible(passage.after)}
              </p>
            </>
          ) : (
            !data.problem && <p class="note">Choose a piece of the memory to see where it stands in the document.</p>
          )}
        </section>
      </div>
    </>
  );
}

function Piece({ piece, link, current }: { piece: PieceView; link: string; current: boolean }) {
  const { text, source } = piece;
  if (!source) {
    return (
      <span>
        {visible(text)} <em class="note">not found in the text</em>
      </span>
    );
  }
  return (
    <a href={link} aria-current={current ? 'true' : undefined}>
      {visible(text)}{' '}
      <em class="note">
        {source.place !== undefined && `${visible(source.place)}, `}
        {MATCHES[source.match]}
      </em>
    </a>
  );
}
