/**
 * Recorded exchanges and signature vectors of ChainPay, word for word.
 * Source: the provider's payout page, its pages "How to sign" and "Channels and Currencies", and vectors computed from its
 * signing rule with demonstration keys, of which only the public halves are here.
 */

/** Verifies every vector of `SIGNATURES`. */
export const MERCHANT_PUBLIC_KEY =
  'MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAtfAdaj902c4ZtKp3H+dGqKlTJWbm+GddebgeJ+gbS4Y/srC++KiTAroW6b7p9x1P/CDSIFkws+MPJGlRXiraQ+WRXWERPvSfrfwNW98DXnXP3FrfEGogJPq8lj29H8TsrDLyBFFdf4X5kq0HjyahWy6pLOhxQR4Z6tXomS7tPFXeGGfQrWloyhwc31rMVAGmmLJ+5MOfs0MaQv6kbdM3PziDwMkAgNDk22r5Q1mUgVja1ndXbk7sAjooPu5WGXViwA1P78mlwMsU5Ob53b+yZo7jkirBIdvflUXQ1EWOL1lfnka4L2QtUwJNHixrEitwS4M9E1rxNa6ivO9F6JnB1QIDAQAB';
/** Verifies `CALLBACK`. */
export const PLATFORM_PUBLIC_KEY =
  'MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAsL/F1zFCuH5GUwH+WsP6YRWHnpYLZWJQN2DKqx+W+alBlmAdLH/CaOlh3DHV8Lr+ujg0pxFHe5hBHgctvXxP0qVqzZj05KmY0QDxMu4VOqp/wfxpF+bvKWG9Q7nwn2bURBSLPhDUU34Ybdf80lmH9T0IyA2Q+poe9TROE5ohbc1Or+nYtn/ioOu7vle+iWyNuO3+NFUvRCmNGl862inqV75mu4912F7mAWUyyVy6JLEbOCF05kfKV3GpiSjg4JDjx7JH7uYCcIU3i11Am68u/2BoeBx/1KdJjZy/jnUOXqaDd5h/ei2/8g6Z5fe1MhPE6kz8LpQ0rcgEdCnnwAtt+QIDAQAB';

/** A body without `sign`, the text that is signed of it, and the signature by the demonstration key. */
export interface SignatureVector {
  readonly name: string;
  readonly body: string;
  readonly text: string;
  readonly sign: string;
}

