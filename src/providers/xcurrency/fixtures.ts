/**
 * Recorded exchanges and signature vectors of xCurrency Hubs, word for word; every person in them is made up.
 * Source: the provider's payout page for paths and envelope, the official Java SDK and the older API reference for the
 * bodies; the signatures were computed from the SDK's rule with a demonstration key whose private half is not kept.
 */

/** The public half (SPKI, DER in Base64) of the demonstration key that made every signature below. */
export const PUBLIC_KEY =
  'MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA+BcoMwEzBNU5A3GPJtB0VAT0ua+QT/juDlxNgt+vL0UrdeC3dFrc8CVzIpyhgs/46Icm1OyXET1w3Y39RXbDOWglLwzyoblQE+4IbcZZDSIkHiWisC8sjXa4gwVydd01mIXFY6HurBagJI2QihyxVBUIM0cZVOQGs0R85aoYkuL9le7lmr+GSqI43ar1ovvua+EQbVo+6RuxZVKm4jQRhQ+8AMPslmwvkiVx1lrJkvGhhQpx7k+axPP4uDC5n9gc0eGvxd77LNiTvTCA9gkx0W9UVYX5/o3J0GbAhkLUiH39VjbKHwFypO3CriUuO9DmvtSt3rSj7Nb4p4B15vRj/wIDAQAB';

/** A signed body: the exact text, and the header `sign` that goes with it. */
export interface SignatureVector {
  readonly name: string;
  readonly body: string;
  readonly sign: string;
}

/** `POST /payout/payment/create`: the request's body and the answer to it. */
export const CREATE = {
  request:
    '{"orderNo":"SAL-2025-06-0001","sourceCurrency":"USD","sourceAmount":100,"targetCurrency":"CNY","targetAmount":718.2,"relationship":"Self","purpose":"Salary","fundsSource":"Employment income","payer":{"accountType":"bank","accountNumber":"1258566545","firstName":"Mei","lastName":"Tan","nationality":"SG","idCountry":"SG","idType":"passport","idNumber":"K1234567E","dob":"1986-03-03","idExpiryDate":"2031-03-02","occupation":"Professor","iddCode":"65","phone":"81234567","sex":"female","address":{"address":"1 Example Road","city":"Singapore","country":"SG","district":"","postCode":"018956","state":"Singapore"}},"beneficiary":{"accountType":"bank","accountNumber":"6200000000000000003","accountName":"陈小明","nationality":"CN","idType":"idcard","idNumber":"110101199003070011","dob":"1990-03-07","idIssueDate":"2015-02-03","idExpiryDate":"2035-02-03","occupation":"Professor","iddCode":"86","phone":"13800000000","sex":"male","address":{"address":"示例路1号","city":"Zhuhai","country":"CN","district":"Xiangzhou","postCode":"519000","state":"Guangdong"}}}',
  answer:
    '{ "status": "1", "message": "", "data": { "tradeId": "6401f0a2c3d4e5f607182930", "status": "pending", "message": "" } }',
};

export const SIGNATURES: readonly SignatureVector[] = [
  {
    name: 'an empty request',
    body: '{}',
    sign: 'Gomkr9CVDfxM0Iof8_XbKOXPEFgoE8bda60gQdZ7U71gp_8-4bUAqSjBDzvlaas9OZMxriFar3Jp7HCX4vQIHT9BQD4bG7YeHugojTpdkh6LGOWlAK1tTpAB690jFzT04IuZDUBnphAG7oqmK--1QvmcmyX5nnD79-AjDjf7BOUwS5QUO_L_vO4pNACXOGRuEIXqUXCCl0yYatWt_CezE9tRcY6zJ0TiZuu6NuKyjvzndwluggVtKFq9gaEseifivYp1fJ9eUyFvXAdq9NCf2UPgBBix638KZPbyjrH0AyIlCoa0pkw2WikPximuAciGeTH5YrwHpX7b_dY5PGwdrg',
  },
  {
    name: 'a question for a price',
    body: '{"sourceCurrency":"USD","targetCurrency":"CNY"}',
    sign: 'VPS3-mSLglxj6fjlOY1OWWZFXuyHRn_cRx1iaQ3-K_RuxzoWF7pFlcypkkulQRROTpwDdtid-4TirVLCVZePUbDBNZZCgLLqzjslcxy6ZjM3FXxOUFfsnEZkLQ0TvmR2rNaEp3VwBLSonYHkNZz1ZoSwOolsRc5O7adAKwsUI6xlOBPT5JJzd5W6Z7H4C5LLl1CKtLHwQHgKxWuEjZL20m63rCYI_94uzK08hT7nEG-MZDIZgskcy5ZHoHQzU3V8bsV770rSiRlEWLyC31etlqNTz5dWxzLo6xcwcN3z91SnH-rCSkKM2MoA_D7Xq3F9hPBaPisPaKpadBehXamisg',
  },
  {
    name: 'a call on one payment',
    body: '{"tradeId":"6401f0a2c3d4e5f607182930"}',
    sign: 'bWXtnaggfcoJsSY23WPz4eof7BvLFq3twrBLRUyx6ym51G0RV9xjxlLzTxrJQoF0kaMu0E9GWXPkBVV9EvlYGI6gCP4W2N5YQH_l2sDdoSTdIq7TZaw4tzgbTcJbeJ7L5_kWAORx4XMFagHnkgteh8B9Ck0TSQchGRaHONrhMuF9ubNV0H6w2EFLOUEf84YwFvYMm1snPffbXUUrLgL9sHwF6Ru4ifQgITnCdUWYSeZ36-Hky0E53QYTp4QsdpVBkhdzZx_HSt7a4O7zg6N7cLVFjK4b_KiQ-qti_JcOKugGuySB4PpcSFRpVHlVQ1psfGRuMBqDB5lactdggmvqmA',
  },
  {
    name: 'the recorded create',
    body: CREATE.request,
    sign: 'PxhoOZktzY5xFm6TmntRBnnJGuDb06avG1jYd3cS3686BI3TNsW-KqyuWRuWiBpLMkCqj-D1ht-YipaP2Gfq7S2SMkAWAHQzdXmlA5wXBl7YTQBoIYEtW7PLmvXN5VtxbgBliJS_lAYHgoH7BtkK3CipVJLSyDfgyhIJr86kKTGjYW0C61MRFOVCjbU0Vgxf_zxTDlFmH6rhkUcFLXkhDhCayWXj-vt75RW3DJJH4y9zc_N5qaUTXWWin2j-t0JDEeIj0VHvyYUKqwovtoyDOvxa2V9SQgRUsAEHV-NIOrFF9uoCnyMgguV3t6IqUTDO3ZtmlzmoK39nDyfSSITQHA',
  },
];

