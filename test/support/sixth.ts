/** One place of the template, and what stands there once it is filled in. */
export interface Edit {
  /** Within the provider's folder. */
  readonly file: string;
  /** Stands in the template exactly once. */
  readonly from: string;
  readonly to: string;
}

/** The id of a made-up provider, the sixth. */
export const ID = 'tollgate';
/** As the template writes it for people. */
export const NAME = 'Tollgate';

const index = (from: string, to: string): Edit => ({ file: 'index.ts', from, to });
const wire = (from: string, to: string): Edit => ({ file: 'wire.ts', from, to });
const sandbox = (from: string, to: string): Edit => ({ file: 'sandbox.ts', from, to });

/**
 * Each line of the template's list with all that makes it true of Tollgate, whose JSON is signed by HMAC-SHA512, which refuses
 * a used order number, finds an order by it, and tells of its payouts by signed webhooks.
 */
export const FILLING: ReadonlyMap<string, readonly Edit[]> = new Map<string, readonly Edit[]>([
  [
    'index.ts, settings: where its API is, what names an account there, and what signs for it',
    [
      index('https://tollgate.invalid', 'https://api.tollgate.example'),
      index("'Where its API is.'", "'Where the API of Tollgate is.'"),
      index("'What names the account there.'", "'The gate: the identity of the account at Tollgate.'"),
    ],
  ],
  [
    'index.ts, call: the headers that every request carries, and what is signed',
    [
      index("'x-merchant': merchant", "'toll-gate': merchant"),
      index("'x-signature': sign(", "'toll-signature': sign("),
      sandbox("headers['x-merchant'] ===", "headers['toll-gate'] ==="),
      sandbox("headers['x-signature'] ===", "headers['toll-signature'] ==="),
    ],
  ],
  [
    'index.ts, submit and lookup: the paths of its API',
    [
      index("'/v1/payouts', body", "'/passages', body"),
      index('`/v1/payouts?orderNumber=$', '`/passages?number=$'),
      sandbox("path === '/v1/payouts') return create", "path === '/passages') return create"),
      sandbox("path !== '/v1/payouts') return answer", "path !== '/passages') return answer"),
      sandbox("query.get('orderNumber')", "query.get('number')"),
    ],
  ],
  [
    'index.ts, supports: one line for each thing that an order can ask for and that it does not do',
    [
      index(
        '  return true;\n}',
        "  if (order.description !== null) return 'Tollgate takes no description.';\n  return true;\n}",
      ),
    ],
  ],
  [
    'index.ts, the traits in open: what a second create does, how an order is found, what its answers repeat, how long it takes',
    [
      index("onRepeat: 'unproven'", "onRepeat: 'refuses'"),
      index("findsByOrderNumber: 'never'", "findsByOrderNumber: 'always'"),
      index("webhooks: 'NONE'", "webhooks: 'SIGNED'"),
      index('echoes: []', "echoes: ['amount', 'currency', 'network', 'address', 'orderNumber']"),
      index('USUAL_MS = 24 * 60 * 60_000', 'USUAL_MS = 60 * 60_000'),
      index('absenceRule: () => null', 'absenceRule: () => ({ looks: 2, apartMs: 600_000, afterMs: 60_000 })'),
      sandbox("onDuplicate: 'payAgain'", "onDuplicate: 'refuse'"),
      sandbox("plays: ['SUBMIT', 'LOOKUP']", "plays: ['SUBMIT', 'LOOKUP', 'LOOKUP_BY_REFERENCE', 'SIGNED_WEBHOOK']"),
    ],
  ],
  [
    'wire.ts, sign: its signature, with a vector of its pages',
    [wire('hex of HMAC-SHA256', 'hex of HMAC-SHA512'), wire("createHmac('sha256'", "createHmac('sha512'")],
  ],
  [
    'wire.ts, PAID and MAX_PLACES: what it pays where, in its own spelling',
    [
      wire(
        'PaidNetwork[] = []',
        "PaidNetwork[] = [\n  { network: 'TRON', code: 'trx', currencies: ['TRX', 'USDT'] },\n]",
      ),
      wire('MAX_PLACES = 0', 'MAX_PLACES = 6'),
    ],
  ],
  [
    'wire.ts, encodeCreate: the body of a create, in its field order',
    [
      wire('    orderNumber,\n    amount: amount.amount,', '    number: orderNumber,\n    sum: amount.amount,'),
      sandbox('create({ orderNumber, amount: text,', 'create({ number: orderNumber, sum: text,'),
    ],
  ],
  [
    'wire.ts, payoutSchema and envelopeSchema: the fields of its answers, and the frame around them',
    [
      wire(
        '  transactionHash: optional.catch(null),\n});',
        [
          '  hash: optional.catch(null),',
          '}).transform(({ number, sum, hash, ...rest }) => {',
          '  return { ...rest, orderNumber: number, amount: sum, transactionHash: hash };',
          '});',
        ].join('\n'),
      ),
      wire('  orderNumber: required,', '  number: required,'),
      wire('  amount: decimal,', '  sum: decimal,'),
      wire(
        'const faultSchema = z.object({ ok: z.literal(false), code: required, message: optional.catch(null) });',
        [
          'const faultSchema = z',
          '  .object({ passed: z.literal(false), why: required, words: optional.catch(null) })',
          '  .transform(({ why, words }) => ({ ok: false as const, code: why, message: words }));',
        ].join('\n'),
      ),
      wire(
        'const envelopeSchema = z.union([z.object({ ok: z.literal(true), data: z.unknown() }), faultSchema]);',
        [
          'const passageSchema = z',
          '  .object({ passed: z.literal(true), passage: z.unknown() })',
          '  .transform(({ passage }) => ({ ok: true as const, data: passage }));',
          'const envelopeSchema = z.union([passageSchema, faultSchema]);',
        ].join('\n'),
      ),
      sandbox('{ ok: true, data }', '{ passed: true, passage: data }'),
      sandbox(
        '{ ok: false, code, message: code.toLowerCase() }',
        '{ passed: false, why: code, words: code.toLowerCase() }',
      ),
      sandbox(
        'return { id, orderNumber, status: WORDS[order.state], amount, currency, network, address, fee, transactionHash };',
        [
          'const status = WORDS[order.state];',
          '  return { id, number: orderNumber, status, sum: amount, currency, network, address, fee, hash: transactionHash };',
        ].join('\n'),
      ),
    ],
  ],
  [
    'wire.ts, STATES: its status words in our states',
    [
      wire(
        'Map<string, Standing>([])',
        [
          'Map<string, Standing>([',
          "  ['waiting', { state: 'PROCESSING', moneyMoved: 'YES' }],",
          "  ['passed', { state: 'COMPLETED', moneyMoved: 'YES' }],",
          "  ['turned away', { state: 'FAILED', moneyMoved: 'NO' }],",
          "  ['called back', { state: 'CANCELLED', moneyMoved: 'NO' }],",
          '])',
        ].join('\n'),
      ),
    ],
  ],
  [
    'wire.ts, REFUSALS, PASSING and EXISTS: its codes for "no", for "not now" and for "there is one under this number"',
    [
      wire(
        '  readonly [PayoutFailureCode, string]\n>([])',
        [
          '  readonly [PayoutFailureCode, string]',
          '>([',
          "  ['PURSE_EMPTY', ['INSUFFICIENT_FUNDS', 'The balance at Tollgate does not cover the payout.']],",
          "  ['NO_SUCH_PLACE', ['INVALID_DESTINATION', 'Tollgate does not accept the address.']],",
          "  ['INVALID_FIELD', ['PROVIDER_REFUSED', 'Tollgate does not accept a field of the payout.']],",
          '])',
        ].join('\n'),
      ),
      wire(
        'Map<string, NotTakenReason>([])',
        [
          'Map<string, NotTakenReason>([',
          "  ['STRANGER', 'CREDENTIALS'],",
          "  ['GATE_SHUT', 'MAINTENANCE'],",
          "  ['TOO_MANY', 'RATE_LIMITED'],",
          '])',
        ].join('\n'),
      ),
      wire('Set<string>([])', "Set<string>(['NUMBER_TAKEN'])"),
    ],
  ],
  [
    'wire.ts, readWebhook: how its webhooks are signed and answered, or that there are none',
    [
      wire("headers['x-signature']", "headers['toll-signature']"),
      wire("body: 'ok'", "body: 'passed'"),
      sandbox("headers: { 'x-signature':", "headers: { 'toll-signature':"),
      sandbox(
        'isAcknowledged: (status) => status >= 200 && status < 300',
        "isAcknowledged: (_, body) => body === 'passed'",
      ),
    ],
  ],
  [
    'sandbox.ts: the same from its own side: words, refusals, wallets, fee, duplicates, webhooks, a sample order',
    [
      ...['ACCEPTED', 'MATERIAL', 'HELD', 'QUEUED', 'CONFIRMING'].map((state) => word(state, 'waiting')),
      ...['FAILED', 'BLOCKED', 'REFUNDED'].map((state) => word(state, 'turned away')),
      word('COMPLETED', 'passed'),
      word('CANCELLED', 'called back'),
      word('STRANGE', 'lost in the hills'),
      sandbox("INSUFFICIENT_BALANCE: refusal(422, '')", "INSUFFICIENT_BALANCE: refusal(422, 'PURSE_EMPTY')"),
      sandbox("INVALID_DESTINATION: refusal(422, '')", "INVALID_DESTINATION: refusal(422, 'NO_SUCH_PLACE')"),
      sandbox("DUPLICATE: refusal(409, '')", "DUPLICATE: refusal(409, 'NUMBER_TAKEN')"),
      sandbox("NOT_FOUND: refusal(404, '')", "NOT_FOUND: refusal(404, 'NO_SUCH_NUMBER')"),
      sandbox("WRONG_STATE: refusal(409, '')", "WRONG_STATE: refusal(409, 'NO_WAY_BACK')"),
      sandbox("OUTSIDE_HOURS: refusal(503, '')", "OUTSIDE_HOURS: refusal(409, 'GATE_SHUT')"),
      sandbox("MAINTENANCE: refusal(503, '')", "MAINTENANCE: refusal(409, 'GATE_SHUT')"),
      sandbox("RATE_LIMITED: refusal(429, '')", "RATE_LIMITED: refusal(429, 'TOO_MANY')"),
      sandbox("WRONG_CREDENTIALS: refusal(401, '')", "WRONG_CREDENTIALS: refusal(401, 'STRANGER')"),
      sandbox("FEE = decimal('0')", "FEE = decimal('0.5')"),
      sandbox('webhookWaitsMs: [0]', 'webhookWaitsMs: [0, 60_000, 600_000]'),
      sandbox("amount: { amount, currency: '' }", "amount: { amount, currency: 'USDT' }"),
      sandbox("address: '', network: ''", "address: 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t', network: 'TRON'"),
    ],
  ],
  [
    'fixtures.ts: the exchanges and signatures that its pages show, word for word',
    [
      {
        file: 'fixtures.ts',
        from: 'SignatureVector[] = []',
        to: [
          'SignatureVector[] = [',
          '  {',
          "    name: 'a create',",
          `    text: '{"number":"A1","sum":"12.5"}',`,
          "    key: 'gate_demo_key',",
          "    sign: 'ffe8467ee2667bcf246532995ff49e7f9cfe9d43865fcc01f9dddc30d722c21eb84f7d42731e0300d0c7a8c7e007233b2876000f8df9ab4ed969b53d0696d31e',",
          '  },',
          ']',
        ].join('\n'),
      },
    ],
  ],
  [
    'README.md: field map, sources, assumptions and gaps',
    [{ file: 'README.md', from: 'What it is, in a sentence.', to: 'A made-up provider that takes a toll of a half.' }],
  ],
]);

/** What goes with the last line of the list: the list itself, and what asks for it. */
export const LAST: readonly Edit[] = [
  index(
    [
      '/** What is still to be filled in. Take a line out once it is true; with the last one goes the list, and what asks for it. */',
      'const unfinished: readonly string[] = [',
      '];\n\n',
    ].join('\n'),
    '',
  ),
  index("  if (unfinished.length > 0) return ['not built yet', ...unfinished].join('; ');\n", ''),
  index('  unfinished,\n', ''),
];

function word(state: string, said: string): Edit {
  return sandbox(`  ${state}: '',`, `  ${state}: '${said}',`);
}