export const SIGNATURES: readonly SignatureVector[] = [
  {
    name: 'a create without extra',
    body: '{"amount":"1","currency":"USD","outTradeNo":"wendjfdsj","payChannel":"xpay","currencyId":"P575ItNeMxM6fy6zhbnrlezYlvQnHMLZ","receiver":"0xB0c5852ff023291D0de6333c9155b2f884368559"}',
    text: 'amount=1&currency=USD&currencyId=P575ItNeMxM6fy6zhbnrlezYlvQnHMLZ&outTradeNo=wendjfdsj&payChannel=xpay&receiver=0xB0c5852ff023291D0de6333c9155b2f884368559',
    sign: 'sJc4+stj3iZdh6DVyKaUXnfMepMII7NkRuG7kDqInLQ8EUQ9EEdTNKHtt5NK8/CSRatiINtiEjOjSmw6X4jrLtN4ZhNHQ9lpcv2pu2jjeVPhhjHoTdMHZi785UOPRFBnBvHLHndLka+bV2YndKRR80az7GcMLL7SIMXTJ9atAMsD5MUjMB7jCKpIW4kQfyDyjbvdw1pzxdN/5PWWijMCxxxfenK3X/VF9iQYNcHJUeyECxbtLCuigFfLpC8TvSP4+aYcX0GB9SiO25cCY00C+Cn3/OnCFT41Yv70uciYE7hR+6JHonI9/PuwiYMo/ZgjGbi9y1mn8Ew7r7/5yVUDUw==',
  },
  {
    name: 'a create with extra',
    body: '{"amount":"125.50","currency":"USD","outTradeNo":"PO-2025-000042","payChannel":"xpay","currencyId":"P575ItNeMxM6fy6zhbnrlezYlvQnHMLZ","receiver":"0xB0c5852ff023291D0de6333c9155b2f884368559","extra":{"memo":"INV-7","description":"June salary"}}',
    text: 'amount=125.50&currency=USD&currencyId=P575ItNeMxM6fy6zhbnrlezYlvQnHMLZ&extra={"description":"June salary","memo":"INV-7"}&outTradeNo=PO-2025-000042&payChannel=xpay&receiver=0xB0c5852ff023291D0de6333c9155b2f884368559',
    sign: 'VJ/WzgU1b2l7KBJiTSO+dDZwAkuCly8Ig6h1AqHQqhBun+GG04NSUkGY1SmJzqXMBMm05AIWC9l1sxxlKiihSgQSMa6u7VonuMNbVUgZS+gIoGH6iNZ+xMC351X+Rn6yPs392PV46Hta0RJNgPZxYlpuA1GTARNCF75+qOkUCIZ0ojfN5nIx5YqXK2CQxpE3NROTUXH57f5OhYbXOLKnZQ/EKz9LlV4koa3PdTj+kAY1sWLAEYjPdjUGdB3033irMWcp/o4vyzfdVdPZyl2qwDhkiU0gEqroAVgsMfurOp/jinaoFdNwzUurX+ZtSGmSubYGXd1q8DFQu3Pp5CwEhw==',
  },
  {
    name: 'a create with an empty extra',
    body: '{"amount":"1","currency":"USD","outTradeNo":"wendjfdsj","payChannel":"xpay","currencyId":"P575ItNeMxM6fy6zhbnrlezYlvQnHMLZ","receiver":"0xB0c5852ff023291D0de6333c9155b2f884368559","extra":{}}',
    text: 'amount=1&currency=USD&currencyId=P575ItNeMxM6fy6zhbnrlezYlvQnHMLZ&extra={}&outTradeNo=wendjfdsj&payChannel=xpay&receiver=0xB0c5852ff023291D0de6333c9155b2f884368559',
    sign: 'G+lEuWM8Zflr7V/+H3uO8aa/PRAcs/gZN6a/bkbCfWXMr04HVW6IxyAMu4jl9MVN4cgodZX3BFdWlZJ2u7omItCn+RdFla7ZtCyzUlg2yJUnO2Hgdd6T6LbmGxIvM9axF454bWdTvA+pQapzsELDAIttz9aOOQlotfC2tJ8Ohx+qMy950Ul1J5XDg9kosDPri5asj595ofs2EG/5ArwuQ82qjO5WB2lS7rxa/dMq5ZeiVjpWCPg29W9ShTX6AwztCrZCn6yY4pjdbNKRPcUmGfSiUM3Kfsf1gaHJDDB1rDetOu+ZS/aEzVE9o5PjMw7KVLHY2gVQSZ+4VS9HT3LiBQ==',
  },
  {
    name: 'a query',
    body: '{"outTradeNo":"wendjfdsj"}',
    text: 'outTradeNo=wendjfdsj',
    sign: 'ReU+y6WEQSkby9O7NuvRG1BsNxvt0FV7/dGfnrIul4kusvDzAa0dMXQfqh5ytw3QdZU7Mo+KBmSzgvgunsFya/qAjc7a8hqvzIzPhi57qCpuTgRrmV5JBaYHz9XccU+wwnID4UZ1ig9yLlCpDve1bdoOtnOgop5GKt+mguT/4iuvD3dcnugJ39NYg0XzzGAawuxqJWLIuoo8uaFa+A3y//yEihqwaSH6Yu0uWa/R04pmEJtZLgV/lbxZC6iaR3qRJkd4MFskTCKG+hngvRm3f9eJMIrm6CCv/eBCymQVTOU/w7D7wrNg1x7qGopeBJz8cUR7kjbIseobjkoy4tZWyA==',
  },
];