/** `POST /payout/oauth/token`; `olderAnswer` is the form that an older sample has. */
export const TOKEN = {
  request: '{"appKey":"demo-app-key","secretKey":"demo-secret"}',
  answer: '{ "status": "1", "data": "3f0c6d2e9b5147c8a1d2e3f405162738" }',
  olderAnswer: '{ "status": "1", "token": "3f0c6d2e9b5147c8a1d2e3f405162738" }',
  /** HTTP 400. */
  refusal: '{"status":"-1","message":"bad request, appkey not exist"}',
};

/** HTTP 403, of every call with an old or unknown token. */
export const TOKEN_REFUSED = '{"status":"-1","message":"token is invalid or expired"}';

/** `POST /payout/encrypt/check`; the refusal comes with HTTP 400. */
export const CHECK = {
  answer: '{"status":"1","data":true}',
  refusal: '{"status":"10001","message":"signature verification failed"}',
};

/** `GET /payout/common/area/list`. */
export const AREAS = {
  answer:
    '{ "status": "1", "data": [ { "areaLevel": "1", "areaKey": "440000", "code": "510000", "name": "广东省", "pinyin": "Guangdong", "list": [ { "areaLevel": "2", "areaKey": "440400", "code": "519000", "name": "珠海市", "pinyin": "Zhuhai", "list": [ { "areaLevel": "3", "areaKey": "440402", "code": "519000", "name": "香洲区", "pinyin": "Xiangzhou", "list": [] } ] } ] } ] }',
};

/** `GET /payout/common/occupation/list`. */
export const OCCUPATIONS = {
  answer: '{ "status": "1", "data": [ { "nameCn": "教授", "nameEn": "Professor", "nameTw": "教授" } ] }',
};

/** `POST /payout/payment/query/price`. */
export const QUOTE = {
  request: '{"sourceCurrency":"USD","targetCurrency":"CNY"}',
  answer:
    '{ "status": "1", "data": { "queryNo": "Q202506010001", "rate": 7.182, "sourceCurrency": "USD", "targetCurrency": "CNY" } }',
};

/** `POST /payout/payment/status`; the same body asks for a confirm or a cancel. */
export const STATUS = {
  request: '{"tradeId":"6401f0a2c3d4e5f607182930"}',
  answer:
    '{ "status": "1", "message": "", "data": { "tradeId": "6401f0a2c3d4e5f607182930", "status": "awaiting_transfer", "message": "" } }',
};

/** `POST /payout/payment/cancel`, done. */
export const CANCEL = { answer: '{ "status": "1", "data": "success" }' };

/** `POST /payout/payment/update`. */
export const UPDATE = {
  request: '{"orderNo":"SAL-2025-06-0001","purpose":"Family support","relationship":"Sibling"}',
};

/** `POST /payout/wallet/list`. */
export const WALLETS = {
  answer:
    '{ "status": "1", "data": [ { "amount": 12500.5, "currency": "USD", "walletId": "W0001" }, { "amount": 80000, "currency": "CNY", "walletId": "W0002" } ] }',
};

/** `POST /payment/risk/upload`, done. */
export const UPLOAD = { answer: '{"status":"1","data":{"tradeId":"6401f0a2c3d4e5f607182930","fileId":"F0001"}}' };

/** `POST /payment/risk/completed`, done. */
export const COMPLETED = {
  answer: '{"status":"1","data":{"tradeId":"6401f0a2c3d4e5f607182930","status":"awaiting_transfer","message":""}}',
};

/** The webhook of a payment, and the answer that the provider expects. */
export const WEBHOOK = {
  body: '{ "event": "payment", "id": "6401f0a2c3d4e5f607182930", "status": "completed", "message": "", "amount": 100, "sourceAmount": 100, "targetAmount": 718.2 }',
  reply: '{"code":"200","message":""}',
};
