import type { SandboxSide } from '../sandbox.ts';
import { sandbox as blockatm } from './blockatm/sandbox.ts';
import { sandbox as chainpay } from './chainpay/sandbox.ts';
import { sandbox as io2328 } from './io2328/sandbox.ts';
import { sandbox as oxapay } from './oxapay/sandbox.ts';
import { sandbox as xcurrency } from './xcurrency/sandbox.ts';

/** The stand-in's side of every provider. Loaded in sandbox mode alone. */
export const sides: readonly SandboxSide[] = [io2328, oxapay, blockatm, xcurrency, chainpay];
