import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StartupError } from '../src/domain/errors.ts';
import { openWorld } from './support/world.ts';

describe('the least that is wanted at a provider', () => {
  it('stops the start where the provider tells no balances, with the entry that asks for it', async () => {
    await assert.rejects(openWorld({ MINIMUM_BALANCES: 'OXAPAY:USDT=5,BLOCKATM:USDT=100.50' }), (error) => {
      assert.ok(error instanceof StartupError, String(error));
      assert.equal(error.message, 'MINIMUM_BALANCES: BLOCKATM:USDT=100.50: BlockATM tells no balances');
      return true;
    });
  });

  it('lets everything start where all of them tell theirs', async () => {
    const world = await openWorld({ MINIMUM_BALANCES: 'OXAPAY:USDT=5,IO2328:USDT=5,XCURRENCY:USD=5' });
    await world.close();
  });
});