/** Bodies and the texts that are signed of them. Source: page "How to sign". */
export const SIGNED_TEXTS: readonly { readonly body: string; readonly text: string }[] = [
  {
    body: '{"amount":"100","currency":"USDT","nonce":"202402241530","outTradeNo":"TEST123456","timestamp":"1708752612"}',
    text: 'amount=100&currency=USDT&nonce=202402241530&outTradeNo=TEST123456&timestamp=1708752612',
  },
  {
    body: '{"amount":"0.01","payChannel":"payway","currency":"USD","currencyId":"USD","extra":{"channel_pay_type":"cards"}}',
    text: 'amount=0.01&currency=USD&currencyId=USD&extra={"channel_pay_type":"cards"}&payChannel=payway',
  },
];

/** `POST /v2/payout`: the page's example, its answer, and its refusal. */
export const CREATE = {
  request: `{
"sign": "c2lnbmF0dXJlX3Rlc3Q=",
"amount": "1",
"currency": "USD",
"outTradeNo": "wendjfdsj",
"payChannel": "xpay",
"currencyId": "P575ItNeMxM6fy6zhbnrlezYlvQnHMLZ",
"receiver": "0xB0c5852ff023291D0de6333c9155b2f884368559",
"extra": {}
}`,
  answer: `{
"code": 0,
"data": {
"order_no": "1754377439308531400",
"status": "success",
"extra": {
}
},
"msg": "success"
}`,
  refusal: `{
"code": 7,
"data": {},
"msg": "insufficient token balance"
}`,
};

/** `POST /v2/queryPayOutOrder`: the page's example, its answer, and its refusal. */
export const QUERY = {
  request: `{
"sign": "cxxnbmF0dXJlX3Rlc3Q=",
"outTradeNo": "12344545"
}`,
  answer: `{
"code": 0,
"data": {
"merchantId": 2,
"appId": "app-caf118dc-4e23-4ced-ab23-8a3f65d5071a",
"merchantOrderNo": "wendjfdsj",
"orderNo": "1752664386848723000",
"channelName": "xpay",
"tokenSymbol": "USD",
"tokenCount": "1",
"tokenFeeCount": "",
"currencyId": "P575ItNeMxM6fy6zhbnrlezYlvQnHMLZ",
"payHash": "",
"transactionID": "",
"receiver": "0xB0c5852ff023291D0de6333c9155b2f884368559",
"state": "DONE_PAYMENT",
"extra": "{\\"channel_pay_type\\":\\"cards\\",\\"description\\":\\"xxxx\\"}",
"payTime": 0
},
"msg": "success"
}`,
  refusal: `{
"code": 7,
"data": {},
"msg": "invalid order"
}`,
};

/** The create of the vector with `extra`, as it is sent, laid out for people. */
export const CREATE_WITH_EXTRA = `{
  "sign": "VJ/WzgU1b2l7KBJiTSO+dDZwAkuCly8Ig6h1AqHQqhBun+GG04NSUkGY1SmJzqXMBMm05AIWC9l1sxxlKiihSgQSMa6u7VonuMNbVUgZS+gIoGH6iNZ+xMC351X+Rn6yPs392PV46Hta0RJNgPZxYlpuA1GTARNCF75+qOkUCIZ0ojfN5nIx5YqXK2CQxpE3NROTUXH57f5OhYbXOLKnZQ/EKz9LlV4koa3PdTj+kAY1sWLAEYjPdjUGdB3033irMWcp/o4vyzfdVdPZyl2qwDhkiU0gEqroAVgsMfurOp/jinaoFdNwzUurX+ZtSGmSubYGXd1q8DFQu3Pp5CwEhw==",
  "amount": "125.50",
  "currency": "USD",
  "outTradeNo": "PO-2025-000042",
  "payChannel": "xpay",
  "currencyId": "P575ItNeMxM6fy6zhbnrlezYlvQnHMLZ",
  "receiver": "0xB0c5852ff023291D0de6333c9155b2f884368559",
  "extra": {
    "memo": "INV-7",
    "description": "June salary"
  }
}`;

