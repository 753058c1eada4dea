/**
 * Recorded exchanges and signature vectors of BlockATM, word for word.
 * Source: the provider's payout page, its config and webhook pages, and vectors computed from its published signing rule;
 * the keys are demonstration keys, and values that a page does not show are made up.
 */

/** Signs every request below. */
export const SECRET_KEY = 'sck_demo_7f3a9c21e5b84d60a1';
/** `BlockATM-Request-Time` of every request and webhook below, in milliseconds. */
export const REQUEST_TIME = '1743500000000';

/** `POST /order/api/v2/payout/order`: the page's own example, the text that is signed, the signature, and an answer. */
export const CREATE = {
  request: `{
  "contractId": "CONTRACT_001",
  "orderNo": "PAYOUT_20250401_001",
  "recipient": "TR7NHqjeK692FJNHQpJd7cY8x",
  "amount": "100.00",
  "symbol": "USDT",
  "payoutType": 1,
  "remark": "User withdrawal"
}`,
  text: 'amount=100.00&contractId=CONTRACT_001&orderNo=PAYOUT_20250401_001&payoutType=1&recipient=TR7NHqjeK692FJNHQpJd7cY8x&remark=User withdrawal&symbol=USDT&time=1743500000000',
  signature: '477ad0af9d8b01634809c554197aade9731049ba08c2b9ba91f14ae66a558e0c',
  answer:
    '{ "code": "200", "success": true, "data": { "orderNo": "PAYOUT_20250401_001", "orderId": "8210003616", "status": "PENDING", "createTime": 1743500000123 }, "trace": "2f0c8a54-7d0e-4c8e-9d0a-1a2b3c4d5e6f", "msg": "" }',
} as const;

/** `GET /order/api/v2/payout/detail?orderNo=PAYOUT_20250401_001`. */
export const DETAIL = {
  text: 'orderNo=PAYOUT_20250401_001&time=1743500000000',
  signature: 'ce2774cf547d13d3da6bfd605eb7f46e85e35fd756d70aa5c7cb33ffe3892150',
  answer:
    '{ "code": "200", "success": true, "data": { "orderNo": "PAYOUT_20250401_001", "contractId": "CONTRACT_001", "recipient": "TR7NHqjeK692FJNHQpJd7cY8x", "amount": "100.00", "symbol": "USDT", "payoutType": 1, "txId": "9242e533703704ef3eaba840f70b4a26333e72c943377ee375fea17badb53def", "status": "SUCCESS", "fee": "1", "gasAmount": "1.2", "createTime": 1743500000123, "updateTime": 1743500450000 }, "trace": "6d1f", "msg": "" }',
} as const;

/** `POST /order/api/v2/payout/batch`: the page's own example; in the answer one of the two orders is refused. */
export const BATCH = {
  request: `{
  "contractId": "CONTRACT_001",
  "payoutType": 1,
  "orders": [
    {
      "orderNo": "PAYOUT_001",
      "recipient": "TR7NHqjeK692FJNHQpJd7cY8x",
      "amount": "50.00",
      "symbol": "USDT"
    },
    {
      "orderNo": "PAYOUT_002",
      "recipient": "TR7NHqjeK692FJNHQpJd7cY8x",
      "amount": "30.00",
      "symbol": "USDT"
    }
  ]
}`,
  text: 'contractId=CONTRACT_001&amount=50.00&orderNo=PAYOUT_001&recipient=TR7NHqjeK692FJNHQpJd7cY8x&symbol=USDT&amount=30.00&orderNo=PAYOUT_002&recipient=TR7NHqjeK692FJNHQpJd7cY8x&symbol=USDT&payoutType=1&time=1743500000000',
  signature: '87770224a81f50249d2d9a355ef56823ed6641e3678a3c016eb7535c81957740',
  answer:
    '{ "code": "200", "success": true, "data": { "successCount": 1, "failCount": 1, "orders": [ { "orderNo": "PAYOUT_001", "success": true, "orderId": "8210003617", "status": "PENDING", "createTime": 1743500000200 }, { "orderNo": "PAYOUT_002", "success": false, "code": "000201", "msg": "order number already exists" } ] }, "trace": "6d1f", "msg": "" }',
} as const;

/** A request without parameters. */
export const NO_PARAMETERS = {
  text: 'time=1743500000000',
  signature: 'ed6c88f0acc100c3a44f7f63bb7df5f10a5023ddf56221f3e5973075980ea3c0',
} as const;

/** A refusal. Source: error-code page. */
export const REFUSAL = '{"code":"000307","success":false,"data":null,"trace":"6d1f","msg":"insufficient balance"}';

/** `GET /admin/api/v2/pub/coin/list`, in the config pages' other envelope. */
export const COIN_LIST =
  '{ "code": "0", "message": "success", "data": [ { "symbol": "USDT", "name": "Tether USD", "networks": [ { "chainId": "0x2b6653dc", "networkName": "TRON", "contractAddress": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "decimals": 6, "minAmount": "10", "maxAmount": "1000000", "withdrawFee": "1" } ] } ] }';

/** `GET /admin/api/v2/pub/network/list`: field names of the config pages, values made up. */
export const NETWORK_LIST =
  '{ "code": "0", "message": "success", "data": [ { "chainId": "0x2b6653dc", "networkName": "TRON", "shortName": "TRX", "symbol": "TRX", "decimals": 6, "explorerUrl": "https://tronscan.org", "rpcUrl": "", "status": "active", "avgBlockTime": 3, "avgGasFee": "1.2" }, { "chainId": "42161", "networkName": "Arbitrum", "shortName": "ARB", "symbol": "ETH", "decimals": 18, "explorerUrl": "https://arbiscan.io", "rpcUrl": "", "status": "maintenance", "avgBlockTime": 1, "avgGasFee": "0.1" } ] }';

/** A webhook with both forms of its signature: over the raw body, and over the sorted pairs. */
export const WEBHOOK = {
  webhookKey: 'whk_demo_2c9e4b7715',
  body: '{"custNo":"CUST-0001","bizOrderNo":"PAYOUT_20250401_001","id":8210003616,"symbol":"USDT","amount":"100.00","status":"SUCCESS","txId":"9242e533703704ef3eaba840f70b4a26333e72c943377ee375fea17badb53def","network":"TRON","chainId":"0x2b6653dc","fromAddress":"TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf","toAddress":"TR7NHqjeK692FJNHQpJd7cY8x","fee":"1","gasAmount":"1.2","type":1,"createTime":1743499000000,"contractId":200910,"blockTime":1743499950000}',
  contractId: '200910',
  signature: '85917d94548cf4c8e224a3ad2af2a78e34c6c609344e4c13785f71a9a1f32e12',
  sortedSignature: '944c04c6cdc9991affa8c5cf7e24b39adedb658bc18ba1eaa96bc4400792427f',
} as const;
