/**
 * Recorded exchanges and signature vectors of 2328.io, word for word.
 * Source: the provider's payout page, and vectors computed from its published signing rule; the keys are demonstration keys.
 */

/** Signs payouts and payout webhooks in every vector below. */
export const PAYOUT_KEY = 'payout_demo_key_5d1c8e';
/** Signs balance calls. */
export const API_KEY = 'api_demo_key_a93f20';

/** A signed body: the text as sent, the Base64 that is hashed where it was recorded, the key, the signature. */
export interface SignatureVector {
  readonly name: string;
  readonly body: string;
  readonly base64: string | null;
  readonly key: string;
  readonly sign: string;
}

/** `POST /v1/payout`: the request's body and the answer to it. */
export const CREATE = {
  request:
    '{"currency":"TRX","network":"TRX-TRC20","amount":"1.00","to_address":"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t","order_id":"9ed25264-8be4-439f-acf5-2a8732538d27","url_callback":"https://your-site.com/webhook/payout","memo":null,"fee_option":"deduct"}',
  answer:
    '{ "state": 0, "result": { "uuid": "019dea62-1727-72aa-ac2c-eaf2ade193ef", "order_id": "9ed25264-8be4-439f-acf5-2a8732538d27", "status": "pending", "currency": "TRX", "network": "TRX-TRC20", "amount": "1.00", "merchant_amount": "1", "network_amount": "0.89", "amount_usd": "0.33", "to_address": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "memo": null, "txid": null, "block_number": null, "error_type": null, "created_at": "2026-05-02T23:29:50+03:00", "updated_at": "2026-05-02T23:29:50+03:00" } }',
};

/** `POST /v1/payout/calc`. */
export const CALC = {
  request: '{"currency":"USDT","network":"TRX-TRC20","amount":"100","fee_option":"add"}',
  answer:
    '{ "state": 0, "result": { "currency": "USDT", "network": "TRX-TRC20", "amount": "100", "fee_option": "add", "merchant_amount": "103.00000000", "network_amount": "100", "total_fee": "3.00000000", "total_fee_usd": "3.00000000" } }',
};

/** `GET /v1/payout/status/{uuid}` of a payout that was converted. */
export const STATUS = {
  answer:
    '{ "state": 0, "result": { "uuid": "019dff1f-0dbd-7277-8d45-271e7775388f", "order_id": "4dfdcc84402b1185b71cbe399321533e", "status": "completed", "currency": "TRX", "network": "TRX-TRC20", "amount": "3.00", "merchant_amount": "3.00", "network_amount": "3.00", "amount_usd": "1.04", "to_address": "THauRv5tcucQRohXg8NiyGTk16DX1XQG5x", "memo": null, "txid": "9242e533703704ef3eaba840f70b4a26333e72c943377ee375fea17badb53def", "block_number": null, "error_type": null, "created_at": "2026-05-07T00:08:38+03:00", "updated_at": "2026-05-07T00:08:54+03:00", "from_currency": "USDT", "debited_amount": "1.050735", "debited_currency": "USDT" } }',
};

/** `GET /v1/balance`. */
export const BALANCE = {
  answer:
    '{ "state": 0, "result": [ { "uuid": "0b6f1d1e-2c3d-4e5f-8a9b-0c1d2e3f4a5b", "status": "active", "currency_code": "USDT", "balance": "1250.50", "balance_usd": "1250.50", "locked_balance": "0.00" } ] }',
};

/** `GET /v1/exchange-rates`. Source: page "Exchange Rates", Response example. */
export const RATES = {
  answer:
    '{ "state": 0, "result": { "USD": { "USD": "1.00000000", "EUR": "0.86090000", "RUB": "78.32190000", "BTC": "0.00001055", "USDT": "1.00000000" }, "BTC": { "USD": "94786.69000000", "EUR": "81589.12000000", "ETH": "29.02345678", "USDT": "94786.69000000" } } }',
};

/** `GET /v1/directions`: the fields are those of a client in public code, the values are made up. */
export const DIRECTIONS = {
  answer:
    '{ "state": 0, "result": [ { "network": "Tron TRC-20", "network_code": "TRX-TRC20", "currency": "USDT", "deposit_status": "active", "withdrawal_status": "active", "min_deposit": "1", "max_deposit": "100000", "min_withdrawal": "1.50", "max_withdrawal": "100000", "deposit_fee_percent": "0", "withdrawal_fee": "3", "withdrawal_fee_type": "fixed" } ] }',
};

