/** Asks a server what it is, and which models it has. */
import { type JsonClient, RefusedRequest } from './http.js';
import { type ServerInfo, serverInfo } from './replies.js';

/**
 * What the server reports about itself, and why the model may be missing. Some servers have no list, or other names in
 * it.
 */
export async function askedServer(
  client: JsonClient,
  { model, signal }: { model: string; signal?: AbortSignal },
): Promise<{ server: ServerInfo; doubt?: string }> {
  try {
    const server = serverInfo(await client.get('/models', signal), model);
    if (server.models.length === 0 || server.found) return { server };
    return { server, doubt: `does not list "${model}", but ${listed(server)}` };
  } catch (error) {
    if (!(error instanceof RefusedRequest) || error.status === 401 || error.status === 403) throw error;
    return { server: serverInfo(undefined, model), doubt: `does not list its models (${error.status})` };
  }
}

const MOST_LISTED = 20;
const LONGEST_NAME = 100;

export function listed({ models }: ServerInfo): string {
  const names = models.slice(0, MOST_LISTED).map((name) => name.slice(0, LONGEST_NAME));
  return `${names.join(', ')}${models.length > MOST_LISTED ? `, and ${models.length - MOST_LISTED} more` : ''}`;
}
