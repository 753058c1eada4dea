/**
 * How many questions for quotes a second one API process answers once the providers' reference data is warm.
 *
 * Each question is put to the two providers whose prices are made of lists, OxaPay and BlockATM. Another amount each time:
 * what they list is remembered, and the price is made of it. The same amount: prices that are at most five seconds old are
 * remembered too. The others are left out: a price of 2328.io is a call, and its published limit leaves five of them a second
 * to questions.
 */
import { type Api, alternate, cpuMs, inFlight, median, openApi, type Row, show } from './harness.ts';

const ROUNDS = 5;
const WIDTH = 16;
const QUESTIONS = 1500;
const WARM_UP = 500;

interface Rate {
  readonly perSecond: number;
  /** CPU time of the API process for each question, in milliseconds. */
  readonly cpu: number;
}

export async function measureQuotes(): Promise<readonly Row[]> {
  await using api = await openApi();
  let asked = 0;
  const another = (): string => {
    asked += 1;
    return `${10 + Math.floor(asked / 100)}.${String(asked % 100).padStart(2, '0')}`;
  };
  await run(api, WARM_UP, another);
  const pairs = await alternate(
    ROUNDS,
    () => run(api, QUESTIONS, another),
    () => run(api, QUESTIONS, () => '100'),
  );
  const middle = (side: 0 | 1, key: keyof Rate): string => show(median(pairs.map((pair) => pair[side][key])));
  const ratio = (key: keyof Rate): string => show(median(pairs.map(([a, b]) => a[key] / b[key])));
  return [
    {
      what: `\`quotes\` of another amount each time: questions a second, ${WIDTH} in flight`,
      against: 'of the same amount',
      ratio: ratio('perSecond'),
      alone: `${middle(0, 'perSecond')} and ${middle(1, 'perSecond')} a second, each with what two providers say`,
    },
    {
      what: 'the same: CPU time of the API process for each question',
      against: 'of the same amount',
      ratio: ratio('cpu'),
      alone: `${middle(0, 'cpu')} and ${middle(1, 'cpu')} ms`,
    },
  ];
}

async function run(api: Api, questions: number, amount: () => string): Promise<Rate> {
  const before = cpuMs(api.pid);
  const startedAt = performance.now();
  await inFlight(WIDTH, questions, async () => {
    const { text } = await api.ask(bodyOf(amount()));
    // One that was too busy would be missing.
    if (text.split('"receive"').length !== 3) throw new Error(text.slice(0, 1000));
  });
  const seconds = (performance.now() - startedAt) / 1000;
  return { perSecond: questions / seconds, cpu: (cpuMs(api.pid) - before) / questions };
}

function bodyOf(amount: string): string {
  const query = `query Ask($input: QuotesInput!) {
    quotes(input: $input) {
      ... on Quote { id provider debit { amount currency } fees { amount } receive { amount } firmness expiresAt }
      ... on Error { code message }
    }
  }`;
  const input = { amount: { amount, currency: 'USDT' }, network: 'TRON', providers: ['OXAPAY', 'BLOCKATM'] };
  return JSON.stringify({ query, variables: { input } });
}