/** The webhook of the payout in `STATUS`: the text that is signed, and the body as sent. */
export const WEBHOOK = {
  signed:
    '{"uuid":"019dff1f-0dbd-7277-8d45-271e7775388f","order_id":"4dfdcc84402b1185b71cbe399321533e","status":"completed","currency":"TRX","network":"TRX-TRC20","amount":"3.00","merchant_amount":"3.00","network_amount":"3.00","amount_usd":"1.04","to_address":"THauRv5tcucQRohXg8NiyGTk16DX1XQG5x","memo":null,"txid":"9242e533703704ef3eaba840f70b4a26333e72c943377ee375fea17badb53def","block_number":null,"error_type":null,"created_at":"2026-05-07T00:08:38+03:00","updated_at":"2026-05-07T00:08:54+03:00","from_currency":"USDT","debited_amount":"1.050735","debited_currency":"USDT"}',
  body: '{"uuid":"019dff1f-0dbd-7277-8d45-271e7775388f","order_id":"4dfdcc84402b1185b71cbe399321533e","status":"completed","currency":"TRX","network":"TRX-TRC20","amount":"3.00","merchant_amount":"3.00","network_amount":"3.00","amount_usd":"1.04","to_address":"THauRv5tcucQRohXg8NiyGTk16DX1XQG5x","memo":null,"txid":"9242e533703704ef3eaba840f70b4a26333e72c943377ee375fea17badb53def","block_number":null,"error_type":null,"created_at":"2026-05-07T00:08:38+03:00","updated_at":"2026-05-07T00:08:54+03:00","from_currency":"USDT","debited_amount":"1.050735","debited_currency":"USDT","sign":"1f00a748d2b65489d0a867954bf100e2564fe343e177040f034a5892493cbf99"}',
};

/** A refusal with its field. The shape is assumed: no error page of the provider is known. */
export const REFUSAL =
  '{ "state": 1, "message": "Insufficient balance", "errors": { "amount": ["Insufficient balance"] } }';

export const SIGNATURES: readonly SignatureVector[] = [
  {
    name: 'create',
    body: CREATE.request,
    base64:
      'eyJjdXJyZW5jeSI6IlRSWCIsIm5ldHdvcmsiOiJUUlgtVFJDMjAiLCJhbW91bnQiOiIxLjAwIiwidG9fYWRkcmVzcyI6IlRSN05IcWplS1F4R1RDaThxOFpZNHBMOG90U3pnakxqNnQiLCJvcmRlcl9pZCI6IjllZDI1MjY0LThiZTQtNDM5Zi1hY2Y1LTJhODczMjUzOGQyNyIsInVybF9jYWxsYmFjayI6Imh0dHBzOi8veW91ci1zaXRlLmNvbS93ZWJob29rL3BheW91dCIsIm1lbW8iOm51bGwsImZlZV9vcHRpb24iOiJkZWR1Y3QifQ==',
    key: PAYOUT_KEY,
    sign: '810a76fc08e0aa615109a3037af537b829546a28499a2968e1edde32bbcadf1e',
  },
  {
    name: 'calc',
    body: CALC.request,
    base64: 'eyJjdXJyZW5jeSI6IlVTRFQiLCJuZXR3b3JrIjoiVFJYLVRSQzIwIiwiYW1vdW50IjoiMTAwIiwiZmVlX29wdGlvbiI6ImFkZCJ9',
    key: PAYOUT_KEY,
    sign: '57d08390e4429dcca1aa0fcec20d0e853b6c2e10e5b6270c58afd93c37363a13',
  },
  {
    name: 'a slash and letters beyond ASCII',
    body: '{"currency":"USDT","network":"TON","amount":"5","to_address":"UQA0RevhkCQx-EltyNgPPeG8dqtnCz7ZslOzMdNQlLxVaNBb","order_id":"A/1","memo":"зарплата"}',
    base64: null,
    key: PAYOUT_KEY,
    sign: '9227ff3774989c162e8a689c06906deef9d98f68c77bf49fdf510a9ac0ee41ee',
  },
  {
    name: 'a payout GET',
    body: '',
    base64: '',
    key: PAYOUT_KEY,
    sign: 'c68743fc3a16538273be3d75916645897210f5feca25bd7f8d3ce018ef2c66d3',
  },
  {
    name: 'a balance GET',
    body: '',
    base64: '',
    key: API_KEY,
    sign: '29a9ad2892db11d59e24809f0b5b447de2354aabf6af4ce042d3a74fbd5d80cc',
  },
  {
    name: 'a webhook',
    body: WEBHOOK.signed,
    base64: null,
    key: PAYOUT_KEY,
    sign: '1f00a748d2b65489d0a867954bf100e2564fe343e177040f034a5892493cbf99',
  },
];
