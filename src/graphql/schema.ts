import './merchant.ts';
import './provider.ts';
import './payout.ts';
import './event.ts';
import './list.ts';
import './create.ts';
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
