import './merchant.ts';
import './provider.ts';
import './health.ts';
import './payout.ts';
import './event.ts';
import './list.ts';
import './create.ts';
import './quote.ts';
import './balance.ts';
import './simulate.ts';
import './route.ts';
import './batch.ts';
import './create-batch.ts';
import './actions.ts';
import './operator.ts';
import './attention.ts';
import './reference.ts';
import './watch.ts';
import './result.ts';
import './node.ts';
import { builder } from './builder.ts';

/** The public schema. `schema.graphql` is its text; `npm run generate` writes it. */
export const schema = builder.toSchema();