/** An answer to a query while the payout is under way. Made up, after the page's. */
export const QUERY_PENDING = `{
  "code": 0,
  "data": {
    "merchantId": 2,
    "appId": "app-caf118dc-4e23-4ced-ab23-8a3f65d5071a",
    "merchantOrderNo": "wendjfdsj",
    "orderNo": "1752664386848723000",
    "channelName": "xpay",
    "tokenSymbol": "USD",
    "tokenCount": "1",
    "tokenFeeCount": "",
    "currencyId": "P575ItNeMxM6fy6zhbnrlezYlvQnHMLZ",
    "payHash": "",
    "transactionID": "",
    "receiver": "0xB0c5852ff023291D0de6333c9155b2f884368559",
    "state": "PENDING",
    "extra": "{\\"description\\":\\"payout transaction\\"}",
    "payTime": 0
  },
  "msg": "success"
}`;

/** `GET /v2/payChannel`. */
export const CHANNELS = `{ "code": 0, "data": [
  { "channelShowName": "xpay", "iconName": "", "name": "xpay", "state": true },
  { "channelShowName": "abaPayWay", "iconName": "", "name": "payway", "state": true }
], "msg": "success" }`;

/** `GET /v2/currency`. The first entry is the page's, the second is made up after it. */
export const CURRENCIES = `{ "code": 0, "data": [
  { "chain": "", "token": "USD", "contract": "", "protocol": "", "logo": "", "decimal": 0, "currencyId": "USD" },
  { "chain": "BSC", "token": "USDT", "contract": "0x55d398326f99059fF775485246999027B3197955", "protocol": "BEP20", "logo": "", "decimal": 18, "currencyId": "P575ItNeMxM6fy6zhbnrlezYlvQnHMLZ" }
], "msg": "success" }`;

/** A signed callback as one could look: none is published. It holds numbers and empty texts, so it tries the signing rule. */
export const CALLBACK = {
  text: 'appId=app-caf118dc-4e23-4ced-ab23-8a3f65d5071a&channelName=xpay&currencyId=P575ItNeMxM6fy6zhbnrlezYlvQnHMLZ&extra={"description":"payout transaction"}&merchantId=2&merchantOrderNo=wendjfdsj&orderNo=1752664386848723000&payHash=0x8f1d0c5b7a3e4d29b6c1f0a7e5d3c2b1a09f8e7d6c5b4a392817f6e5d4c3b2a1&payTime=1752664999&receiver=0xB0c5852ff023291D0de6333c9155b2f884368559&state=DONE_PAYMENT&tokenCount=1&tokenSymbol=USD',
  body: '{"merchantId":2,"appId":"app-caf118dc-4e23-4ced-ab23-8a3f65d5071a","merchantOrderNo":"wendjfdsj","orderNo":"1752664386848723000","channelName":"xpay","tokenSymbol":"USD","tokenCount":"1","tokenFeeCount":"","currencyId":"P575ItNeMxM6fy6zhbnrlezYlvQnHMLZ","payHash":"0x8f1d0c5b7a3e4d29b6c1f0a7e5d3c2b1a09f8e7d6c5b4a392817f6e5d4c3b2a1","transactionID":"","receiver":"0xB0c5852ff023291D0de6333c9155b2f884368559","state":"DONE_PAYMENT","extra":"{\\"description\\":\\"payout transaction\\"}","payTime":1752664999,"sign":"akKySyjq4JZiW7qCOs6y1WUC+AtflWj8uOxOanFq1rM6TvtYIohw/yxF+ED+cywIPooeLwu2aP8TQaf0U2lsV0X4nN6MKKglQvnQwb4LLNoL/8QMHom17dj5QFnj7skwgph7EiJ6OX7nie2JIUtVbdVxuKcnp9Be2r4K0qqGwr7unseYJK/aogTAo4Rubcxgv+CcOV4QKyeDPZYCOLOm7eXI/tO1dhDdiXDZVZLlsNmGqi1W90RIQrvjErd3Ab9yerZpaJ/e3i37bw3JTzzD0ByJtKBmTJFsStFgSA4ILWvztH1oBAUuoNMUjDl5TN+ng74YKRvicIJdtynEF7WvGQ=="}',
};
