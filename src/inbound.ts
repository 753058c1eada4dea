import type { Provider, RawWebhook, Reply } from './domain/provider.ts';
import type { Store } from './domain/store.ts';
import type { Payouts } from './payouts.ts';
import { describeError, type Log } from './runtime.ts';

/** Where providers reach us. */
export interface Inbound {
  /**
   * Takes one webhook. What cannot be verified moves nothing and is refused; what is taken is stored before it is
   * acknowledged. Any status but the provider's own acknowledgement makes the provider send it again.
   */
  receive(slug: string, account: string, raw: RawWebhook): Promise<Reply>;
}

export interface InboundDeps {
  /** By slug, the provider's part of the path. */
  readonly providers: ReadonlyMap<string, Provider>;
  readonly store: Pick<Store, 'findByOrder'>;
  readonly payouts: Pick<Payouts, 'settle'>;
  readonly log: Log;
}

export function createInbound({ providers, store, payouts, log }: InboundDeps): Inbound {
  return {
    async receive(slug, account, raw) {
      const provider = providers.get(slug);
      if (!provider?.accounts.some((one) => one.name === account)) return plain(404, 'no such provider account');
      const outcome = provider.readWebhook(raw, account);
      if (outcome.kind === 'refused') {
        log.warn({ provider: slug, account, reason: outcome.reason }, 'webhook refused');
        return plain(401, 'refused');
      }
      if (outcome.kind === 'ignored') return outcome.reply;
      try {
        const found = await store.findByOrder(provider.id, account, outcome.order);
        if (found === null) {
          log.error({ provider: slug, account, order: outcome.order }, 'webhook for an order that is not ours');
          return plain(404, 'unknown order');
        }
        const source = { source: 'WEBHOOK', actor: slug, fence: null } as const;
        const { payout, attempt } = found;
        await payouts.settle(
          payout,
          outcome.kind === 'hint' ? { kind: 'hinted' } : { kind: 'reported', attempt, report: outcome.report },
          source,
        );
        log.info({ provider: slug, payoutId: payout.id, kind: outcome.kind }, 'webhook taken');
        return outcome.reply;
      } catch (error) {
        log.error({ provider: slug, account, cause: describeError(error) }, 'webhook not stored');
        return plain(503, 'not stored, send it again');
      }
    },
  };
}

function plain(status: number, body: string): Reply {
  return { status, contentType: 'text/plain; charset=utf-8', body };
}
