import type {
  AssetTerms,
  Call,
  Provider,
  ProviderId,
  ReadOutcome,
  ReferenceEntry,
  ReferenceKind,
} from './domain/provider.ts';
import type { Health } from './health.ts';
import { type Clock, describeError, type Log, withDeadline } from './runtime.ts';

/** What a provider lists, or why there is no list. */
export type Reference =
  | { readonly kind: 'known'; readonly entries: readonly ReferenceEntry[] }
  /** It has no such list, or is not in this deployment. */
  | { readonly kind: 'unsupported'; readonly reason: string }
  | { readonly kind: 'rejected'; readonly vendorCode: string | null; readonly vendorMessage: string | null }
  /** Not asked again before `retryAt`. */
  | { readonly kind: 'unavailable'; readonly retryAt: Date; readonly cause: string };

/** What providers list of themselves: asked at most once in ten minutes, whoever wants to know. Nothing here rejects. */
export interface Catalogue {
  /** What can be paid there: as it says itself, else as it last said, else as its pages say. */
  assets(provider: ProviderId): Promise<readonly AssetTerms[]>;
  /** The same without asking. */
  knownAssets(provider: ProviderId): readonly AssetTerms[];
  /** As it last said itself, without asking; null: it never did, or lists nothing. */
  listedAssets(provider: ProviderId): readonly AssetTerms[] | null;
  /** The provider's own words of a kind; where it cannot be asked, those that it last listed. */
  reference(provider: ProviderId, kind: ReferenceKind): Promise<Reference>;
}

export interface CatalogueDeps {
  readonly providers: readonly Provider[];
  readonly health: Pick<Health, 'note' | 'circuit' | 'admits'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** How long a list is good. */
const FRESH_MS = 600_000;
/** How long a provider that did not answer is left alone, unless it says how long itself. */
const REST_MS = 30_000;
const LONGEST_REST_MS = 600_000;
/** One question, from asking to its answer. */
const DEADLINE_MS = 10_000;

/** What is known of one list. */
interface Shelf<T> {
  value: T | null;
  /** How the last question ended; null before the first. */
  last: ReadOutcome<T> | null;
  /** When it may be asked again. */
  dueAt: Date;
  /** The question that is under way: whoever comes meanwhile waits for its answer. */
  asking: Promise<void> | null;
}

function emptyShelf<T>(): Shelf<T> {
  return { value: null, last: null, dueAt: new Date(0), asking: null };
}

export function createCatalogue({ providers, health, clock, log }: CatalogueDeps): Catalogue {
  const byId = new Map(providers.map((provider) => [provider.id, provider]));
  const assets = new Map<ProviderId, Shelf<readonly AssetTerms[]>>();
  const references = new Map<string, Shelf<readonly ReferenceEntry[]>>();

  async function ask<T>(provider: ProviderId, read: (call: Call) => Promise<ReadOutcome<T>>): Promise<ReadOutcome<T>> {
    if (!health.admits(provider, 'READ')) {
      const { reason, retryAt } = health.circuit(provider, 'READ');
      const retryAfterMs = retryAt === null ? null : retryAt.getTime() - clock.now().getTime();
      return { kind: 'unavailable', retryAfterMs, cause: reason ?? 'another call finds out whether it answers' };
    }
    const outcome = await readInTime(read);
    health.note(
      provider,
      'READ',
      outcome.kind === 'unavailable' ? { ...outcome, answered: false } : { answered: true },
    );
    return outcome;
  }

  async function readInTime<T>(read: (call: Call) => Promise<ReadOutcome<T>>): Promise<ReadOutcome<T>> {
    try {
      return await withDeadline(clock, DEADLINE_MS, (signal) => read({ sendBy: null, signal }));
    } catch (error) {
      return { kind: 'unavailable', retryAfterMs: null, cause: describeError(error) };
    }
  }

  /** Asks where it is time to; afterwards the shelf tells all there is. */
  async function refresh<T>(
    shelf: Shelf<T>,
    names: { readonly provider: ProviderId; readonly account: string; readonly list: string },
    read: (call: Call) => Promise<ReadOutcome<T>>,
  ): Promise<void> {
    if (shelf.dueAt > clock.now()) return;
    shelf.asking ??= ask(names.provider, read).then((outcome) => {
      shelf.asking = null;
      shelf.last = outcome;
      if (outcome.kind === 'known') shelf.value = outcome.value;
      else log.warn({ ...names, outcome: outcome.kind }, 'a provider did not list what was asked for');
      const wait = outcome.kind === 'unavailable' ? (outcome.retryAfterMs ?? REST_MS) : REST_MS;
      const restMs = Math.min(Math.max(wait, REST_MS), LONGEST_REST_MS);
      shelf.dueAt = new Date(clock.now().getTime() + (outcome.kind === 'known' ? FRESH_MS : restMs));
    });
    await shelf.asking;
  }

  const enabledAccount = (provider: Provider): string | null =>
    provider.accounts.find((account) => account.enabled)?.name ?? null;

  function knownAssets(id: ProviderId): readonly AssetTerms[] {
    return assets.get(id)?.value ?? byId.get(id)?.knownAssets ?? [];
  }

  return {
    knownAssets,
    listedAssets: (id) => assets.get(id)?.value ?? null,
    async assets(id) {
      const provider = byId.get(id);
      const account = provider && enabledAccount(provider);
      if (!provider?.assets || !account) return knownAssets(id);
      const shelf = assets.get(id) ?? emptyShelf();
      assets.set(id, shelf);
      const read = provider.assets.bind(provider, account);
      await refresh(shelf, { provider: id, account, list: 'ASSETS' }, read);
      return knownAssets(id);
    },
    async reference(id, kind) {
      const provider = byId.get(id);
      if (!provider) return { kind: 'unsupported', reason: 'it is not in this deployment' };
      if (!provider.reference || !provider.referenceKinds.includes(kind)) {
        return { kind: 'unsupported', reason: `it has no list of ${kind}` };
      }
      const account = enabledAccount(provider);
      if (account === null) return { kind: 'unsupported', reason: 'it is switched off in this deployment' };
      const shelf = references.get(`${id} ${kind}`) ?? emptyShelf();
      references.set(`${id} ${kind}`, shelf);
      const read = provider.reference.bind(provider, account, kind);
      await refresh(shelf, { provider: id, account, list: kind }, read);
      if (shelf.value !== null) return { kind: 'known', entries: shelf.value };
      if (shelf.last?.kind === 'rejected') return shelf.last;
      const cause = shelf.last?.kind === 'unavailable' ? shelf.last.cause : 'it was not asked';
      return { kind: 'unavailable', retryAt: shelf.dueAt, cause };
    },
  };
}
