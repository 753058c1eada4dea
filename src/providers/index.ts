import { definition as blockatm } from './blockatm/index.ts';
import { definition as chainpay } from './chainpay/index.ts';
import type { ProviderDefinition } from './define.ts';
import { definition as io2328 } from './io2328/index.ts';
import { definition as oxapay } from './oxapay/index.ts';
import { definition as xcurrency } from './xcurrency/index.ts';

/** Every provider that comes with Outflow, in the order in which they are asked when nobody is named. */
export const definitions: readonly ProviderDefinition[] = [io2328, oxapay, blockatm, xcurrency, chainpay];
